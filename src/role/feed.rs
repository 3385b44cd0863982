//! The feed: one message an event, by type, for integrators.

use std::time::Duration;

use super::outbox::Emit;
use crate::domain::{Address, Recorded, Timestamp};
use crate::engine::ProjectionError;
use crate::port::Message;
use crate::wire::{Encoding, Subjects, feed_message};

/// How long the feed's stream keeps a message; see `streams/feed.json`. A feed that lost its
/// position has lost every message too, and begins there again.
pub const AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Makes a message of every event.
pub struct Feed {
    subjects: Subjects,
    encoding: Encoding,
}

impl Feed {
    /// A feed in an encoding.
    #[must_use]
    pub const fn new(subjects: Subjects, encoding: Encoding) -> Self {
        Self { subjects, encoding }
    }
}

impl Emit for Feed {
    fn message(
        &self,
        at: Address,
        made: Timestamp,
        record: &Recorded,
    ) -> Result<Option<Message>, ProjectionError> {
        let Recorded { event, .. } = record;
        let id = match (event.order_id(), event.sku()) {
            (Some(order_id), _) => order_id.to_string(),
            (None, Some(sku)) => sku.to_string(),
            (None, None) => format!("{}-{}", at.sequence, at.index),
        };
        let (payload, headers) = feed_message(at, made, record, self.encoding)
            .map_err(|error| ProjectionError(error.to_string()))?;
        let subject = self.subjects.feed(event.kind(), &id);
        Ok(Some(Message { subject, headers, payload, ..Message::default() }))
    }
}
