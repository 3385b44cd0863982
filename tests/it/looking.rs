//! What is typed to look at a market, on one node and on three.

use std::process::Stdio;

use kassa::domain::Sequence;
use kassa::nats::{Intake, ObjectSnapshots};
use kassa::port::{Commands, Log, Snapshots, Tail, Unanswered};
use kassa::run::Role;
use kassa::view::OrderView;
use kassa::wire::{Commit, Milestone, rfc3339};
use serde_json::Value;
use tokio::process::Command;

use crate::support::buyers::Buyer;
use crate::support::paying::{place, seen};
use crate::support::shop::Shop;
use crate::support::typed::typed;
use crate::support::{PROGRESS, eventually};

const ROLES: [Role; 6] = [
    Role::Committer,
    Role::Projector,
    Role::Payer,
    Role::RetryScheduler,
    Role::Feed,
    Role::Attention,
];

/// What a command says, whether it works or not: its exit status, and both its streams.
async fn says(url: &str, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kassa"));
    let command = command.args(arguments).args(["--nats", url]).stdin(Stdio::null());
    let output = command.output().await.unwrap();
    let both = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(both).unwrap())
}

/// The same question to a server and to a file of its log.
async fn same_from_file(url: &str, file: &str, arguments: &[&str]) {
    let server = typed(url, arguments).await;
    let kept = typed(url, &[arguments, &["--from-file", file]].concat()).await;
    // The list of what needs a human is the server's alone.
    let without = |mut told: Value| {
        if let Some(fields) = told.as_object_mut() {
            fields.remove("attention");
        }
        told
    };
    assert_eq!(without(server), without(kept), "{arguments:?}");
}

async fn looks_back(mut shop: Shop) {
    shop.setup.milestone_every = 5;
    let url = shop.nats.url();
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 20).await;
    let kept = place(&client, "tok_visa").await;
    let given_back = place(&client, "refund_decline_expired_or_canceled_card").await;
    for order in [kept, given_back] {
        let confirmed = |view: &OrderView| view.state == "confirmed";
        seen(&shop, order, ("confirmed", PROGRESS), confirmed).await;
    }
    let (kept, given_back) = (kept.to_string(), given_back.to_string());
    typed(&url, &["order", "cancel", &given_back]).await;
    let refund = format!("{given_back}-r1");
    eventually("the refund needs a human", PROGRESS, async || {
        let items = typed(&url, &["attention", "list"]).await;
        items.as_array().unwrap().iter().any(|item| item["id"] == refund.as_str()).then_some(())
    })
    .await;
    let why = ["--reason", "paid in cash", "--by", "ada"];
    typed(&url, &[["attention", "discard", "refund_failed", &refund].as_slice(), &why].concat())
        .await;

    let file = shop.nats.folder.path().join("log.kassa");
    let file = file.to_str().unwrap();
    let (exit, said) = says(&url, &["replay", "--into", file]).await;
    assert_eq!(exit, 0, "{said}");
    let last = shop.events().await.last(&shop.subjects.commit()).await.unwrap().unwrap();
    let last = last.sequence.to_string();
    for arguments in [
        ["at", &last, "order", &kept].as_slice(),
        &["at", &last, "order", &given_back],
        &["at", &last, "stock", "SKU-00000"],
        &["at", &last, "summary"],
        &["at", &format!("paid:{kept}"), "order", &kept, "--stock"],
        &["diff", &format!("placed:{kept}"), &last, "--orders"],
        &["events", "history", &kept, "--explain"],
        &["events", "history", &given_back, "--explain"],
    ] {
        same_from_file(&url, file, arguments).await;
    }
    from_milestones(&shop, file).await;
    let history = typed(&url, &["events", "history", &given_back]).await;
    assert!(history["steps"].to_string().contains("ada decided on refund_failed: discard"));
    let (exit, doctor) = says(&url, &["doctor"]).await;
    assert_eq!(exit, 0, "{doctor}");
    for view in ["orders", "stock", "metrics"] {
        assert!(doctor.contains(&format!("{view} reflects {last}")), "{doctor}");
    }
    roles.stop(PROGRESS).await;
}

/// The whole shop at every commit: a server begins at the milestone before it, a file at the start.
async fn from_milestones(shop: &Shop, file: &str) {
    let connection = shop.connect("looks").await;
    let snapshots = ObjectSnapshots::open(&connection, &shop.subjects).await.unwrap();
    eventually("there are milestones", PROGRESS, async || {
        let names = snapshots.names().await.unwrap();
        (2 < names.iter().filter_map(|name| Milestone::place(name)).count()).then_some(())
    })
    .await;
    let url = shop.nats.url();
    let events = shop.events().await;
    let end = events.end().await.unwrap();
    let mut tail = events.follow(&shop.subjects.commit(), Sequence::START).await.unwrap();
    let mut commits = Vec::new();
    while 0 < tail.remaining() {
        commits.extend(tail.next(256).await.unwrap());
    }
    for entry in commits.iter().filter(|entry| entry.sequence < end).step_by(3) {
        let at = entry.sequence.to_string();
        same_from_file(&url, file, &["at", &at, "summary"]).await;
        let made = Commit::decode(&entry.payload).unwrap().head.at;
        same_from_file(&url, file, &["at", &rfc3339(made), "summary"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_log_tells_what_one_server_tells() {
    Box::pin(looks_back(Shop::on_one_node().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_log_tells_what_three_servers_tell() {
    Box::pin(looks_back(Shop::on_three_nodes().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_well_while_nothing_moves() {
    let shop = Shop::on_one_node().await;
    let url = shop.nats.url();
    let roles = shop.start(&[Role::Committer]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 10).await;
    let last = shop.events().await.last(&shop.subjects.commit()).await.unwrap().unwrap().sequence;
    let (exit, doctor) = says(&url, &["doctor"]).await;
    assert_eq!(exit, 7, "{doctor}");
    let still = format!("orders reflects 0, the last commit is {last}: it stands still");
    assert!(doctor.contains(&still), "{doctor}");
    let (exit, list) = says(&url, &["attention", "list"]).await;
    assert_eq!(exit, 0, "{list}");
    let behind = format!("the list is as of 0, the last commit is {last}");
    assert!(list.contains(&behind), "{list}");
    // What is published waits, and is counted.
    roles.stop(PROGRESS).await;
    let published = client.with_intake(Intake::Publish);
    let buyer = Buyer::of(&[0]);
    let accepted = published.send(buyer.id, &buyer.command, None).await;
    assert!(matches!(accepted, Err(Unanswered::Accepted { .. })), "{accepted:?}");
    let (_, doctor) = says(&url, &["doctor"]).await;
    assert!(doctor.contains("1 published and not decided"), "{doctor}");
}
