//! Stock of one SKU: how many units exist, how many are promised, how many are gone.
//!
//! Reserve, then deduct or release. A reservation is a promise, a deduction is a departure.

mod quantity;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub(in crate::domain) use quantity::whole_number;
pub use quantity::{Quantity, StockDelta};

/// Stock of one SKU.
///
/// Invariant: `available + reserved == on_hand`. Available is below zero only after a count or
/// an adjustment proved that promised units do not exist; on hand is, once those were paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    on_hand: i64,
    reserved: u64,
    sold: u64,
}

/// What can happen to the stock of one SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// Units came in.
    Received(Quantity),
    /// A count or a correction changed how many there are.
    Adjusted(StockDelta),
    /// Units were promised to an order.
    Reserved(Quantity),
    /// Promised units became the buyer's.
    Deducted(Quantity),
    /// A promise was taken back.
    Released(Quantity),
    /// Units that were a buyer's are on the shelf again.
    Returned(Quantity),
}

/// Why a movement is impossible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// More units than [`Stock::UNITS_MAX`].
    #[error("more than {} units", Stock::UNITS_MAX)]
    TooMany,
    /// More units would leave than exist or than are promised.
    #[error("{moved} units moved, {there} there")]
    TooFew {
        /// Units the movement takes.
        moved: u64,
        /// Units there were to take from.
        there: u64,
    },
}

impl Stock {
    /// Keeps every figure exact for a reader whose numbers are doubles, with room to add.
    pub const UNITS_MAX: u64 = 1_000_000_000_000;

    /// Stock with these figures.
    #[must_use]
    pub const fn of(on_hand: i64, reserved: u64, sold: u64) -> Self {
        Self { on_hand, reserved, sold }
    }

    /// Units in the building that are nobody's yet; below zero when units that somebody paid for
    /// do not exist.
    #[must_use]
    pub const fn on_hand(&self) -> i64 {
        self.on_hand
    }

    /// Units promised to open orders.
    #[must_use]
    pub const fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Units that are a buyer's; what came back is not.
    #[must_use]
    pub const fn sold(&self) -> u64 {
        self.sold
    }

    /// Units that may still be promised; below zero while a shortage is open.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.on_hand.saturating_sub_unsigned(self.reserved)
    }

    /// Promised and paid units that do not exist.
    #[must_use]
    pub fn missing(&self) -> u64 {
        u64::try_from(self.available().saturating_neg()).unwrap_or(0)
    }

    /// Whether `quantity` more can be promised.
    #[must_use]
    pub fn can_promise(&self, quantity: Quantity) -> bool {
        i64::from(quantity.get()) <= self.available()
    }

    /// The adjustment that makes `counted` true.
    #[must_use]
    pub fn correction(&self, counted: u64) -> Option<StockDelta> {
        StockDelta::between(self.on_hand, counted)
    }

    /// The stock after a movement.
    ///
    /// # Errors
    ///
    /// [`Impossible`] when the figures do not allow it. Whether a promise *may* be made is not
    /// asked here: that is [`Stock::can_promise`], and by the time of an event it has been made.
    pub fn after(self, movement: Movement) -> Result<Self, Impossible> {
        let mut stock = self;
        match movement {
            Movement::Received(quantity) => {
                stock.on_hand = StockDelta::from(quantity).applied_to(self.on_hand)?;
            }
            Movement::Adjusted(delta) => stock.on_hand = delta.applied_to(self.on_hand)?,
            Movement::Reserved(quantity) => stock.reserved = add(self.reserved, quantity.units())?,
            Movement::Deducted(quantity) => {
                // Whether they exist is not asked: they are paid for. A shortage stays open.
                stock.on_hand = self.on_hand.saturating_sub_unsigned(quantity.units());
                stock.reserved = take(self.reserved, quantity.units())?;
                stock.sold = add(self.sold, quantity.units())?;
            }
            Movement::Released(quantity) => {
                stock.reserved = take(self.reserved, quantity.units())?;
            }
            Movement::Returned(quantity) => {
                stock.on_hand = StockDelta::from(quantity).applied_to(self.on_hand)?;
                stock.sold = take(self.sold, quantity.units())?;
            }
        }
        Ok(stock)
    }
}

fn add(there: u64, moved: u64) -> Result<u64, Impossible> {
    let sum = there.checked_add(moved).filter(|units| *units <= Stock::UNITS_MAX);
    sum.ok_or(Impossible::TooMany)
}

fn take(there: u64, moved: u64) -> Result<u64, Impossible> {
    there.checked_sub(moved).ok_or(Impossible::TooFew { moved, there })
}
