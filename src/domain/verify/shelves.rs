//! Units, SKU by SKU.

use std::collections::{BTreeMap, HashMap};

use super::papers::{Paper, Papers};
use super::{Fault, Invariant};
use crate::domain::{Sku, StockAdjusted, StockReceived, Token};

/// The units of one SKU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shelf {
    on_hand: i128,
    reserved: i128,
    sold: i128,
}

impl Shelf {
    const fn available(&self) -> i128 {
        self.on_hand.saturating_sub(self.reserved)
    }
}

/// The units of every SKU, and which of them the commit at hand has moved.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    shelves: HashMap<Sku, Shelf>,
    papers: Papers,
    /// What was available before the commit.
    before: BTreeMap<Sku, i128>,
    /// SKUs of which an adjustment has taken promised units, until that is said.
    unsaid: BTreeMap<Sku, u32>,
    pub(super) oversold: u64,
}

/// The units of one SKU after a commit that changed what is available of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The SKU.
    pub sku: Sku,
    /// By how much.
    pub delta: i128,
    /// Units in the building.
    pub on_hand: i128,
    /// Units promised.
    pub reserved: i128,
    /// Units that may still be promised.
    pub available: i128,
}

impl Shelves {
    pub(super) fn len(&self) -> usize {
        self.shelves.len()
    }

    pub(super) fn units(&self, sku: &Sku) -> Option<(i128, i128, i128)> {
        self.shelves.get(sku).map(|shelf| (shelf.on_hand, shelf.reserved, shelf.sold))
    }

    pub(super) fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.shelves.keys()
    }

    pub(super) fn reserved(&self) -> impl Iterator<Item = (&Sku, i128)> {
        self.shelves.iter().map(|(sku, shelf)| (sku, shelf.reserved))
    }

    pub(super) fn list(&mut self, sku: &Sku) {
        self.shelves.entry(sku.clone()).or_default();
    }

    pub(super) fn is_listed(&self, sku: &Sku) -> Result<(), Fault> {
        let unlisted = || (Invariant::I2, format!("{sku} was never listed"));
        self.shelves.get(sku).map(|_| ()).ok_or_else(unlisted)
    }

    pub(super) fn has_received(&self, sku: &Sku, reference: &Token) -> bool {
        self.papers.has(Paper::Delivery, sku, reference)
    }

    pub(super) fn has_adjusted(&self, sku: &Sku, reference: &Token) -> bool {
        self.papers.has(Paper::Correction, sku, reference)
    }

    fn moved(&mut self, sku: &Sku) -> Result<&mut Shelf, Fault> {
        let unlisted = || (Invariant::I2, format!("{sku} was never listed"));
        let shelf = self.shelves.get_mut(sku).ok_or_else(unlisted)?;
        if !self.before.contains_key(sku) {
            self.before.insert(sku.clone(), shelf.available());
        }
        Ok(shelf)
    }

    pub(super) fn receive(&mut self, received: &StockReceived) -> Result<(), Fault> {
        let StockReceived { sku, quantity, reference } = received;
        let shelf = self.moved(sku)?;
        shelf.on_hand = shelf.on_hand.saturating_add(i128::from(quantity.get()));
        if self.papers.book(Paper::Delivery, sku, reference) {
            return Ok(());
        }
        Err((Invariant::I4, format!("delivery {reference} of {sku} was booked before")))
    }

    /// An adjustment is the truth: it may take promised units, and then that has to be said.
    pub(super) fn adjust(&mut self, adjusted: &StockAdjusted, index: u32) -> Result<(), Fault> {
        let StockAdjusted { sku, delta, reference, .. } = adjusted;
        let delta = i128::from(delta.get());
        let shelf = self.moved(sku)?;
        shelf.on_hand = shelf.on_hand.saturating_add(delta);
        let on_hand = shelf.on_hand;
        if delta < 0 && shelf.available() < 0 {
            self.unsaid.insert(sku.clone(), index);
        }
        if delta < 0 && on_hand < 0 {
            return Err((Invariant::I1, format!("{sku} was adjusted to {on_hand} on hand")));
        }
        let Some(reference) = reference else { return Ok(()) };
        if self.papers.book(Paper::Correction, sku, reference) {
            return Ok(());
        }
        Err((Invariant::I4, format!("correction {reference} of {sku} was booked before")))
    }

    pub(super) fn say_short(&mut self, sku: &Sku, missing: i128) -> Result<(), Fault> {
        let asked = self.unsaid.remove(sku).is_some();
        let shelf = self.moved(sku)?;
        let found = shelf.available().saturating_neg().max(0);
        if found != missing {
            let what = format!("{missing} of {sku} are said to be missing, {found} are");
            return Err((Invariant::I2, what));
        }
        if !asked {
            return Err((Invariant::I1, format!("a shortage of {sku} that no adjustment proved")));
        }
        Ok(())
    }

    pub(super) fn reserve(&mut self, sku: &Sku, units: i128) -> Result<(), Fault> {
        let shelf = self.moved(sku)?;
        let available = shelf.available();
        shelf.reserved = shelf.reserved.saturating_add(units);
        if units <= available {
            return Ok(());
        }
        let over = units.saturating_sub(available.max(0));
        self.oversold = self.oversold.saturating_add(u64::try_from(over).unwrap_or(u64::MAX));
        Err((Invariant::I1, format!("{units} of {sku} were promised, {available} were available")))
    }

    pub(super) fn deduct(&mut self, sku: &Sku, units: i128) -> Result<(), Fault> {
        let shelf = self.moved(sku)?;
        shelf.on_hand = shelf.on_hand.saturating_sub(units);
        shelf.reserved = shelf.reserved.saturating_sub(units);
        shelf.sold = shelf.sold.saturating_add(units);
        below_zero(sku, *shelf)
    }

    pub(super) fn release(&mut self, sku: &Sku, units: i128) -> Result<(), Fault> {
        let shelf = self.moved(sku)?;
        shelf.reserved = shelf.reserved.saturating_sub(units);
        below_zero(sku, *shelf)
    }

    pub(super) fn take_back(&mut self, sku: &Sku, units: i128) -> Result<(), Fault> {
        let shelf = self.moved(sku)?;
        shelf.on_hand = shelf.on_hand.saturating_add(units);
        shelf.sold = shelf.sold.saturating_sub(units);
        below_zero(sku, *shelf)
    }

    /// Ends a commit: the SKUs whose availability it changed, and what it left unsaid.
    pub(super) fn end(&mut self) -> (Vec<Moved>, Vec<(u32, Fault)>) {
        let shelves = &self.shelves;
        let moved = std::mem::take(&mut self.before).into_iter().filter_map(|(sku, before)| {
            let shelf = shelves.get(&sku)?;
            let (available, delta) = (shelf.available(), shelf.available().saturating_sub(before));
            let (on_hand, reserved) = (shelf.on_hand, shelf.reserved);
            let moved = Moved { sku, delta, on_hand, reserved, available };
            (delta != 0).then_some(moved)
        });
        let moved = moved.collect();
        let unsaid = std::mem::take(&mut self.unsaid).into_iter().map(|(sku, index)| {
            (index, (Invariant::I1, format!("{sku} fell short and no shortage was found")))
        });
        (moved, unsaid.collect())
    }
}

fn below_zero(sku: &Sku, shelf: Shelf) -> Result<(), Fault> {
    let Shelf { reserved, sold, .. } = shelf;
    if reserved < 0 || sold < 0 {
        return Err((Invariant::I1, format!("{sku} has {reserved} reserved and {sold} sold")));
    }
    Ok(())
}
