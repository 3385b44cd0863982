//! The time, and identifiers made from it.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::domain::Timestamp;

/// Where the time comes from. Asked by the shell only; the core gets it as data.
pub trait Clock: Clone + Send + Sync + 'static {
    /// The current moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A new UUIDv7 made at `now`.
#[must_use]
pub fn new_uuid(now: Timestamp) -> Uuid {
    let random: [u8; 10] = rand::random();
    uuid::Builder::from_unix_timestamp_millis(now.0, &random).into_uuid()
}
