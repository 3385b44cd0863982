//! Views: one value a key, in a bucket.

mod live;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Display;
use std::time::Duration;

use crate::domain::{Address, Event, Misfit, Policy, Sequence, Timestamp};
use crate::engine::{Projection, ProjectionError, Reached, Taken};
use crate::port::Message;
use crate::view::View;
use crate::wire::{Commit, Encoding};

pub use live::keep;

/// Values kept at hand although nothing is expected of them. What is not at hand is read from
/// the bucket when an event needs it.
const KEPT: usize = 10_000;

/// How long something may come of what is over: as long as the market remembers it, and the hour by
/// which it forgets.
const FOLLOWED: Duration = Policy::WINDOW.saturating_add(Duration::from_secs(2 * 60 * 60));

/// Units: seconds. What leaves the bucket sooner may be gone from there when it is needed again.
const SOON_S: u64 = 60 * 60;

/// Folds one kind of view.
pub struct Projector<V: View> {
    /// What the subject of a key begins with.
    prefix: String,
    values: HashMap<V::Key, V>,
    changed: HashSet<V::Key>,
    /// Changed keys with the commit that changed them first, in that order.
    order: VecDeque<(V::Key, Sequence)>,
    /// Keys whose value may be dropped once there are too many, the oldest first.
    idle: VecDeque<V::Key>,
    flight: Vec<V::Key>,
    keeps: Keeps,
    /// When the last commit that was folded was made.
    made: Timestamp,
}

/// How long a value is kept once nothing more is expected of it: for ever, unless somebody says
/// otherwise. From then on the log answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keeps(Option<(Duration, fn() -> Timestamp)>);

impl Keeps {
    /// So long, by this clock.
    #[must_use]
    pub const fn over_for(bound: Duration, now: fn() -> Timestamp) -> Self {
        Self(Some((bound, now)))
    }

    /// Units: whole seconds, at least one: a value that is too old already goes at once, but it is
    /// written, since another one may stand under its key.
    fn seconds_of(self, value: &impl View) -> Option<u64> {
        let ((bound, now), over) = self.0.zip(value.over_since())?;
        Some(bound.saturating_sub(now().since(over)).as_secs().max(1))
    }
}

impl<V: View> Projector<V> {
    /// A projector of the bucket whose keys' subjects begin with `prefix`.
    #[must_use]
    pub fn new(prefix: String) -> Self {
        Self {
            prefix,
            values: HashMap::new(),
            changed: HashSet::new(),
            order: VecDeque::new(),
            idle: VecDeque::new(),
            flight: Vec::new(),
            keeps: Keeps::default(),
            made: Timestamp::default(),
        }
    }

    /// Has what is over kept only so long.
    #[must_use]
    pub fn keeping(self, keeps: Keeps) -> Self {
        Self { keeps, ..self }
    }

    fn follow(
        &mut self,
        key: &V::Key,
        at: Address,
        made: Timestamp,
        event: &Event,
    ) -> Result<(), Misfit> {
        match self.values.get_mut(key) {
            Some(value) => value.follow(at, made, event),
            None => {
                let begun = V::begin(at, made, event);
                if begun.is_none() && self.keeps.0.is_some() {
                    // It was over, and is no longer kept; the log has it.
                    return Ok(());
                }
                let begun = begun.ok_or_else(|| Misfit::new(event.kind(), "there is no value"))?;
                self.values.insert(key.clone(), begun);
                Ok(())
            }
        }
    }

    /// Whether it may be followed when its bucket no longer has it: a view of an old log is built
    /// anew, and what is over there is too old to stay, whatever became of it a day later.
    fn is_needed(&self, value: &V) -> bool {
        let soon = self.keeps.seconds_of(value).is_some_and(|left| left < SOON_S);
        soon && value.over_since().is_some_and(|over| self.made.since(over) <= FOLLOWED)
    }

    fn drop_idle(&mut self) {
        while KEPT < self.idle.len() {
            let oldest = self.idle.front().and_then(|key| self.values.get(key));
            if oldest.is_some_and(|value| self.is_needed(value)) {
                return;
            }
            let Some(key) = self.idle.pop_front() else {
                return;
            };
            let active = self.values.get(&key).is_some_and(View::is_active);
            if !active && !self.changed.contains(&key) {
                self.values.remove(&key);
            }
        }
    }
}

impl<V: View> Projection for Projector<V> {
    fn wants(&self, commit: &Commit) -> Vec<String> {
        let mut begun = HashSet::new();
        let mut wanted = HashSet::new();
        for record in &commit.events {
            let Some(key) = V::key(&record.event, commit.head.at) else {
                continue;
            };
            if self.values.contains_key(&key) || begun.contains(&key) {
                continue;
            }
            if V::begins(&record.event) {
                begun.insert(key);
            } else {
                wanted.insert(key);
            }
        }
        wanted.into_iter().map(|key| key.to_string()).collect()
    }

    fn load(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), ProjectionError> {
        if let Some(value) = value {
            let value: V = Encoding::Json.read(value).map_err(|error| unreadable(key, &error))?;
            self.values.insert(value.own_key(), value);
        }
        Ok(())
    }

    fn fold(
        &mut self,
        sequence: Sequence,
        skip: u32,
        commit: &Commit,
    ) -> Result<(), ProjectionError> {
        let made = commit.head.at;
        self.made = made;
        for (index, record) in (0_u32..).zip(&commit.events).skip_while(|(index, _)| *index < skip)
        {
            let Some(key) = V::key(&record.event, made) else {
                continue;
            };
            let at = Address::new(sequence, index);
            self.follow(&key, at, made, &record.event)
                .map_err(|misfit| ProjectionError(format!("event {index}, {key}: {misfit}")))?;
            if self.changed.insert(key.clone()) {
                self.order.push_back((key, sequence));
            }
        }
        Ok(())
    }

    fn owed(&self) -> usize {
        self.order.len()
    }

    fn take(&mut self, limit: usize) -> Result<Taken, ProjectionError> {
        let count = limit.min(self.order.len());
        let mut messages = Vec::with_capacity(count);
        self.flight.clear();
        for (key, _) in self.order.drain(..count) {
            self.changed.remove(&key);
            let Some(value) = self.values.get(&key) else {
                continue;
            };
            let payload = Encoding::Json.write(value).map_err(|error| unreadable(&key, &error))?;
            let subject = format!("{}{key}", self.prefix);
            let kept_s = self.keeps.seconds_of(value);
            messages.push(Message { subject, payload, kept_s, ..Message::default() });
            self.flight.push(key);
        }
        // What was changed first is written first, so everything before the rest is reflected.
        let rest = self.order.front();
        let reached = rest.map_or(Reached::Everything, |(_, since)| Reached::Before(*since));
        Ok(Taken { messages, reached })
    }

    fn written(&mut self) {
        self.idle.extend(self.flight.drain(..));
        self.drop_idle();
    }
}

fn unreadable(key: impl Display, error: &impl Display) -> ProjectionError {
    ProjectionError(format!("the value of {key}: {error}"))
}
