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
