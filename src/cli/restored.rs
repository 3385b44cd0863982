//! What follows from a log that came back: its views, and what the provider says of its money.

use serde::Serialize;

use super::builder::{Builder, until_whole};
use super::failure::Failure;
use super::output::{Format, say};
use super::reconcile;
use super::session::{Connected, Session};
use crate::nats::JsLog;
use crate::role::follow::Hub;
use crate::view::{MinuteView, OrderView, StockView, View};

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
    let reader = connected.reader(bucket.clone()).await?;
    let mut builder = Builder::begin::<V>(connected, events, (view, &bucket)).await?;
    builder.during(until_whole(&reader, events, format)).await?;
    builder.end_undisturbed().await
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
