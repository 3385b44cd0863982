//! A clock that stands still until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::Timestamp;
use crate::port::Clock;

/// A clock for tests; every clone shows the same time.
#[derive(Clone, Debug)]
pub struct ModelClock(Arc<AtomicU64>);

impl ModelClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(now.0)))
    }

    /// Moves it on.
    pub fn advance(&self, span: Duration) {
        self.0.store(self.now().after(span).0, Ordering::SeqCst);
    }

    /// Moves it back, as a corrected machine clock does.
    pub fn step_back(&self, span: Duration) {
        self.0.store(self.now().before(span).0, Ordering::SeqCst);
    }
}

impl Clock for ModelClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
