//! The list of what a human must look at.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::domain::{Address, Sequence};
use crate::engine::{Projection, ProjectionError, Reached, Taken};
use crate::port::Message;
use crate::telemetry;
use crate::view::attention::{AttentionItem, item};
use crate::wire::{Commit, Encoding, Subjects, headers};

/// Folds commits into items.
pub struct AttentionList {
    subjects: Subjects,
    owed: VecDeque<(Sequence, Message)>,
    /// What is listed, by kind. Few items: each is work for a person.
    listed: BTreeMap<String, BTreeSet<String>>,
}

impl AttentionList {
    /// The list of a market.
    #[must_use]
    pub const fn new(subjects: Subjects) -> Self {
        Self { subjects, owed: VecDeque::new(), listed: BTreeMap::new() }
    }

    fn list(&mut self, item: AttentionItem) {
        let AttentionItem { kind, id, .. } = item;
        self.listed.entry(kind).or_default().insert(id);
    }

    fn tell(&self) {
        let Some(metrics) = telemetry::metrics() else {
            return;
        };
        for (kind, items) in &self.listed {
            metrics.attention(kind, u64::try_from(items.len()).unwrap_or(u64::MAX));
        }
    }
}

impl Projection for AttentionList {
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
            self.list(item);
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

    fn written(&mut self) {
        self.tell();
    }

    const RESTORES: bool = true;

    fn restore(&mut self, value: &[u8]) -> Result<(), ProjectionError> {
        // What cannot be read is not counted; it is still listed for whoever looks.
        if let Ok(item) = Encoding::Json.read(value) {
            self.list(item);
        }
        Ok(())
    }

    fn caught_up(&mut self) {
        self.tell();
    }
}
