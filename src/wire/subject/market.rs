//! The name of a market, which is in every other name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// The name of a market.
///
/// Invariant: 1 to [`MarketName::CHARS_MAX`] of `a-z 0-9`, so that its upper case, which streams
/// carry, is as unique as itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr")]
pub struct MarketName(SmolStr);

impl MarketName {
    /// Leaves room for the longest stream name around it.
    pub const CHARS_MAX: usize = 32;

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A market name with something in it that may not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a market is named by 1 to {} of a-z 0-9, not {found:?}", MarketName::CHARS_MAX)]
pub struct InvalidMarketName {
    found: String,
}

impl TryFrom<SmolStr> for MarketName {
    type Error = InvalidMarketName;

    fn try_from(name: SmolStr) -> Result<Self, InvalidMarketName> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if (1..=Self::CHARS_MAX).contains(&name.len()) && name.bytes().all(legal) {
            Ok(Self(name))
        } else {
            Err(InvalidMarketName { found: name.to_string() })
        }
    }
}

impl FromStr for MarketName {
    type Err = InvalidMarketName;

    fn from_str(name: &str) -> Result<Self, InvalidMarketName> {
        SmolStr::new(name).try_into()
    }
}

impl fmt::Display for MarketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_cannot_be_two_streams() {
        for bad in ["", "Main", "eu-west", "a.b", &"x".repeat(33)] {
            assert!(bad.parse::<MarketName>().is_err(), "{bad:?}");
        }
    }
}
