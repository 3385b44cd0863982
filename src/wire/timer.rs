//! What a timer says when it fires.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;
use crate::view::owed::Debt;

/// The retry of a payment or of a refund is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RetryDue {
    /// What it is an attempt at.
    #[serde(flatten)]
    pub debt: Debt,
    /// The attempt to be made.
    pub attempt: u8,
}

/// A moment in UTC, to the millisecond, as RFC 3339 writes it.
#[must_use]
pub fn rfc3339(moment: Timestamp) -> String {
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
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Timestamp(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
    }
}
