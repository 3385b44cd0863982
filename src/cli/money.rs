//! Money as people write it.

use crate::domain::{Amount, Currency, Price};

/// Minor units as an amount with its currency's decimals: `12.50 EUR`, `1250 JPY`.
#[must_use]
pub(super) fn written(minor: u64, currency: Currency) -> String {
    // An amount that no order can have is shown as it is.
    Amount::new(minor)
        .map_or_else(|| format!("{minor} minor units"), |amount| amount.in_currency(currency))
}

/// The price a person means by `12.50`.
///
/// # Errors
///
/// A sentence about what is wrong with it.
pub(super) fn price(text: &str, currency: Currency) -> Result<Price, String> {
    let decimals = usize::from(currency.decimals());
    let wrong = || {
        let example = written(1_250, currency);
        format!("{text:?} is no price in {currency}: write it as in {example}, without the code")
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || decimals < fraction.len() {
        return Err(wrong());
    }
    let minor: u64 = format!("{whole}{fraction:0<decimals$}").parse().map_err(|_| wrong())?;
    Price::try_new(minor).map_err(|error| format!("{text}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::from_code(code).unwrap()
    }

    #[test]
    fn an_amount_has_its_currencys_decimals() {
        assert_eq!(written(1_250, currency("EUR")), "12.50 EUR");
        assert_eq!(written(5, currency("EUR")), "0.05 EUR");
        assert_eq!(written(1_250, currency("JPY")), "1250 JPY");
        assert_eq!(written(1_250, currency("KWD")), "1.250 KWD");
    }

    #[test]
    fn a_price_is_read_as_it_is_written() {
        let minor = |text, code| price(text, currency(code)).map(Price::minor);
        assert_eq!(minor("12.50", "EUR"), Ok(1_250));
        assert_eq!(minor("12.5", "EUR"), Ok(1_250));
        assert_eq!(minor("12", "EUR"), Ok(1_200));
        assert_eq!(minor("0", "EUR"), Ok(0));
        assert_eq!(minor("1250", "JPY"), Ok(1_250));
        assert_eq!(minor("1.250", "KWD"), Ok(1_250));
        for (bad, code) in [("", "EUR"), ("-1", "EUR"), ("12.505", "EUR"), ("1.5", "JPY")] {
            assert!(minor(bad, code).is_err(), "{bad} {code}");
        }
        assert!(minor("12,50", "EUR").is_err());
        assert!(minor("99999999999999999999", "EUR").is_err());
    }
}
