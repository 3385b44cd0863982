//! Everything that needs a server, in one binary: linking is what costs.
//!
//! Servers are children of the test that started them, on loopback, on ports nobody uses.

mod contract;
mod support;
