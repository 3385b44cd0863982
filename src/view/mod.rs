//! What readers see, as a fold over events. Disposable: the log is the truth.
//!
//! Nothing here waits, asks the time or has heard of a bucket. Every value carries the sequence
//! of the last event it reflects, so that folding an event twice changes nothing.

pub mod attention;
mod metrics;
mod order;
pub mod owed;
mod shop;
mod stock;
pub mod story;
#[cfg(test)]
mod tests;
mod totals;

use std::fmt::Display;
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::{Address, Event, Misfit, Timestamp};

pub use metrics::{LATENCY_EDGES_MS, MinuteSlot, MinuteView};
pub use order::{
    CaptureView, LineView, MoneyView, OrderView, PaymentView, Placed, RefundView, ReturnView,
    ShipmentView,
};
pub use shop::Shop;
pub use stock::StockView;
pub use totals::Totals;

/// A value under a key, folded from the events that concern it.
pub trait View: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// What names it.
    type Key: Clone + Eq + Hash + Display + Send + Sync + 'static;

    /// Which value an event of a commit made at `made` concerns.
    fn key(event: &Event, made: Timestamp) -> Option<Self::Key>;

    /// What names this value.
    fn own_key(&self) -> Self::Key;

    /// The value an event begins; none for one that can only follow.
    fn begin(at: Address, made: Timestamp, event: &Event) -> Option<Self>;

    /// Whether the event begins a value whatever was there before.
    fn begins(event: &Event) -> bool;

    /// Follows the event at `at`. One that is reflected already changes nothing.
    ///
    /// # Errors
    ///
    /// [`Misfit`] when the event cannot follow the value.
    fn follow(&mut self, at: Address, made: Timestamp, event: &Event) -> Result<(), Misfit>;

    /// Whether more is expected soon, so that it is worth keeping at hand.
    fn is_active(&self) -> bool;

    /// Since when nothing more is expected of it at all; none as long as something is, and for what
    /// is never over.
    fn over_since(&self) -> Option<Timestamp> {
        None
    }
}
