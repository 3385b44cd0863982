//! Moments as people write them.

use crate::domain::Timestamp;

/// A moment in UTC, to the millisecond.
#[must_use]
pub(super) fn written(moment: Timestamp) -> String {
    i64::try_from(moment.0)
        .ok()
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        .map_or_else(|| moment.to_string(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc_with_milliseconds() {
        assert_eq!(written(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(written(Timestamp(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
    }
}
