//! All books, event by event.

use std::collections::HashMap;

use super::orders::Orders;
use super::outcomes::Outcomes;
use super::shelves::{Moved, Shelves};
use super::{Fault, Invariant};
use crate::domain::{Event, Market, Recorded, Timestamp};

/// Units, orders and outcomes, as the events tell them.
#[derive(Debug, Default)]
pub struct Books {
    shelves: Shelves,
    orders: Orders,
    outcomes: Outcomes,
    /// Made at, and the index of the next event.
    commit: (Timestamp, u32),
}

impl Books {
    /// Begins a commit made at `at`.
    pub fn begin(&mut self, at: Timestamp) {
        self.commit = (at, 0);
        self.outcomes.begin(at);
        self.orders.begin(at);
    }

    /// Enters an event; says what it breaks.
    pub fn enter(&mut self, record: &Recorded) -> Vec<Fault> {
        let (at, index) = self.commit;
        self.commit.1 = index.saturating_add(1);
        let outcome = self.outcomes.take(record);
        let event = &record.event;
        let (first, second) = match event {
            Event::Opened(_) | Event::CommandRejected(_) => (Ok(()), Ok(())),
            Event::SkuListed(listed) => {
                self.shelves.list(&listed.sku);
                (Ok(()), Ok(()))
            }
            Event::SkuRepriced(e) => (self.shelves.is_listed(&e.sku).map_or(Ok(()), Err), Ok(())),
            Event::SkuDelisted(e) => (self.shelves.is_listed(&e.sku).map_or(Ok(()), Err), Ok(())),
            Event::StockReceived(e) => {
                (self.shelves.receive(&e.sku, i128::from(e.quantity.get())), Ok(()))
            }
            Event::StockAdjusted(e) => {
                (self.shelves.adjust(&e.sku, i128::from(e.delta.get()), index), Ok(()))
            }
            Event::ShortageFound(e) => {
                (self.shelves.say_short(&e.sku, i128::from(e.missing)), Ok(()))
            }
            Event::OrderPlaced(e) => (self.orders.place(e, at, index), Ok(())),
            Event::OrderRejected(e) => (self.orders.reject(e.order_id), Ok(())),
            Event::StockReserved(e) => {
                let moved = self.shelves.reserve(&e.sku, i128::from(e.quantity.get()));
                (self.orders.hold(e, event, index), moved)
            }
            Event::StockDeducted(e) => {
                let moved = self.shelves.deduct(&e.sku, i128::from(e.quantity.get()));
                (self.orders.hold(e, event, index), moved)
            }
            Event::StockReleased(e) => {
                let moved = self.shelves.release(&e.sku, i128::from(e.quantity.get()));
                (self.orders.hold(e, event, index), moved)
            }
            Event::PaymentCaptured(e) => (self.orders.capture(e, index), Ok(())),
            Event::PaymentAbandoned(_)
            | Event::PaymentNoted(_)
            | Event::OrderConfirmed(_)
            | Event::CancelRequested(_)
            | Event::HoldExpired(_)
            | Event::OrderCancelled(_)
            | Event::OrderFulfilled(_)
            | Event::AttentionRaised(_) => (self.orders.follow(event, (at, index)), Ok(())),
        };
        [outcome, first, second].into_iter().filter_map(Result::err).collect()
    }

    /// Ends the commit: the SKUs whose availability it changed, and what it left half done, with
    /// the index of the event to blame.
    pub fn end(&mut self) -> (Vec<Moved>, Vec<(u32, Fault)>) {
        let (moved, mut faults) = self.shelves.end();
        faults.extend(self.orders.end());
        (moved, faults)
    }

    /// Compares the books with each other and with the committer's own fold.
    #[must_use]
    pub fn close(&self, market: Option<&Market>) -> Vec<Fault> {
        let held: HashMap<_, _> = self.orders.held();
        let mut faults = Vec::new();
        for (sku, reserved) in self.shelves.reserved() {
            let holds = held.get(sku).copied().unwrap_or_default();
            if holds != reserved {
                let what = format!("{reserved} of {sku} are reserved, open holds come to {holds}");
                faults.push((Invariant::I2, what));
            }
        }
        let Some(market) = market else { return faults };
        for sku in self.shelves.skus() {
            let ours = self.shelves.units(sku);
            let folded = market.item(sku).map(|item| {
                let stock = item.stock;
                (
                    i128::from(stock.on_hand()),
                    i128::from(stock.reserved()),
                    i128::from(stock.sold()),
                )
            });
            if ours != folded {
                let what = format!("{sku}: the fold comes to {folded:?}, the books to {ours:?}");
                faults.push((Invariant::I9, what));
            }
        }
        faults
    }

    /// Orders that were placed.
    #[must_use]
    pub const fn orders(&self) -> u64 {
        self.orders.placed
    }

    /// SKUs that were listed.
    #[must_use]
    pub fn skus(&self) -> u64 {
        u64::try_from(self.shelves.len()).unwrap_or(u64::MAX)
    }

    /// Units that were promised and were not there.
    #[must_use]
    pub const fn oversold(&self) -> u64 {
        self.shelves.oversold
    }
}
