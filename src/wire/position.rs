//! How far a follower has come, written in the same batch as what it wrote.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::Sequence;

/// A follower's place in the log.
///
/// Shape: `{"event_seq": 1042, "event_index": 0, "epoch": 3, "number": 77, "nonce": "…"}`, JSON.
/// A reader that needs at least sequence N waits until `event_seq` is N or more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The last commit that is wholly reflected.
    pub event_seq: Sequence,
    /// How many events of the commit after it are reflected too; only the feed stops in between.
    #[serde(default)]
    pub event_index: u32,
    /// Counts followers that took this over.
    pub epoch: u64,
    /// Counts batches.
    pub number: u64,
    /// Drawn anew at each opening, so that a follower that got no answer knows its own.
    pub nonce: String,
}

impl Position {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        // Integers and a string: there is nothing in it that could fail to encode.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// Reads a position.
    ///
    /// # Errors
    ///
    /// What the JSON reader says.
    pub fn decode(payload: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(payload)
    }
}
