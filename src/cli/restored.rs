//! What follows from a log that came back: its views, and what the provider says of its money.

use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::codes::Code;
use super::failure::Failure;
use super::output::{Format, say};
use super::progress::Progress;
use super::reconcile;
use super::session::{Connected, Session};
use crate::engine::{Ended, Pace};
use crate::nats::JsLog;
use crate::port::{Clock, ReadError, SystemClock};
use crate::role::follow::Hub;
use crate::role::rebuild::build;
use crate::run::{bucket_output, keeps};
use crate::view::{MinuteView, OrderView, StockView, View};

/// Time between two looks at how far a view is.
const LOOK: Duration = Duration::from_millis(50);

/// The time between two batches of a view that nobody reads yet: keys that change again are written
/// once.
const PACE: Duration = Duration::from_millis(100);

/// Builds every view, so that whoever opens the market shows it as it was.
///
/// # Errors
///
/// What keeps a view from being built.
pub(super) async fn build_views(connected: &Connected, format: Format) -> Result<(), Failure> {
    let events = Hub::start(connected.events().await?, connected.subjects.commit());
    built::<OrderView>((connected, format), &events, "orders").await?;
    built::<StockView>((connected, format), &events, "stock").await?;
    built::<MinuteView>((connected, format), &events, "metrics").await
}

async fn built<V: View>(
    (connected, format): (&Connected, Format),
    events: &Hub<JsLog>,
    view: &'static str,
) -> Result<(), Failure> {
    let live = connected.aliases().await?.live(view).await.map_err(anyhow::Error::from)?;
    let bucket = live.alias.bucket;
    let output = bucket_output(connected.bucket_log(&bucket).await?, &bucket, Pace::steady(PACE));
    let (stop, reader) = (CancellationToken::new(), connected.reader(bucket).await?);
    let end = events.last().await.map_err(anyhow::Error::from)?;
    let mut progress = Progress::new(format, ("building", "sequences"), end.0)?;
    let keeps = keeps(connected.orders_kept);
    let mut building =
        Box::pin(build::<V, _>(view, events, (&output, keeps), || SystemClock.now(), &stop));
    let watching = async {
        loop {
            let reached = reader.position().await?;
            progress.reach(reached.0.min(end.0));
            if end <= reached {
                return Ok::<_, ReadError>(());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let early = tokio::select! {
        ended = &mut building => Some(ended),
        watched = watching => {
            watched.map_err(anyhow::Error::from)?;
            None
        }
    };
    progress.end();
    stop.cancel();
    let ended = if let Some(ended) = early { ended } else { building.await };
    match ended.map_err(anyhow::Error::from)? {
        Ended::Drained => Ok(()),
        Ended::Aborted | Ended::Superseded | Ended::Lost => {
            Err(Failure::new(Code::ViewElsewhere, format!("somebody else writes the view {view}")))
        }
    }
}

/// What the provider says of the money in a restored log.
#[derive(Serialize)]
pub(super) struct Money {
    /// Who.
    connector: String,
    /// Payments and refunds that are the same at both.
    alike: u64,
    /// Those that are not: paid after the backup, or worse.
    pub(super) different: usize,
}

impl Money {
    /// In words.
    pub(super) fn told(&self) -> String {
        let Self { connector, alike, different } = self;
        format!("{connector}: {alike} alike, {different} not")
    }
}

/// Holds the provider's list against the log; none when the provider cannot be asked, which is
/// said.
///
/// # Errors
///
/// When the connector is configured wrong.
pub(super) async fn held_against_the_provider(
    session: &Session,
    connected: &Connected,
) -> Result<Option<Money>, Failure> {
    let Some(gateway) = reconcile::provider_with_books(session)? else {
        say("the simulated provider has no books: nothing to hold the money against");
        return Ok(None);
    };
    match reconcile::up_to_now(&gateway, connected).await {
        Ok(reconciled) => Ok(Some(Money {
            connector: reconciled.connector.to_string(),
            alike: reconciled.payments.saturating_add(reconciled.refunds),
            different: reconciled.differences.len(),
        })),
        Err(failure) => {
            say(&format!("the provider's list was not held against the log: {failure}"));
            Ok(None)
        }
    }
}
