//! Leases in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::ModelClock;
use crate::domain::Timestamp;
use crate::port::{Clock, Lease, LeaseError};

/// How often somebody who waits looks at the clock; short, because tests wait for it.
const LOOK: Duration = Duration::from_millis(10);

/// Leases in memory. Clones are the same set.
#[derive(Clone, Debug)]
pub struct ModelLease {
    held: Arc<Mutex<HashMap<String, Held>>>,
    changed: watch::Sender<u64>,
    ttl: Duration,
    clock: ModelClock,
}

#[derive(Debug)]
struct Held {
    revision: u64,
    written: Timestamp,
    until: Timestamp,
}

impl ModelLease {
    /// No leases; those to come last `ttl` by `clock`.
    #[must_use]
    pub fn new(clock: ModelClock, ttl: Duration) -> Self {
        Self { held: Arc::default(), changed: watch::Sender::new(0), ttl, clock }
    }

    /// Has a lease expire, as when its holder is gone.
    pub fn expire(&self, key: &str) {
        self.held().remove(key);
        self.bump();
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bump(&self) -> u64 {
        let mut revision = 0;
        self.changed.send_modify(|count| {
            *count = count.saturating_add(1);
            revision = *count;
        });
        revision
    }
}

impl Lease for ModelLease {
    async fn acquire(&self, key: &str, _holder: &str) -> Result<u64, LeaseError> {
        let now = self.clock.now();
        let mut held = self.held();
        if held.get(key).is_some_and(|held| now < held.until) {
            return Err(LeaseError::Taken);
        }
        let revision = self.bump();
        held.insert(key.to_owned(), Held { revision, written: now, until: now.after(self.ttl) });
        Ok(revision)
    }

    async fn renew(&self, key: &str, _holder: &str, revision: u64) -> Result<u64, LeaseError> {
        let now = self.clock.now();
        let mut held = self.held();
        let ours = held
            .get_mut(key)
            .filter(|held| held.revision == revision && now < held.until)
            .ok_or(LeaseError::Taken)?;
        ours.revision = self.bump();
        ours.written = now;
        ours.until = now.after(self.ttl);
        Ok(ours.revision)
    }

    async fn written(&self, key: &str) -> Result<Timestamp, LeaseError> {
        self.held().get(key).map(|held| held.written).ok_or(LeaseError::Taken)
    }

    async fn release(&self, key: &str, revision: u64) -> Result<(), LeaseError> {
        let mut held = self.held();
        if held.get(key).is_some_and(|held| held.revision == revision) {
            held.remove(key);
            self.bump();
        }
        Ok(())
    }

    async fn freed(&self, key: &str) -> Result<(), LeaseError> {
        let mut changed = self.changed.subscribe();
        loop {
            let now = self.clock.now();
            if self.held().get(key).is_none_or(|held| held.until <= now) {
                return Ok(());
            }
            let gone = |error: watch::error::RecvError| LeaseError::Unavailable(error.into());
            tokio::select! {
                changed = changed.changed() => changed.map_err(gone)?,
                // Nobody says so when a lease expires, and the clock is not tokio's.
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}
