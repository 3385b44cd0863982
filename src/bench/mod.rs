//! Measuring: an open-loop load generator, the raw ceiling of the server beside it, and the proof
//! afterwards.

mod catalogue;
mod duel;
mod load;
mod observer;
mod orders;
mod raw;
mod report;
mod world;

pub use duel::{ChildCommand, DuelOptions, DuelReport, duel};
pub use load::{Load, Pace};
pub use orders::{OrdersOptions, bench_orders};
pub use report::{Report, Summary};
pub use world::{Nodes, World, WorldOptions};
