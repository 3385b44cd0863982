//! The whole shop in figures: how much of everything has happened.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Amount, Currency, Event, Sequence, Timestamp};

/// How much of everything has happened up to a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// The last commit in it.
    pub event_seq: Sequence,
    /// When that was made.
    pub at_ms: Timestamp,
    /// Commits.
    pub commits: u64,
    /// Events.
    pub events: u64,
    /// Orders that were taken.
    pub placed: u64,
    /// Orders that were refused.
    pub rejected: u64,
    /// Orders that were paid, whatever became of them since.
    pub confirmed: u64,
    /// Orders that ended without their goods.
    pub cancelled: u64,
    /// Consignments that left.
    pub shipments: u64,
    /// Units promised to open orders.
    pub units_reserved: u64,
    /// Units that are the buyers'; what came back is not.
    pub units_sold: u64,
    /// Money that came, by currency. Units: minor units.
    pub captured_minor: BTreeMap<String, u64>,
    /// Money that went back and stayed there, by currency. Units: minor units.
    pub refunded_minor: BTreeMap<String, u64>,
}

impl Totals {
    /// Begins with the commit at `sequence`.
    pub(super) const fn begin(&mut self, sequence: Sequence, made: Timestamp) {
        (self.event_seq, self.at_ms) = (sequence, made);
        count(&mut self.commits);
    }

    /// Counts an event of it.
    pub(super) fn hear(&mut self, event: &Event) {
        count(&mut self.events);
        if let Event::OrderPlaced(_) = event {
            count(&mut self.placed);
        } else if let Event::OrderRejected(_) = event {
            count(&mut self.rejected);
        } else if let Event::OrderConfirmed(_) = event {
            count(&mut self.confirmed);
        } else if let Event::OrderCancelled(_) = event {
            count(&mut self.cancelled);
        } else if let Event::OrderFulfilled(_) = event {
            count(&mut self.shipments);
        } else {
            self.hear_of_units(event);
            self.hear_of_money(event);
        }
    }

    fn hear_of_units(&mut self, event: &Event) {
        if let Event::StockReserved(e) = event {
            self.units_reserved = self.units_reserved.saturating_add(e.quantity.get().into());
        } else if let Event::StockReleased(e) = event {
            self.units_reserved = self.units_reserved.saturating_sub(e.quantity.get().into());
        } else if let Event::StockDeducted(e) = event {
            self.units_reserved = self.units_reserved.saturating_sub(e.quantity.get().into());
            self.units_sold = self.units_sold.saturating_add(e.quantity.get().into());
        } else if let Event::StockReturned(e) = event {
            self.units_sold = self.units_sold.saturating_sub(e.quantity.get().into());
        }
    }

    fn hear_of_money(&mut self, event: &Event) {
        if let Event::PaymentCaptured(e) = event {
            add(&mut self.captured_minor, e.currency, e.amount_minor);
        } else if let Event::PaymentRefunded(e) = event {
            add(&mut self.refunded_minor, e.currency, e.amount_minor);
        }
    }

    /// Money that went back came back.
    pub(super) fn came_back(&mut self, currency: Currency, amount: Amount) {
        if let Some(sum) = self.refunded_minor.get_mut(currency.code()) {
            *sum = sum.saturating_sub(amount.minor());
        }
    }
}

const fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

fn add(sums: &mut BTreeMap<String, u64>, currency: Currency, amount: Amount) {
    let sum = sums.entry(currency.code().to_owned()).or_default();
    *sum = sum.saturating_add(amount.minor());
}
