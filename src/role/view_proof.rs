//! Whether a view says what the log adds up to, without writing anything.
//!
//! A value is compared when the fold reaches the commit it reflects, and forgotten: what is kept
//! in memory are values that have not come to that yet, and some fifty bytes for each key.

use std::collections::{HashMap, HashSet};

use crate::domain::verify::{Invariant, Stream, Violation};
use crate::domain::{Address, Sequence, Timestamp};
use crate::engine::ViewReader;
use crate::port::{Log, ReadError, Tail};
use crate::view::View;
use crate::wire::{Commit, Encoding, Hash, Subjects, UnreadCommit};

/// Commits taken from the log at once.
const READ_AT_ONCE: usize = 256;

/// Violations that are told of one view.
const TOLD_MAX: usize = 100;

/// Why a view cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ViewProofError {
    /// The log or the bucket cannot be read.
    #[error("the log or the view cannot be read")]
    Read(#[from] ReadError),
    /// A commit cannot be understood.
    #[error(transparent)]
    Commit(#[from] UnreadCommit),
}

/// What a view shows under a key.
struct Shown {
    event_seq: Sequence,
    value: Hash,
    /// Whether the log came to the same.
    is_right: bool,
}

/// A view and the log beside it.
struct Proof<'a, V: View> {
    view: &'a str,
    /// Everything up to here is in the view.
    position: Sequence,
    shown: HashMap<String, Shown>,
    values: HashMap<V::Key, V>,
    /// What was over before this is no longer shown.
    gone_before: Timestamp,
    found: Vec<Violation>,
}

/// Holds what `live` shows against the fold of the log, both as they are now; the number of its
/// keys, and what is not the same. What was over before `gone_before` need not be shown.
///
/// # Errors
///
/// See [`ViewProofError`].
pub async fn prove_view<V: View, L: Log>(
    (events, subjects): (&L, &Subjects),
    (view, live): (&str, &ViewReader<L>),
    gone_before: Timestamp,
) -> Result<(u64, Vec<Violation>), ViewProofError> {
    // Asked for first: the values are as new or newer.
    let position = live.position().await?;
    let mut proof: Proof<'_, V> = Proof::new(view, position, gone_before);
    live.each(|key, payload| proof.is_shown(key, payload)).await?;
    let newest = proof.shown.values().map(|shown| shown.event_seq).max();
    let until = newest.unwrap_or_default().max(position);
    let mut tail = events.follow(&subjects.commit(), Sequence::START).await?;
    let mut reached = Sequence::START;
    while reached < until && 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await? {
            reached = entry.sequence;
            if reached <= until {
                proof.follow(reached, &Commit::decode_at(reached, &entry.payload)?);
            }
        }
    }
    let keys = u64::try_from(proof.shown.len()).unwrap_or(u64::MAX);
    proof.end();
    Ok((keys, proof.found))
}

impl<'a, V: View> Proof<'a, V> {
    fn new(view: &'a str, position: Sequence, gone_before: Timestamp) -> Self {
        let (shown, values) = (HashMap::new(), HashMap::new());
        Self { view, position, shown, values, gone_before, found: Vec::new() }
    }

    fn is_shown(&mut self, key: &str, payload: &[u8]) {
        if payload.is_empty() {
            self.shown.remove(key);
            return;
        }
        let value = Encoding::Json.read::<V>(payload).ok().and_then(|value| written(&value));
        let Some((event_seq, value)) = value else {
            return self.tell(self.position, format!("what it shows of {key} cannot be read"));
        };
        self.shown.insert(key.to_owned(), Shown { event_seq, value, is_right: false });
    }

