//! Moments as people write them.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        let moment = Timestamp(1_700_000_000_123);
        assert_eq!(read(&written(moment)), Ok(moment));
        for bad in ["", "yesterday", "2026-11-22", "1969-12-31T23:59:59Z"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
