//! The whole shop in figures: how much of everything has happened.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{Amount, Currency, Event, OrderId, Recorded, Sequence, Timestamp};

/// How much of everything has happened up to a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
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
    /// Sums of refunds that went back, by order and number: one may come back.
    #[serde(skip)]
    given: BTreeMap<(OrderId, u16), (String, u64)>,
}

impl Totals {
    /// Follows a commit.
    pub fn follow(&mut self, sequence: Sequence, made: Timestamp, events: &[Recorded]) {
        (self.event_seq, self.at_ms) = (sequence, made);
        self.commits = self.commits.saturating_add(1);
        for record in events {
            self.events = self.events.saturating_add(1);
            self.hear(&record.event);
        }
    }

    fn hear(&mut self, event: &Event) {
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
            let sum = (e.currency.code().to_owned(), e.amount_minor.minor());
            self.given.insert((e.order_id, e.refund), sum);
        } else if let Event::RefundFailed(e) = event
            && let Some((currency, minor)) = self.given.remove(&(e.order_id, e.refund))
            && let Some(sum) = self.refunded_minor.get_mut(&currency)
        {
            *sum = sum.saturating_sub(minor);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{order, refund_fails, refunded};
    use crate::domain::payment::DeclineClass;

    #[test]
    fn money_that_came_back_did_not_go_back() {
        let gone = ("expired_or_canceled_card", DeclineClass::Hard);
        let mut totals = Totals::default();
        totals.hear(&refunded(1, order(1), 1, 400));
        totals.hear(&refunded(2, order(1), 1, 300));
        assert_eq!(totals.refunded_minor["EUR"], 700);
        totals.hear(&refund_fails((1, 1), order(1), gone, false));
        assert_eq!(totals.refunded_minor["EUR"], 300);
        // One that never went back takes nothing away.
        totals.hear(&refund_fails((3, 1), order(1), gone, false));
        assert_eq!(totals.refunded_minor["EUR"], 300);
    }
}
