//! A commit: one message with the events of many commands.
//!
//! Shape: `{v, epoch, number, at_ms, position, prev_hash, events: [record …]}`, MessagePack.

use bytes::Bytes;
use rmp::encode::{write_array_len, write_bin, write_map_len, write_str, write_uint};
use serde::{Deserialize, Serialize};

use super::chain::Hash;
use super::encoding::message_pack;
use super::event::{ReadRecord, Record};
use crate::domain::{Recorded, Sequence, Timestamp};

/// The version in which this build writes commits.
const VERSION: u64 = 1;

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
#[error("the commit cannot be read: {0}")]
pub struct DecodeError(String);

#[derive(Deserialize)]
struct CommitShape {
    v: u64,
    epoch: u64,
    number: u64,
    #[serde(rename = "at_ms")]
    at: Timestamp,
    position: Sequence,
    prev_hash: Hash,
    events: Vec<ReadRecord>,
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
            .map_err(|error| DecodeError(error.to_string()))?;
        if shape.v != VERSION {
            return Err(DecodeError(format!("version {}, this build reads {VERSION}", shape.v)));
        }
        let head = CommitHead {
            epoch: shape.epoch,
            number: shape.number,
            at: shape.at,
            position: shape.position,
            prev_hash: shape.prev_hash,
        };
        Ok(Self { head, events: shape.events.into_iter().map(|read| read.0).collect() })
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

/// Room for everything but the events: field names, five integers, a hash.
const HEAD_BYTES: usize = 160;

impl CommitDraft {
    /// Bytes the commit would have now, its head included.
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
            .map_err(|error| DecodeError(error.to_string()))?;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Finishes the commit, and leaves an empty draft behind.
    ///
    /// # Errors
    ///
    /// What the encoder says; writing to memory does not fail.
    pub fn seal(&mut self, head: &CommitHead) -> Result<Bytes, DecodeError> {
        let events = std::mem::take(&mut self.events);
        let count = std::mem::take(&mut self.count);
        // The next commit will be about as large.
        self.events.reserve(events.len().min(64 * 1024));
        let mut out = Vec::with_capacity(events.len().saturating_add(HEAD_BYTES));
        write_head(&mut out, head, count).map_err(|error| DecodeError(error.to_string()))?;
        out.extend_from_slice(&events);
        Ok(out.into())
    }
}

fn write_head(
    out: &mut Vec<u8>,
    head: &CommitHead,
    events: u32,
) -> Result<(), rmp::encode::ValueWriteError> {
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
    write_str(out, "events")?;
    write_array_len(out, events)?;
    Ok(())
}
