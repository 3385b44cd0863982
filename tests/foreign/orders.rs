//! The shop is the program as people start it; the clients come from their package indexes.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use super::dev::Dev;

/// The versions this was tried with.
const PYTHON: &[&str] =
    &["nats-py==2.16.0", "msgpack==1.2.4", "blake3==1.0.11", "zstandard==0.25.0"];
const NODE: &[&str] = &[
    "@nats-io/transport-node@3.4.0",
    "@nats-io/jetstream@3.4.0",
    "@nats-io/kv@3.4.0",
    "@msgpack/msgpack@3.1.3",
];

/// What the program sells by itself, and for how much.
const SKU: [&str; 3] = ["MUG-01", "1250", "EUR"];

const ENCODINGS: [&str; 2] = ["application/json", "application/msgpack"];

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_places_orders_by_the_protocol_alone() {
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("bin/python");
    run(Command::new("python3").args(["-m", "venv"]).arg(folder.path())).await;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&python).args(pip).args(PYTHON)).await;
    let shop = Dev::open().await;

    let script = script("place_order.py");
    let said = run(Command::new(&python).arg(script).arg(&shop.url).args(SKU)).await;

    let said = lines(&said);
    check_orders(&said);
    let log = &said[said.len() - 1];
    assert_eq!(log["what"], "log");
    // Six orders were placed, each is at least a commit of its own and one of its payment.
    assert!(log["commits"].as_u64() >= Some(6), "{log}");
    assert!(log["events"].as_u64() > log["commits"].as_u64(), "{log}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_client_places_orders_by_the_protocol_alone() {
    let folder = tempfile::tempdir().unwrap();
    let npm = ["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix"];
    run(Command::new("npm").args(npm).arg(folder.path()).args(NODE)).await;
    // Packages are looked for beside the script.
    let copy = folder.path().join("place_order.mjs");
    std::fs::copy(script("place_order.mjs"), &copy).unwrap();
    let shop = Dev::open().await;

    let said = run(Command::new("node").arg(copy).arg(&shop.url).args(SKU)).await;

    check_orders(&lines(&said));
    shop.close().await;
}

pub(crate) fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign").join(name)
}

/// Runs a program to its end; returns what it printed.
pub(crate) async fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{printed}\n{errors}");
    printed
}

pub(crate) fn lines(said: &str) -> Vec<Value> {
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Checks what both clients do: in each encoding an order asked for, one published, two in one
/// message; then a market where nobody answers.
fn check_orders(said: &[Value]) {
    let mut sold = 0;
    for (encoding, said) in ENCODINGS.iter().zip(said.chunks(3)) {
        let [asked, published, several] = said else { panic!("{said:?}") };
        assert!(said.iter().all(|line| line["encoding"] == *encoding), "{said:?}");

        assert_eq!((&asked["what"], &asked["outcome"]["result"]), (&json!("asked"), &accepted()));
        check_repeated(asked);
        check_confirmed(asked, 2);

        assert_eq!(published["ack"]["stream"], "KASSA_MAIN_COMMANDS");
        assert_eq!(published["outcome"]["result"], accepted(), "{published}");
        check_confirmed(published, 1);

        check_several(several);
        // Every unit that somebody bought before is sold or on its way to be.
        for line in [asked, published] {
            let units = line["stock"]["sold"].as_u64().unwrap();
            assert!(sold < units, "{line}");
            sold = units;
        }
    }
    assert_eq!(said[6], json!({"what": "nobody"}));
}

fn accepted() -> Value {
    json!("accepted")
}

/// The same command again is answered with where it was carried out.
fn check_repeated(line: &Value) {
    let (first, again) = (&line["outcome"], &line["again"]);
    assert_eq!(again["result"], "already_applied", "{line}");
    for same in ["command_id", "event_seq", "event_index"] {
        assert_eq!(first[same], again[same], "{line}");
    }
}

/// The views show the order confirmed, and its units gone from the shelf.
fn check_confirmed(line: &Value, quantity: u64) {
    let (order, stock) = (&line["order"], &line["stock"]);
    assert_eq!(order["order_id"], line["id"], "{order}");
    assert_eq!(order["state"], "confirmed", "{order}");
    assert_eq!(order["total_minor"], 1_250 * quantity, "{order}");
    assert_eq!(order["currency"], "EUR", "{order}");
    assert_eq!(order["payment"]["state"], "captured", "{order}");
    let bought = json!([{"sku": "MUG-01", "quantity": quantity, "unit_price_minor": 1_250}]);
    assert_eq!(order["lines"], bought, "{order}");
    let outcome = &line["outcome"];
    let address = format!("{}.{}", outcome["event_seq"], outcome["event_index"]);
    assert_eq!(order["events"][0], address, "an order begins where its answer says");

    let figure = |name: &str| stock[name].as_u64().unwrap();
    assert_eq!(figure("on_hand"), figure("available") + figure("reserved"), "{stock}");
    assert_eq!(figure("on_hand") + figure("sold"), 200, "{stock}");
    let confirmed = order["event_seq"].as_u64();
    assert!(confirmed <= stock["event_seq"].as_u64(), "{line}");
    assert!(confirmed <= line["position"]["event_seq"].as_u64(), "{line}");
}

/// Two commands in one message: each has its own outcome, in their order.
fn check_several(line: &Value) {
    let outcomes = line["outcomes"].as_array().unwrap();
    let [first, second] = outcomes.as_slice() else { panic!("{line}") };
    assert_eq!(first["result"], accepted(), "{line}");
    assert_eq!(second["result"], "refused", "{line}");
    assert_eq!(second["refusal"]["code"], "insufficient_stock", "{line}");
    let short = &second["refusal"]["short"][0];
    assert_eq!((&short["sku"], &short["wanted"]), (&json!("MUG-01"), &json!(1_000_000)), "{line}");
}
