//! What may never be written down: card numbers, security codes, mail addresses, secrets.
//!
//! Payloads are looked at as they are, in any encoding: whatever a person or a program would
//! recognise stands in one as text.

use std::fmt;

/// Something that may not be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Private {
    /// The number of a payment card, by its digits: 13 to 19 that a network gives out, and that
    /// pass Luhn's check.
    CardNumber,
    /// The code on a card's back, with a word that says so.
    SecurityCode,
    /// An address for mail.
    MailAddress,
    /// A key of a payment provider.
    Secret,
}

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CardNumber => "a card number",
            Self::SecurityCode => "a card's security code",
            Self::MailAddress => "a mail address",
            Self::Secret => "a secret of a payment provider",
        })
    }
}

/// How the secrets of providers begin.
const SECRETS: [&[u8]; 6] =
    [b"sk_live_", b"sk_test_", b"rk_live_", b"rk_test_", b"whsec_", b"_secret_"];

/// Letters and digits behind such a beginning. Shorter ones are names that only look like it.
const SECRET_CHARS: usize = 8;

/// Words that announce a security code.
const CODES: [&[u8]; 5] = [b"cvv", b"cvc", b"cvv2", b"cvc2", b"security_code"];

/// Digits of a card number, without what groups them.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// The first thing in `bytes` that may not be written down.
#[must_use]
pub fn find_private(bytes: &[u8]) -> Option<Private> {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let here = match byte {
            b'0'..=b'9' if is_start(bytes, at) => {
                let (end, is_card) = digits(bytes, at);
                at = end;
                if is_card {
                    return Some(Private::CardNumber);
                }
                continue;
            }
            b'@' if is_mail(bytes, at) => Some(Private::MailAddress),
            b's' | b'r' | b'w' | b'_' if is_secret(bytes, at) => Some(Private::Secret),
            b'c' | b's' | b'C' | b'S' if is_code(bytes, at) => Some(Private::SecurityCode),
            _ => None,
        };
        if here.is_some() {
            return here;
        }
        at = at.saturating_add(1);
    }
    None
}

fn rest(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// What stands before a place.
fn before(bytes: &[u8], at: usize) -> Option<&u8> {
    at.checked_sub(1).and_then(|before| bytes.get(before))
}

/// Whether digits at a place are not the rest of an identifier or of a figure with a point.
fn is_start(bytes: &[u8], at: usize) -> bool {
    before(bytes, at).is_none_or(|byte| !is_word(*byte) && *byte != b'-' && *byte != b'.')
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Reads digits, alone or in groups; where they end, and whether they are a card's number.
fn digits(bytes: &[u8], start: usize) -> (usize, bool) {
    let (mut groups, mut number) = (Vec::new(), Vec::new());
    let mut at = start;
    loop {
        let group = rest(bytes, at).iter().take_while(|byte| byte.is_ascii_digit());
        let before = number.len();
        number.extend(group.map(|digit| digit.saturating_sub(b'0')));
        let length = number.len().saturating_sub(before);
        groups.push(length);
        at = at.saturating_add(length);
        let next = rest(bytes, at);
        let goes_on = matches!(next, [b' ' | b'-', b'0'..=b'9', ..]);
        // Longer ones are no card's, and a list of figures may be as long as it likes.
        if !goes_on || CARD_DIGITS.end() < &number.len() {
            let ends = next.first().is_none_or(|byte| !is_word(*byte) && *byte != b'-');
            let is_grouped = matches!(
                groups.as_slice(),
                [_] | [4, 4, 4, 4] | [4, 4, 4, 1..=3] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 4, 3]
            );
            return (at, ends && is_grouped && is_card(&number));
        }
        at = at.saturating_add(1);
    }
}

/// Whether somebody gives out cards with such a number.
fn is_card(digits: &[u8]) -> bool {
    if !CARD_DIGITS.contains(&digits.len()) {
        return false;
    }
    let first = |count: usize| {
        let digits = digits.iter().take(count);
        digits.fold(0_u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(*digit)))
    };
    // Visa, Mastercard, American Express, Diners, JCB, Discover, UnionPay, Maestro.
    let is_issued = matches!(first(1), 4)
        || matches!(first(2), 34..=39 | 50..=69)
        || matches!(first(4), 2221..=2720 | 3000..=3099);
    let luhn = digits.iter().rev().enumerate().fold(0_u32, |sum, (place, digit)| {
        let digit = u32::from(*digit);
        let counted = match (place & 1, digit.saturating_mul(2)) {
            (0, _) => digit,
            (_, twice @ 0..=9) => twice,
            (_, twice) => twice.saturating_sub(9),
        };
        sum.saturating_add(counted)
    });
    is_issued && luhn.is_multiple_of(10)
}

