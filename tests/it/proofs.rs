//! The log proved while it grows, and every copy of it.

use std::time::{Duration, Instant};

use kassa::domain::{Event, FindingKind, Sequence};
use kassa::engine::compare_copies;
use kassa::nats::copies;
use kassa::port::{Batch, Log, Message, Tail};
use kassa::run::Role;
use kassa::wire::{Commit, Ledger};

use crate::support::PROGRESS;
use crate::support::buyers::Crowd;
use crate::support::shop::{Shop, sku};
use crate::support::typed::typed;

/// Far above what it takes, on a machine that does other things too.
const SECONDS: Duration = Duration::from_secs(20);

async fn what_breaks_a_promise_is_told_at_once(shop: Shop) {
    let running = shop.start(&[Role::Committer, Role::Verifier]).await;
    let client = shop.client().await;
    shop.fill(&client, 2, 1_000).await;
    let events = shop.events().await;
    // Somebody who is no committer says that there is more of something.
    let subject = shop.subjects.stock(&sku(0));
    let entry = events.last(&subject).await.unwrap().unwrap();
    let mut ledger = Ledger::decode(&entry.payload).unwrap();
    ledger.available = 2_000;
    let message = Message { subject, payload: ledger.encode(), ..Message::default() };
    let planted = events.commit(&Batch::of(vec![message])).await;
    let (planted, begun) = (planted.unwrap().head, Instant::now());
    let mut tail = events.follow(&shop.subjects.commit(), planted).await.unwrap();
    let told = 'told: loop {
        for entry in tail.next(64).await.unwrap() {
            let commit = Commit::decode(&entry.payload).unwrap();
            let finding = commit.events.into_iter().find_map(|record| {
                let Event::FindingReported(found) = record.event else { return None };
                Some(found)
            });
            if let Some(found) = finding {
                break 'told found;
            }
        }
    };
    assert!(begun.elapsed() < SECONDS, "told after {:?}", begun.elapsed());
    assert_eq!(told.kind, FindingKind::LogViolation);
    assert_eq!(told.id.as_str(), shop.subjects.stream("EVENTS"));
    let reason = told.reason.to_string();
    assert!(reason.starts_with(&format!("sequence {planted}: I7: ")), "{reason}");
    running.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_a_promise_is_told_at_once_on_one_node() {
    Box::pin(what_breaks_a_promise_is_told_at_once(Shop::on_one_node().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_a_promise_is_told_at_once_on_three_nodes() {
    Box::pin(what_breaks_a_promise_is_told_at_once(Shop::on_three_nodes().await)).await;
}

async fn every_copy_is_read_on_its_own_server(shop: Shop, servers: usize) {
    let running = shop.start(&[Role::Committer, Role::Payer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 100_000).await;
    let crowd = Crowd::start(&client, 10, 3);
    crowd.more(100, PROGRESS).await;
    crowd.stop().await;
    running.stop(PROGRESS).await;
    let (connection, events) = (shop.connect("auditor").await, shop.events().await);
    let end = events.end().await.unwrap();
    let copies = copies(&connection, &shop.subjects.stream("EVENTS")).await.unwrap();
    let mut names: Vec<_> = copies.iter().map(|(server, _)| server.clone()).collect();
    names.dedup();
    assert_eq!(names.len(), servers, "{names:?}");
    assert_eq!(compare_copies(copies, end).await.unwrap(), []);
    assert!(Sequence(20) < end);
    let proved = typed(&shop.nats.url(), &["verify", "--all"]).await;
    let checked: Vec<_> = proved["checked"].as_array().unwrap().iter().collect();
    for invariant in ["I9", "I10", "I14"] {
        assert!(checked.iter().any(|one| *one == invariant), "{proved}");
    }
    assert_eq!(proved["violations_total"], 0, "{proved}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_copy_is_read_on_its_own_server_on_one_node() {
    Box::pin(every_copy_is_read_on_its_own_server(Shop::on_one_node().await, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_copy_is_read_on_its_own_server_on_three_nodes() {
    Box::pin(every_copy_is_read_on_its_own_server(Shop::on_three_nodes().await, 3)).await;
}
