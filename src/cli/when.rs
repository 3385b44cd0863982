//! Moments as people write them.

use std::time::Duration;

pub(super) use crate::wire::rfc3339 as written;

use crate::domain::Timestamp;

/// The moment a person means by `2026-11-22T00:00:00Z`.
///
/// # Errors
///
/// A sentence about what is wrong with it.
pub(super) fn read(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{text:?} is no moment: write it as 2026-11-22T00:00:00Z");
    let moment: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    u64::try_from(moment.as_millisecond()).map(Timestamp).map_err(|_| wrong())
}

/// The time a person means by `500ms`, `30s`, `2m`, `6h` or `1d`.
///
/// # Errors
///
/// A sentence about what is wrong with it.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time such as 500ms, 30s, 2m, 6h or 1d");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = |each: u64| Duration::from_secs(number.saturating_mul(each));
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(seconds(1)),
        "m" => Ok(seconds(60)),
        "h" => Ok(seconds(3_600)),
        "d" => Ok(seconds(86_400)),
        _ => Err(wrong()),
    }
}

/// The same, when it is a time at all.
///
/// # Errors
///
/// A sentence about what is wrong with it.
pub(super) fn pause(text: &str) -> Result<Duration, String> {
    let span = span(text)?;
    if span.is_zero() { Err(format!("{text:?} is no pause")) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_its_unit() {
        let seconds = |text| span(text).map(|span| span.as_secs());
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        let days = [seconds("30s"), seconds("2m"), seconds("6h"), seconds("1d")];
        assert_eq!(days, [Ok(30), Ok(120), Ok(21_600), Ok(86_400)]);
        for bad in ["", "5", "s", "5 s", "-5s", "5w", "99999999999999999999s"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        let moment = Timestamp(1_700_000_000_123);
        assert_eq!(read(&written(moment)), Ok(moment));
        for bad in ["", "yesterday", "2026-11-22", "1969-12-31T23:59:59Z"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
