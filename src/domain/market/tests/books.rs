//! An accountant who sees nothing but events, and adds them up in another way than the market.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    CommandId, Event, Market, OrderId, Recorded, Refusal, ShortageFound, Sku, Source, StockHeld,
    Timestamp,
};

/// The books of one shop.
#[derive(Default)]
pub(super) struct Books {
    skus: BTreeMap<Sku, Figures>,
    orders: BTreeMap<OrderId, Account>,
    /// Commands with their outcome.
    outcomes: BTreeSet<CommandId>,
    /// The command whose events are being entered.
    current: Option<CommandId>,
}

/// What came in and what went out of one SKU. Units may be written off below what is promised.
#[derive(Default)]
struct Figures {
    received: i64,
    adjusted: i64,
    sold: i64,
    /// Units missing at the last shortage that was found.
    missing: i64,
}

/// One order's promises and money.
struct Account {
    state: &'static str,
    total: u64,
    hold_until: Timestamp,
    captures: u32,
    open: BTreeMap<Sku, u32>,
    ended: BTreeSet<Sku>,
}

impl Books {
    /// Enters one event; panics when the books are not in order after it.
    pub(super) fn enter(&mut self, record: &Recorded, made: Timestamp) {
        self.enter_outcome(record);
        match &record.event {
            Event::StockReceived(e) => {
                self.skus.entry(e.sku.clone()).or_default().received += i64::from(e.quantity.get());
            }
            Event::StockAdjusted(e) => {
                self.skus.entry(e.sku.clone()).or_default().adjusted += e.delta.get();
            }
            Event::ShortageFound(e) => self.enter_shortage(e),
            Event::StockReserved(e) => self.reserve(e),
            Event::StockDeducted(e) => {
                let account = self.orders.get_mut(&e.order_id).unwrap();
                let free = account.total == 0 && account.state == "placed";
                assert!(free || account.state == "paid", "deducted while {}", account.state);
                account.end(e);
                self.skus.get_mut(&e.sku).unwrap().sold += i64::from(e.quantity.get());
            }
            Event::StockReleased(e) => {
                let account = self.orders.get_mut(&e.order_id).unwrap();
                assert_eq!(account.state, "cancelled", "released");
                account.end(e);
            }
            Event::OrderPlaced(e) => {
                let account = Account {
                    state: "placed",
                    total: e.total_minor.minor(),
                    hold_until: e.hold_until,
                    captures: 0,
                    open: BTreeMap::new(),
                    ended: BTreeSet::new(),
                };
                let before = self.orders.insert(e.order_id, account);
                assert!(before.is_none(), "{} was placed before", e.order_id);
            }
            Event::OrderRejected(e) => {
                let known = self.orders.contains_key(&e.order_id);
                assert!(!known, "{} is rejected and known", e.order_id);
            }
            Event::HoldExpired(e) => {
                let account = &self.orders[&e.order_id];
                assert_eq!(account.hold_until, e.hold_until);
                assert!(e.hold_until <= made, "expired before its deadline");
            }
            Event::PaymentCaptured(_)
            | Event::PaymentAbandoned(_)
            | Event::PaymentNoted(_)
            | Event::OrderConfirmed(_)
            | Event::CancelRequested(_)
            | Event::OrderCancelled(_)
            | Event::OrderFulfilled(_)
            | Event::AttentionRaised(_) => self.enter_path(&record.event),
            Event::Opened(_)
            | Event::SkuListed(_)
            | Event::SkuRepriced(_)
            | Event::SkuDelisted(_)
            | Event::CommandRejected(_) => {}
        }
        self.check_stock();
    }

    /// Every command has one outcome: its events stand together, and come once. Only what nobody
    /// asked for, and what came under an id that was used already, has no command.
    fn enter_outcome(&mut self, record: &Recorded) {
        let Some(id) = record.cause else {
            let unasked = record.source == Source::COMMITTER;
            let bad_id = matches!(&record.event, Event::CommandRejected(e)
                if matches!(e.refusal, Refusal::IdConflict { .. } | Refusal::StaleId { .. }));
            assert!(unasked || bad_id, "nobody asked for {record:?}");
            self.current = None;
            return;
        };
        if record.body.is_some() {
            assert!(self.outcomes.insert(id), "{id} has a second outcome: {record:?}");
            self.current = Some(id);
        } else {
            assert_eq!(self.current, Some(id), "an event away from its command: {record:?}");
        }
    }

