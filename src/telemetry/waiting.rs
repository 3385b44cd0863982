//! Ages that grow by themselves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the oldest of something has been waiting.
///
/// It is told when that changes, and asked when metrics are read: whoever is stuck tells nothing,
/// and the age grows all the same.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<Option<Since>>>);

#[derive(Clone, Copy, Debug)]
struct Since {
    told: Instant,
    already: Duration,
}

impl Waiting {
    /// The oldest has waited for `already`.
    pub fn since(&self, already: Duration) {
        self.set(Some(Since { told: Instant::now(), already }));
    }

    /// Nothing waits.
    pub fn nothing(&self) {
        self.set(None);
    }

    /// How long the oldest has waited by now; zero when nothing waits.
    #[must_use]
    pub fn age(&self) -> Duration {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.already.saturating_add(since.told.elapsed()))
    }

    fn set(&self, since: Option<Since>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_grows_older_although_nobody_says_so() {
        let waiting = Waiting::default();
        assert_eq!(waiting.age(), Duration::ZERO);
        waiting.since(Duration::from_secs(5));
        let first = waiting.age();
        assert!(Duration::from_secs(5) <= first, "{first:?}");
        let later = std::iter::repeat_with(|| waiting.age()).find(|age| first < *age);
        assert!(later.is_some());
        waiting.nothing();
        assert_eq!(waiting.age(), Duration::ZERO);
    }
}
