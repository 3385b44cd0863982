//! All books, event by event.

use std::collections::HashMap;

use super::orders::Orders;
use super::outcomes::Outcomes;
use super::shelves::{Moved, Shelves};
use super::{Fault, Invariant};
use crate::domain::market::{Intent, Request};
use crate::domain::{
    Command, CommandId, Event, Market, PaymentResult, Policy, Recorded, Sequence, Timestamp,
};

/// Units, orders and outcomes, as the events tell them.
#[derive(Debug, Default)]
pub struct Books {
    shelves: Shelves,
    orders: Orders,
    outcomes: Outcomes,
    /// Made at, and the index of the next event.
    commit: (Timestamp, u32),
    /// When the commit before was made. What is decided while that one is on its way waits, so
    /// the moments in a commit may be as early as this.
    since: Timestamp,
}

impl Books {
    /// Books in which every outcome is kept, to be compared with the command stream.
    #[must_use]
    pub fn keeping_outcomes() -> Self {
        let mut books = Self::default();
        books.outcomes.keep();
        books
    }

    /// Begins a commit made at `at` that decides the command stream up to `position`.
    pub fn begin(&mut self, at: Timestamp, position: Sequence) {
        self.since = self.commit.0;
        self.commit = (at, 0);
        self.outcomes.begin(at, position);
        self.orders.begin(at);
    }

    /// Enters an event; says what it breaks.
    pub fn enter(&mut self, record: &Recorded) -> Vec<Fault> {
        let ((at, index), since) = (self.commit, self.since);
        self.commit.1 = index.saturating_add(1);
        let outcome = self.outcomes.take(record);
        let event = &record.event;
        let (order, stock) = match event {
            Event::Opened(_)
            | Event::CommandRejected(_)
            | Event::FindingReported(_)
            | Event::AttentionResolved(_) => (Ok(()), Ok(())),
            Event::SkuListed(listed) => {
                self.shelves.list(&listed.sku);
                (Ok(()), Ok(()))
            }
            Event::SkuRepriced(e) => (Ok(()), self.shelves.is_listed(&e.sku)),
            Event::SkuDelisted(e) => (Ok(()), self.shelves.is_listed(&e.sku)),
            Event::StockReceived(e) => (Ok(()), self.shelves.receive(e)),
            Event::StockAdjusted(e) => (Ok(()), self.shelves.adjust(e, index)),
            Event::ShortageFound(e) => {
                (Ok(()), self.shelves.say_short(&e.sku, i128::from(e.missing)))
            }
            Event::OrderPlaced(e) => (self.orders.place(e, since, index), Ok(())),
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
            Event::StockReturned(e) => {
                let moved = self.shelves.take_back(&e.sku, i128::from(e.quantity.get()));
                (self.orders.hold(e, event, index), moved)
            }
            Event::PaymentCaptured(e) => (self.orders.capture(e, index), Ok(())),
            Event::RefundRequested(e) => (self.orders.ask_refund(e, index), Ok(())),
            Event::PaymentRefunded(e) => (self.orders.refund(e, index), Ok(())),
            Event::RefundFailed(e) => (self.orders.refund_fails(e, (since, index)), Ok(())),
            Event::RefundUnknown(e) => (self.orders.refund_unknown(e, index), Ok(())),
            Event::RefundNoted(e) => (self.orders.refund_noted(e, index), Ok(())),
            Event::PaymentFailed(e) => (self.orders.fail(e, (since, index)), Ok(())),
            Event::PaymentUnknown(e) => (self.orders.lose_sight(e, index), Ok(())),
            Event::PaymentRequested(e) => (self.orders.request(e, index), Ok(())),
            Event::PaymentAbandoned(_)
            | Event::PaymentNoted(_)
            | Event::OrderConfirmed(_)
            | Event::CancelRequested(_)
            | Event::HoldExpired(_)
            | Event::OrderCancelled(_)
            | Event::OrderFulfilled(_)
            | Event::OrderReinstated(_)
            | Event::ReturnReceived(_)
            | Event::AttentionRaised(_) => (self.orders.follow(event, (at, index)), Ok(())),
        };
        [outcome, stock, order].into_iter().filter_map(Result::err).collect()
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
        let (open, folded) = (self.orders.open(), market.open_orders());
        if open != folded {
            let what = format!("the fold has {folded} open orders, the books {open}");
            faults.push((Invariant::I9, what));
        }
        faults
    }

    /// Whether a published command has its outcome: under its own name, under its place in the
    /// command stream, or because what it asks for was so already.
    ///
    /// Needs [`Books::keeping_outcomes`].
    #[must_use]
    pub fn is_decided(&self, request: &Request, command: Sequence) -> bool {
        let (Some(id), Some(body)) = (request.id, request.body) else {
            return self.outcomes.refused_at(command);
        };
        if self.outcomes.has(id, body.0) || self.outcomes.refused_at(command) {
            return true;
        }
        // Of several commands in one message only the last has a place of its own. The others
        // are refused without a name when their id cannot be used.
        let unnamed = request.command_seq.is_none();
        if unnamed && (self.outcomes.knows(id) || self.is_unusable(id, request.asked_at)) {
            return true;
        }
        match &request.intent {
            Intent::Unusable { .. } => false,
            Intent::Command(asked) => self.is_so(asked),
        }
    }

    /// Whether an id was too old by now, or made in the future.
    fn is_unusable(&self, id: CommandId, asked_at: Timestamp) -> bool {
        let (now, _) = self.commit;
        Policy::WINDOW < now.max(asked_at).since(id.made_at())
            || asked_at.after(Policy::SKEW_MAX) < id.made_at()
    }

    /// Whether what a command asks for has come to be.
    fn is_so(&self, asked: &Command) -> bool {
        let (shelves, orders) = (&self.shelves, &self.orders);
        match asked {
            Command::ListSku(c) => shelves.is_listed(&c.sku).is_ok(),
            Command::RepriceSku(c) => shelves.is_listed(&c.sku).is_ok(),
            Command::DelistSku(c) => shelves.is_listed(&c.sku).is_ok(),
            Command::ReceiveStock(c) => shelves.has_received(&c.sku, &c.reference),
            Command::AdjustStock(c) => shelves.has_adjusted(&c.sku, &c.reference),
            // A count is never so already: it is recorded, or refused.
            Command::CountStock(_) => false,
            Command::PlaceOrder(c) => orders.is_known(c.order_id),
            Command::RecordPayment(c) => match &c.result {
                PaymentResult::Captured { provider_ref, .. } => {
                    orders.is_captured(c.order_id, provider_ref)
                }
                PaymentResult::Declined { .. } => {
                    orders.is_cancelled(c.order_id) || orders.has_asked_buyer(c.order_id)
                }
                PaymentResult::Failed { .. } => {
                    orders.is_cancelled(c.order_id)
                        || orders.has_asked_buyer(c.order_id)
                        || orders.was_unknown(c.order_id)
                }
                PaymentResult::Unknown => orders.was_unknown(c.order_id),
            },
            // It is recorded, or refused.
            Command::ChangePaymentMethod(_)
            | Command::ReportFinding(_)
            | Command::ResolveAttention(_) => false,
            Command::CancelOrder(c) => orders.is_cancelled(c.order_id),
            Command::FulfilOrder(c) => orders.is_shipped(c.order_id),
            Command::ReturnLines(c) => orders.is_shipped(c.order_id),
            Command::RefundOrder(c) => orders.is_refund_asked(c.order_id, 1),
            Command::RecordRefund(c) => orders.is_refund_asked(c.order_id, c.refund),
        }
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
