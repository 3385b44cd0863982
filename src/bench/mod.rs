//! Measuring: an open-loop load generator, the raw ceiling of the server beside it, and the proof
//! afterwards.

mod catalogue;
mod duel;
mod engine;
mod load;
mod observer;
mod orders;
mod raw;
mod report;
mod world;

pub use duel::{ChildCommand, DuelOptions, DuelReport, duel};
pub use engine::{EngineOptions, bench_engine};
pub use load::{Load, Pace};
pub use orders::{OrdersOptions, bench_orders};
pub use report::{EngineReport, Report, Summary};
pub use world::{Embedded, Nodes, Servers, World, WorldOptions};