/// Whether an address for mail stands around an at sign.
fn is_mail(bytes: &[u8], at: usize) -> bool {
    let is_name = before(bytes, at)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte));
    let host = rest(bytes, at.saturating_add(1)).iter();
    let host: Vec<u8> = host
        .copied()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'.' || *byte == b'-')
        .collect();
    let mut labels = host.split(|byte| *byte == b'.').rev();
    let is_top =
        labels.next().is_some_and(|top| 2 <= top.len() && top.iter().all(u8::is_ascii_alphabetic));
    is_name && is_top && labels.next().is_some_and(|label| !label.is_empty())
}

fn is_secret(bytes: &[u8], at: usize) -> bool {
    let here = rest(bytes, at);
    SECRETS.iter().any(|begins| {
        here.strip_prefix(*begins).is_some_and(|behind| {
            behind.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count() >= SECRET_CHARS
        })
    })
}

/// Whether a word announces a security code and three or four digits follow it.
fn is_code(bytes: &[u8], at: usize) -> bool {
    if before(bytes, at).is_some_and(|byte| is_word(*byte)) {
        return false;
    }
    let here = rest(bytes, at);
    let length = here.iter().take_while(|byte| is_word(**byte)).count();
    let word = here.get(..length).unwrap_or_default();
    if !CODES.iter().any(|code| word.eq_ignore_ascii_case(code)) {
        return false;
    }
    // `": "`, `=`, the length of a string: at most that much stands between.
    let behind = rest(here, length);
    let between = behind.iter().take(4).take_while(|byte| !is_word(**byte)).count();
    let code = rest(behind, between);
    let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ends = code.get(digits).is_none_or(|byte| !is_word(*byte));
    0 < between && matches!(digits, 3 | 4) && ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<Private> {
        find_private(text.as_bytes())
    }

    #[test]
    fn card_numbers_are_found_however_they_are_written() {
        for number in [
            "4242424242424242",
            "4242 4242 4242 4242",
            "5555-5555-5555-4444",
            "378282246310005",
            "3782 822463 10005",
            "2223003122003222",
            "6011111111111117",
            "4000056655665556",
            "30569309025904",
        ] {
            assert_eq!(found(number), Some(Private::CardNumber), "{number}");
            for around in [
                format!("paid with {number}, thanks"),
                format!("{{\"payment_method_token\":\"{number}\"}}"),
                format!("card:{number}"),
            ] {
                assert_eq!(found(&around), Some(Private::CardNumber), "{around}");
            }
        }
        // MessagePack: a string of 16 characters behind its name.
        let packed = [b"\xb4payment_method_token\xb0".as_slice(), b"4242424242424242"].concat();
        assert_eq!(find_private(&packed), Some(Private::CardNumber));
    }

    #[test]
    fn what_only_looks_like_a_card_number_is_none() {
        for text in [
            "4242424242424241",
            "pm_4242424242424242",
            "4242424242424242a",
            "1760000000000",
            "{\"at_ms\":1760000000000,\"position\":18014398509481984}",
            "01a205eb-4242-4242-8242-424242424242",
            "42424242-4242-4242-8242-424242424242",
            "4242424242424242424242424242424242424242424242424242424242424242",
            "9007199254740991",
            "12.4242424242424242",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn codes_addresses_and_secrets_are_found() {
        for (text, what) in [
            ("{\"cvc\":\"123\"}", Private::SecurityCode),
            ("CVV: 1234 on the back", Private::SecurityCode),
            ("security_code=999", Private::SecurityCode),
            ("write to anna.b+shop@example.com please", Private::MailAddress),
            ("key sk_live_4eC39HqLyjWDarjtT1", Private::Secret),
            ("whsec_5WbX5kEWLlfzsGNjH64I", Private::Secret),
            ("pi_3MtwBw_secret_YrKJUKribcBjcG8HV", Private::Secret),
        ] {
            assert_eq!(found(text), Some(what), "{text}");
        }
    }

    #[test]
    fn what_a_shop_says_every_day_is_none_of_it() {
        for text in [
            "incorrect_cvc",
            "cvc check failed",
            "cvc 12345",
            "kassa@2",
            "@example.com",
            "a@b",
            "sk_live_",
            "the sk_test_key is set",
            "order 01a205eb-86cd-7f8d-b7da-6f71c50e581c",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
