//! A server, a market on it, and its roles: what is measured.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::raw::RAW_STREAM;
use crate::domain::{Policy, Sequence};
use crate::gateway::{SimulatedGateway, Simulation};
use crate::nats::provision::{apply, assets, plan};
use crate::nats::{Connection, ConnectionOptions, JsLog, Scratch};
use crate::role::committer::Bounds;
use crate::role::follow::Follow;
use crate::role::payer::Payments;
use crate::run::{Paces, Role, Running, Setup, mends_itself, start};
use crate::server::{ClusterConfig, Server, ServerConfig, Staging, Sync, free_ports};
use crate::wire::{Encoding, MarketName, Subjects};

/// How many servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// One.
    One,
    /// Three, as a cluster on this machine.
    Three,
}

impl Nodes {
    /// How many.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Three => 3,
        }
    }
}

/// What to measure on.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// The servers.
    pub servers: Servers,
    /// The roles of this process.
    pub roles: Vec<Role>,
    /// How long a hold lasts.
    pub policy: Policy,
    /// How the payer works.
    pub payments: Payments,
    /// The provider.
    pub gateway: Arc<SimulatedGateway>,
}

/// Whose servers.
#[derive(Clone, Debug)]
pub enum Servers {
    /// Our own, for this run.
    Embedded(Embedded),
    /// Somebody's; the market is made there.
    Theirs {
        /// How to connect.
        nats: Box<ConnectionOptions>,
        /// Copies of every stream.
        replicas: u64,
        /// The market that stays there, to be looked at; else one that is deleted afterwards.
        keep: Option<MarketName>,
    },
}

/// Servers of our own.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// The server's program.
    pub program: PathBuf,
    /// Where its data goes.
    pub folder: PathBuf,
    /// How many servers.
    pub nodes: Nodes,
    /// When a write is durable.
    pub sync: Sync,
    /// Where a single server stages its batches.
    pub staging: Staging,
}

impl WorldOptions {
    /// A shop as it is set by default, at a provider that is always well.
    #[must_use]
    pub fn new(servers: Servers, roles: Vec<Role>) -> Self {
        Self {
            servers,
            roles,
            policy: Policy::default(),
            payments: Payments::default(),
            gateway: Arc::new(SimulatedGateway::new(Simulation::default())),
        }
    }

    /// Copies of every stream.
    #[must_use]
    pub const fn replicas(&self) -> u64 {
        match &self.servers {
            Servers::Embedded(Embedded { nodes: Nodes::One, .. }) => 1,
            Servers::Embedded(Embedded { nodes: Nodes::Three, .. }) => 3,
            Servers::Theirs { replicas, .. } => *replicas,
        }
    }
}

/// Servers and roles that run.
pub struct World {
    servers: Vec<Server>,
    running: Option<Running>,
    setup: Setup<SimulatedGateway>,
    /// Whether batches are staged in memory.
    staged: bool,
    /// Whether the market is deleted at the end.
    deletes: bool,
}

/// How long a cluster may take to elect its first leaders.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long roles may take to stop.
const GRACE: Duration = Duration::from_secs(15);

impl World {
    /// Starts servers, applies the streams, starts the roles.
    ///
    /// # Errors
    ///
    /// Whatever keeps one of them from starting.
    pub async fn start(options: &WorldOptions) -> anyhow::Result<Self> {
        let replicas = options.replicas();
        let (servers, nats, market) = match &options.servers {
            Servers::Embedded(embedded) => {
                let servers = start_servers(embedded).await?;
                let url = servers.iter().map(Server::url).collect::<Vec<_>>().join(",");
                let nats =
                    ConnectionOptions { url, name: "kassa bench".into(), ..Default::default() };
                (servers, nats, "main".parse()?)
            }
            Servers::Theirs { nats, keep: Some(market), .. } => {
                (Vec::new(), (**nats).clone(), market.clone())
            }
            // A name that no market has: its streams are deleted afterwards.
            Servers::Theirs { nats, .. } => {
                let market = format!("bench{:08x}", rand::random::<u32>()).parse()?;
                (Vec::new(), (**nats).clone(), market)
            }
        };
        provision(&nats, &market, replicas).await?;
        let staged = match &options.servers {
            Servers::Embedded(embedded) => embedded.staging == Staging::Memory && replicas == 1,
            Servers::Theirs { .. } => false,
        };
        let setup = Setup {
            nats,
            market,
            policy: options.policy.clone(),
            bounds: Bounds::default(),
            snapshot_every: 10_000,
            milestone_every: crate::role::milestones::EVERY,
            queue: 8_192,
            pace: Paces::default(),
            feed: Encoding::MessagePack,
            payments: options.payments,
            gateway: Arc::clone(&options.gateway),
            webhooks: None,
            checkpoints: None,
            older: None,
            orders_kept: Duration::from_secs(90 * 24 * 60 * 60),
            holder: format!("bench {}", std::process::id()),
        };
        let deletes = matches!(options.servers, Servers::Theirs { keep: None, .. });
        let mut world = Self { servers, running: None, setup, staged, deletes };
        world.stage();
        world.running = Some(start(&world.setup, &options.roles).await?);
        Ok(world)
    }

