//! Payment providers.

mod ledger;
mod simulated;

pub use ledger::{ChargeLine, LedgerError, LedgerLine, RefundLine};
pub use simulated::{SimulatedGateway, Simulation};
