//! The list of what a human must look at.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::domain::{Address, Event, ItemKind, Recorded, Sequence, Timestamp};
use crate::engine::{Projection, ProjectionError, Reached, Taken};
use crate::port::{Clock, Message};
use crate::telemetry;
use crate::view::attention::{AttentionItem, item, settled_by};
use crate::wire::{Commit, Encoding, Subjects, headers};

/// Poison commands that are listed one by one. Whoever may send can send rubbish, and the stream
/// forgets its oldest items when it is full: nothing that matters is pushed out of it.
const POISON_MAX: usize = 1_000;

/// What stands for the poison commands beyond them.
const MORE: &str = "more";

/// Folds commits into items.
pub struct AttentionList<C> {
    subjects: Subjects,
    clock: C,
    owed: VecDeque<(Sequence, Message)>,
    /// What is open, by kind and id: each is work for a person, and poison is bounded.
    open: BTreeMap<(String, String), AttentionItem>,
    /// Kinds of which something was told, so that it is told too when nothing of them is left.
    told: BTreeSet<String>,
}

impl<C: Clock> AttentionList<C> {
    /// The list of a market.
    #[must_use]
    pub const fn new(subjects: Subjects, clock: C) -> Self {
        Self {
            subjects,
            clock,
            owed: VecDeque::new(),
            open: BTreeMap::new(),
            told: BTreeSet::new(),
        }
    }

    /// The items that an event raises, resolves or settles.
    fn follow(&mut self, at: Address, made: Timestamp, record: &Recorded) -> Vec<AttentionItem> {
        if let Event::AttentionResolved(resolved) = &record.event {
            // What is not open any more was resolved by somebody else.
            let key = (resolved.kind.name().to_owned(), resolved.id.to_string());
            let open = self.open.remove(&key);
            return open.map(|item| item.resolved(at, made, resolved)).into_iter().collect();
        }
        let mut items = Vec::new();
        if !self.open.is_empty() {
            for (kind, id, attempt) in settled_by(&record.event) {
                let key = (kind.name().to_owned(), id);
                let is_it = |item: &AttentionItem| {
                    attempt.is_none() || item.attempt.is_none() || item.attempt == attempt
                };
                if self.open.get(&key).is_some_and(is_it) {
                    let item = self.open.remove(&key);
                    items.extend(item.map(|item| item.settled(at, made, record)));
                }
            }
        }
        if let Some(item) = item(at, made, record) {
            let mut item = self.bounded(item);
            let key = (item.kind.clone(), item.id.clone());
            if let Some(open) = self.open.get(&key) {
                // It is not younger for being found again.
                item.raised_at_ms = open.raised_at_ms;
            }
            self.open.insert(key, item.clone());
            items.push(item);
        }
        items
    }

    /// The same item, or the one that stands for all poison beyond what a person can look at.
    fn bounded(&self, item: AttentionItem) -> AttentionItem {
        let poison = ItemKind::Poison.name();
        if item.kind != poison {
            return item;
        }
        let known = self.open.range((poison.to_owned(), String::new())..);
        let known = known.take_while(|((kind, _), _)| kind == poison).take(POISON_MAX);
        if known.count() < POISON_MAX {
            return item;
        }
        let reason = format!(
            "{POISON_MAX} are open, and more came that are not listed; the last one, \
             event {}.{}: {}",
            item.event_seq, item.event_index, item.reason
        );
        AttentionItem { id: MORE.to_owned(), reason, command_seq: None, ..item }
    }

    fn tell(&mut self) {
        let Some(metrics) = telemetry::metrics() else {
            return;
        };
        let mut counts: BTreeMap<&str, u64> = self.told.iter().map(|kind| (&**kind, 0)).collect();
        for (kind, _) in self.open.keys() {
            let count = counts.entry(kind).or_default();
            *count = count.saturating_add(1);
        }
        for (kind, count) in &counts {
            metrics.attention(kind, *count);
        }
        let oldest = self.open.values().map(|item| item.raised_at_ms).min();
        let age = metrics.attention_age();
        oldest.map_or_else(|| age.nothing(), |raised| age.since(self.clock.now().since(raised)));
        self.told = counts.into_keys().map(ToOwned::to_owned).collect();
    }
}

impl<C> Drop for AttentionList<C> {
    fn drop(&mut self) {
        // Whoever keeps the list from now on, nothing waits here.
        if let Some(metrics) = telemetry::metrics() {
            for kind in &self.told {
                metrics.attention(kind, 0);
            }
            metrics.attention_age().nothing();
        }
    }
}

impl<C: Clock> Projection for AttentionList<C> {
    fn fold(
        &mut self,
        sequence: Sequence,
        skip: u32,
        commit: &Commit,
    ) -> Result<(), ProjectionError> {
        let unseen = (0_u32..).zip(&commit.events).skip_while(|(index, _)| *index < skip);
        for (index, record) in unseen {
            let at = Address::new(sequence, index);
            for item in self.follow(at, commit.head.at, record) {
                let payload = Encoding::Json
                    .write(&item)
                    .map_err(|error| ProjectionError(error.to_string()))?;
                let content_type = Encoding::Json.content_type().to_owned();
                let message = Message {
                    subject: self.subjects.attention(&item.kind, &item.id),
                    headers: vec![(headers::CONTENT_TYPE, content_type)],
                    payload,
                    ..Message::default()
                };
                self.owed.push_back((sequence, message));
            }
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
        if let Ok(item) = Encoding::Json.read::<AttentionItem>(value)
            && item.resolved.is_none()
        {
            self.open.insert((item.kind.clone(), item.id.clone()), item);
        }
        Ok(())
    }

    fn caught_up(&mut self) {
        self.tell();
    }
}

#[cfg(test)]
mod tests;
