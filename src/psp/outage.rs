//! Outages, planned or called for.

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;

/// What an outage looks like from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutageKind {
    /// Calls are answered with 503.
    #[default]
    Unavailable,
    /// Nobody listens: connections are refused, open ones are cut.
    Refused,
}

/// An outage that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    pub(super) kind: OutageKind,
    pub(super) until: Instant,
}

/// Whether the provider is there.
#[derive(Debug)]
pub(super) struct Weather(watch::Sender<Option<Outage>>);

impl Default for Weather {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Weather {
    /// Begins an outage; another one ends.
    pub(super) fn outage(&self, lasts: Duration, kind: OutageKind) {
        let until = Instant::now() + lasts;
        self.0.send_replace(Some(Outage { kind, until }));
    }

    /// Ends the outage, if there is one.
    pub(super) fn heal(&self) {
        self.0.send_replace(None);
    }

    /// The outage there is now.
    pub(super) fn now(&self) -> Option<Outage> {
        let outage = *self.0.borrow();
        outage.filter(|outage| Instant::now() < outage.until)
    }

    /// Waits until connections are refused, or are not any more.
    pub(super) async fn refuses(&self, wanted: bool) {
        let mut changes = self.0.subscribe();
        loop {
            let refused = self.now().filter(|outage| outage.kind == OutageKind::Refused);
            match refused {
                Some(_) if wanted => return,
                None if !wanted => return,
                Some(outage) => {
                    // By itself it ends at its time; somebody may end it before.
                    let _ = tokio::time::timeout_at(outage.until, changes.changed()).await;
                }
                None => {
                    let _ = changes.changed().await;
                }
            }
        }
    }
}
