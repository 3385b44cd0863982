//! Servers as children.

use std::path::PathBuf;
use std::time::Duration;

use kassa::config::Environment;
use kassa::nats::provision::{apply, assets, plan};
use kassa::nats::{Connection, ConnectionOptions};
use kassa::server::{ClusterConfig, Server, ServerConfig, Sync, find, free_ports};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::eventually;

/// How long a cluster may take to elect its first leaders.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(60);

/// The server's program, found once for all tests.
pub(crate) async fn program() -> PathBuf {
    static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
    let found = PROGRAM.get_or_init(|| async {
        let environment = Environment::read();
        let (named, path) = (environment.nats_server.as_deref(), environment.path.as_deref());
        let cache = &environment.folders.cache;
        find(named, path, cache, |say| eprintln!("{say}")).await.unwrap().program
    });
    found.await.clone()
}

/// Servers that live as long as this.
pub(crate) struct Nats {
    pub(crate) servers: Vec<Server>,
    pub(crate) folder: TempDir,
}

impl Nats {
    /// One server, which calls a write durable when it is on the disk.
    pub(crate) async fn one() -> Self {
        Self::start(1, Sync::Always).await
    }

    /// Three servers, as a cluster.
    pub(crate) async fn three() -> Self {
        Self::start(3, Sync::Always).await
    }

    /// One server that leaves it to the operating system when a write is on the disk: for tests
    /// in which a disk that is busy with others must not look like a fault.
    pub(crate) async fn one_in_a_hurry() -> Self {
        Self::start(1, Sync::Default).await
    }

    /// Three of them.
    pub(crate) async fn three_in_a_hurry() -> Self {
        Self::start(3, Sync::Default).await
    }

    async fn start(count: usize, sync: Sync) -> Self {
        super::log();
        let folder = tempfile::tempdir().unwrap();
        let ports = free_ports(2 * count).unwrap();
        let (ports, routes) = ports.split_at(count);
        let mut servers = Vec::with_capacity(count);
        for (index, (port, route)) in ports.iter().zip(routes).enumerate() {
            let name = format!("n{index}");
            let cluster = ClusterConfig { name, port: *route, routes: routes.to_vec() };
            let config = ServerConfig {
                program: program().await,
                folder: folder.path().join(format!("n{index}")),
                port: *port,
                sync,
                cluster: (1 < count).then_some(cluster),
            };
            servers.push(Server::start(config).await.unwrap());
        }
        Self { servers, folder }
    }

    /// Where clients connect.
    pub(crate) fn url(&self) -> String {
        self.servers.iter().map(Server::url).collect::<Vec<_>>().join(",")
    }

    /// Where one of them is.
    pub(crate) fn first_url(&self) -> String {
        self.servers[0].url()
    }

    /// A connection of our own.
    pub(crate) async fn connect(&self, name: &str) -> Connection {
        connect(&self.url(), name).await
    }

    /// Applies the streams of the market `main`.
    pub(crate) async fn provision(&self) {
        let connection = self.connect("provision").await;
        let replicas = u64::try_from(self.servers.len()).unwrap();
        let assets = assets(&"main".parse().unwrap(), Some(replicas), None).unwrap();
        // A cluster that has just started has no leader yet.
        eventually("the streams are applied", CLUSTER_TIMEOUT, async || {
            let planned = plan(&connection, assets.clone()).await.ok()?;
            apply(&connection, &planned).await.ok()
        })
        .await;
    }

    /// A client without any of Kassa in it, for what only an operator does.
    pub(crate) async fn operator(&self) -> async_nats::jetstream::Context {
        let urls: Vec<String> = self.servers.iter().map(Server::url).collect();
        async_nats::jetstream::new(async_nats::connect(urls).await.unwrap())
    }
}

/// Connects to `url`.
pub(crate) async fn connect(url: &str, name: &str) -> Connection {
    let options = ConnectionOptions { url: url.into(), name: name.into(), ..Default::default() };
    Connection::open(&options).await.unwrap()
}
