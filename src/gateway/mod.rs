//! Payment providers.

mod ledger;
mod simulated;

pub use ledger::{LedgerError, LedgerLine};
pub use simulated::{SimulatedGateway, Simulation};
