//! Ages that grow by themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the oldest of something has been waiting.
///
/// It is told when that changes, and asked when metrics are read: whoever is stuck tells nothing,
/// and the age grows all the same.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<Told>>);

/// What was told last.
#[derive(Clone, Copy, Debug, Default)]
enum Told {
    /// Nobody here has ever known.
    #[default]
    Unknown,
    Nothing,
    Waits(Since),
}

#[derive(Clone, Copy, Debug)]
struct Since {
    told: Instant,
    already: Duration,
}

impl Waiting {
    /// The oldest has waited for `already`.
    pub fn since(&self, already: Duration) {
        self.set(Told::Waits(Since { told: Instant::now(), already }));
    }

    /// Nothing waits.
    pub fn nothing(&self) {
        self.set(Told::Nothing);
    }

    /// How long the oldest has waited by now; zero when nothing waits.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.known().unwrap_or_default()
    }

    /// The same; none while nobody here has said anything.
    #[must_use]
    pub fn known(&self) -> Option<Duration> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Told::Unknown => None,
            Told::Nothing => Some(Duration::ZERO),
            Told::Waits(since) => Some(since.already.saturating_add(since.told.elapsed())),
        }
    }

    fn set(&self, told: Told) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }
}

/// Things that wait side by side, and how long the oldest of them has been.
#[derive(Clone, Debug, Default)]
pub struct Oldest(Arc<Mutex<Waiters>>);

#[derive(Debug, Default)]
struct Waiters {
    last: u64,
    since: BTreeMap<u64, Since>,
}

/// One of them. It waits for as long as this lives.
#[derive(Debug)]
pub struct Waiter(Oldest, u64);

impl Oldest {
    /// One more waits, and has waited for `already`.
    #[must_use]
    pub fn begin(&self, already: Duration) -> Waiter {
        let mut waiters = self.waiters();
        waiters.last = waiters.last.wrapping_add(1);
        let (number, told) = (waiters.last, Instant::now());
        waiters.since.insert(number, Since { told, already });
        Waiter(self.clone(), number)
    }

    /// How long the oldest has waited by now; zero when nothing waits.
    #[must_use]
    pub fn age(&self) -> Duration {
        let age = |since: &Since| since.already.saturating_add(since.told.elapsed());
        self.waiters().since.values().map(age).max().unwrap_or_default()
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.waiters().since.remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_counts_until_it_waits_no_more() {
        let oldest = Oldest::default();
        assert_eq!(oldest.age(), Duration::ZERO);
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3_600));
        let _young = oldest.begin(minute);
        let old = oldest.begin(hour);
        assert!(hour <= oldest.age());
        drop(old);
        assert!((minute..hour).contains(&oldest.age()));
    }

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
        assert_eq!((waiting.age(), waiting.known()), (Duration::ZERO, Some(Duration::ZERO)));
    }

    #[test]
    fn who_was_never_told_says_no_age() {
        let waiting = Waiting::default();
        assert_eq!((waiting.age(), waiting.known()), (Duration::ZERO, None));
        waiting.since(Duration::from_secs(5));
        assert!(waiting.known().is_some());
    }
}