    fn follow(&mut self, sequence: Sequence, commit: &Commit) {
        let mut touched = HashSet::new();
        for (index, record) in (0_u32..).zip(&commit.events) {
            let Some(key) = V::key(&record.event, commit.head.at) else { continue };
            let at = Address::new(sequence, index);
            match self.values.get_mut(&key) {
                // What cannot follow is the business of whoever proves the log.
                Some(value) => drop(value.follow(at, commit.head.at, &record.event)),
                None => {
                    // One that was right already: the view knew of nothing that came later.
                    let begun = V::begin(at, commit.head.at, &record.event);
                    if let Some(value) = begun.filter(|_| !self.was_right(&key)) {
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

    fn was_right(&self, key: &V::Key) -> bool {
        self.shown.get(&key.to_string()).is_some_and(|shown| shown.is_right)
    }

    /// Compares what is shown of a key, when the log has come to what that reflects.
    fn compare(&mut self, sequence: Sequence, key: &V::Key) {
        let name = key.to_string();
        let Some(shown) = self.shown.get_mut(&name) else {
            let over = self.values.get(key).and_then(View::over_since);
            if over.is_some_and(|since| since < self.gone_before) {
                self.values.remove(key);
            }
            return;
        };
        if shown.event_seq < sequence {
            if sequence <= self.position {
                let known = shown.event_seq;
                shown.event_seq = sequence;
                self.tell(sequence, format!("{name} changed, and it shows what was at {known}"));
            }
            return;
        }
        if sequence < shown.event_seq {
            return;
        }
        let Some(value) = self.values.remove(key) else { return };
        let is_right = written(&value).is_some_and(|(_, folded)| folded == shown.value);
        shown.is_right = true;
        if !is_right {
            self.tell(sequence, format!("{name} is not what the log adds up to"));
        }
    }

    /// The log was read: what it comes to has to be shown, and what is shown and was not met in it
    /// is of no log.
    fn end(&mut self) {
        let unshown = self.values.iter().map(|(key, value)| (key.to_string(), written(value)));
        let unshown = unshown.filter(|(name, _)| !self.shown.contains_key(name));
        let mut unshown: Vec<_> =
            unshown.filter_map(|(name, value)| Some((value?.0, name))).collect();
        unshown.retain(|(event_seq, _)| *event_seq <= self.position);
        unshown.sort();
        for (event_seq, name) in unshown {
            self.tell(event_seq, format!("it shows nothing of {name}"));
        }
        let unmet = self.shown.iter().filter(|(_, shown)| !shown.is_right);
        let mut unmet: Vec<_> =
            unmet.map(|(name, shown)| (shown.event_seq, name.clone())).collect();
        unmet.sort();
        for (event_seq, name) in unmet {
            // What was told before is told.
            let of_it = |found: &Violation| found.detail.contains(&name);
            if !self.found.iter().any(of_it) {
                self.tell(event_seq, format!("it shows {name}, and no commit says so"));
            }
        }
    }

    fn tell(&mut self, sequence: Sequence, what: String) {
        if self.found.len() < TOLD_MAX {
            let (stream, invariant) = (Stream::Events, Invariant::I9);
            let detail = format!("the view of {}: {what}", self.view);
            self.found.push(Violation { stream, sequence, index: None, invariant, detail });
        }
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
mod tests {
    use super::*;
    use crate::domain::fixtures::busy_shop;
    use crate::port::model::{ModelClock, ModelLog};
    use crate::port::{Batch, Message};
    use crate::role::testing::logged;
    use crate::view::OrderView;
    use crate::wire::Position;

    const BUCKET: &str = "kassa_main_orders";

    /// A moment before everything: nothing is gone.
    const NEVER: Timestamp = Timestamp(0);

    fn subjects() -> Subjects {
        Subjects::of("main".parse().unwrap())
    }

    /// A log, and the values of every order at its end.
    async fn shop(seed: u64) -> (ModelLog, Vec<(String, OrderView)>, Sequence) {
        let log = logged(&busy_shop(seed)).await;
        log.tamper(|all| all.iter_mut().for_each(|one| one.subject = subjects().commit()));
        let mut proof: Proof<'_, OrderView> = Proof::new("orders", Sequence::START, NEVER);
        let entries = log.entries();
        for entry in &entries {
            let commit = Commit::decode(&entry.payload).unwrap();
            for (index, record) in (0..).zip(&commit.events) {
                let Some(key) = OrderView::key(&record.event, commit.head.at) else { continue };
                let (at, made) = (Address::new(entry.sequence, index), commit.head.at);
                match proof.values.get_mut(&key) {
                    Some(value) => value.follow(at, made, &record.event).unwrap(),
                    None => {
                        let begun = OrderView::begin(at, made, &record.event).unwrap();
                        proof.values.insert(key, begun);
                    }
                }
            }
        }
        let mut values: Vec<_> =
            proof.values.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        values.sort_by(|one, other| one.0.cmp(&other.0));
        (log, values, entries.last().unwrap().sequence)
    }

    /// What is found of a bucket with these values.
    async fn found(
        log: &ModelLog,
        values: &[(String, OrderView)],
        event_seq: Sequence,
    ) -> Vec<String> {
        found_where(log, values, event_seq, NEVER).await
    }

    /// The same, where what was over before a moment is gone.
    async fn found_where(
        log: &ModelLog,
        values: &[(String, OrderView)],
        event_seq: Sequence,
        gone_before: Timestamp,
    ) -> Vec<String> {
        let bucket = ModelLog::new(ModelClock::at(crate::domain::Timestamp(0)));
        let message = |key: &str, payload| Message {
            subject: Subjects::bucket_key(BUCKET, key),
            payload,
            ..Message::default()
        };
        let written = values.iter().map(|(key, v)| message(key, Encoding::Json.write(v).unwrap()));
        let mut messages: Vec<_> = written.collect();
        let position = Position { event_seq, ..Position::default() };
        messages.push(Message {
            subject: Subjects::position_key(BUCKET),
            payload: Encoding::Json.write(&position).unwrap(),
            ..Message::default()
        });
        bucket.commit(&Batch { messages, expected_end: None }).await.unwrap();
        let live = ViewReader::new(bucket, BUCKET.to_owned());
        let subjects = subjects();
        let (log, live) = ((log, &subjects), ("orders", &live));
        let proved = prove_view::<OrderView, _>(log, live, gone_before).await.unwrap();
        assert_eq!(proved.0, u64::try_from(values.len()).unwrap());
        proved.1.iter().map(ToString::to_string).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_view_that_says_what_the_log_does_is_right() {
        for seed in 0..5 {
            let (log, values, end) = shop(seed).await;
            assert!(!values.is_empty());
            assert_eq!(found(&log, &values, end).await, Vec::<String>::new());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_that_was_over_long_ago_may_be_gone() {
        let (mut over_seen, mut open_told) = (0, 0);
        for seed in 0..20 {
            let (log, values, end) = shop(seed).await;
            for missing in 0..values.len() {
                let mut values = values.clone();
                let (name, gone) = values.remove(missing);
                let told = format!("it shows nothing of {name}");
                let found = found_where(&log, &values, end, NEVER).await;
                assert!(found[0].contains(&told), "{found:?}");
                let found = found_where(&log, &values, end, Timestamp(u64::MAX)).await;
                if gone.over_since().is_some() {
                    over_seen += 1;
                    assert_eq!(found, Vec::<String>::new());
                } else {
                    // One that was over for a while may be missed.
                    open_told += usize::from(found.iter().any(|found| found.contains(&told)));
                }
            }
        }
        assert!(0 < over_seen && 0 < open_told, "{over_seen} {open_told}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_that_is_another_missing_old_or_of_no_log_is_told() {
        let (log, values, end) = shop(3).await;
        let (name, value) = &values[2];
        let told = |says: String| {
            move |found: Vec<String>| {
                assert!(found.len() == 1 && found[0].contains(&says), "{found:?}: {says}");
            }
        };
        let mut other = values.clone();
        other[2].1.state = "needs_attention".to_owned();
        let says = format!("{}: I9: the view of orders: {name} is not what", value.event_seq);
        told(says)(found(&log, &other, end).await);
        let mut missing = values.clone();
        missing.remove(2);
        let all = found(&log, &missing, end).await;
        assert!(all[0].contains(&format!("it shows nothing of {name}")), "{all:?}");
        // One that is older than the view says it is.
        let mut old = values.clone();
        old[2].1.event_seq -= 1;
        let says = format!("{name} changed, and it shows what was at {}", old[2].1.event_seq);
        told(says)(found(&log, &old, end).await);
        // The view is not as far as its values: they are right all the same.
        let before = Sequence(end.0 / 2);
        assert_eq!(found(&log, &values, before).await, Vec::<String>::new());
        let mut strange = values.clone();
        let (_, mut stranger) = values[0].clone();
        let id = "01ba60d3-3800-7100-8000-0000000000ff";
        stranger.order_id = id.parse().unwrap();
        strange.push((id.to_owned(), stranger));
        told(format!("it shows {id}, and no commit says so"))(found(&log, &strange, end).await);
    }
}
