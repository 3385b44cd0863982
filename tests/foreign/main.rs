//! Orders placed from Python and from Node, with plain NATS clients and `docs/protocol.md` only.
#![cfg(feature = "foreign-tests")]
#![expect(clippy::arithmetic_side_effects, reason = "a test that counts wrong has failed")]

#[cfg(test)]
mod dev;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod provider;
