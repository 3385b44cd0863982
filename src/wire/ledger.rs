//! Ledger entries: one SKU's stock after a commit, on the SKU's own subject.
//!
//! Shape: `{v, commit, delta, on_hand, reserved, available}`, MessagePack.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::market::LedgerEntry;

/// The version in which this build writes entries.
const VERSION: u64 = 1;

/// One entry as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ledger {
    #[schemars(extend("const" = VERSION))]
    v: u64,
    /// Number of the commit it belongs to.
    pub commit: u64,
    /// By how much the commit changed what is available.
    pub delta: i64,
    /// Units in the building that are nobody's yet; below zero when units that somebody paid for
    /// do not exist.
    pub on_hand: i64,
    /// Units promised to open orders.
    pub reserved: u64,
    /// Units that may still be promised; below zero while a shortage is open.
    pub available: i64,
}

impl Ledger {
    /// The entry of commit `number`.
    #[must_use]
    pub const fn new(number: u64, entry: &LedgerEntry) -> Self {
        Self {
            v: VERSION,
            commit: number,
            delta: entry.delta,
            on_hand: entry.on_hand,
            reserved: entry.reserved,
            available: entry.available,
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        // Six integers with fixed names: there is nothing in it that could fail to encode.
        rmp_serde::to_vec_named(self).unwrap_or_default().into()
    }

    /// Reads an entry.
    ///
    /// # Errors
    ///
    /// A sentence about what is wrong with it.
    pub fn decode(payload: &[u8]) -> Result<Self, String> {
        let entry: Self = rmp_serde::from_slice(payload).map_err(|error| error.to_string())?;
        if entry.v == VERSION {
            Ok(entry)
        } else {
            Err(format!("version {}, this build reads {VERSION}", entry.v))
        }
    }
}
