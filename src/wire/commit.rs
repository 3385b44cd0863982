//! A commit: one message with the events of many commands.
//!
//! Shape: `{v, epoch, number, at_ms, position, prev_hash, events}`, MessagePack. In version 2
//! `events` are the bytes of a packed `[record …]`; in version 1, no longer written, the array
//! stands there as it is.

use std::fmt;

use bytes::Bytes;
use rmp::encode::{write_array_len, write_bin, write_map_len, write_str, write_uint};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::chain::Hash;
use super::encoding::message_pack;
use super::event::{ReadRecord, Record};
use super::pack::{pack, unpack};
use crate::domain::{Recorded, Sequence, Timestamp};

/// The version in which this build writes commits.
const VERSION: u64 = 2;

/// `Kassa-Type` of a commit as this build writes it.
pub const COMMIT_TYPE: &str = "commit/2";

/// `Kassa-Type` of every commit that this build reads.
pub(super) const COMMIT_TYPES: [&str; 2] = ["commit/1", COMMIT_TYPE];

/// What every commit says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitHead {
    /// Which committer wrote it; counts openings.
    pub epoch: u64,
    /// Counts commits from 1, without gaps.
    pub number: u64,
    /// When it was made. Never goes back.
    pub at: Timestamp,
    /// How far the command stream is decided. Never goes back.
    pub position: Sequence,
    /// The hash of the commit before it.
    pub prev_hash: Hash,
}

/// One message of the log, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// What it says of itself.
    pub head: CommitHead,
    /// What happened, in order.
    pub events: Vec<Recorded>,
}

/// A message that is no commit this build can read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is no commit, or a damaged one.
    #[error("the commit cannot be read: {0}")]
    Unreadable(String),
    /// A newer build wrote it. Nothing is wrong with the log.
    #[error("{found} is not known to this build ({build}); a newer one wrote it",
        build = env!("CARGO_PKG_VERSION"))]
    Newer {
        /// What stands there.
        found: String,
    },
}

/// A commit that cannot be read, with its place.
#[derive(Debug, thiserror::Error)]
#[error("at sequence {sequence} of the log")]
pub struct UnreadCommit {
    /// Where it stands.
    pub sequence: Sequence,
    /// What is wrong with it.
    #[source]
    pub source: DecodeError,
}

impl DecodeError {
    /// Whether a newer build can read it.
    #[must_use]
    pub const fn is_newer(&self) -> bool {
        matches!(self, Self::Newer { .. })
    }
}

/// The version alone, of a commit whose other fields may be unlike ours.
#[derive(Deserialize)]
struct VersionOnly {
    v: u64,
}

/// What serde says of a word that is in none of our lists. A newer build has longer ones.
const UNKNOWN_WORD: &str = "unknown variant `";

/// Why a payload is no commit.
fn why_not(payload: &[u8], problem: String) -> DecodeError {
    let version = VersionOnly::deserialize(&mut message_pack(payload));
    if let Some(v) = version.ok().map(|read| read.v).filter(|v| VERSION < *v) {
        return DecodeError::Newer { found: format!("a commit of version {v}") };
    }
    let word = problem.split_once(UNKNOWN_WORD).and_then(|(_, rest)| rest.split_once('`'));
    match word {
        Some((word, _)) => DecodeError::Newer { found: format!("the word `{word}` in an event") },
        None => DecodeError::Unreadable(problem),
    }
}

#[derive(Deserialize)]
struct CommitShape {
    v: u64,
    epoch: u64,
    number: u64,
    #[serde(rename = "at_ms")]
    at: Timestamp,
    position: Sequence,
    prev_hash: Hash,
    events: Events,
}

/// The events of a commit, by the version that has them so.
struct Events {
    version: u64,
    records: Vec<ReadRecord>,
}

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EventsVisitor)
    }
}

struct EventsVisitor;

impl<'de> Visitor<'de> for EventsVisitor {
    type Value = Events;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("events, packed or as an array")
    }

    fn visit_bytes<E: serde::de::Error>(self, packed: &[u8]) -> Result<Events, E> {
        let plain = unpack(packed).map_err(E::custom)?;
        let records = Vec::deserialize(&mut message_pack(&plain)).map_err(E::custom)?;
        Ok(Events { version: 2, records })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Events, A::Error> {
        let mut records = Vec::new();
        while let Some(record) = seq.next_element()? {
            records.push(record);
        }
        Ok(Events { version: 1, records })
    }
}

