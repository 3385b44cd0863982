//! Kassa: an event-sourced checkout that runs natively on NATS JetStream.
//!
//! `ARCHITECTURE.md` draws the house; each room's module says what it is for and what never
//! happens there.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod archive;
pub mod bench;
pub mod cli;
pub mod config;
pub mod domain;
pub mod edge;
pub mod engine;
pub mod gateway;
pub mod nats;
pub mod port;
pub mod psp;
pub mod role;
pub mod run;
pub mod server;
pub mod telemetry;
pub mod tls;
pub mod view;
pub mod wire;
