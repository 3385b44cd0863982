//! Numbers of units.

use std::fmt;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Impossible, Stock};

/// How many units of one SKU a line moves.
///
/// Invariant: 1 to [`Quantity::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Quantity(u32);

impl Quantity {
    /// More in one line is a typing error, not an order.
    pub const MAX: u32 = 1_000_000;

    /// # Errors
    ///
    /// Outside 1 to [`Quantity::MAX`].
    pub const fn try_new(units: u32) -> Result<Self, InvalidQuantity> {
        if units == 0 || Self::MAX < units { Err(InvalidQuantity) } else { Ok(Self(units)) }
    }

    /// Units.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Units, as wide as stock counts them.
    #[must_use]
    pub fn units(self) -> u64 {
        u64::from(self.0)
    }

    /// Both together, when that is still a quantity.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        Self::try_new(self.0.checked_add(other.0)?).ok()
    }
}

/// A quantity outside its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {} units", Quantity::MAX)]
pub struct InvalidQuantity;

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = whole_number(deserializer, "1 to 1000000 units")?;
        u32::try_from(units)
            .ok()
            .and_then(|units| Self::try_new(units).ok())
            .ok_or_else(|| D::Error::custom(format!("{InvalidQuantity}, is {units}")))
    }
}

/// By how many units a count or a correction changes what is there.
///
/// Invariant: within ±[`Stock::UNITS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StockDelta(i64);

impl StockDelta {
    const MAX: i64 = 1_000_000_000_000;

    /// As many as there can be are gone.
    pub const MIN: Self = Self(-Self::MAX);

    /// # Errors
    ///
    /// Outside ±[`Stock::UNITS_MAX`].
    pub const fn try_new(units: i64) -> Result<Self, InvalidDelta> {
        if -Self::MAX <= units && units <= Self::MAX { Ok(Self(units)) } else { Err(InvalidDelta) }
    }

    /// The delta that leads from one count to another.
    #[must_use]
    pub fn between(from: i64, to: u64) -> Option<Self> {
        Self::try_new(i64::try_from(to).ok()?.checked_sub(from)?).ok()
    }

    /// Units, signed.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    pub(super) fn applied_to(self, there: i64) -> Result<i64, Impossible> {
        let sum = there.saturating_add(self.0);
        if self.0 < 0 && sum < 0 {
            let there = u64::try_from(there).unwrap_or(0);
            return Err(Impossible::TooFew { moved: self.0.unsigned_abs(), there });
        }
        if Self::MAX < sum { Err(Impossible::TooMany) } else { Ok(sum) }
    }
}

impl From<Quantity> for StockDelta {
    fn from(quantity: Quantity) -> Self {
        Self(i64::from(quantity.get()))
    }
}

/// A delta outside its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be -{max} to {max} units", max = Stock::UNITS_MAX)]
pub struct InvalidDelta;

impl<'de> Deserialize<'de> for StockDelta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = whole_number(deserializer, "-1000000000000 to 1000000000000 units")?;
        i64::try_from(units)
            .ok()
            .and_then(|units| Self::try_new(units).ok())
            .ok_or_else(|| D::Error::custom(format!("{InvalidDelta}, is {units}")))
    }
}

/// Reads an integer of any width and sign, so that one out of range is told its limits and not
/// the name of a Rust type.
pub(in crate::domain) fn whole_number<'de, D: Deserializer<'de>>(
    deserializer: D,
    limits: &'static str,
) -> Result<i128, D::Error> {
    struct WholeNumber(&'static str);

    impl Visitor<'_> for WholeNumber {
        type Value = i128;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a whole number, {}", self.0)
        }

        fn visit_i64<E>(self, number: i64) -> Result<i128, E> {
            Ok(i128::from(number))
        }

        fn visit_u64<E>(self, number: u64) -> Result<i128, E> {
            Ok(i128::from(number))
        }
    }

    deserializer.deserialize_any(WholeNumber(limits))
}
