//! Following the log with messages: each event leads to one, or to none.

use std::collections::VecDeque;

use crate::domain::{Address, Recorded, Sequence, Timestamp};
use crate::engine::{Projection, ProjectionError, Reached, Taken};
use crate::port::Message;
use crate::wire::Commit;

/// What an event leads to.
pub trait Emit: Send + Sync {
    /// The message of the event at `at`, in a commit made at `made`; none for most.
    ///
    /// # Errors
    ///
    /// [`ProjectionError`] when it has no form.
    fn message(
        &self,
        at: Address,
        made: Timestamp,
        record: &Recorded,
    ) -> Result<Option<Message>, ProjectionError>;
}

/// Folds commits into messages, in their order, each written once.
pub struct Outbox<E> {
    emit: E,
    owed: VecDeque<(Address, Message)>,
}

impl<E: Emit> Outbox<E> {
    /// What `emit` makes of a log.
    #[must_use]
    pub const fn new(emit: E) -> Self {
        Self { emit, owed: VecDeque::new() }
    }
}

impl<E: Emit> Projection for Outbox<E> {
    fn fold(
        &mut self,
        sequence: Sequence,
        skip: u32,
        commit: &Commit,
    ) -> Result<(), ProjectionError> {
        let unseen = (0_u32..).zip(&commit.events).skip_while(|(index, _)| *index < skip);
        for (index, record) in unseen {
            let at = Address::new(sequence, index);
            if let Some(message) = self.emit.message(at, commit.head.at, record)? {
                self.owed.push_back((at, message));
            }
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
