//! A running `kassa dev`, and commands typed beside it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

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

/// A shop in a process of its own.
pub(crate) struct Dev {
    child: Child,
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
        let begun = Instant::now();
        let mut child = kassa(&["dev"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("Ctrl-C") {
            assert!(begun.elapsed() < PATIENCE, "no banner:\n{banner}");
            assert_ne!(lines.read_line(&mut banner).unwrap(), 0, "it ended:\n{banner}");
        }
        // Somebody has to read on, or it would wait for its own words.
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        let url = banner.split_whitespace().find(|word| word.starts_with("nats://")).unwrap();
        Self { child, url: url.to_owned(), banner, open_after: begun.elapsed() }
    }

    /// Types a command beside it.
    pub(crate) fn type_in(&self, arguments: &[&str]) -> Output {
        kassa(arguments).args(["--nats", &self.url]).output().unwrap()
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
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::yield_now();
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal);
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // After an interrupt there is nobody left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The exit status and what was said about a failure.
pub(crate) fn failure(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}
