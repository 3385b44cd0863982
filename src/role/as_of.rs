//! As of a moment: what was true when the log ended there.
//!
//! Woken by whoever looks, wakes nobody; see [`Replay`] for what it cannot do.

use super::replay::Replay;
use crate::domain::{Address, Misfit, Sequence, Timestamp};
use crate::port::{Entry, ReadError, Tail};
use crate::view::{Totals, View};
use crate::wire::Commit;

/// Why nobody can say what was true.
#[derive(Debug, thiserror::Error)]
pub enum AsOfError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// A commit cannot be understood.
    #[error("commit {sequence} cannot be read: {problem}")]
    Commit {
        /// Where.
        sequence: Sequence,
        /// What is wrong.
        problem: String,
    },
    /// An event does not follow what was there before it.
    #[error("the event at {at}")]
    Misfit {
        /// Where.
        at: Address,
        /// Why not.
        #[source]
        why: Misfit,
    },
}

/// A value of a view, folded from a part of the log that holds all of its events, and of those
/// commits that were made by `until`; none when nothing had begun it.
///
/// # Errors
///
/// See [`AsOfError`].
pub async fn value<V: View, T: Tail>(
    (replay, until): (&mut Replay<T>, Timestamp),
    key: &V::Key,
) -> Result<Option<V>, AsOfError> {
    let mut value: Option<V> = None;
    while let Some(entry) = replay.next().await? {
        let commit = read(&entry)?;
        let made = commit.head.at;
        // The times of commits never go back.
        if until < made {
            break;
        }
        for (index, record) in (0..).zip(&commit.events) {
            let event = &record.event;
            if V::key(event, made).as_ref() != Some(key) {
                continue;
            }
            let at = Address::new(entry.sequence, index);
            value = match value.take().filter(|_| !V::begins(event)) {
                Some(mut known) => {
                    known.follow(at, made, event).map_err(|why| AsOfError::Misfit { at, why })?;
                    Some(known)
                }
                None => V::begin(at, made, event),
            };
        }
    }
    Ok(value)
}

/// The whole shop in figures, by the commits that were made by `until`.
///
/// # Errors
///
/// See [`AsOfError`].
pub async fn totals<T: Tail>(
    (replay, until): (&mut Replay<T>, Timestamp),
) -> Result<Totals, AsOfError> {
    let mut totals = Totals::default();
    while let Some(entry) = replay.next().await? {
        let commit = read(&entry)?;
        if until < commit.head.at {
            break;
        }
        totals.follow(entry.sequence, commit.head.at, &commit.events);
    }
    Ok(totals)
}

fn read(entry: &Entry) -> Result<Commit, AsOfError> {
    Commit::decode(&entry.payload)
        .map_err(|error| AsOfError::Commit { sequence: entry.sequence, problem: error.to_string() })
}
