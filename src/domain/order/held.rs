//! What an order holds of each SKU.

use serde::{Deserialize, Serialize};

use super::{Order, Phase};
use crate::domain::event::StockHeld;
use crate::domain::{Amount, Event, Misfit, Quantity, Sku};

/// What an order holds of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLine {
    /// The SKU.
    pub sku: Sku,
    /// Units, all lines of the SKU together.
    pub quantity: Quantity,
    /// Whether the promise stands.
    pub hold: Hold,
    /// Units that have left.
    pub shipped: u32,
    /// Units of them that came back.
    pub returned: u32,
    /// Units of those that may be put on the shelf again, and are not there yet.
    pub to_restock: u32,
}

/// The life of one promise. A hold begins once and ends once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// The order is placed, its `stock_reserved` is next.
    Announced,
    /// Units are promised.
    Open,
    /// Units are the buyer's.
    Sold,
    /// Released, or back on the shelf.
    Ended,
}

impl HeldLine {
    pub(super) const fn announced(sku: Sku, quantity: Quantity) -> Self {
        let hold = Hold::Announced;
        Self { sku, quantity, hold, shipped: 0, returned: 0, to_restock: 0 }
    }

    /// The order goes on: what it let go of is promised anew.
    pub(super) fn announce(&mut self) {
        self.hold = Hold::Announced;
    }

    /// Units that are still to leave.
    #[must_use]
    pub const fn to_leave(&self) -> u32 {
        self.quantity.get().saturating_sub(self.shipped)
    }

    /// Units that have left and may come back.
    #[must_use]
    pub const fn away(&self) -> u32 {
        self.shipped.saturating_sub(self.returned)
    }
}

impl Order {
    /// Follows an event about the stock it holds.
    ///
    /// # Errors
    ///
    /// [`Misfit`] when it does not hold exactly that, or may not let go of it yet.
    pub fn evolve_hold(&mut self, event: &Event, held: &StockHeld) -> Result<(), Misfit> {
        let state = self.state();
        let misfit = |why: &str| Misfit::new(event.kind(), format_args!("{} {why}", held.sku));
        let free = self.basket.total == Amount::ZERO;
        let line = self
            .basket
            .lines
            .iter_mut()
            .find(|line| line.sku == held.sku)
            .ok_or_else(|| misfit("is not what the order holds"))?;
        let (from, to) = match (&self.phase, event) {
            (Phase::Confirmed | Phase::Fulfilled, Event::StockReturned(_)) => {
                let left = line.to_restock.checked_sub(held.quantity.get());
                line.to_restock = left.ok_or_else(|| misfit("did not come back"))?;
                return Ok(());
            }
            // In a paid order only what was let go of before is promised anew.
            (Phase::Placed | Phase::Paid, Event::StockReserved(_)) => (Hold::Announced, Hold::Open),
            (Phase::Paid, Event::StockDeducted(_)) => (Hold::Open, Hold::Sold),
            (Phase::Placed, Event::StockDeducted(_)) if free => (Hold::Open, Hold::Sold),
            (Phase::Cancelled(..), Event::StockReleased(_)) => (Hold::Open, Hold::Ended),
            (Phase::Cancelled(..), Event::StockReturned(_)) => (Hold::Sold, Hold::Ended),
            _ => return Err(misfit(&format!("while the order is {state}"))),
        };
        if line.quantity != held.quantity {
            return Err(misfit("is not what the order holds"));
        }
        if line.hold != from {
            return Err(misfit(&format!("is {:?}, not {from:?}", line.hold)));
        }
        line.hold = to;
        Ok(())
    }
}
