//! The feed: one message an event, by type, for integrators.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::{Address, Recorded, Sequence};
use crate::engine::{Projection, ProjectionError, Reached, Taken};
use crate::port::Message;
use crate::wire::{Commit, Encoding, Subjects, feed_message};

/// How long the feed's stream keeps a message; see `streams/feed.json`. A feed that lost its
/// position has lost every message too, and begins there again.
pub const AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Folds commits into messages.
pub struct Feed {
    subjects: Subjects,
    encoding: Encoding,
    owed: VecDeque<(Address, Message)>,
}

impl Feed {
    /// A feed in an encoding.
    #[must_use]
    pub const fn new(subjects: Subjects, encoding: Encoding) -> Self {
        Self { subjects, encoding, owed: VecDeque::new() }
    }
}

impl Projection for Feed {
    fn wants(&self, _commit: &Commit) -> Vec<String> {
        Vec::new()
    }

    fn load(&mut self, _key: &str, _value: Option<&[u8]>) -> Result<(), ProjectionError> {
        Ok(())
    }

    fn fold(
        &mut self,
        sequence: Sequence,
        skip: u32,
        commit: &Commit,
    ) -> Result<(), ProjectionError> {
        let unseen = (0_u32..).zip(&commit.events).skip_while(|(index, _)| *index < skip);
        for (index, record) in unseen {
            let at = Address::new(sequence, index);
            let message = self.message(at, record, commit)?;
            self.owed.push_back((at, message));
        }
        Ok(())
    }

    fn owed(&self) -> usize {
        self.owed.len()
    }

    fn take(&mut self, limit: usize) -> Result<Taken, ProjectionError> {
        let count = limit.min(self.owed.len());
        let mut last = None;
        let messages = self.owed.drain(..count).map(|(at, message)| {
            last = Some(at);
            message
        });
        let messages = messages.collect();
        let reached = match last {
            Some(at) if !self.owed.is_empty() => Reached::Inside(at),
            Some(_) | None => Reached::Everything,
        };
        Ok(Taken { messages, reached })
    }
}

impl Feed {
    fn message(
        &self,
        at: Address,
        record: &Recorded,
        commit: &Commit,
    ) -> Result<Message, ProjectionError> {
        let Recorded { event, .. } = record;
        let id = match (event.order_id(), event.sku()) {
            (Some(order_id), _) => order_id.to_string(),
            (None, Some(sku)) => sku.to_string(),
            (None, None) => format!("{}-{}", at.sequence, at.index),
        };
        let (payload, headers) = feed_message(at, commit.head.at, record, self.encoding)
            .map_err(|error| ProjectionError(error.to_string()))?;
        Ok(Message {
            subject: self.subjects.feed(event.kind(), &id),
            headers,
            payload,
            expected: None,
        })
    }
}
