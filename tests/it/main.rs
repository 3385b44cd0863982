//! Everything that needs a server, in one binary: linking is what costs.
//!
//! Servers are children of the test that started them, on loopback, on ports nobody uses.
#![expect(clippy::arithmetic_side_effects, reason = "a test that counts wrong has failed")]

#[cfg(test)]
mod archives;
#[cfg(test)]
mod bundles;
#[cfg(test)]
mod commands_anew;
#[cfg(test)]
mod committer_killed;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod derived;
#[cfg(feature = "docker-tests")]
#[cfg(test)]
mod docker;
#[cfg(test)]
mod duel;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod followers;
#[cfg(test)]
mod holds;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod looking;
#[cfg(test)]
mod lost_answers;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod payer;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod provisioning;
#[cfg(test)]
mod rebuilds;
#[cfg(test)]
mod refunds;
#[cfg(test)]
mod restores;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod rolls;
#[cfg(test)]
mod rolls_killed;
#[cfg(test)]
mod server_faults;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod staging;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod strays;
#[cfg(test)]
mod stripe;
#[cfg(test)]
mod support;
#[cfg(test)]
mod timers;
#[cfg(test)]
mod two_ways_in;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod zombie;
