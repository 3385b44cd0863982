//! Everything that needs a server, in one binary: linking is what costs.
//!
//! Servers are children of the test that started them, on loopback, on ports nobody uses.

mod committer_killed;
mod contract;
mod duel;
mod lost_answers;
mod server_faults;
mod support;
mod zombie;
