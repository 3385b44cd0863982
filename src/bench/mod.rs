//! Measuring: an open-loop load generator, the raw ceiling of the server beside it, and the proof
//! afterwards.

mod catalogue;
mod duel;
mod engine;
mod load;
mod observer;
mod orders;
mod payments;
mod raw;
mod report;
mod storm;
mod world;

pub use duel::{ChildCommand, DuelOptions, DuelReport, duel};
pub use engine::{EngineOptions, bench_engine};
pub use load::{Load, Pace};
pub use orders::{OrdersOptions, bench_orders};
pub use payments::{PaymentsOptions, bench_payments};
pub use report::{EngineReport, Report, Summary};
pub use storm::{ClassReport, PaymentsReport, Shares};
pub use world::{Embedded, Nodes, Servers, World, WorldOptions};
