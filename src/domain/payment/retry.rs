//! When a payment that failed is tried again.

use std::time::Duration;

use crate::domain::{OrderId, Timestamp};

/// The pauses before the second, third and fourth attempt of an order.
///
/// Shape: one pause a retry, each counted from the failure before it; as many retries as pauses.
///
/// Invariant: 1 to 3 pauses, none of them zero, which, stretched by the jitter, stay below
/// [`RetrySchedule::WINDOW`].
///
/// Source: at most 3 retries within 10 minutes. The default comes to 350 s and leaves four minutes
/// for the calls themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

/// Pauses that are no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// None, or too many.
    #[error("must be 1 to {max} pauses, are {count}", max = RetrySchedule::RETRIES_MAX)]
    Count {
        /// How many.
        count: usize,
    },
    /// One that is no pause: what failed a moment ago fails again.
    #[error("must each be at least 1 s, one is 0")]
    None,
    /// Too long to be over in time.
    #[error("come to {total_s} s with their jitter, must stay below {max} s",
        max = RetrySchedule::WINDOW.as_secs())]
    TooLong {
        /// Units: seconds.
        total_s: u64,
    },
}

impl RetrySchedule {
    /// Every retry of an order is over by then, counted from its first failure.
    pub const WINDOW: Duration = Duration::from_secs(10 * 60);

    /// Retries of one order.
    pub const RETRIES_MAX: u8 = 3;

    /// How much a pause may be longer or shorter, so that orders which failed together do not
    /// come back together. Units: of 100.
    const JITTER: u32 = 10;

    /// The schedule of these pauses.
    ///
    /// # Errors
    ///
    /// [`InvalidSchedule`].
    pub fn try_new(pauses: Vec<Duration>) -> Result<Self, InvalidSchedule> {
        if !(1..=usize::from(Self::RETRIES_MAX)).contains(&pauses.len()) {
            return Err(InvalidSchedule::Count { count: pauses.len() });
        }
        if pauses.iter().any(Duration::is_zero) {
            return Err(InvalidSchedule::None);
        }
        let schedule = Self(pauses);
        let total = schedule.longest();
        if Self::WINDOW <= total {
            return Err(InvalidSchedule::TooLong { total_s: total.as_secs() });
        }
        Ok(schedule)
    }

    /// How many attempts there are, the first one included.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// From the first failure to the last attempt, at most.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let total = self.0.iter().fold(Duration::ZERO, |sum, pause| sum.saturating_add(*pause));
        total.saturating_add(total.saturating_mul(Self::JITTER) / 100)
    }

    /// When the attempt after `attempt` is due, which failed at `now`; none when it was the last.
    #[must_use]
    pub fn after(&self, order_id: OrderId, attempt: u8, now: Timestamp) -> Option<Timestamp> {
        let pause = self.0.get(usize::from(attempt).checked_sub(1)?)?;
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        // Twice the jitter, less the jitter: from a tenth less to a tenth more.
        let span = millis.saturating_mul(u64::from(2 * Self::JITTER)) / 100;
        let more = spread(order_id, attempt).checked_rem(span.saturating_add(1)).unwrap_or(0);
        let least = millis.saturating_sub(span / 2);
        Some(now.after(Duration::from_millis(least.saturating_add(more))))
    }
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self([20, 90, 240].map(Duration::from_secs).to_vec())
    }
}

/// A number that looks random and is the same in every fold: an order's id is random already, and
/// its attempts must not share one.
fn spread(order_id: OrderId, attempt: u8) -> u64 {
    let (high, low) = order_id.uuid().as_u64_pair();
    let mixed = (low ^ high).wrapping_add(u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{T0, order};

    fn seconds(pauses: &[u64]) -> Result<RetrySchedule, InvalidSchedule> {
        RetrySchedule::try_new(pauses.iter().copied().map(Duration::from_secs).collect())
    }

    #[test]
    fn there_are_one_to_three_retries_and_they_end_within_ten_minutes() {
        assert_eq!(seconds(&[]), Err(InvalidSchedule::Count { count: 0 }));
        assert_eq!(seconds(&[1, 1, 1, 1]), Err(InvalidSchedule::Count { count: 4 }));
        assert_eq!(seconds(&[200, 200, 150]), Err(InvalidSchedule::TooLong { total_s: 605 }));
        assert_eq!(seconds(&[20, 0]), Err(InvalidSchedule::None));
        assert_eq!(seconds(&[20, 90, 240]), Ok(RetrySchedule::default()));
        assert!(RetrySchedule::default().longest() < RetrySchedule::WINDOW);
    }

    #[test]
    fn each_retry_is_due_a_pause_after_its_failure_and_none_after_the_last() {
        let schedule = RetrySchedule::default();
        for (attempt, pause) in [(1, 20_000), (2, 90_000), (3, 240_000)] {
            let due = schedule.after(order(1), attempt, T0).unwrap();
            let waits = u64::try_from(due.since(T0).as_millis()).unwrap();
            assert!((pause * 9 / 10..=pause * 11 / 10).contains(&waits), "{attempt}: {waits}");
        }
        assert_eq!(schedule.after(order(1), 4, T0), None);
        assert_eq!(schedule.after(order(1), 0, T0), None);
    }

    #[test]
    fn orders_that_fail_together_do_not_come_back_together() {
        let schedule = RetrySchedule::default();
        let due: std::collections::BTreeSet<_> =
            (0..100).map(|n| schedule.after(order(n), 1, T0).unwrap()).collect();
        assert!(90 < due.len(), "{} of 100 moments differ", due.len());
        let spread = due.last().unwrap().since(*due.first().unwrap());
        assert!(Duration::from_secs(3) < spread, "{spread:?}");
        assert_eq!(schedule.after(order(7), 1, T0), schedule.after(order(7), 1, T0));
    }
}
