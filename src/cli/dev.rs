//! `kassa dev`: a whole shop on this machine.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::codes::Code;
use super::failure::Failure;
use super::output::say;
use super::session::{Connected, Session, connection_options, older};
use super::streams::refuse_restoring;
use super::{Interrupt, reconcile, run, traffic};
use crate::config::{Config, Folders};
use crate::nats::provision::{apply, assets, plan};
use crate::nats::{Connection, api_level};
use crate::run::{mends_itself, start};
use crate::server::{Found, Server, ServerConfig, Staging, Sync, find, free_port};
use crate::wire::MarketName;

/// Where NATS usually is.
const PORT: u16 = 4222;

#[derive(Debug, Args)]
pub(super) struct DevArguments {
    /// Keep nothing: the data goes when the shop closes
    #[arg(long, conflicts_with = "data_dir")]
    ephemeral: bool,
    /// No synthetic traffic
    #[arg(long)]
    no_traffic: bool,
    /// Port of the NATS server; another one when it is taken
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port_base: u16,
    /// Folder of the data
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// When a write is durable
    #[arg(long, value_enum, default_value_t)]
    sync: Sync,
    /// Where the server stages its batches
    #[arg(long, value_enum, default_value_t)]
    staging: Staging,
    /// The nats-server to start
    #[arg(long, value_name = "FILE")]
    nats_server: Option<PathBuf>,
}

/// What a running shop tells the other commands of its user.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct DevState {
    url: String,
    pub(super) system_user: String,
    pub(super) system_password: String,
    /// Where the simulated provider keeps its books.
    pub(super) gateway_ledger: Option<PathBuf>,
}

impl DevState {
    /// The state of the shop that listens at `url`, if it is this user's.
    pub(super) fn of(folders: &Folders, url: &str) -> Option<Self> {
        let text = std::fs::read_to_string(state_file(folders, url)).ok()?;
        let state: Self = serde_json::from_str(&text).ok()?;
        (state.url == url).then_some(state)
    }

    fn write(&self, folders: &Folders) -> anyhow::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = state_file(folders, &self.url);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = File::options();
        // It holds a password: nobody else reads it.
        options.create(true).write(true).truncate(true).mode(0o600);
        Ok(serde_json::to_writer(options.open(file)?, self)?)
    }
}

/// Where a shop leaves its state: found by its port, wherever its data is.
fn state_file(folders: &Folders, url: &str) -> PathBuf {
    let port = url.rsplit(':').next().unwrap_or_default();
    let port: String = port.chars().filter(char::is_ascii_digit).collect();
    folders.data.join(format!("dev-{port}.json"))
}

fn default_folder(folders: &Folders) -> PathBuf {
    folders.data.join("dev")
}

/// The folder of a shop. Nobody else uses it while this is held.
struct Folder {
    path: PathBuf,
    _lock: File,
    /// Takes the folder along when it goes.
    _ephemeral: Option<tempfile::TempDir>,
}

impl Folder {
    fn open(session: &Session, arguments: &DevArguments) -> Result<Self, Failure> {
        let ephemeral =
            arguments.ephemeral.then(|| tempfile::Builder::new().prefix("kassa").tempdir());
        let ephemeral = ephemeral.transpose().map_err(anyhow::Error::from)?;
        let named = ephemeral.as_ref().map(|folder| folder.path().to_path_buf());
        let path = named
            .or_else(|| arguments.data_dir.clone())
            .unwrap_or_else(|| default_folder(&session.environment.folders));
        let unusable = |error| anyhow::Error::from(error).context(format!("{}", path.display()));
        std::fs::create_dir_all(&path).map_err(unusable)?;
        let lock = File::create(path.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock, _ephemeral: ephemeral }),
            Err(TryLockError::WouldBlock) => {
                let what = format!("another `kassa dev` uses {}", path.display());
                Err(Failure::new(Code::DataInUse, what))
            }
            Err(TryLockError::Error(error)) => Err(unusable(error).into()),
        }
    }
}

pub(super) async fn dev(session: &Session, arguments: DevArguments) -> Result<(), Failure> {
    let folder = Folder::open(session, &arguments)?;
    let found = nats_server(session, arguments.nats_server.as_deref()).await?;
    // Fetching is not part of starting.
    let begun = Instant::now();
    let interrupt = Interrupt::listen()?;
    let port = free_port(Some(arguments.port_base)).map_err(anyhow::Error::from)?;
    // Port 0 asks for any.
    if port != arguments.port_base && arguments.port_base != 0 {
        say(&format!("port {} is taken, using {port}", arguments.port_base));
    }
    let mut server = Server::start(ServerConfig {
        program: found.program.clone(),
        folder: folder.path.join("nats"),
        port,
        sync: arguments.sync,
        cluster: None,
    })
    .await
    .map_err(anyhow::Error::from)?;
    let opened = open(session, &folder, &server).await;
    if let Ok((_, connected)) = &opened
        && arguments.staging == Staging::Memory
    {
        // The next stream of a log that is rolled does so once the shop is opened again.
        server.stage_in_memory(|stream| mends_itself(&connected.subjects, stream));
    }
    let ended = match opened {
        Ok((config, connected)) => {
            let traffic = !arguments.no_traffic;
            let shop = Shop { config, connected, found, begun, traffic, interrupt };
            Box::pin(shop.serve(&folder, arguments.sync, &mut server)).await
        }
        Err(failure) => Err(failure),
    };
    server.stop().await;
    // Whoever reads it later must not take another server for ours.
    let _ = std::fs::remove_file(state_file(&session.environment.folders, &server.url()));
    ended
}