    fn reserve(&mut self, held: &StockHeld) {
        let units = i64::from(held.quantity.get());
        let before = self.available(&held.sku);
        assert!(units <= before, "{units} of {} promised, {before} there", held.sku);
        let account = self.orders.get_mut(&held.order_id).unwrap();
        assert_eq!(account.state, "placed");
        let twice = account.open.insert(held.sku.clone(), held.quantity.get());
        assert!(twice.is_none(), "a second hold of {}", held.sku);
    }

    fn enter_shortage(&mut self, shortage: &ShortageFound) {
        let missing = i64::try_from(shortage.missing).unwrap();
        assert_eq!(-self.available(&shortage.sku), missing, "units missing");
        for order in &shortage.orders {
            let open = &self.orders[order].open;
            assert!(open.contains_key(&shortage.sku), "{order} holds no {}", shortage.sku);
        }
        self.skus.get_mut(&shortage.sku).unwrap().missing = missing;
    }

    fn enter_path(&mut self, event: &Event) {
        let account = self.orders.get_mut(&event.order_id().unwrap()).unwrap();
        let next = match (account.state, event) {
            ("placed" | "cancelled", Event::PaymentCaptured(_)) => "paid",
            ("paid", Event::OrderConfirmed(_)) => "confirmed",
            ("placed", Event::OrderConfirmed(_)) if account.total == 0 => "confirmed",
            ("paid", Event::AttentionRaised(_)) => "attention",
            ("placed", Event::PaymentAbandoned(_) | Event::CancelRequested(_)) => "placed",
            ("placed", Event::OrderCancelled(_)) => "cancelled",
            ("confirmed", Event::OrderFulfilled(_)) => "fulfilled",
            // Money beyond the first, and old news, change no state.
            (
                state @ ("confirmed" | "fulfilled" | "attention"),
                Event::PaymentCaptured(_) | Event::AttentionRaised(_) | Event::PaymentNoted(_),
            ) => state,
            ("cancelled", Event::PaymentNoted(_)) => "cancelled",
            (state, event) => panic!("{} while {state}", event.kind()),
        };
        account.state = next;
        if let Event::PaymentCaptured(captured) = event {
            account.captures += 1;
            let exact = captured.amount_minor.minor() == account.total;
            assert!(exact || next != "confirmed" || 1 < account.captures);
        }
        if matches!(event, Event::OrderConfirmed(_)) {
            assert!(account.open.is_empty(), "confirmed with open holds");
        }
    }

    fn available(&self, sku: &Sku) -> i64 {
        let figures = &self.skus[sku];
        figures.received + figures.adjusted - figures.sold - self.reserved(sku)
    }

    fn reserved(&self, sku: &Sku) -> i64 {
        let open = self.orders.values().filter_map(|account| account.open.get(sku));
        open.map(|units| i64::from(*units)).sum()
    }

    /// Nothing is sold that is not there, unless a count has said so before.
    fn check_stock(&self) {
        for (sku, figures) in &self.skus {
            assert!(0 <= figures.sold);
            let available = self.available(sku);
            // An adjustment stands right before the shortage that it uncovers, so a shortage may
            // be entered with the next event; it is never larger than what was written off.
            let written_off = figures.adjusted.min(0);
            assert!(written_off <= available, "{sku}: {available} available");
        }
    }

    /// The market says the same, and every shortage that is open was found.
    pub(super) fn agree_with(&self, market: &Market) {
        for (sku, figures) in &self.skus {
            let stock = market.item(sku).unwrap().stock;
            assert_eq!(stock.available(), self.available(sku), "{sku}: available");
            assert_eq!(stock.reserved(), u64::try_from(self.reserved(sku)).unwrap(), "{sku}");
            assert_eq!(stock.sold(), u64::try_from(figures.sold).unwrap(), "{sku}: sold");
            assert!(-figures.missing <= stock.available(), "{sku}: a shortage nobody was told of");
        }
        for (id, account) in &self.orders {
            let state =
                if account.state == "attention" { "needs_attention" } else { account.state };
            assert_eq!(market.order(*id).unwrap().state(), state, "{id}");
            let over = matches!(account.state, "confirmed" | "fulfilled" | "cancelled");
            assert!(!over || account.open.is_empty(), "{id} is {state} and holds stock");
        }
    }
}

impl Account {
    fn end(&mut self, held: &StockHeld) {
        let units = self.open.remove(&held.sku);
        assert_eq!(units, Some(held.quantity.get()), "ends another hold than there is");
        assert!(self.ended.insert(held.sku.clone()), "a hold ends twice");
    }
}
