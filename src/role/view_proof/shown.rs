//! Values under keys, each of which is compared once: when the log comes to what it reflects.

use std::collections::HashMap;

use super::{Found, Proved, wide};
use crate::domain::Sequence;
use crate::wire::Hash;

/// What readers see.
pub(super) struct Shown {
    /// Everything up to here is in it.
    pub(super) position: Sequence,
    values: HashMap<String, Value>,
    found: Found,
}

/// What is shown under a key.
struct Value {
    /// The last commit it reflects.
    event_seq: Sequence,
    hash: Hash,
    /// The log has come to it, and it was compared.
    is_met: bool,
}

/// What became of a key in a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// Nothing is shown under it.
    Unshown,
    /// What is shown is of another commit.
    Elsewhere,
    /// What is shown was compared.
    Compared,
}

impl Shown {
    pub(super) fn new(of: &str, position: Sequence) -> Self {
        Self { position, values: HashMap::new(), found: Found::of(of) }
    }

    /// A value is shown, or shown anew; none when nobody can read it.
    pub(super) fn show(&mut self, key: &str, value: Option<(Sequence, Hash)>) {
        let Some((event_seq, hash)) = value else {
            self.hide(key);
            return self.tell(self.position, &format!("what it shows of {key} cannot be read"));
        };
        self.values.insert(key.to_owned(), Value { event_seq, hash, is_met: false });
    }

    /// Nothing is shown any more.
    pub(super) fn hide(&mut self, key: &str) {
        self.values.remove(key);
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub(super) fn is_met(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| value.is_met)
    }

    /// The commit that the oldest value reflects.
    pub(super) fn oldest(&self) -> Option<Sequence> {
        self.values.values().map(|value| value.event_seq).min()
    }

    /// How far the log has to be read.
    pub(super) fn until(&self) -> Sequence {
        let newest = self.values.values().map(|value| value.event_seq).max();
        newest.unwrap_or_default().max(self.position)
    }

    /// The commit at `sequence` has made these of a key, the last one last; nothing, when that is
    /// not known.
    pub(super) fn meet(
        &mut self,
        key: &str,
        sequence: Sequence,
        made: impl FnOnce() -> Vec<Hash>,
    ) -> Met {
        let position = self.position;
        let Some(value) = self.values.get_mut(key) else { return Met::Unshown };
        if value.event_seq < sequence {
            if sequence <= position {
                let known = std::mem::replace(&mut value.event_seq, sequence);
                self.tell(sequence, &format!("{key} changed, and it shows what was at {known}"));
            }
            return Met::Elsewhere;
        }
        let made = if sequence < value.event_seq { Vec::new() } else { made() };
        let Some(last) = made.last() else { return Met::Elsewhere };
        value.is_met = true;
        // Ahead of the position a batch may have ended inside of what the commit made.
        let ahead = position < sequence && made.contains(&value.hash);
        if value.hash != *last && !ahead {
            self.tell(sequence, &format!("{key} is not what the log adds up to"));
        }
        Met::Compared
    }

    /// Nothing is shown of these, which were made by these commits.
    pub(super) fn miss(&mut self, mut missing: Vec<(Sequence, String)>) {
        missing.sort();
        for (sequence, key) in missing {
            self.tell(sequence, &format!("it shows nothing of {key}"));
        }
    }

    fn tell(&mut self, sequence: Sequence, what: &str) {
        self.found.tell(sequence, what);
    }

    /// The log was read: what is shown and was not met in it is of no log.
    pub(super) fn end(mut self) -> Proved {
        let unmet = self.values.iter().filter(|(_, value)| !value.is_met);
        let mut unmet: Vec<_> = unmet.map(|(key, value)| (value.event_seq, key.clone())).collect();
        unmet.sort();
        for (sequence, key) in unmet {
            // What was told before is told.
            if !self.found.tells_of(&key) {
                self.tell(sequence, &format!("it shows {key}, and no commit says so"));
            }
        }
        let held = wide(self.values.len());
        self.found.proved(held)
    }
}
