//! The chain: every commit carries the hash of the one before it.

use std::fmt;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::commit::CommitHead;
use crate::domain::{Sequence, Timestamp};

/// BLAKE3 over a commit's whole payload. Before the first commit it is all zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of a commit's payload.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        Self(*blake3::hash(payload).as_bytes())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Hash;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("32 bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Hash, E> {
                bytes.try_into().map(Hash).map_err(|_| E::custom("a hash has 32 bytes"))
            }
        }

        deserializer.deserialize_bytes(Bytes).map_err(D::Error::custom)
    }
}

/// The end of a log: everything the next commit has to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Where the last commit stands. The next one expects it on its subject.
    pub head: Sequence,
    /// The last message of the stream: the last commit, or the last of its ledger entries.
    pub end: Sequence,
    /// Which committer wrote it.
    pub epoch: u64,
    /// How many commits there are.
    pub number: u64,
    /// How far the command stream is decided.
    pub position: Sequence,
    /// When the last commit was made.
    pub at: Timestamp,
    /// Its hash.
    pub hash: Hash,
}

impl Chain {
    /// Where the next commit will stand, if nobody else writes.
    #[must_use]
    pub const fn next(&self) -> Sequence {
        self.end.next()
    }

    /// The chain after the commit at `sequence` with its `entries` ledger entries right behind it.
    #[must_use]
    pub const fn after(head: &CommitHead, hash: Hash, sequence: Sequence, entries: u64) -> Self {
        Self {
            head: sequence,
            end: sequence.plus(entries),
            epoch: head.epoch,
            number: head.number,
            position: head.position,
            at: head.at,
            hash,
        }
    }

    /// What is wrong with a commit that is said to come next; nothing when it fits.
    #[must_use]
    pub fn rejects(&self, head: &CommitHead) -> Option<String> {
        if head.number != self.number.saturating_add(1) {
            return Some(format!("commit {} after commit {}", head.number, self.number));
        }
        if head.prev_hash != self.hash {
            return Some(format!("prev_hash {} after {}", head.prev_hash, self.hash));
        }
        if head.epoch < self.epoch {
            return Some(format!("epoch {} after epoch {}", head.epoch, self.epoch));
        }
        if head.position < self.position {
            return Some(format!("position {} after {}", head.position, self.position));
        }
        (head.at < self.at).then(|| format!("made at {} after {}", head.at, self.at))
    }
}
