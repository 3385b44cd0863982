//! A running `kassa dev`, and commands typed beside it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// Far above what anything here takes, so that a failure is one.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program with `arguments`, in an environment without settings.
pub(crate) fn kassa(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kassa"));
    command.args(arguments);
    for name in ["NATS_URL", "NATS_CONTEXT", "NATS_CREDS", "KASSA_PROFILE"] {
        command.env_remove(name);
    }
    command
}

/// A program that opened, with the banner it showed.
struct Opened {
    child: Child,
    banner: String,
    /// Collects what it says after its banner.
    said: Option<JoinHandle<String>>,
    after: Duration,
    /// What it keeps for as long as it runs. Killed, it cannot clean up after itself.
    _folder: TempDir,
}

impl Opened {
    /// Starts it; returns when its banner is there.
    fn start(mut command: Command) -> Self {
        let (begun, folder) = (Instant::now(), tempfile::tempdir().unwrap());
        command.env("TMPDIR", folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("Ctrl-C") {
            assert!(begun.elapsed() < PATIENCE, "no banner:\n{banner}");
            assert_ne!(lines.read_line(&mut banner).unwrap(), 0, "it ended:\n{banner}");
        }
        // Somebody has to read on, or it would wait for its own words.
        let said = std::thread::spawn(move || {
            let mut said = Vec::new();
            // What was read until then is what it said.
            let _ = lines.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        Self { child, banner, said: Some(said), after: begun.elapsed(), _folder: folder }
    }

    /// The first address in the banner.
    fn url(&self, scheme: &str) -> String {
        let mut words = self.banner.split_whitespace();
        words.find(|word| word.starts_with(scheme)).unwrap().to_owned()
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // After an interrupt there is nobody left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A simulated payment provider in a process of its own.
pub(crate) struct Psp {
    _opened: Opened,
    pub(crate) url: String,
}

impl Psp {
    pub(crate) fn open(arguments: &[&str]) -> Self {
        let mut command = kassa(&["psp-sim", "--port", "0"]);
        command.args(arguments);
        let opened = Opened::start(command);
        Self { url: opened.url("http://"), _opened: opened }
    }
}

/// A shop in a process of its own.
pub(crate) struct Dev {
    opened: Opened,
    settings: Vec<(String, String)>,
    pub(crate) url: String,
    pub(crate) banner: String,
    pub(crate) open_after: Duration,
}

impl Dev {
    /// A shop that keeps nothing and has no traffic.
    pub(crate) fn ephemeral() -> Self {
        Self::open(&["--ephemeral", "--no-traffic", "--port-base", "0"])
    }

    /// A shop whose data is in `folder`.
    pub(crate) fn on(folder: &Path) -> Self {
        let folder = folder.to_str().unwrap();
        Self::open(&["--no-traffic", "--port-base", "0", "--data-dir", folder])
    }

    /// A shop; returns when its banner is there.
    pub(crate) fn open(arguments: &[&str]) -> Self {
        Self::open_with(&[], arguments)
    }

    /// A shop with settings in the environment, as in that of whatever is typed beside it.
    pub(crate) fn open_with(settings: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = kassa(&["dev"]);
        command.args(arguments).envs(settings.iter().copied());
        let opened = Opened::start(command);
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self {
            settings: settings.collect(),
            url: opened.url("nats://"),
            banner: opened.banner.clone(),
            open_after: opened.after,
            opened,
        }
    }

    /// Types a command beside it.
    pub(crate) fn type_in(&self, arguments: &[&str]) -> Output {
        let settings = self.settings.iter().map(|(name, value)| (name, value));
        kassa(arguments).envs(settings).args(["--nats", &self.url]).output().unwrap()
    }

    /// What a command prints, which has to work.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.type_in(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command prints as JSON, which has to work.
    pub(crate) fn tells(&self, arguments: &[&str]) -> Value {
        let text = self.says(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// Interrupts it, as Ctrl-C does, and waits for its end.
    pub(crate) fn interrupt(mut self) -> ExitStatus {
        self.signal(Signal::SIGINT);
        let begun = Instant::now();
        loop {
            if let Some(status) = self.opened.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::yield_now();
        }
    }

    /// Interrupts it; returns its exit status and what it said.
    pub(crate) fn interrupted(self) -> (i32, String) {
        self.signal(Signal::SIGINT);
        self.ended()
    }

    /// Waits until it ends by itself; returns its exit status and what it said.
    pub(crate) fn ended(mut self) -> (i32, String) {
        let begun = Instant::now();
        while self.opened.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::yield_now();
        }
        let status = self.opened.child.wait().unwrap();
        let said = self.opened.said.take().map(|said| said.join().unwrap());
        (status.code().unwrap(), said.unwrap_or_default())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.opened.child.id()
    }

    fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(i32::try_from(self.opened.child.id()).unwrap()), signal);
    }
}

/// The exit status and what was said about a failure.
pub(crate) fn failure(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}
