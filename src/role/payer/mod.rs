//! The payer: what is owed, as a view, and the act of paying it.
//!
//! Intent before effect: an attempt and its key are in the log before anybody is called. There
//! are no acknowledgements; after a crash, what the bucket and the log still owe is driven again
//! with the same keys.

mod attempt;
mod circuit;
mod drive;
mod gate;
mod known;
mod owed;
mod pay;
mod report;
mod show;
#[cfg(test)]
mod tests;
mod timers;
mod watch;
mod word;

pub use drive::Drive;
pub use gate::ConnectorView;
pub use owed::OwedProjection;
pub use pay::{Payer, Payments};
pub use report::Reports;
pub use show::Shows;
pub use timers::hear_timers;
