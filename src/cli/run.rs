//! `kassa run`: roles against somebody's server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tracing::{error, info};

use super::codes::Code;
use super::failure::Failure;
use super::session::{Session, connection_options, older};
use super::{Interrupt, streams};
use crate::config::{CheckpointConfig, Config, ConnectorName, GatewayConfig, StripeConfig};
use crate::engine::Pace;
use crate::gateway::{
    Connector, LedgerError, SimulatedGateway, Simulation, StripeGateway, StripeSettings,
};
use crate::role::committer::Bounds;
use crate::role::payer::Payments;
use crate::run::{Checkpoints, Paces, Role, Setup, start};

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// The roles; all of them when none is named
    #[arg(value_enum)]
    roles: Vec<Role>,
}

pub(super) async fn run(session: &Session, arguments: RunArguments) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let config = &session.config;
    let connected = session.connect().await?;
    streams::check(&connected.connection, &config.market).await?;
    if arguments.roles.contains(&Role::Webhooks) && config.webhooks.listen.is_none() {
        let what = "nobody can be heard: webhooks.listen is not set";
        return Err(Failure::new(Code::Config, what));
    }
    if arguments.roles.contains(&Role::Checkpoint) && checkpoints(config).is_none() {
        let what = "nothing can be signed: checkpoint.key_file and checkpoint.file are not set";
        return Err(Failure::new(Code::Config, what));
    }
    let roles = if arguments.roles.is_empty() { roles(config) } else { arguments.roles };
    let mut running = start(&setup(config)?, &roles).await?;
    let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
    info!(market = %config.market, roles = names.join(" "), "running");
    let failed = tokio::select! {
        () = interrupt.wait() => None,
        failure = running.failure() => {
            error!("{failure:#}");
            Some(failure.into())
        }
    };
    running.stop(config.stop_grace()).await;
    failed.map_or(Ok(()), Err)
}

/// All roles that have something to do as it is configured.
pub(super) fn roles(config: &Config) -> Vec<Role> {
    let (hears, signs) = (config.webhooks.listen.is_some(), checkpoints(config).is_some());
    let has_to_do = |role: &Role| match role {
        Role::Webhooks => hears,
        Role::Checkpoint => signs,
        Role::Committer
        | Role::Projector
        | Role::Payer
        | Role::RetryScheduler
        | Role::Feed
        | Role::Attention
        | Role::Verifier => true,
    };
    Role::ALL.into_iter().filter(has_to_do).collect()
}

/// Where signed heads are kept, when both files are named.
fn checkpoints(config: &Config) -> Option<Checkpoints> {
    let CheckpointConfig { key_file, file, every_s } = config.checkpoint.clone();
    let every = Duration::from_secs(every_s.get());
    Some(Checkpoints { key_file: key_file?, file: file?, every })
}

/// What the roles need, as it is configured.
pub(super) fn setup(config: &Config) -> Result<Setup<Connector>, anyhow::Error> {
    let millis = |bounded: u64| Duration::from_millis(bounded);
    let paces = Paces {
        views: Pace {
            quiet: millis(config.views.quiet_ms.get()),
            busy: millis(config.views.busy_ms.get()),
            much: Pace::MUCH,
        },
        ..Paces::default()
    };
    Ok(Setup {
        nats: connection_options(&config.nats, "kassa"),
        market: config.market.clone(),
        policy: config.policy(),
        bounds: Bounds {
            commands: config.committer.commands_max.count(),
            bytes: config.committer.bytes_max.count(),
            skus: config.committer.skus_max.count(),
        },
        snapshot_every: config.committer.snapshot_every.get(),
        milestone_every: crate::role::milestones::EVERY,
        queue: config.committer.queue.count(),
        pace: paces,
        feed: config.feed.encoding.encoding(),
        payments: Payments { concurrency: config.payer.concurrency.count(), ..Payments::default() },
        gateway: Arc::new(connector(config)?),
        webhooks: config.webhooks.listen,
        checkpoints: checkpoints(config).map(Box::new),
        older: older(config),
        orders_kept: config.views.orders_kept(),
        holder: format!("kassa {}", std::process::id()),
    })
}

/// The provider as it is configured.
pub(super) fn connector(config: &Config) -> Result<Connector, anyhow::Error> {
    let GatewayConfig { connector, ledger, .. } = &config.gateway;
    match connector {
        ConnectorName::Simulated => {
            let simulation = moods(&config.gateway);
            Ok(Connector::Simulated(Box::new(simulated(simulation, ledger.as_deref())?)))
        }
        ConnectorName::Stripe => Ok(Connector::Stripe(stripe(&config.stripe)?)),
    }
}

/// The same provider without the moods that it may be set to: for whoever reads its books.
pub(super) fn calm_connector(config: &Config) -> Result<Connector, anyhow::Error> {
    let GatewayConfig { connector, ledger, .. } = &config.gateway;
    match connector {
        ConnectorName::Simulated => {
            let calm = simulated(Simulation::default(), ledger.as_deref())?;
            Ok(Connector::Simulated(Box::new(calm)))
        }
        ConnectorName::Stripe => Ok(Connector::Stripe(stripe(&config.stripe)?)),
    }
}

fn moods(config: &GatewayConfig) -> Simulation {
    Simulation {
        seed: config.seed,
        latency_min: Duration::from_millis(config.latency_min_ms.get()),
        latency_max: Duration::from_millis(config.latency_max_ms.get()),
        declined: config.declined_per_100k.get(),
        decline_codes: config.decline_codes.clone(),
        unavailable: config.unavailable_per_100k.get(),
        answer_lost: config.answer_lost_per_100k.get(),
        outage: (0 < config.outage_for_s.get()).then(|| {
            let seconds = Duration::from_secs;
            (seconds(config.outage_after_s.get()), seconds(config.outage_for_s.get()))
        }),
    }
}

fn simulated(
    simulation: Simulation,
    ledger: Option<&Path>,
) -> Result<SimulatedGateway, LedgerError> {
    match ledger {
        Some(file) => SimulatedGateway::with_ledger(simulation, file),
        None => Ok(SimulatedGateway::new(simulation)),
    }
}

fn stripe(config: &StripeConfig) -> Result<StripeGateway, anyhow::Error> {
    let (secret_key, webhook_secrets) = (config.key()?, config.webhook_keys()?);
    let base_url = config.base_url.clone();
    Ok(StripeGateway::new(&StripeSettings { base_url, secret_key, webhook_secrets })?)
}
