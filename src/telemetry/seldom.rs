//! Saying something seldom, however often it happens.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets something be said once a period, and counts the times in between.
#[derive(Debug)]
pub(super) struct Seldom {
    period: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    said: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    pub(super) const fn every(period: Duration) -> Self {
        Self { period, state: Mutex::new(State { said: None, unsaid: 0 }) }
    }

    /// Whether to say it at `now`; then how many times it happened unsaid before.
    pub(super) fn due(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.said.is_some_and(|said| now.saturating_duration_since(said) < self.period) {
            state.unsaid = state.unsaid.saturating_add(1);
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_a_period_with_the_times_in_between() {
        let seldom = Seldom::every(Duration::from_secs(60));
        let start = Instant::now();
        let at = |seconds| seldom.due(start + Duration::from_secs(seconds));
        assert_eq!(at(0), Some(0));
        assert_eq!((at(1), at(30), at(59)), (None, None, None));
        assert_eq!(at(60), Some(3));
        assert_eq!(at(61), None);
    }
}
