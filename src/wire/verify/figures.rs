//! The figures of a SKU, by whoever gives them.

use crate::domain::market::LedgerEntry;
use crate::domain::verify::Moved;
use crate::wire::ledger::Ledger;

/// What the committer's fold says of a SKU, in the terms of the books.
pub(super) fn of_fold(entry: &LedgerEntry) -> Moved {
    Moved {
        sku: entry.sku.clone(),
        delta: i128::from(entry.delta),
        on_hand: i128::from(entry.on_hand),
        reserved: i128::from(entry.reserved),
        available: i128::from(entry.available),
    }
}

pub(super) fn figures_of(entry: &Ledger) -> [i128; 4] {
    [
        i128::from(entry.delta),
        i128::from(entry.on_hand),
        i128::from(entry.reserved),
        i128::from(entry.available),
    ]
}

pub(super) const fn figures(moved: &Moved) -> [i128; 4] {
    [moved.delta, moved.on_hand, moved.reserved, moved.available]
}

pub(super) fn say([delta, on_hand, reserved, available]: [i128; 4]) -> String {
    format!("delta {delta}, on hand {on_hand}, reserved {reserved}, available {available}")
}
