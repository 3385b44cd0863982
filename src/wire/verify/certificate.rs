//! What somebody is given who was not there when a log was verified.

use serde::Serialize;

use super::verified::Verified;
use crate::domain::verify::Invariant;
use crate::domain::{Text, Timestamp};
use crate::wire::subject::MarketName;

/// The only version so far.
const VERSION: u32 = 1;

/// A verification: of what, by whom, when, what was looked at, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The version.
    pub v: u32,
    /// The market.
    pub market: MarketName,
    /// What was read, in words.
    pub of: Text,
    /// When the verification had ended.
    pub made_at_ms: Timestamp,
    /// The build that verified.
    pub build: String,
    /// Whether every promise that was looked at holds, to the end.
    pub holds: bool,
    /// Promises that were not looked at: nothing is said about these.
    pub not_checked: Vec<Invariant>,
    /// What was found. Its `checked` are the promises that were looked at.
    #[serde(flatten)]
    pub verified: Verified,
}

impl Certificate {
    /// Writes down what a verification of `of` has found.
    #[must_use]
    pub fn new(market: MarketName, of: &str, verified: Verified, now: Timestamp) -> Self {
        let checked = &verified.checked;
        let not_checked = Invariant::ALL.into_iter().filter(|one| !checked.contains(one));
        Self {
            v: VERSION,
            market,
            of: Text::lossy(of),
            made_at_ms: now,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            holds: verified.holds(),
            not_checked: not_checked.collect(),
            verified,
        }
    }
}