/// Finds a server, or fetches one.
pub(super) async fn nats_server(session: &Session, named: Option<&Path>) -> Result<Found, Failure> {
    let environment = &session.environment;
    let named = named.or(environment.nats_server.as_deref());
    let cache = &environment.folders.cache;
    let found = find(named, environment.path.as_deref(), cache, say).await;
    found.map_err(|error| anyhow::Error::from(error).into())
}

/// Applies the streams to the new server.
async fn open(
    session: &Session,
    folder: &Folder,
    server: &Server,
) -> Result<(Config, Connected), Failure> {
    let mut config = session.config.clone();
    config.nats.url = server.url();
    // The server is ours: credentials are for others.
    for secret in [&mut config.nats.creds, &mut config.nats.nkey] {
        *secret = None;
    }
    (config.nats.user, config.nats.password) = (None, None);
    config.gateway.ledger.get_or_insert_with(|| folder.path.join("gateway.jsonl"));
    let state = DevState {
        url: server.url(),
        system_user: server.system().user.clone(),
        system_password: server.system().password.clone(),
        gateway_ledger: config.gateway.ledger.clone(),
    };
    state.write(&session.environment.folders)?;
    let connection = Connection::open(&connection_options(&config.nats, "kassa dev")).await;
    let connection = connection.map_err(anyhow::Error::from)?;
    let assets = assets(&config.market, Some(1), None).map_err(anyhow::Error::from)?;
    let restoring = refuse_restoring(&connection, &config.market).await;
    restoring.map_err(|failure| beside_another(&config.market, failure))?;
    let planned = plan(&connection, assets).await.map_err(anyhow::Error::from)?;
    apply(&connection, &planned).await.map_err(anyhow::Error::from)?;
    let (older, orders_kept) = (older(&config), config.views.orders_kept());
    let subjects = session.subjects();
    Ok((config, Connected { connection, subjects, older, orders_kept }))
}

/// What to do about a market that is being restored, on a server that goes when this is said.
fn beside_another(market: &MarketName, failure: Failure) -> Failure {
    if failure.code != Code::Restoring {
        return failure;
    }
    let advice = format!(
        "open another market on the same data (`kassa dev --market other`), run `kassa restore` \
         for {market} beside it, then this again"
    );
    Failure { advice: Some(advice), ..failure }
}

/// An open shop.
struct Shop {
    config: Config,
    connected: Connected,
    found: Found,
    begun: Instant,
    traffic: bool,
    interrupt: Interrupt,
}

impl Shop {
    /// Runs the roles and the traffic until somebody asks to stop; the server still runs then.
    async fn serve(
        mut self,
        folder: &Folder,
        sync: Sync,
        server: &mut Server,
    ) -> Result<(), Failure> {
        let mut running = start(&run::setup(&self.config)?, &run::roles(&self.config)).await?;
        let filled = traffic::fill(&self.connected).await;
        let stop = CancellationToken::new();
        let buyers = match filled {
            Ok(()) if self.traffic => {
                Some(tokio::spawn(traffic::run(self.connected.clone(), stop.clone())))
            }
            Ok(()) => None,
            Err(failure) => {
                running.stop(self.config.stop_grace()).await;
                return Err(failure);
            }
        };
        let (config, connected) = (self.config.clone(), self.connected.clone());
        let books = tokio::spawn(reconcile::nightly(config, connected, stop.clone()));
        self.banner(folder, sync).await;
        let failed = tokio::select! {
            () = self.interrupt.wait() => None,
            failure = running.failure() => Some(failure.into()),
            () = server.ended() => {
                Some(Failure::new(Code::ServerStart, "the NATS server ended by itself"))
            }
        };
        say("closing");
        stop.cancel();
        if let Some(buyers) = buyers {
            // Buyers end by themselves; one that panicked has ended too.
            let _ = buyers.await;
        }
        let _ = books.await;
        running.stop(self.config.stop_grace()).await;
        failed.map_or(Ok(()), Err)
    }

    async fn banner(&self, folder: &Folder, sync: Sync) {
        let url = &self.config.nats.url;
        let level = api_level(&self.connected.connection).await.unwrap_or_default();
        let roles: Vec<_> = run::roles(&self.config).iter().map(|role| role.name()).collect();
        let kept = if folder._ephemeral.is_some() { "gone when it closes" } else { "kept" };
        let durable = match sync {
            Sync::Always => "every write on disk before it is acknowledged",
            Sync::Default => "a power cut loses the last two minutes",
        };
        let traffic = if self.traffic { traffic::DESCRIPTION } else { "none" };
        let program = program();
        let address = if url.ends_with(&format!(":{PORT}")) {
            String::new()
        } else {
            format!(" --nats {url}")
        };
        let market = &self.config.market;
        let first = traffic::first_sku();
        say(&format!(
            "\nKassa is open ({:.1} s).\n\n  \
             NATS      {url}   nats-server {}, API level {level}\n  \
             market    {market}: {}\n  \
             shelves   {} SKUs; traffic: {traffic}\n  \
             data      {} ({kept}; {durable})\n\n\
             Try, in another terminal:\n  \
             {program} order place {first}=2 --watch{address}\n  \
             {program} stock watch {first}{address}\n  \
             {program} verify{address}\n\n\
             Ctrl-C closes it.",
            self.begun.elapsed().as_secs_f64(),
            self.found.version,
            roles.join(", "),
            traffic::SKUS,
            folder.path.display(),
        ));
    }
}

/// How the program was called, so that what is printed can be typed.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "kassa".to_owned())
}
