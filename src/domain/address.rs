//! Where a fact stands in the log.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Position of one message in a stream, counted from 1.
///
/// [`Sequence::START`] is the place before the first message. As an expectation it is a claim
/// ("nothing was ever written here"), not the absence of one.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
#[schemars(description = "Position of one message in a stream, counted from 1.")]
pub struct Sequence(pub u64);

impl Sequence {
    /// Before the first message.
    pub const START: Self = Self(0);

    /// The place `count` messages further on.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// The next place.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where one event stands: the sequence of its commit and its index inside it.
///
/// Shape: `<sequence>.<index>`, for example `1042.3`. The order of addresses is the total order
/// of everything that ever happened in a market.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Address {
    /// Stream sequence of the commit.
    pub sequence: Sequence,
    /// Place among the commit's events, from 0.
    pub index: u32,
}

impl Address {
    /// The address of event `index` of the commit at `sequence`.
    #[must_use]
    pub const fn new(sequence: Sequence, index: u32) -> Self {
        Self { sequence, index }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sequence, self.index)
    }
}

/// An address that is not `<sequence>.<index>`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address of the form <sequence>.<index>: {0}")]
pub struct NotAnAddress(String);

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let parts = text.split_once('.').and_then(|(sequence, index)| {
            Some(Self::new(Sequence(sequence.parse().ok()?), index.parse().ok()?))
        });
        parts.ok_or_else(|| NotAnAddress(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_written() {
        let address = Address::new(Sequence(1042), 3);
        assert_eq!(address.to_string().parse(), Ok(address));
        assert!("1042".parse::<Address>().is_err());
        assert!("x.1".parse::<Address>().is_err());
    }

    #[test]
    fn a_later_commit_comes_after_every_event_of_an_earlier_one() {
        assert!(Address::new(Sequence(1), 499) < Address::new(Sequence(2), 0));
    }
}
