//! Being the one that is active.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::port::{BoxError, Lease, LeaseError};

/// How often a lease is renewed. It lasts three times as long, so that two lost renewals are
/// survived.
const RENEWAL: Duration = Duration::from_secs(1);

/// How long to believe in a lease that cannot be renewed: what it lasts, less what a renewal may
/// have been under way.
const BELIEF: Duration = Duration::from_millis(2500);

/// Pause after an attempt that could not be told.
const PAUSE: Duration = Duration::from_millis(250);

/// One that may become the active one.
#[derive(Clone, Debug)]
pub struct Candidate<L> {
    /// Where leases are kept.
    pub lease: L,
    /// What is leased: `main.committer`.
    pub key: String,
    /// Who this is, for people who look.
    pub holder: String,
}

/// These credentials may not take the lease.
#[derive(Debug, thiserror::Error)]
#[error("the lease {key} cannot be taken")]
pub struct MayNotLead {
    /// Which lease.
    pub key: String,
    /// Why.
    #[source]
    pub source: BoxError,
}

impl<L: Lease> Candidate<L> {
    /// Waits until the lease is ours, and returns its revision.
    ///
    /// # Errors
    ///
    /// [`MayNotLead`]: waiting does not mend that.
    pub async fn acquire(&self) -> Result<u64, MayNotLead> {
        let mut said = false;
        loop {
            match self.lease.acquire(&self.key, &self.holder).await {
                Ok(revision) => return Ok(revision),
                Err(LeaseError::Taken) => {
                    if self.lease.freed(&self.key).await.is_err() {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                Err(LeaseError::Denied(source)) => {
                    return Err(MayNotLead { key: self.key.clone(), source });
                }
                Err(LeaseError::Unavailable(cause)) => {
                    if !std::mem::replace(&mut said, true) {
                        warn!(key = self.key, %cause, "the lease cannot be reached; waiting");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Keeps the lease until `done`, then gives it up; cancels `abort` when it is lost before.
    pub async fn keep(
        &self,
        mut revision: u64,
        done: &CancellationToken,
        abort: &CancellationToken,
    ) {
        let mut believed_until = Instant::now() + BELIEF;
        let mut renewal = tokio::time::interval(RENEWAL);
        renewal.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        renewal.reset();
        loop {
            tokio::select! {
                () = done.cancelled() => break,
                _ = renewal.tick() => {}
            }
            let started = Instant::now();
            let renewed = self.lease.renew(&self.key, &self.holder, revision);
            match tokio::time::timeout_at(believed_until, renewed).await {
                Ok(Ok(next)) => {
                    revision = next;
                    believed_until = started + BELIEF;
                }
                // The server is away; ours or not, nobody else can have it yet.
                Ok(Err(LeaseError::Unavailable(_))) if Instant::now() < believed_until => {}
                Ok(Err(LeaseError::Taken | LeaseError::Denied(_) | LeaseError::Unavailable(_)))
                | Err(_) => {
                    abort.cancel();
                    return;
                }
            }
        }
        // It expires by itself when this does not arrive.
        let released = self.lease.release(&self.key, revision);
        let _ = tokio::time::timeout(RENEWAL, released).await;
    }
}
