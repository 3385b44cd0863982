//! Showing how a payer gets on with its provider: in its bucket, and as a metric.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::gate::{ConnectorView, Shown, measure};
use crate::domain::Token;
use crate::port::{Batch, Clock, Log, Message};
use crate::wire::Encoding;

/// Pause before it is written again when that has failed, and between two writes at least: a
/// circuit that flutters does not fill a bucket.
const PAUSE: Duration = Duration::from_secs(1);

/// What a payer shows.
pub struct Shows<C> {
    connector: Token,
    shown: watch::Receiver<Shown>,
    clock: C,
}

impl<C: Clock> Shows<C> {
    pub(super) const fn new(connector: Token, shown: watch::Receiver<Shown>, clock: C) -> Self {
        Self { connector, shown, clock }
    }

    /// The provider it is about.
    #[must_use]
    pub const fn connector(&self) -> &Token {
        &self.connector
    }

    /// Writes it to `subject` whenever it changes, until `stop`.
    pub async fn run<L: Log>(mut self, log: &L, subject: &str, stop: &CancellationToken) {
        self.shown.mark_changed();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.shown.changed() => if changed.is_err() {
                    return;
                },
            }
            let Shown { state, problem, .. } = self.shown.borrow_and_update().clone();
            measure(&self.connector, state);
            let view = ConnectorView {
                connector: self.connector.clone(),
                circuit: state.name().to_owned(),
                since_ms: self.clock.now(),
                problem,
            };
            let Ok(payload) = Encoding::Json.write(&view) else { continue };
            let message = Message { subject: subject.to_owned(), payload, ..Message::default() };
            let batch = Batch::of(vec![message]);
            if let Err(cause) = log.commit(&batch).await {
                debug!(%cause, "the state of the connector is not shown just now");
                self.shown.mark_changed();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}
