//! Goods in, corrections and counts. The truth is accepted, whatever was promised.

use super::decide::{No, Outcome};
use super::{Item, Market, Paper};
use crate::domain::event::{ShortageFound, StockAdjusted, StockReceived};
use crate::domain::order::Hold;
use crate::domain::stock::{Impossible, Movement, Stock, StockDelta};
use crate::domain::{
    Address, AdjustStock, CountStock, Event, OrderId, ReceiveStock, Refusal, Sku, Text, Token,
};

/// What a count gives as its reason.
const COUNTED: &str = "counted";

impl Market {
    pub(super) fn receive_stock(&self, receive: &ReceiveStock) -> Result<Outcome, No> {
        let item = self.offered(&receive.sku)?;
        if let Some(at) = booked(item, Paper::Delivery, &receive.reference) {
            return Ok(Outcome::Repeated(at, None));
        }
        moved(item, &receive.sku, Movement::Received(receive.quantity))?;
        Ok(Outcome::Append(vec![Event::StockReceived(StockReceived {
            sku: receive.sku.clone(),
            quantity: receive.quantity,
            reference: receive.reference.clone(),
        })]))
    }

    pub(super) fn adjust_stock(&self, adjust: &AdjustStock) -> Result<Outcome, No> {
        let item = self.offered(&adjust.sku)?;
        if let Some(at) = booked(item, Paper::Correction, &adjust.reference) {
            return Ok(Outcome::Repeated(at, None));
        }
        if adjust.delta.get() == 0 {
            return Err(Refusal::invalid("body.delta", "is 0, must change something").into());
        }
        let reference = Some(adjust.reference.clone());
        self.adjusted(&adjust.sku, adjust.delta, adjust.reason.clone(), reference)
    }

    pub(super) fn count_stock(&self, count: &CountStock) -> Result<Outcome, No> {
        let item = self.offered(&count.sku)?;
        if let Some(expected) = count.expected_seq.filter(|expected| *expected != item.changed) {
            return Err(Refusal::StockChanged {
                sku: count.sku.clone(),
                expected_seq: expected.0,
                actual_seq: item.changed.0,
            }
            .into());
        }
        let delta = item.stock.correction(count.counted).ok_or_else(|| Refusal::Overflow {
            field: Text::lossy("body.counted"),
            limit: Stock::UNITS_MAX,
        })?;
        self.adjusted(&count.sku, delta, Text::lossy(COUNTED), None)
    }

    /// An adjustment, and the shortage it uncovers.
    fn adjusted(
        &self,
        sku: &Sku,
        delta: StockDelta,
        reason: Text,
        reference: Option<Token>,
    ) -> Result<Outcome, No> {
        let item = self.offered(sku)?;
        let after = moved(item, sku, Movement::Adjusted(delta))?;
        let mut events = vec![Event::StockAdjusted(StockAdjusted {
            sku: sku.clone(),
            delta,
            reason,
            reference,
        })];
        if item.stock.missing() < after.missing() {
            events.push(Event::ShortageFound(ShortageFound {
                sku: sku.clone(),
                missing: after.missing(),
                orders: self.uncovered(sku, after.missing()),
            }));
        }
        Ok(Outcome::Append(events))
    }

    /// The open orders whose promises cannot be kept: the latest first, until the missing units
    /// are covered.
    fn uncovered(&self, sku: &Sku, missing: u64) -> Vec<OrderId> {
        let mut holders: Vec<(Address, OrderId, u64)> = self
            .orders
            .iter()
            .filter_map(|(id, order)| {
                let mut lines = order.basket.lines.iter();
                let line = lines.find(|line| line.sku == *sku && line.hold == Hold::Open)?;
                Some((order.at, *id, line.quantity.units()))
            })
            .collect();
        // The map has no order of its own; addresses have, and every fold agrees on it.
        holders.sort_unstable_by_key(|(at, ..)| std::cmp::Reverse(*at));
        let mut covered = 0_u64;
        let uncovered = holders.into_iter().take_while(|(_, _, units)| {
            let more = covered < missing;
            covered = covered.saturating_add(*units);
            more
        });
        uncovered.take(ShortageFound::ORDERS_MAX).map(|(_, id, _)| id).collect()
    }

    fn offered(&self, sku: &Sku) -> Result<&Item, Refusal> {
        self.items.get(sku).ok_or_else(|| Refusal::UnknownSku { sku: sku.clone() })
    }
}

fn booked(item: &Item, paper: Paper, reference: &Token) -> Option<Address> {
    item.papers.get(&(paper, reference.clone())).copied()
}

fn moved(item: &Item, sku: &Sku, movement: Movement) -> Result<Stock, Refusal> {
    item.stock.after(movement).map_err(|impossible| match impossible {
        Impossible::TooMany => {
            Refusal::Overflow { field: Text::lossy("on_hand"), limit: Stock::UNITS_MAX }
        }
        Impossible::TooFew { moved, there } => {
            Refusal::BelowZero { sku: sku.clone(), on_hand: there, taken: moved }
        }
    })
}
