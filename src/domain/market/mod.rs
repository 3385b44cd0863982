//! The state and the decisions that span SKUs and orders.
//!
//! One market is one consistency boundary: whatever a decision needs is in here, so placing an
//! order and reserving its stock is one decision. The committer folds and decides with it, a
//! standby keeps it warm, a snapshot is this and nothing else.

mod attention;
mod catalogue;
mod decide;
mod evolve;
mod memory;
mod place;
mod shared;
mod snapshot;
#[cfg(test)]
mod tests;
mod warehouse;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use decide::{Intent, Request, Verdict};
pub use memory::Settled;

use super::order::Order;
use super::stock::Stock;
use super::{
    Address, Currency, OrderId, Policy, Price, Quantity, Sequence, Sku, Text, Timestamp, Token,
};
use memory::Memory;
use shared::SharedMap;

/// Everything that is true of one market at one place of its log.
#[derive(Clone, Debug, Default)]
pub struct Market {
    items: HashMap<Sku, Item>,
    orders: SharedMap<OrderId, Order>,
    /// Placed orders by the moment their hold ends: the sweep reads it from the front.
    deadlines: BTreeSet<(Timestamp, OrderId)>,
    /// Ids that are closed but still remembered.
    memory: Memory,
    /// SKUs that the commit under way has touched, with what was available before it.
    touched: BTreeMap<Sku, i64>,
    /// Orders that the commit under way has closed.
    closed: Vec<OrderId>,
    /// Where the commit under way stands.
    sequence: Sequence,
}

/// One SKU: what it is sold as, and what there is of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What a person calls it.
    pub name: Text,
    /// Units: minor units of `currency`.
    pub price: Price,
    /// The only currency it is sold in.
    pub currency: Currency,
    /// Units one order may hold.
    pub per_order_max: Option<Quantity>,
    /// Whether it is offered.
    pub listed: bool,
    /// What there is.
    pub stock: Stock,
    /// The last commit that changed anything here.
    pub changed: Sequence,
    /// The last ledger entry on its own subject.
    ledger: Sequence,
    /// Papers that were booked, so that none is booked twice. They only grow: a copy shares them.
    papers: Arc<BTreeMap<(Paper, Token), Address>>,
}

/// What a reference stands for: a delivery and a correction may carry the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::domain) enum Paper {
    Delivery,
    Correction,
}

/// One SKU's stock after a commit, for its own subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The SKU.
    pub sku: Sku,
    /// By how much the commit changed what is available.
    pub delta: i64,
    /// Units in the building that are nobody's yet.
    pub on_hand: i64,
    /// Units promised to open orders.
    pub reserved: u64,
    /// Units that may still be promised.
    pub available: i64,
    /// The last message on the subject before this one.
    pub expected: Sequence,
}

impl Market {
    /// A market in which nothing has happened.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One SKU.
    #[must_use]
    pub fn item(&self, sku: &Sku) -> Option<&Item> {
        self.items.get(sku)
    }

    /// One order, while it is open or remembered.
    #[must_use]
    pub fn order(&self, order_id: OrderId) -> Option<&Order> {
        self.orders.get(&order_id)
    }

    /// How many orders still expect something.
    #[must_use]
    pub fn open_orders(&self) -> usize {
        self.orders.iter().filter(|(_, order)| !order.is_closed()).count()
    }

    /// How many orders are open or remembered.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.orders.len()
    }

    /// How many SKUs the commit under way has touched.
    #[must_use]
    pub fn touched(&self) -> usize {
        self.touched.len()
    }

    /// Orders whose hold has ended by `now`, the longest overdue first; at most `limit`.
    #[must_use]
    pub fn overdue(&self, now: Timestamp, limit: usize) -> Vec<OrderId> {
        let due = self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now);
        due.take(limit).map(|(_, order_id)| *order_id).collect()
    }

    /// The next moment at which a hold ends.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Learns of a message on a SKU's subject that no committer wrote. It is counted as the last
    /// one there, so that the next entry expects it; the verifier reports it.
    pub fn note_stray_entry(&mut self, sku: &Sku, sequence: Sequence) {
        if let Some(item) = self.items.get_mut(sku) {
            item.ledger = item.ledger.max(sequence);
        }
    }

    /// Begins the commit that will stand at `sequence`.
    pub fn begin(&mut self, sequence: Sequence) {
        self.sequence = sequence;
        self.touched.clear();
        self.closed.clear();
    }

    /// Ends the commit under way, made at `at`, and says which ledger entries go with it: one for
    /// each SKU whose availability is not what it was before.
    ///
    /// The entries stand right behind their commit, in the order of their SKUs.
    pub fn finish(&mut self, at: Timestamp) -> Vec<LedgerEntry> {
        let mut entries = Vec::new();
        for (sku, before) in std::mem::take(&mut self.touched) {
            let Some(item) = self.items.get_mut(&sku) else {
                continue;
            };
            let available = item.stock.available();
            if available == before {
                continue;
            }
            let place = u64::try_from(entries.len()).unwrap_or(u64::MAX).saturating_add(1);
            let expected = std::mem::replace(&mut item.ledger, self.sequence.plus(place));
            entries.push(LedgerEntry {
                sku,
                delta: available.saturating_sub(before),
                on_hand: item.stock.on_hand(),
                reserved: item.stock.reserved(),
                available,
                expected,
            });
        }
        self.forget_before(at.before(Policy::WINDOW));
        entries
    }
}
