//! The list of what a human must look at.

use std::collections::VecDeque;

use crate::domain::{Address, Sequence};
use crate::engine::{Projection, ProjectionError, Reached, Taken};
use crate::port::Message;
use crate::view::attention::item;
use crate::wire::{Commit, Encoding, Subjects, headers};

/// Folds commits into items.
pub struct AttentionList {
    subjects: Subjects,
    owed: VecDeque<(Sequence, Message)>,
}

impl AttentionList {
    /// The list of a market.
    #[must_use]
    pub const fn new(subjects: Subjects) -> Self {
        Self { subjects, owed: VecDeque::new() }
    }
}

impl Projection for AttentionList {
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
            let Some(item) = item(at, commit.head.at, record) else {
                continue;
            };
            let payload =
                Encoding::Json.write(&item).map_err(|error| ProjectionError(error.to_string()))?;
            let content_type = Encoding::Json.content_type().to_owned();
            let message = Message {
                subject: self.subjects.attention(&item.kind, &item.id),
                headers: vec![(headers::CONTENT_TYPE, content_type)],
                payload,
                expected: None,
            };
            self.owed.push_back((sequence, message));
        }
        Ok(())
    }

    fn owed(&self) -> usize {
        self.owed.len()
    }

    fn take(&mut self, limit: usize) -> Result<Taken, ProjectionError> {
        let count = limit.min(self.owed.len());
        let messages = self.owed.drain(..count).map(|(_, message)| message).collect();
        // An item that is written twice is the same item: its subject names its event.
        let rest = self.owed.front();
        let reached = rest.map_or(Reached::Everything, |(since, _)| Reached::Before(*since));
        Ok(Taken { messages, reached })
    }
}
