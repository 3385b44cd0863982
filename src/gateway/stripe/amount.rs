//! Amounts as the provider counts them.
//!
//! Source: the provider's page on currencies. Nearly everywhere its smallest unit is that of ISO
//! 4217; the exceptions are here.

use crate::domain::{Amount, Currency};

/// ISO 4217 gives these no decimals, and the provider two for the sake of old clients. Amounts have
/// to be whole units there.
const WITH_TWO_MORE: [&str; 2] = ["ISK", "UGX"];

/// ISO 4217 gives it two decimals, and the provider none. Amounts have to be whole units.
const WITHOUT_DECIMALS: &str = "MGA";

/// What is between two decimals and none.
const FACTOR: u64 = 100;

/// In currencies with three decimals the last one has to be zero.
const LAST_DIGIT: u64 = 10;

/// An amount for the provider; none when it cannot be said there.
pub(super) fn to_provider(amount: Amount, currency: Currency) -> Option<u64> {
    let minor = amount.minor();
    if WITH_TWO_MORE.contains(&currency.code()) {
        return minor.checked_mul(FACTOR);
    }
    if currency.code() == WITHOUT_DECIMALS {
        return (minor.checked_rem(FACTOR) == Some(0)).then(|| minor.checked_div(FACTOR))?;
    }
    let is_whole = currency.decimals() != 3 || minor.checked_rem(LAST_DIGIT) == Some(0);
    is_whole.then_some(minor)
}

/// An amount of the provider; none when it is none of ours.
pub(super) fn from_provider(minor: u64, currency: Currency) -> Option<Amount> {
    if currency.code() == WITHOUT_DECIMALS {
        return minor.checked_mul(FACTOR).and_then(Amount::new);
    }
    if !WITH_TWO_MORE.contains(&currency.code()) {
        return Amount::new(minor);
    }
    (minor.checked_rem(FACTOR) == Some(0)).then(|| minor.checked_div(FACTOR))?.and_then(Amount::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there(minor: u64, code: &str) -> Option<u64> {
        to_provider(Amount::new(minor).unwrap(), Currency::from_code(code).unwrap())
    }

    #[test]
    fn the_smallest_unit_is_that_of_iso_4217_but_for_the_exceptions() {
        assert_eq!(there(1_250, "EUR"), Some(1_250));
        assert_eq!(there(1_250, "JPY"), Some(1_250));
        assert_eq!(there(1_250, "KWD"), Some(1_250));
        assert_eq!(there(1_251, "KWD"), None, "the last of three decimals has to be zero");
        assert_eq!(there(1_250, "ISK"), Some(125_000));
        assert_eq!(there(1_250, "UGX"), Some(125_000));
        assert_eq!(there(125_000, "MGA"), Some(1_250), "an ariary has no hundredths there");
        assert_eq!(there(125_050, "MGA"), None);
        let isk = Currency::from_code("ISK").unwrap();
        assert_eq!(from_provider(125_050, isk), None, "half a króna is nothing");
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same(
            minor in 0..=Amount::MAX.minor() / FACTOR,
            code in prop::sample::select(vec![
                "EUR", "USD", "JPY", "KWD", "ISK", "UGX", "HUF", "MGA",
            ]),
        ) {
            let (amount, currency) =
                (Amount::new(minor).unwrap(), Currency::from_code(code).unwrap());
            if let Some(said) = to_provider(amount, currency) {
                prop_assert_eq!(from_provider(said, currency), Some(amount));
            }
        }
    }
}
