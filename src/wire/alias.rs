//! Which bucket a view is read from.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::encoding::{Encoding, EncodingError};
use crate::domain::Timestamp;

/// The value under a view's name in the bucket of aliases.
///
/// Shape: `{"generation": 2, "bucket": "kassa_main_orders_2", "at_ms": 1763800000000}`, JSON. A
/// view that has none is read from the bucket that has its name, which is generation 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alias {
    /// Counts how often the view was built anew and put in the place of the one before.
    pub generation: u32,
    /// The bucket.
    pub bucket: String,
    /// Since when. Units: milliseconds since 1970.
    pub at_ms: Timestamp,
}

/// The value under a view's name and `.building` in the bucket of aliases: what is in the bucket
/// that is not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Building {
    /// The bucket.
    pub bucket: String,
    /// The logic of the build that fills it: another one begins anew.
    pub logic: String,
    /// Whether it has come to the end of the log, and was held against the live one or put in its
    /// place. Whoever wants to know begins anew then.
    pub whole: bool,
}

impl Building {
    /// Its bytes.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn encode(&self) -> Result<Bytes, EncodingError> {
        Encoding::Json.write(self)
    }

    /// Reads what somebody else wrote.
    ///
    /// # Errors
    ///
    /// What the reader says.
    pub fn decode(payload: &[u8]) -> Result<Self, EncodingError> {
        Encoding::Json.read(payload)
    }
}

impl Alias {
    /// Its bytes.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn encode(&self) -> Result<Bytes, EncodingError> {
        Encoding::Json.write(self)
    }

    /// Reads an alias.
    ///
    /// # Errors
    ///
    /// What the reader says.
    pub fn decode(payload: &[u8]) -> Result<Self, EncodingError> {
        Encoding::Json.read(payload)
    }
}
