//! Money: integer minor units and an ISO 4217 currency.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::stock::Quantity;

/// The largest amount that every JSON reader keeps exactly: 2^53 − 1 minor units.
const AMOUNT_MAX: u64 = 9_007_199_254_740_991;

/// An ISO 4217 currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The currency of a three-letter code; upper case only.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        iso_currency::Currency::from_code(code).map(Self)
    }

    /// The three letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals its minor unit stands for: 2 for EUR, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn decimals(self) -> u16 {
        self.0.exponent().unwrap_or(0)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = smol_str::SmolStr::deserialize(deserializer)?;
        Self::from_code(&code).ok_or_else(|| {
            D::Error::custom(format!("must be an ISO 4217 code such as EUR, is {code:?}"))
        })
    }
}

/// What one unit costs.
///
/// Units: minor units of the currency it is quoted in.
///
/// Invariant: at most [`Price::MAX`], so that a whole order of the largest lines cannot overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Price(u64);

impl Price {
    /// A thousand million in a currency with two decimals; 100 lines of 1,000,000 units at this
    /// price still fit 64 bits.
    pub const MAX: u64 = 100_000_000_000;

    /// # Errors
    ///
    /// Above [`Price::MAX`].
    pub const fn try_new(minor: u64) -> Result<Self, InvalidPrice> {
        if minor <= Self::MAX { Ok(Self(minor)) } else { Err(InvalidPrice) }
    }

    /// Minor units.
    #[must_use]
    pub const fn minor(self) -> u64 {
        self.0
    }
}

/// A price above the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 0 to {} minor units", Price::MAX)]
pub struct InvalidPrice;

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let minor = super::stock::whole_number(deserializer, "0 to 100000000000 minor units")?;
        u64::try_from(minor)
            .ok()
            .and_then(|minor| Self::try_new(minor).ok())
            .ok_or_else(|| D::Error::custom(format!("{InvalidPrice}, is {minor}")))
    }
}

/// A sum of money in a currency that stands beside it.
///
/// Units: minor units.
///
/// Invariant: at most 2^53 − 1, which every JSON reader keeps exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Amount(u64);

impl Amount {
    /// The largest amount.
    pub const MAX: Self = Self(AMOUNT_MAX);
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `minor` units, when that is within the limit.
    #[must_use]
    pub const fn new(minor: u64) -> Option<Self> {
        if minor <= AMOUNT_MAX { Some(Self(minor)) } else { None }
    }

    /// Minor units.
    #[must_use]
    pub const fn minor(self) -> u64 {
        self.0
    }

    /// Adds `quantity` units at `price`; `None` when the sum passes the limit.
    #[must_use]
    pub fn plus_line(self, quantity: Quantity, price: Price) -> Option<Self> {
        let line = u64::from(quantity.get()).checked_mul(price.minor())?;
        Self::new(self.0.checked_add(line)?)
    }

    /// As a person writes it: `12.50 EUR`, `1250 JPY`, `1.250 KWD`.
    #[must_use]
    pub fn in_currency(self, currency: Currency) -> String {
        let decimals = usize::from(currency.decimals());
        if decimals == 0 {
            return format!("{} {currency}", self.0);
        }
        // Padding first makes sure that there is a digit before the point.
        let digits = format!("{:0>width$}", self.0, width = decimals.saturating_add(1));
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
        format!("{whole}.{fraction} {currency}")
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let minor = super::stock::whole_number(deserializer, "0 to 9007199254740991 minor units")?;
        u64::try_from(minor).ok().and_then(Self::new).ok_or_else(|| {
            D::Error::custom(format!("must be 0 to {AMOUNT_MAX} minor units, is {minor}"))
        })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_with_the_decimals_of_its_currency() {
        let code = |code| Currency::from_code(code).unwrap();
        assert_eq!(Amount(1250).in_currency(code("EUR")), "12.50 EUR");
        assert_eq!(Amount(5).in_currency(code("EUR")), "0.05 EUR");
        assert_eq!(Amount(1250).in_currency(code("JPY")), "1250 JPY");
        assert_eq!(Amount(1250).in_currency(code("KWD")), "1.250 KWD");
    }

    #[test]
    fn a_total_beyond_what_json_keeps_exactly_is_none() {
        let (quantity, price) =
            (Quantity::try_new(1_000_000).unwrap(), Price::try_new(Price::MAX).unwrap());
        assert_eq!(Amount::ZERO.plus_line(quantity, price), None);
        let price = Price::try_new(9_007_199_254).unwrap();
        assert!(Amount::ZERO.plus_line(quantity, price).is_some());
    }

    #[test]
    fn an_amount_that_json_cannot_keep_is_not_read() {
        assert_eq!(serde_json::from_str::<Amount>("9007199254740991").unwrap(), Amount::MAX);
        let error = serde_json::from_str::<Amount>("9007199254740992").unwrap_err().to_string();
        assert!(error.contains("must be 0 to 9007199254740991 minor units"), "{error}");
        assert!(serde_json::from_str::<Amount>("-1").is_err());
    }

    #[test]
    fn a_currency_that_does_not_exist_is_refused() {
        assert_eq!(Currency::from_code("eur"), None);
        assert_eq!(Currency::from_code("EURO"), None);
        assert!(serde_json::from_str::<Currency>("\"XBT\"").is_err());
    }
}
