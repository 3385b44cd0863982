//! The state as a value that can be kept and read back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::memory::{Memory, Settled};
use super::shared::SharedMap;
use super::{Item, Market};
use crate::domain::order::Order;
use crate::domain::{CommandId, OrderId, Sequence, Sku};

/// A market's state, each part in order, so that equal states are equal bytes.
#[derive(Deserialize)]
struct Frozen {
    items: HashMap<Sku, Item>,
    orders: SharedMap<OrderId, Order>,
    commands: SharedMap<CommandId, Settled>,
    rejections: SharedMap<OrderId, Settled>,
}

/// The same, of a market that stays.
#[derive(Serialize)]
struct Freezing<'a> {
    items: BTreeMap<&'a Sku, &'a Item>,
    orders: &'a SharedMap<OrderId, Order>,
    commands: &'a SharedMap<CommandId, Settled>,
    rejections: &'a SharedMap<OrderId, Settled>,
}

impl Market {
    /// Writes the state; the caller chooses the bytes.
    ///
    /// # Errors
    ///
    /// What the serializer says.
    pub fn freeze<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { items, orders, memory, .. } = self;
        let items = items.iter().collect();
        let Memory { commands, rejections, .. } = memory;
        Freezing { items, orders, commands, rejections }.serialize(serializer)
    }

    /// Reads a state back.
    ///
    /// # Errors
    ///
    /// What the deserializer says. A snapshot is a cache: whoever gets an error folds the log.
    pub fn thaw<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Frozen { items, orders, commands, rejections } = Frozen::deserialize(deserializer)?;
        let deadline = |(id, order): (&OrderId, &Order)| Some((order.deadline()?, *id));
        let deadlines: BTreeSet<_> = orders.iter().filter_map(deadline).collect();
        let memory = Memory::of(commands, rejections);
        let mut market = Self {
            items,
            orders,
            deadlines,
            memory,
            touched: BTreeMap::new(),
            closed: Vec::new(),
            sequence: Sequence::START,
        };
        market.reschedule();
        Ok(market)
    }
}
