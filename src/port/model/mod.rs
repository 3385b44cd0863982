//! The ports in memory, with the semantics of the real ones and faults on demand.
//!
//! Simulation runs the real engine on these; the contract suites hold them to what servers do.

mod faults;
mod lease;
mod log;
mod snapshots;
mod time;

pub use faults::{Fault, Faults};
pub use lease::ModelLease;
pub use log::{ModelLog, ModelTail};
pub use snapshots::ModelSnapshots;
pub use time::ModelClock;
