//! A server as a child process.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tracing::warn;

use super::staging::{Left, Staged, clear, left_behind};

/// How long a server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to stop by itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How far the heap of each of three servers may grow before it is looked through, in percent. At
/// Go's 100 they spent so much on that, on one machine, that 10,000 SKUs were 9,200 orders/s, not
/// 10,100; each takes 250 MB for it.
const CLUSTER_GOGC: &str = "400";
/// Pause between two looks at what a server stages in.
const MEND: Duration = Duration::from_secs(1);
/// Pause between two looks at a server that starts.
const LOOK: Duration = Duration::from_millis(10);

/// When a server calls a write durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Sync {
    /// When it is on the disk.
    #[default]
    Always,
    /// When the operating system has it; a power cut loses the last two minutes.
    Default,
}

/// How a server is to run.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The program.
    pub program: PathBuf,
    /// Its own folder: configuration, log, store.
    pub folder: PathBuf,
    /// Where it listens, on loopback.
    pub port: u16,
    /// When a write is durable.
    pub sync: Sync,
    /// Its place in a cluster, when it is in one.
    pub cluster: Option<ClusterConfig>,
}

impl ServerConfig {
    /// Where its streams are.
    fn store(&self) -> PathBuf {
        self.folder.join("store")
    }
}

/// A server's place in a cluster of servers on one machine.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// Its name.
    pub name: String,
    /// Where it listens for the others.
    pub port: u16,
    /// Where the others listen for it.
    pub routes: Vec<u16>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its folder cannot be written.
    #[error("{folder} cannot be written")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program does not run.
    #[error("{program} cannot be started")]
    Spawn {
        /// Which.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It ended, or does not listen.
    #[error("nats-server did not come up on port {port}; the end of its log:\n{log}")]
    NotUp {
        /// Where it should listen.
        port: u16,
        /// What it said last.
        log: String,
    },
}

/// A running server. It is stopped when this is dropped, at the latest.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    child: Child,
    system: SystemAccount,
    staged: Option<Staged>,
}

/// Who may ask the server about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemAccount {
    /// User name.
    pub user: String,
    /// Password, drawn anew at each start.
    pub password: String,
}

impl SystemAccount {
    fn draw() -> Self {
        Self { user: "sys".to_owned(), password: format!("{:032x}", rand::random::<u128>()) }
    }
}

impl Server {
    /// Starts a server and waits until it listens.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn start(config: ServerConfig) -> Result<Self, StartError> {
        let system = SystemAccount::draw();
        let left = left(&config)?;
        let child = spawn(&config, &system)?;
        let mut server = Self { config, child, system, staged: None };
        server.wait_until_up().await?;
        clear(left);
        Ok(server)
    }

    /// Has streams stage their batches in memory, until the server starts again: those of `which`
    /// that have had no batch since it started. Where that cannot be, it says why in the log, and
    /// returns false: they stage on the disk.
    pub fn stage_in_memory(&mut self, which: impl Fn(&str) -> bool) -> bool {
        let staged = self.add_staged(which);
        if let Err(error) = &staged {
            warn!(%error, "batches are staged on the disk");
        }
        staged.is_ok()
    }

    fn add_staged(&mut self, which: impl Fn(&str) -> bool) -> std::io::Result<()> {
        let staged = match &mut self.staged {
            Some(staged) => staged,
            none => none.insert(Staged::make(&self.config.store())?),
        };
        staged.add(&self.config.store(), which)
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.config.port)
    }

    /// The process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Who may ask it about itself.
    #[must_use]
    pub const fn system(&self) -> &SystemAccount {
        &self.system
    }

    /// Waits until it ends by itself, and keeps what it needs in its place.
    pub async fn ended(&mut self) {
        // A child that cannot be waited for is gone as well.
        while tokio::time::timeout(MEND, self.child.wait()).await.is_err() {
            if let Some(staged) = &self.staged {
                staged.mend();
            }
        }
    }

    /// Its own folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.config.folder
    }

    /// Sends a signal to it.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // A process that has just ended needs no signal.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Asks it to stop, and waits; a server that does not is killed.
    pub async fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let ended = tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await;
        if ended.is_err() {
            self.kill().await;
        }
        let in_order = matches!(ended, Ok(Ok(status)) if status.success());
        match self.staged.take() {
            Some(staged) if in_order => staged.remove(),
            Some(staged) => staged.leave(),
            None => {}
        }
    }

    /// Ends it as a crash does.
    pub async fn kill(&mut self) {
        // Killing what has ended is no failure.
        let _ = self.child.kill().await;
    }

    /// Starts it again on the same data.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn restart(&mut self) -> Result<(), StartError> {
        self.stop().await;
        let left = left(&self.config)?;
        self.child = spawn(&self.config, &self.system)?;
        self.wait_until_up().await?;
        clear(left);
        Ok(())
    }

    async fn wait_until_up(&mut self) -> Result<(), StartError> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.config.port)).await.is_ok() {
                return Ok(());
            }
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(StartError::NotUp { port: self.config.port, log: end_of_log(&self.config.folder) })
    }
}