    /// Has streams that were just made stage their batches where this world does.
    pub(super) fn stage(&mut self) {
        let (subjects, staged) = (self.subjects(), self.staged);
        let which = |stream: &str| stream == RAW_STREAM || mends_itself(&subjects, stream);
        for server in self.servers.iter_mut().filter(|_| staged) {
            server.stage_in_memory(which);
        }
    }

    /// The names of the market.
    #[must_use]
    pub fn subjects(&self) -> Subjects {
        Subjects::of(self.setup.market.clone())
    }

    /// Where the servers are.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.setup.nats.url
    }

    /// The commits after `after`, as the roles of this process read them.
    #[must_use]
    pub fn commits(&self, after: Sequence) -> Option<Follow<JsLog>> {
        let commits = self.running.as_ref()?.commits();
        Some(commits.follow(after, CancellationToken::new()))
    }

    /// A connection of its own.
    ///
    /// # Errors
    ///
    /// See [`crate::nats::ConnectError`].
    pub async fn connect(&self, name: &str) -> anyhow::Result<Connection> {
        let options = ConnectionOptions { name: name.to_owned(), ..self.setup.nats.clone() };
        Ok(Connection::open(&options).await?)
    }

    /// Stops the roles, then the servers.
    pub async fn stop(mut self) {
        if let Some(running) = self.running.take() {
            running.stop(GRACE).await;
        }
        if self.deletes
            && let Err(error) = self.delete_market().await
        {
            tracing::warn!("the streams of {} are still there: {error:#}", self.setup.market);
        }
        for server in &mut self.servers {
            server.stop().await;
        }
    }

    /// Deletes the streams that were made for this run on somebody's server.
    async fn delete_market(&self) -> anyhow::Result<()> {
        let connection = self.connect("kassa bench").await?;
        for asset in assets(&self.setup.market, None, None::<&Path>)? {
            // Leases are every market's, and expire.
            if asset.stream != Subjects::bucket_stream(Subjects::lease_bucket()) {
                Scratch::existing(&connection, &asset.stream).delete().await?;
            }
        }
        Ok(())
    }
}

async fn start_servers(options: &Embedded) -> anyhow::Result<Vec<Server>> {
    let count = options.nodes.count();
    let ports = free_ports(count)?;
    let routes = free_ports(count)?;
    let mut servers = Vec::with_capacity(count);
    for (index, (port, route)) in ports.into_iter().zip(&routes).enumerate() {
        let cluster = (1 < count).then(|| ClusterConfig {
            name: format!("n{index}"),
            port: *route,
            routes: routes.clone(),
        });
        let folder = options.folder.join(format!("n{index}"));
        let (program, sync) = (options.program.clone(), options.sync);
        servers.push(Server::start(ServerConfig { program, folder, port, sync, cluster }).await?);
    }
    Ok(servers)
}

async fn provision(
    nats: &ConnectionOptions,
    market: &MarketName,
    replicas: u64,
) -> anyhow::Result<()> {
    let connection = Connection::open(nats).await?;
    let assets = assets(market, Some(replicas), None::<&Path>)?;
    let deadline = tokio::time::Instant::now() + CLUSTER_TIMEOUT;
    // A cluster that has just started has no leader yet.
    loop {
        let planned = plan(&connection, assets.clone()).await;
        let applied = match planned {
            Ok(planned) => apply(&connection, &planned).await,
            Err(error) => Err(error),
        };
        match applied {
            Ok(()) => return Ok(()),
            Err(error) if deadline <= tokio::time::Instant::now() => {
                return Err(error).context("applying the streams");
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
