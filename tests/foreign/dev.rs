//! `kassa dev`, as people start it.

use std::process::Stdio;
use std::time::Duration;

use kassa::server::free_port;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};

/// Fetching a server included.
const PATIENCE: Duration = Duration::from_secs(120);

/// A shop in a process of its own, with a server of its own.
pub(crate) struct Dev {
    /// Where its NATS server listens.
    pub(crate) url: String,
    process: Child,
    said: BufReader<ChildStderr>,
}

impl Dev {
    /// Opens a shop without traffic, and waits until it says that it is open.
    pub(crate) async fn open() -> Self {
        let port = free_port(None).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_kassa"))
            .args(["dev", "--ephemeral", "--no-traffic", "--port-base", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let url = tokio::time::timeout(PATIENCE, address(&mut said)).await.expect("it opens");
        Self { url, process, said }
    }

    /// Asks it to close, and sees that it does so without a complaint.
    pub(crate) async fn close(mut self) {
        let pid = Pid::from_raw(self.process.id().unwrap().try_into().unwrap());
        kill(pid, Signal::SIGINT).unwrap();
        let closed = async {
            let mut line = String::new();
            while 0 < self.said.read_line(&mut line).await.unwrap() {}
            (self.process.wait().await.unwrap(), line)
        };
        let (status, said) = tokio::time::timeout(PATIENCE, closed).await.expect("it closes");
        assert!(status.success(), "{said}");
    }
}

/// Reads the banner up to the address in it.
async fn address(said: &mut BufReader<ChildStderr>) -> String {
    let mut before = String::new();
    loop {
        let mut line = String::new();
        assert!(0 < said.read_line(&mut line).await.unwrap(), "it ended: {before}");
        if let Some(rest) = line.trim_start().strip_prefix("NATS ") {
            return rest.split_whitespace().next().unwrap_or_default().to_owned();
        }
        before.push_str(&line);
    }
}
