//! Placing an order: all of it, or none.

use super::decide::{No, Outcome, Request, bad_age, same_body};
use super::{Item, Market, Settled};
use crate::domain::event::{OrderPlaced, OrderRejected, StockHeld};
use crate::domain::order::{confirm_free, sum_by_sku};
use crate::domain::payment::AttemptRequest;
use crate::domain::{
    Amount, Event, PlaceOrder, Policy, PriceChange, Quantity, Refusal, Shortfall, Sku, Text,
    Timestamp,
};

impl Market {
    pub(super) fn place_order(
        &self,
        request: &Request,
        place: &PlaceOrder,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Outcome, No> {
        let order_id = place.order_id;
        if let Some(refusal) = bad_age("body.order_id", order_id.made_at(), (request.asked_at, now))
        {
            return Err(refusal.into());
        }
        if let Some(order) = self.orders.get(&order_id) {
            let settled = Settled { at: order.at, body: order.body, refusal: None };
            return Ok(same_body("body.order_id", &settled, request)?);
        }
        if let Some(settled) = self.memory.rejections.get(&order_id) {
            return Ok(same_body("body.order_id", settled, request)?);
        }
        let asked_at = request.asked_at;
        match self.quote(place) {
            Ok((total, held)) => {
                Ok(Outcome::Append(placed(place, total, held, (now, asked_at), policy)))
            }
            Err(refusal) => {
                let rejected = OrderRejected { order_id, refusal, asked_at };
                Ok(Outcome::Append(vec![Event::OrderRejected(rejected)]))
            }
        }
    }

    /// The total and the units to hold, when every line can be sold as quoted.
    ///
    /// The checks stand in the order in which a buyer can act on them: what is not sold, what
    /// costs something else, what is too much, what is not there.
    fn quote(&self, place: &PlaceOrder) -> Result<(Amount, Vec<StockHeld>), Refusal> {
        let mut changes = Vec::new();
        let mut total = Some(Amount::ZERO);
        for line in &place.lines {
            let item = self.sold(&line.sku)?;
            if item.currency != place.currency {
                let (listed, ordered) = (item.currency, place.currency);
                return Err(Refusal::MixedCurrencies { sku: line.sku.clone(), listed, ordered });
            }
            if item.price != line.unit_price_minor {
                changes.push(PriceChange {
                    sku: line.sku.clone(),
                    quoted_minor: line.unit_price_minor,
                    current_minor: item.price,
                });
            }
            total = total.and_then(|total| total.plus_line(line.quantity, line.unit_price_minor));
        }
        if !changes.is_empty() {
            return Err(Refusal::PriceChanged { changes });
        }
        let overflow = |field: &str, limit| Refusal::Overflow { field: Text::lossy(field), limit };
        let total = total.ok_or_else(|| overflow("total_minor", Amount::MAX.minor()))?;
        let sums = sum_by_sku(&place.lines)
            .ok_or_else(|| overflow("body.lines", u64::from(Quantity::MAX)))?;
        self.check_limits(&sums)?;
        self.check_stock(&sums)?;
        let hold = |(sku, quantity): (&Sku, Quantity)| StockHeld {
            sku: sku.clone(),
            order_id: place.order_id,
            quantity,
        };
        Ok((total, sums.into_iter().map(hold).collect()))
    }

    fn sold(&self, sku: &Sku) -> Result<&Item, Refusal> {
        match self.items.get(sku) {
            None => Err(Refusal::UnknownSku { sku: sku.clone() }),
            Some(item) if !item.listed => Err(Refusal::Delisted { sku: sku.clone() }),
            Some(item) => Ok(item),
        }
    }

    fn check_limits(&self, sums: &[(&Sku, Quantity)]) -> Result<(), Refusal> {
        for (sku, quantity) in sums {
            let limit = self.items.get(*sku).and_then(|item| item.per_order_max);
            if let Some(limit) = limit.filter(|limit| limit < quantity) {
                return Err(Refusal::OverOrderLimit {
                    sku: (*sku).clone(),
                    wanted: quantity.units(),
                    limit: limit.units(),
                });
            }
        }
        Ok(())
    }

    fn check_stock(&self, sums: &[(&Sku, Quantity)]) -> Result<(), Refusal> {
        let short: Vec<Shortfall> = sums
            .iter()
            .filter_map(|(sku, quantity)| {
                let stock = &self.items.get(*sku)?.stock;
                (!stock.can_promise(*quantity)).then(|| Shortfall {
                    sku: (*sku).clone(),
                    wanted: quantity.units(),
                    available: u64::try_from(stock.available()).unwrap_or(0),
                    held: stock.reserved(),
                })
            })
            .collect();
        if short.is_empty() { Ok(()) } else { Err(Refusal::InsufficientStock { short }) }
    }
}

fn placed(
    place: &PlaceOrder,
    total: Amount,
    held: Vec<StockHeld>,
    (now, asked_at): (Timestamp, Timestamp),
    policy: &Policy,
) -> Vec<Event> {
    let order_id = place.order_id;
    let free = total == Amount::ZERO;
    let mut events = vec![Event::OrderPlaced(OrderPlaced {
        order_id,
        customer_ref: place.customer_ref.clone(),
        lines: place.lines.clone(),
        currency: place.currency,
        total_minor: total,
        payment_method_token: place.payment_method_token.clone(),
        payment: if free { None } else { AttemptRequest::of(order_id, 1) },
        // A published command may have waited; the buyer's time to pay starts with the promise.
        hold_until: now.after(policy.hold),
        asked_at,
    })];
    events.extend(held.iter().cloned().map(Event::StockReserved));
    if free {
        events.extend(confirm_free(order_id, asked_at, &held));
    }
    events
}
