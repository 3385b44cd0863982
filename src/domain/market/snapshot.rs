//! The state as a value that can be kept and read back.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::memory::{Memory, Settled};
use super::{Item, Market};
use crate::domain::order::Order;
use crate::domain::{CommandId, OrderId, Sequence, Sku};

/// A market's state with everything in order, so that equal states are equal bytes.
#[derive(Serialize, Deserialize)]
struct Frozen {
    items: BTreeMap<Sku, Item>,
    orders: BTreeMap<OrderId, Order>,
    commands: BTreeMap<CommandId, Settled>,
    rejections: BTreeMap<OrderId, Settled>,
}

impl Market {
    /// Writes the state; the caller chooses the bytes.
    ///
    /// # Errors
    ///
    /// What the serializer says.
    pub fn freeze<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let frozen = Frozen {
            items: self.items.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            orders: self.orders.iter().map(|(k, v)| (*k, v.clone())).collect(),
            commands: self.memory.commands.iter().map(|(k, v)| (*k, v.clone())).collect(),
            rejections: self.memory.rejections.iter().map(|(k, v)| (*k, v.clone())).collect(),
        };
        frozen.serialize(serializer)
    }

    /// Reads a state back.
    ///
    /// # Errors
    ///
    /// What the deserializer says. A snapshot is a cache: whoever gets an error folds the log.
    pub fn thaw<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let frozen = Frozen::deserialize(deserializer)?;
        let deadlines: BTreeSet<_> =
            frozen.orders.iter().filter_map(|(id, order)| Some((order.deadline()?, *id))).collect();
        let mut memory = Memory::default();
        memory.commands = frozen.commands.into_iter().collect();
        memory.rejections = frozen.rejections.into_iter().collect();
        let mut market = Self {
            items: frozen.items.into_iter().collect(),
            orders: frozen.orders.into_iter().collect(),
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
