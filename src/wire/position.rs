//! How far a follower has come, written in the same batch as what it wrote.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::Sequence;

/// A follower's place in the log.
///
/// Shape: `{"event_seq": 1042, "event_index": 0, "epoch": 3, "number": 77, "nonce": "…"}`, JSON.
/// A reader that needs at least sequence N waits until `event_seq` is N or more. `commit`, when it
/// is there, is `{"sequence": 1041, "hash": "…"}`.
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
    /// The last commit that is wholly reflected, by its content: what proves that this is of the
    /// log it stands beside. Positions written before there was such a proof have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Reflected>,
}

/// A commit that is reflected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reflected {
    /// Where it stands.
    pub sequence: Sequence,
    /// Its hash, as the next commit names it in `prev_hash`; 64 hexadecimal digits.
    pub hash: String,
}

impl Position {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        // Integers and text: there is nothing in it that could fail to encode.
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