impl Commit {
    /// Reads a commit.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the bytes are no commit, or hold a shape this build does not know.
    /// The caller stops: what it cannot read has happened all the same.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let shape = CommitShape::deserialize(&mut message_pack(payload))
            .map_err(|error| why_not(payload, error.to_string()))?;
        let Events { version, records } = shape.events;
        if shape.v != version {
            let why = format!("version {}, and its events are those of {version}", shape.v);
            return Err(why_not(payload, why));
        }
        let head = CommitHead {
            epoch: shape.epoch,
            number: shape.number,
            at: shape.at,
            position: shape.position,
            prev_hash: shape.prev_hash,
        };
        let mut events = Vec::with_capacity(records.len());
        for (index, ReadRecord(record)) in records.into_iter().enumerate() {
            let newer = |shape| DecodeError::Newer { found: format!("event {index}, {shape},") };
            events.push(record.map_err(newer)?);
        }
        Ok(Self { head, events })
    }

    /// The bytes of the events that are packed in a commit; none when nothing is.
    #[must_use]
    pub fn plain_events(payload: &[u8]) -> Option<Vec<u8>> {
        #[derive(Deserialize)]
        struct PackedOnly<'a> {
            events: &'a [u8],
        }
        let packed = PackedOnly::deserialize(&mut message_pack(payload)).ok()?;
        unpack(packed.events).ok()
    }

    /// Reads the commit at `sequence`.
    ///
    /// # Errors
    ///
    /// [`UnreadCommit`]: see [`Commit::decode`].
    pub fn decode_at(sequence: Sequence, payload: &[u8]) -> Result<Self, UnreadCommit> {
        Self::decode(payload).map_err(|source| UnreadCommit { sequence, source })
    }
}

/// A commit that is being filled.
///
/// Events are written as they are decided, so that its size is known before the next one is
/// taken in.
#[derive(Debug, Default)]
pub struct CommitDraft {
    events: Vec<u8>,
    count: u32,
}

/// A place in a draft to which it can go back.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: usize,
    count: u32,
}

/// Room for everything but the events: field names, five integers, a hash;
/// and what zstd adds to bytes it cannot pack: one in 256 of at most a quarter of a million.
const HEAD_BYTES: usize = 160 + 1024;

impl CommitDraft {
    /// Bytes the commit has at most now, its head included: it is packed when it is sealed, and
    /// what cannot be packed tighter keeps its size.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.events.len().saturating_add(HEAD_BYTES)
    }

    /// How many events are in it: the index of the next one.
    #[must_use]
    pub const fn events(&self) -> u32 {
        self.count
    }

    /// Where it stands, for [`CommitDraft::back_to`].
    #[must_use]
    pub const fn mark(&self) -> Mark {
        Mark { bytes: self.events.len(), count: self.count }
    }

    /// Drops what was added since the mark.
    pub fn back_to(&mut self, mark: Mark) {
        self.events.truncate(mark.bytes);
        self.count = mark.count;
    }

    /// Adds one event.
    ///
    /// # Errors
    ///
    /// What the encoder says; the draft is spoilt then, and its writer has a defect.
    pub fn push(&mut self, record: &Recorded) -> Result<(), DecodeError> {
        let mut serializer = rmp_serde::Serializer::new(&mut self.events).with_struct_map();
        Record(record)
            .serialize(&mut serializer)
            .map_err(|error| DecodeError::Unreadable(error.to_string()))?;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Finishes the commit, and leaves an empty draft behind.
    ///
    /// # Errors
    ///
    /// What the encoder says; writing to memory does not fail.
    pub fn seal(&mut self, head: &CommitHead) -> Result<Bytes, DecodeError> {
        let wrong = |error: &dyn fmt::Display| DecodeError::Unreadable(error.to_string());
        let count = std::mem::take(&mut self.count);
        let mut plain = Vec::with_capacity(self.events.len().saturating_add(HEAD_BYTES));
        write_array_len(&mut plain, count).map_err(|error| wrong(&error))?;
        plain.append(&mut self.events);
        let packed = pack(&plain).map_err(|error| wrong(&error))?;
        let mut out = Vec::with_capacity(packed.len().saturating_add(HEAD_BYTES));
        write_head(&mut out, head).map_err(|error| wrong(&error))?;
        write_bin(&mut out, &packed).map_err(|error| wrong(&error))?;
        Ok(out.into())
    }
}

fn write_head(out: &mut Vec<u8>, head: &CommitHead) -> Result<(), rmp::encode::ValueWriteError> {
    write_map_len(out, 7)?;
    let integers = [
        ("v", VERSION),
        ("epoch", head.epoch),
        ("number", head.number),
        ("at_ms", head.at.0),
        ("position", head.position.0),
    ];
    for (name, value) in integers {
        write_str(out, name)?;
        write_uint(out, value)?;
    }
    write_str(out, "prev_hash")?;
    write_bin(out, &head.prev_hash.0)?;
    write_str(out, "events")
}
