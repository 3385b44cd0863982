//! What the provider remembers when it was stopped, or killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::caller::{Caller, INTENTS, Psp};

async fn on(ledger: &Path) -> Psp {
    Psp::with(|settings| {
        settings.ledger = Some(ledger.to_owned());
        settings.settles_after = Duration::from_millis(100);
    })
    .await
}

fn lines(ledger: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(ledger).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The program, as people start it.
struct Program {
    child: Child,
    caller: Caller,
}

impl Program {
    fn start(ledger: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kassa"))
            .args(["psp-sim", "--port", "0", "--ledger"])
            .arg(ledger)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let address = said
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.trim().strip_prefix("address ").map(|url| url.trim().to_owned()));
        Self { child, caller: Caller::of(address.expect("it says where it is")) }
    }

    fn end(mut self, signal: Signal) -> std::process::ExitStatus {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap());
        kill(pid, signal).unwrap();
        self.child.wait().unwrap()
    }
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("books/ledger.jsonl");
    let psp = on(&ledger).await;
    let paid = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    let declined = psp.try_pay("decline_lost_card", "1", Some("k2")).await.unwrap();
    let refund = [("payment_intent", paid.text("/id")), ("amount", "250")];
    let refunded = psp.try_post("/v1/refunds", &refund, Some("r1")).await.unwrap();
    let events = psp.get("/v1/events", &[]).await;
    psp.running.stop().await;

    let psp = on(&ledger).await;
    for (method, key, before) in
        [("pm_card_visa", "k1", &paid), ("decline_lost_card", "k2", &declined)]
    {
        let again = psp.try_pay(method, "1", Some(key)).await.unwrap();
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!((again.status, &again.body), (before.status, &before.body));
    }
    let again = psp.try_post("/v1/refunds", &refund, Some("r1")).await.unwrap();
    assert_eq!(again.body, refunded.body);
    assert_eq!(psp.get("/v1/events", &[]).await.body, events.body);
    let rest = psp.post("/v1/refunds", &refund[..1]).await;
    assert_eq!(rest.number("/amount"), 1_000);
}

#[tokio::test]
async fn the_ledger_tells_from_outside_what_moved() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.jsonl");
    let psp = on(&ledger).await;
    let paid = psp.try_pay("wrong_amount", "1", Some("k1")).await.unwrap();
    psp.try_pay("decline_lost_card", "2", Some("k2")).await.unwrap();
    psp.post("/v1/refunds", &[("payment_intent", paid.text("/id"))]).await;
    let lines = lines(&ledger);
    let told: Vec<_> = lines.iter().map(|line| (&line["what"], &line["amount"])).collect();
    let (capture, decline, refund) = ("capture".into(), "decline".into(), "refund".into());
    let (more, asked) = (1_251.into(), 1_250.into());
    assert_eq!(told, [(&capture, &more), (&decline, &asked), (&refund, &more)]);
    let first = &lines[0];
    assert_eq!((&first["id"], &first["key"]), (&paid.body["id"], &"k1".into()));
    assert_eq!(
        (&first["currency"], &first["metadata"]["kassa_attempt"]),
        (&"eur".into(), &"1".into())
    );
    assert_eq!(lines[1]["code"], "lost_card");
    assert!(first["at_ms"].is_u64());
}

#[tokio::test]
async fn what_was_pending_at_the_stop_is_settled_after_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.jsonl");
    let psp = Psp::with(|settings| settings.ledger = Some(ledger.clone())).await;
    let processing = psp.pay("processing").await;
    psp.running.stop().await;
    assert_eq!(lines(&ledger).len(), 1);
    let psp = on(&ledger).await;
    let path = format!("{INTENTS}/{}", processing.text("/id"));
    psp.until(&path, |answer| answer.text("/status") == "succeeded").await;
}

#[tokio::test]
async fn a_line_that_was_cut_was_never_answered_and_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.jsonl");
    let psp = on(&ledger).await;
    psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    psp.try_pay("pm_card_visa", "1", Some("k2")).await.unwrap();
    psp.running.stop().await;
    let text = std::fs::read_to_string(&ledger).unwrap();
    std::fs::write(&ledger, &text[..text.len() - 10]).unwrap();

    let psp = on(&ledger).await;
    assert_eq!(psp.count().await, 1);
    let anew = psp.try_pay("pm_card_visa", "1", Some("k2")).await.unwrap();
    assert_eq!(anew.header("idempotent-replayed"), None);
    assert_eq!(lines(&ledger).len(), 2);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_understood_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.jsonl");
    std::fs::write(&ledger, "{}\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kassa"))
        .args(["psp-sim", "--port", "0", "--ledger"])
        .arg(&ledger)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("line 1"), "{said}");
}

#[tokio::test]
async fn one_ledger_has_one_provider() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.jsonl");
    let _first = on(&ledger).await;
    let mut settings = kassa::psp::Settings::new(std::sync::Arc::new(|| 0));
    settings.ledger = Some(ledger);
    assert!(kassa::psp::Provider::start(settings).await.is_err());
}

#[tokio::test]
async fn what_was_answered_before_a_kill_is_answered_again_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.jsonl");
    let mut answered = Vec::new();
    for round in 0..3 {
        let program = Program::start(&ledger);
        let paying = (0..20).map(|number| {
            let caller = program.caller.clone();
            let key = format!("k{round}-{number}");
            tokio::spawn(async move {
                let answer = caller.try_pay("pm_card_visa", "1", Some(&key)).await.ok()?;
                Some((key, answer.text("/id").to_owned()))
            })
        });
        let mut paying: Vec<_> = paying.collect();
        // In the middle of it: half of them are told, the others may be anywhere.
        for paid in paying.drain(..10) {
            answered.extend(paid.await.unwrap());
        }
        assert!(!program.end(Signal::SIGKILL).success());
        for paid in paying {
            answered.extend(paid.await.unwrap());
        }
    }
    assert!(30 <= answered.len(), "{}", answered.len());
    let program = Program::start(&ledger);
    for (key, id) in &answered {
        let again = program.caller.try_pay("pm_card_visa", "1", Some(key)).await.unwrap();
        assert_eq!(
            (again.text("/id"), again.header("idempotent-replayed")),
            (id.as_str(), Some("true"))
        );
    }
    assert!(program.end(Signal::SIGINT).success(), "it stops when it is asked to");
}
