//! What is remembered of things that are over, and for how long.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Market;
use super::shared::SharedMap;
use crate::domain::order::Order;
use crate::domain::{Address, CommandId, Fingerprint, OrderId, Refusal, Timestamp};

/// Units: milliseconds. Ids are forgotten by the hour: precise enough for a window of days, and a
/// list of a few dozen buckets instead of a tree of every id.
const BUCKET: u64 = 60 * 60 * 1000;

/// How something ended whose id may come again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// Where the outcome stands in the log.
    pub at: Address,
    /// What was asked.
    pub body: Option<Fingerprint>,
    /// The refusal, when it was one.
    pub refusal: Option<Box<Refusal>>,
}

/// Ids that are closed but still inside the window.
///
/// Orders are remembered by their own id and captures by their order; every other command is
/// remembered by its command id.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) commands: SharedMap<CommandId, Settled>,
    pub(super) rejections: SharedMap<OrderId, Settled>,
    buckets: BTreeMap<u64, Arc<Vec<Uuid>>>,
}

impl Memory {
    /// What a snapshot holds of it; when each is forgotten has to be scheduled.
    pub(super) fn of(
        commands: SharedMap<CommandId, Settled>,
        rejections: SharedMap<OrderId, Settled>,
    ) -> Self {
        Self { commands, rejections, buckets: BTreeMap::new() }
    }

    /// Has `id` forgotten once the window has passed it by.
    pub(super) fn schedule(&mut self, id: Uuid, made_at: Timestamp) {
        Arc::make_mut(self.buckets.entry(made_at.0 / BUCKET).or_default()).push(id);
    }
}

impl Market {
    /// Forgets what is closed and older than `horizon`.
    ///
    /// Whether an id is known after a commit depends on nothing but the log up to it: a state from
    /// a snapshot and one folded from the start forget alike.
    pub(super) fn forget_before(&mut self, horizon: Timestamp) {
        for order_id in std::mem::take(&mut self.closed) {
            if order_id.made_at().0 / BUCKET < horizon.0 / BUCKET {
                self.forget_if_closed(order_id);
            }
        }
        while let Some(bucket) = self.memory.buckets.first_entry() {
            // The whole hour has to be over the horizon.
            if horizon.0 / BUCKET <= *bucket.key() {
                return;
            }
            for id in bucket.remove().iter().copied() {
                if let Ok(command_id) = CommandId::try_from(id) {
                    self.memory.commands.remove(&command_id);
                }
                if let Ok(order_id) = OrderId::try_from(id) {
                    self.memory.rejections.remove(&order_id);
                    // One that is still open is forgotten in the commit that closes it.
                    self.forget_if_closed(order_id);
                }
            }
        }
    }

    fn forget_if_closed(&mut self, order_id: OrderId) {
        if self.orders.get(&order_id).is_some_and(Order::is_closed) {
            self.orders.remove(&order_id);
        }
    }

    /// Files every remembered id under its hour again, after a snapshot was read.
    pub(super) fn reschedule(&mut self) {
        self.memory.buckets.clear();
        let commands = self.memory.commands.iter().map(|(id, _)| (id.uuid(), id.made_at()));
        let rejections = self.memory.rejections.iter().map(|(id, _)| (id.uuid(), id.made_at()));
        let orders = self.orders.iter().map(|(id, _)| (id.uuid(), id.made_at()));
        let ids: Vec<_> = commands.chain(rejections).chain(orders).collect();
        for (id, made_at) in ids {
            self.memory.schedule(id, made_at);
        }
    }
}
