//! A nats-server of our own: found or fetched, started as a child, stopped with us.
//!
//! For development, tests and benchmarks. In production the servers are somebody else's.

mod child;
mod fetch;
mod find;
mod ports;
mod staging;

pub use child::{ClusterConfig, Server, ServerConfig, StartError, Sync, SystemAccount};
pub use fetch::{FetchError, VERSION};
pub use find::{FindError, Found, Origin, find};
pub use ports::{PortError, free_port, free_ports};
pub use staging::Staging;
