//! One SKU, as a reader sees it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::View;
use crate::domain::stock::{Movement, Stock};
use crate::domain::{
    Address, Currency, Event, Misfit, Price, Quantity, Sku, SkuListed, Text, Timestamp,
};

/// One SKU: what it is sold as, and what there is of it.
///
/// Shape: see `docs/protocol.md`. Units: moments in milliseconds since 1970, money in minor units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StockView {
    /// The SKU.
    pub sku: Sku,
    /// What a person calls it.
    pub name: Text,
    /// Units: minor units.
    pub unit_price_minor: Price,
    /// The only currency it is sold in.
    pub currency: Currency,
    /// Units one order may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_order_max: Option<Quantity>,
    /// Whether it is offered.
    pub listed: bool,
    /// Units that may still be promised; below zero while a shortage is open.
    pub available: i64,
    /// Units promised to open orders. Some of them come back: "sold out" may be "held".
    pub reserved: u64,
    /// Units that have become a buyer's.
    pub sold: u64,
    /// Units in the building that are nobody's yet; below zero when units that somebody paid for
    /// do not exist.
    pub on_hand: i64,
    /// When the last event in it was committed.
    pub updated_at_ms: Timestamp,
    /// The last commit that changed it.
    pub event_seq: u64,
    /// The last event of that commit that changed it.
    pub event_index: u32,
}

impl StockView {
    fn listed(at: Address, made: Timestamp, listed: &SkuListed) -> Self {
        Self {
            sku: listed.sku.clone(),
            name: listed.name.clone(),
            unit_price_minor: listed.unit_price_minor,
            currency: listed.currency,
            per_order_max: listed.per_order_max,
            listed: true,
            available: 0,
            reserved: 0,
            sold: 0,
            on_hand: 0,
            updated_at_ms: made,
            event_seq: at.sequence.0,
            event_index: at.index,
        }
    }

    fn apply(&mut self, event: &Event) -> Result<(), Misfit> {
        match event {
            Event::SkuListed(listed) => {
                self.name = listed.name.clone();
                self.unit_price_minor = listed.unit_price_minor;
                self.currency = listed.currency;
                self.per_order_max = listed.per_order_max;
                self.listed = true;
                Ok(())
            }
            Event::SkuRepriced(repriced) => {
                self.unit_price_minor = repriced.unit_price_minor;
                Ok(())
            }
            Event::SkuDelisted(_) => {
                self.listed = false;
                Ok(())
            }
            Event::StockReceived(e) => self.move_stock(event, Movement::Received(e.quantity)),
            Event::StockAdjusted(e) => self.move_stock(event, Movement::Adjusted(e.delta)),
            Event::StockReserved(e) => self.move_stock(event, Movement::Reserved(e.quantity)),
            Event::StockDeducted(e) => self.move_stock(event, Movement::Deducted(e.quantity)),
            Event::StockReleased(e) => self.move_stock(event, Movement::Released(e.quantity)),
            Event::StockReturned(e) => self.move_stock(event, Movement::Returned(e.quantity)),
            Event::ShortageFound(_)
            | Event::Opened(_)
            | Event::OrderPlaced(_)
            | Event::OrderRejected(_)
            | Event::PaymentCaptured(_)
            | Event::PaymentFailed(_)
            | Event::PaymentUnknown(_)
            | Event::PaymentRequested(_)
            | Event::PaymentAbandoned(_)
            | Event::PaymentNoted(_)
            | Event::OrderConfirmed(_)
            | Event::CancelRequested(_)
            | Event::HoldExpired(_)
            | Event::OrderCancelled(_)
            | Event::OrderFulfilled(_)
            | Event::OrderReinstated(_)
            | Event::ReturnReceived(_)
            | Event::RefundRequested(_)
            | Event::PaymentRefunded(_)
            | Event::RefundFailed(_)
            | Event::RefundUnknown(_)
            | Event::RefundNoted(_)
            | Event::CommandRejected(_)
            | Event::AttentionRaised(_)
            | Event::FindingReported(_)
            | Event::AttentionResolved(_) => Ok(()),
        }
    }

    fn move_stock(&mut self, event: &Event, movement: Movement) -> Result<(), Misfit> {
        let stock = Stock::of(self.on_hand, self.reserved, self.sold);
        let stock = stock
            .after(movement)
            .map_err(|why| Misfit::new(event.kind(), format_args!("{}: {why}", self.sku)))?;
        self.on_hand = stock.on_hand();
        self.reserved = stock.reserved();
        self.sold = stock.sold();
        self.available = stock.available();
        Ok(())
    }
}

impl View for StockView {
    type Key = Sku;

    fn key(event: &Event, _made: Timestamp) -> Option<Sku> {
        event.sku().cloned()
    }

    fn own_key(&self) -> Sku {
        self.sku.clone()
    }

    fn begin(at: Address, made: Timestamp, event: &Event) -> Option<Self> {
        let Event::SkuListed(listed) = event else {
            return None;
        };
        Some(Self::listed(at, made, listed))
    }

    fn begins(_event: &Event) -> bool {
        // Even a listing may be the second one of its SKU.
        false
    }

    fn follow(&mut self, at: Address, made: Timestamp, event: &Event) -> Result<(), Misfit> {
        if (at.sequence.0, at.index) <= (self.event_seq, self.event_index) {
            return Ok(());
        }
        self.apply(event)?;
        self.event_seq = at.sequence.0;
        self.event_index = at.index;
        self.updated_at_ms = made;
        Ok(())
    }

    fn is_active(&self) -> bool {
        true
    }
}
