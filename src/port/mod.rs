//! What the roles need from the world, as promises.
//!
//! Each trait states what holds; its contract suite in `tests/` is those promises as code, and
//! runs against the in-memory model here and against real servers alike.

mod clock;
mod gateway;
mod lease;
mod log;
pub mod model;
mod older;
mod replies;
mod snapshots;
#[cfg(test)]
pub(crate) mod testing;
mod webhook;

pub use clock::{Clock, SystemClock, new_uuid};
pub use gateway::{
    Ask, Called, Charge, Gateway, GatewayError, GiveBack, Moved, Movement, News, Page,
};
pub use lease::{Lease, LeaseError};
pub use log::{
    Batch, BoxError, CommitError, Committed, Entry, Head, Log, Message, ReadError, Tail,
};
pub use older::{MissingLog, Older, OlderTail};
pub use replies::{AnswerTo, Arrived, Asks, Came, Commands, Part, Replies, Unanswered};
pub use snapshots::{SnapshotError, Snapshots};
pub use webhook::{BadWebhook, Hint, WEBHOOK_BYTES_MAX, WEBHOOK_TOLERANCE_S};
