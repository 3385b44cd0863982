//! Views: one value a key, in a bucket.
//!
//! A value is compared when the fold reaches the commit it reflects, and forgotten: what is kept in
//! memory are values that have not come to that yet, and some hundred bytes for each key.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::shown::{Met, Shown};
use super::{Proof, Proved};
use crate::domain::{Address, Policy, Sequence, Timestamp};
use crate::engine::ViewReader;
use crate::port::{Log, ReadError};
use crate::view::View;
use crate::wire::{Commit, Encoding, Hash};

/// How long after it was over something may still come of a value: as long as the committer knows
/// it, which forgets by the hour.
const MAY_GO_ON: Duration = Policy::WINDOW.saturating_add(Duration::from_secs(2 * 60 * 60));

/// A view and the log beside it.
struct ViewProof<V: View> {
    shown: Shown,
    /// What the log came to so far and is still to be compared, or missed.
    values: HashMap<V::Key, V>,
    /// What of these may be gone, unless it goes on after all: since when it is over, the oldest
    /// first.
    gone: VecDeque<(Timestamp, V::Key)>,
    /// What was over before this is no longer shown.
    gone_before: Timestamp,
    /// The log has passed the view's position: what comes now need not be shown.
    is_passed: bool,
}

/// What `live` shows, as it is now. What was over before `gone_before` and did not go on need not
/// be shown.
///
/// # Errors
///
/// See [`ReadError`].
pub async fn view<V: View, L: Log>(
    (view, live): (&str, &ViewReader<L>),
    gone_before: Timestamp,
) -> Result<Box<dyn Proof>, ReadError> {
    // Asked for first: the values are as new or newer.
    let position = live.position().await?;
    let mut shown = Shown::new(&format!("the view of {view}"), position);
    live.each(|key, payload| {
        if payload.is_empty() {
            return shown.hide(key);
        }
        let value = Encoding::Json.read::<V>(payload).ok();
        shown.show(key, value.and_then(|value| written(&value)));
    })
    .await?;
    Ok(Box::new(ViewProof::<V>::new(shown, gone_before)))
}

impl<V: View> ViewProof<V> {
    fn new(shown: Shown, gone_before: Timestamp) -> Self {
        let (values, gone) = (HashMap::new(), VecDeque::new());
        Self { shown, values, gone, gone_before, is_passed: false }
    }

    /// Whether a value under this key is still to be compared, or missed.
    fn is_awaited(&self, key: &V::Key) -> bool {
        let name = key.to_string();
        match self.shown.has(&name) {
            true => !self.shown.is_met(&name),
            false => !self.is_passed,
        }
    }

    /// Compares what is shown of a key, when the log has come to what that reflects.
    fn compare(&mut self, sequence: Sequence, key: &V::Key) {
        let Some(value) = self.values.get(key) else {
            // What begins nothing was begun before: either the view knows it no more, or it shows
            // what it was.
            self.shown.meet(&key.to_string(), sequence, Vec::new);
            return;
        };
        let made = || written(value).into_iter().map(|(_, hash)| hash).collect();
        match self.shown.meet(&key.to_string(), sequence, made) {
            Met::Compared => drop(self.values.remove(key)),
            Met::Elsewhere => {}
            Met::Unshown => {
                let over = value.over_since().filter(|since| *since < self.gone_before);
                self.gone.extend(over.map(|since| (since, key.clone())));
            }
        }
    }

    /// Forgets what may be gone and was over for so long by `now` that nothing comes of it any
    /// more.
    fn forget(&mut self, now: Timestamp) {
        while let Some((since, key)) =
            self.gone.pop_front_if(|(since, _)| since.after(MAY_GO_ON) < now)
        {
            // One that went on meanwhile is over since later, or not over.
            if self.values.get(&key).and_then(View::over_since) == Some(since) {
                self.values.remove(&key);
            }
        }
    }

    /// The log has come to the view's position: what it comes to there has to be shown, unless it
    /// may be gone.
    fn pass(&mut self) {
        if std::mem::replace(&mut self.is_passed, true) {
            return;
        }
        self.gone.clear();
        let (shown, gone_before) = (&self.shown, self.gone_before);
        let unshown = self.values.extract_if(|key, _| !shown.has(&key.to_string()));
        let is_gone = |value: &V| value.over_since().is_some_and(|since| since < gone_before);
        let missing = unshown.filter(|(_, value)| !is_gone(value));
        let missing = missing.filter_map(|(key, value)| Some((written(&value)?.0, key)));
        let missing = missing.map(|(event_seq, key)| (event_seq, key.to_string())).collect();
        self.shown.miss(missing);
    }
}

impl<V: View> Proof for ViewProof<V> {
    fn until(&self) -> Sequence {
        self.shown.until()
    }

    fn follow(&mut self, sequence: Sequence, commit: &Commit) {
        if self.shown.position < sequence {
            self.pass();
        }
        let made = commit.head.at;
        self.forget(made);
        let mut touched = HashSet::new();
        for (index, record) in (0_u32..).zip(&commit.events) {
            let Some(key) = V::key(&record.event, made) else { continue };
            let at = Address::new(sequence, index);
            match self.values.get_mut(&key) {
                // What cannot follow is the business of whoever proves the log.
                Some(value) => drop(value.follow(at, made, &record.event)),
                None => {
                    let begun = V::begin(at, made, &record.event);
                    // Of one that was met already, the view knew of nothing that came later.
                    if let Some(value) = begun.filter(|_| self.is_awaited(&key)) {
                        self.values.insert(key.clone(), value);
                    }
                }
            }
            touched.insert(key);
        }
        for key in touched {
            self.compare(sequence, &key);
        }
    }

    fn end(mut self: Box<Self>) -> Proved {
        self.pass();
        self.shown.end()
    }
}

/// The commit that a value reflects, and the hash of the value as it is written.
fn written<V: View>(value: &V) -> Option<(Sequence, Hash)> {
    #[derive(serde::Deserialize)]
    struct Reflects {
        event_seq: Sequence,
    }
    let bytes = Encoding::Json.write(value).ok()?;
    let Reflects { event_seq } = serde_json::from_slice(&bytes).ok()?;
    Some((event_seq, Hash::of(&bytes)))
}

#[cfg(test)]
mod tests;
