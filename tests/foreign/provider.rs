//! The provider's own client against the simulated one, and our connector against a simulator that
//! is somebody else's.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kassa::domain::{Amount, Currency, RefundResult, Token};
use kassa::gateway::{StripeGateway, StripeSettings};
use kassa::port::{Clock, Gateway, GatewayError, GiveBack, News, SystemClock};
use kassa::psp::{Provider, Settings, Webhooks};
use kassa::server::free_port;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::orders::{lines, run, script};

/// The versions this was tried with.
const PACKAGES: &[&str] = &["stripe==16.1.0", "localstripe==1.15.10"];

const KEY: &str = "sk_test_kassa";

/// Far above what anything here takes, so that a failure is one.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a Python in it that knows the provider.
struct Python(TempDir);

impl Python {
    async fn install() -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(Command::new("python3").args(["-m", "venv"]).arg(folder.path())).await;
        let python = Self(folder);
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(python.bin("python")).args(pip).args(PACKAGES)).await;
        python
    }

    fn bin(&self, name: &str) -> PathBuf {
        let folder: &Path = self.0.path();
        folder.join("bin").join(name)
    }

    fn script(&self, url: &str, what: &str) -> Command {
        let mut command = Command::new(self.bin("python"));
        command.arg(script("provider.py")).args([url, KEY, what]);
        command
    }
}

/// What the script said it did, by name.
fn said<'a>(lines: &'a [Value], what: &str) -> &'a Value {
    let line = lines.iter().find(|line| line["what"] == what);
    line.unwrap_or_else(|| panic!("{what}: {lines:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_providers_own_client_works_with_the_simulated_provider() {
    let python = Python::install().await;
    let settings = Settings::new(Arc::new(|| SystemClock.now().0));
    let psp = Provider::start(settings.clone()).await.unwrap();
    let did = lines(&run(&mut python.script(&psp.url(), "all")).await);
    psp.stop().await;
    let paid = said(&did, "paid");
    assert_eq!((&paid["status"], &paid["amount"]), (&json!("succeeded"), &json!(1_250)));
    let declined = said(&did, "declined");
    assert_eq!((&declined["status"], &declined["code"]), (&json!(402), &json!("card_declined")));
    assert_eq!(said(&did, "refunded")["status"], "succeeded");
    assert_eq!(said(&did, "too much")["status"], 400);
    assert_eq!(said(&did, "listed")["mine"], true);
    assert_eq!(said(&did, "missing")["code"], "resource_missing");
    assert_eq!(said(&did, "stranger")["status"], 401);
    assert_eq!(said(&did, "same key")["same"], true);
    assert_eq!(said(&did, "same key")["replayed"], "true");
    assert_eq!(said(&did, "other parameters")["status"], 400);
    assert_eq!(said(&did, "advised")["advice"], "do_not_try_again");
    assert_eq!(said(&did, "searched")["found"], true);
    assert_eq!(said(&did, "paged")["whole"], true);
    assert_eq!(said(&did, "balance")["object"], "balance");
    the_client_believes_a_webhook(&python, settings).await;
}

async fn the_client_believes_a_webhook(python: &Python, settings: Settings) {
    let mut hears = python.script("http://127.0.0.1:1", "hear");
    let mut hears = hears.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut heard = BufReader::new(hears.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = tokio::time::timeout(PATIENCE, heard.next_line()).await.unwrap().unwrap();
        serde_json::from_str::<Value>(&line.unwrap()).unwrap()
    };
    let desk = next().await;
    let text = |name: &str| desk[name].as_str().unwrap().to_owned();
    let webhooks = Some(Webhooks::new(text("url"), text("secret")));
    let psp = Provider::start(Settings { webhooks, ..settings }).await.unwrap();
    run(&mut python.script(&psp.url(), "smoke_card")).await;
    let told = next().await;
    assert_eq!(told["type"], "payment_intent.succeeded");
    psp.stop().await;
}

/// Somebody else's simulator, as a process.
async fn another_simulator(python: &Python) -> (Child, String) {
    let port = free_port(None).unwrap();
    let mut command = Command::new(python.bin("localstripe"));
    command.args(["--port", &port.to_string(), "--from-scratch"]);
    // It keeps its data in the temporary folder.
    command.env("TMPDIR", python.0.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.kill_on_drop(true).spawn().unwrap();
    let begun = Instant::now();
    while tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "nobody listens");
        tokio::task::yield_now().await;
    }
    (child, format!("http://127.0.0.1:{port}"))
}

/// A payment that the provider's own client made there is read, given back and listed by our
/// connector: its shapes are not only those of our own simulator.
#[tokio::test(flavor = "multi_thread")]
async fn the_connector_reads_what_another_simulator_says() {
    let python = Python::install().await;
    let (mut simulator, url) = another_simulator(&python).await;
    let did = lines(&run(&mut python.script(&url, "smoke")).await);
    let paid = said(&did, "paid");
    assert_eq!(paid["status"], "succeeded");
    let settings =
        StripeSettings { base_url: url, secret_key: Some(KEY.into()), webhook_secrets: Vec::new() };
    let gateway = StripeGateway::new(&settings).unwrap();
    let capture_ref: Token = paid["id"].as_str().unwrap().parse().unwrap();
    let order_id = paid["order"].as_str().unwrap().parse().unwrap();
    // It does not say how much it received: that is not nothing, it is unknown.
    let unsaid = gateway.look_up(&capture_ref).await;
    assert!(matches!(unsaid, Err(GatewayError::Pending { .. })), "{unsaid:?}");
    let refund = GiveBack {
        order_id,
        refund: 1,
        attempt: 1,
        idempotency_key: "key-1".parse().unwrap(),
        capture_ref,
        amount: Amount::new(850).unwrap(),
        currency: Currency::from_code("EUR").unwrap(),
    };
    let done = gateway.refund(&refund).await.unwrap();
    assert!(matches!(done, RefundResult::Refunded { .. }), "{done:?}");
    assert_eq!(gateway.find_refund(&refund).await.unwrap(), Some(done.clone()));
    let RefundResult::Refunded { provider_ref } = &done else { unreachable!() };
    let news = News::Refund { order_id, refund: 1, attempt: 1, result: done.clone() };
    assert_eq!(gateway.look_up(provider_ref).await.unwrap(), Some(news));
    simulator.kill().await.unwrap();
}
