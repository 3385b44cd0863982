//! Payment providers.

mod connector;
mod ledger;
mod simulated;
pub mod stripe;

pub use connector::Connector;
pub use ledger::{ChargeLine, LedgerError, LedgerLine, RefundLine};
pub use simulated::{SimulatedGateway, Simulation};
pub use stripe::{StripeGateway, StripeSettings, StripeSettingsError};
