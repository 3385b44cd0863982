//! Everything that needs a server, in one binary: linking is what costs.
//!
//! Servers are children of the test that started them, on loopback, on ports nobody uses.

mod committer_killed;
mod contract;
mod duel;
mod followers;
mod lost_answers;
mod payer;
mod server_faults;
mod support;
mod two_ways_in;
mod zombie;
