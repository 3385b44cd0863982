//! NATS: the only room that has heard of it.
//!
//! Adapters for the ports, and nothing that decides. Server errors are told apart by their code,
//! in `codes` alone.

mod api;
mod aside;
mod asks;
mod batch;
mod client;
mod codes;
mod connect;
mod copies;
mod inspect;
mod lease;
mod left_out;
mod log;
mod market_tail;
pub mod provision;
mod replies;
mod scratch;
mod segments;
mod snapshots;
mod tail;

pub use api::{API_LEVEL_MIN, ApiError, api_level};
pub use asks::NatsAsks;
pub use client::{Client, Intake};
pub use connect::{ConnectError, Connection, ConnectionOptions};
pub use copies::{JsCopy, copies};
pub use inspect::{ServerFacts, StreamFacts, SyncFacts, stream_facts, sync_facts};
pub use lease::KvLease;
pub use log::{JsLog, LogTail};
pub use replies::NatsReplies;
pub use scratch::Scratch;
pub use segments::{Segment, begin_behind, close, delete, segments};
pub use snapshots::ObjectSnapshots;