/// What a server on the same data left in memory when it ended.
fn left(config: &ServerConfig) -> Result<Left, StartError> {
    let folder = config.folder.clone();
    left_behind(&config.store()).map_err(|source| StartError::Folder { folder, source })
}

fn spawn(config: &ServerConfig, system: &SystemAccount) -> Result<Child, StartError> {
    let folder = |source| StartError::Folder { folder: config.folder.clone(), source };
    std::fs::create_dir_all(&config.folder).map_err(folder)?;
    let file = config.folder.join("nats.conf");
    std::fs::write(&file, text(config, system)).map_err(folder)?;
    // When we are killed, nobody is left to stop the server: have the kernel do it, where the
    // tool for that is at hand.
    let guard = Path::new("/usr/bin/setpriv");
    let mut command = if guard.is_file() {
        let mut command = Command::new(guard);
        command.args(["--pdeathsig", "KILL"]).arg(&config.program);
        command
    } else {
        Command::new(&config.program)
    };
    if config.cluster.is_some() {
        command.env("GOGC", CLUSTER_GOGC);
    }
    command
        .arg("--config")
        .arg(&file)
        .arg("--log")
        .arg(config.folder.join("nats.log"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C goes to the whole group; the server has to outlive our last commit.
        .process_group(0)
        .kill_on_drop(true);
    let program = config.program.clone();
    command.spawn().map_err(|source| StartError::Spawn { program, source })
}

/// The configuration file. The limits are those of `deploy`: what runs here runs there.
fn text(config: &ServerConfig, system: &SystemAccount) -> String {
    let store = config.store();
    let sync = match config.sync {
        Sync::Always => "sync_interval: always",
        Sync::Default => "",
    };
    let mut text = format!(
        "listen: \"127.0.0.1:{port}\"\n\
         max_payload: 256KB\n\
         ping_interval: \"10s\"\n\
         ping_max: 2\n\
         lame_duck_grace_period: \"1s\"\n\
         lame_duck_duration: \"30s\"\n\
         jetstream {{\n  store_dir: {store:?}\n  max_file_store: 64GB\n  strict: true\n  {sync}\n  \
         limits {{ batch {{ max_inflight_per_stream: 16, timeout: \"3s\" }} }}\n}}\n\
         accounts {{\n  \
         KASSA {{ jetstream: enabled, users: [{{ user: kassa, password: kassa }}] }}\n  \
         SYS {{ users: [{{ user: {user:?}, password: {password:?} }}] }}\n}}\n\
         system_account: SYS\nno_auth_user: kassa\n",
        port = config.port,
        user = system.user,
        password = system.password,
    );
    if let Some(cluster) = &config.cluster {
        let routes: Vec<String> =
            cluster.routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "server_name: {name}\ncluster {{ name: kassa, listen: \"127.0.0.1:{port}\", \
             no_advertise: true, routes: [{routes}] }}\n",
            name = cluster.name,
            port = cluster.port,
            routes = routes.join(", "),
        );
    } else {
        text.push_str("server_name: kassa-dev\n");
    }
    text
}

/// The last lines of a server's log.
fn end_of_log(folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join("nats.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(8)..).unwrap_or_default().join("\n")
}
