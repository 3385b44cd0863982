//! `kassa reconcile`: the provider's list against the log.

use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::codes::Code;
use super::dev::DevState;
use super::failure::Failure;
use super::money;
use super::output::{Show, say, table};
use super::session::{Connected, Session};
use super::{run, when};
use crate::config::{Config, ConnectorName};
use crate::domain::Timestamp;
use crate::gateway::Connector;
use crate::port::{Clock, SystemClock};
use crate::role::reconcile::{Difference, Period, Reconciled, Sum, reconcile};

/// What has moved so lately may be on its way into the log.
const SETTLED: Duration = Duration::from_secs(5 * 60);

/// Pause of whoever runs it each night.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The period when none is named: for as long as a bank may send a refund back.
const PERIOD: Duration = Duration::from_secs(35 * 24 * 60 * 60);

#[derive(Args, Debug)]
pub(super) struct ReconcileArguments {
    /// The first moment, as in 2026-11-22T00:00:00Z [default: 35 days before the last one]
    #[arg(long, value_name = "TIME", value_parser = when::read)]
    from: Option<Timestamp>,
    /// The first moment after it [default: five minutes ago]
    #[arg(long, value_name = "TIME", value_parser = when::read)]
    until: Option<Timestamp>,
}

pub(super) async fn run_reconcile(
    session: &Session,
    arguments: ReconcileArguments,
) -> Result<(), Failure> {
    let until = arguments.until.unwrap_or_else(|| SystemClock.now().before(SETTLED));
    let from = arguments.from.unwrap_or_else(|| until.before(PERIOD));
    if until <= from {
        return Err(Failure::new(Code::Usage, "--from is not before --until"));
    }
    if SystemClock.now().before(SETTLED) < until {
        say("note: what has moved in the last five minutes may be on its way into the log");
    }
    let connected = session.connect().await?;
    let log = connected.events().await?;
    let gateway = provider(session)?;
    let period = Period { from, until };
    let reconciled = reconcile((&log, &connected.subjects), &gateway, period).await;
    let reconciled = reconciled.map_err(anyhow::Error::from)?;
    session.show(&reconciled)?;
    match reconciled.differences.len() {
        0 => Ok(()),
        count => {
            let what = format!("{count} payments or refunds are not the same at both");
            Err(Failure::new(Code::CheckFailed, what))
        }
    }
}

/// Holds the list against the log now, and once a day, until `stop`.
pub(super) async fn nightly(config: Config, connected: Connected, stop: CancellationToken) {
    loop {
        let until = SystemClock.now().before(SETTLED);
        match lately(&config, &connected, until).await {
            Ok(reconciled) if reconciled.differences.is_empty() => {
                let Reconciled { payments, refunds, .. } = reconciled;
                info!(payments, refunds, "the provider's list and the log agree");
            }
            Ok(reconciled) => {
                for Difference { kind, provider_ref, .. } in &reconciled.differences {
                    error!(%provider_ref, ?kind, "the provider's list and the log differ");
                }
            }
            Err(failure) => warn!("the provider's list was not held against the log: {failure}"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(DAY) => {}
        }
    }
}

async fn lately(
    config: &Config,
    connected: &Connected,
    until: Timestamp,
) -> Result<Reconciled, Failure> {
    let period = Period { from: until.before(PERIOD), until };
    let (log, gateway) = (connected.events().await?, run::calm_connector(config)?);
    let reconciled = reconcile((&log, &connected.subjects), &gateway, period).await;
    Ok(reconciled.map_err(anyhow::Error::from)?)
}

/// Holds what moved lately, up to now, against a log that nobody writes to.
///
/// # Errors
///
/// When the provider or the log cannot be asked.
pub(super) async fn up_to_now(
    gateway: &Connector,
    connected: &Connected,
) -> Result<Reconciled, Failure> {
    let until = SystemClock.now();
    let period = Period { from: until.before(PERIOD), until };
    let log = connected.events().await?;
    let reconciled = reconcile((&log, &connected.subjects), gateway, period).await;
    Ok(reconciled.map_err(anyhow::Error::from)?)
}

/// The provider as it is configured, when it has books: the simulated one may have none.
///
/// # Errors
///
/// When it is configured wrong.
pub(super) fn provider_with_books(session: &Session) -> Result<Option<Connector>, Failure> {
    let config = with_books(session);
    let has_none =
        config.gateway.connector == ConnectorName::Simulated && config.gateway.ledger.is_none();
    if has_none {
        return Ok(None);
    }
    Ok(Some(run::calm_connector(&config)?))
}

/// The provider as it is configured, asked without its moods.
fn provider(session: &Session) -> Result<Connector, Failure> {
    Ok(run::calm_connector(&with_books(session))?)
}

/// The settings. The simulated provider of `kassa dev` has its books in the shop's folder.
fn with_books(session: &Session) -> Config {
    let mut config = session.config.clone();
    if config.gateway.ledger.is_none() {
        let folders = &session.environment.folders;
        let dev = DevState::of(folders, &config.nats.url);
        config.gateway.ledger = dev.and_then(|dev| dev.gateway_ledger);
    }
    config
}

impl Show for Reconciled {
    fn table(&self) -> String {
        let alike = format!(
            "{}: {} payments and {} refunds from {} until {} are in the log as in its list",
            self.connector,
            self.payments,
            self.refunds,
            when::written(self.from_ms),
            when::written(self.until_ms),
        );
        if self.differences.is_empty() {
            return alike;
        }
        let sum = |sum: &Option<Sum>| {
            sum.as_ref().map_or_else(
                || "-".to_owned(),
                |sum| {
                    let amount = money::written(sum.amount_minor.minor(), sum.currency);
                    let order = sum.order_id.map_or_else(String::new, |id| format!(" for {id}"));
                    format!("{amount}{order}")
                },
            )
        };
        let rows = self.differences.iter().map(|difference| {
            vec![
                format!("{:?}", difference.kind).to_lowercase(),
                difference.movement.to_owned(),
                difference.provider_ref.to_string(),
                when::written(difference.at_ms),
                sum(&difference.ours),
                sum(&difference.theirs),
            ]
        });
        let columns = ["WHAT", "OF", "REFERENCE", "WHEN", "IN THE LOG", "AT THE PROVIDER"];
        format!("{}\n{alike}", table(&columns, rows))
    }
}
