//! rotel: a collector, from the Python package index.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use kassa::server::free_ports;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::shop::until;
use crate::sink::Sink;

/// The version this was tried with.
const PACKAGE: &str = "rotel==0.0.1a15";

/// A collector that runs, and hands on what it receives.
pub(crate) struct Collector {
    url: String,
    sink: Sink,
    _process: Child,
    _folder: tempfile::TempDir,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = install(folder.path()).await;
        let sink = Sink::start().await;
        let ports = free_ports(2).unwrap();
        let (http, grpc) = (address(ports[0]), address(ports[1]));
        let sink_url = format!("http://{}", sink.address());
        let arguments = [
            ["--otlp-http-endpoint", http.as_str()],
            ["--otlp-grpc-endpoint", grpc.as_str()],
            ["--exporter", "otlp"],
            ["--otlp-exporter-protocol", "http"],
            ["--otlp-exporter-endpoint", sink_url.as_str()],
        ];
        let process = Command::new(program)
            .arg("start")
            .args(arguments.as_flattened())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let reachable = until("the collector listens", async || {
            TcpStream::connect(http.parse::<SocketAddr>().unwrap()).await.ok()
        });
        reachable.await;
        Self { url: format!("http://{http}"), sink, _process: process, _folder: folder }
    }

    /// Where to export to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl std::ops::Deref for Collector {
    type Target = Sink;

    fn deref(&self) -> &Sink {
        &self.sink
    }
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Installs the collector below `folder`; returns its program.
async fn install(folder: &Path) -> PathBuf {
    let python = folder.join("bin/python");
    run(Command::new("python3").args(["-m", "venv"]).arg(folder)).await;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE];
    run(Command::new(&python).args(pip)).await;
    let place = "import os, rotel; print(os.path.dirname(rotel.__file__))";
    let place = run(Command::new(&python).args(["-c", place])).await;
    Path::new(place.trim()).join("rotel-agent")
}

async fn run(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
