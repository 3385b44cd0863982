//! Batches of a single server that are staged in memory: what a killed server makes of them, and
//! what is made of a commit of which a power cut left the beginning.

use std::path::{Path, PathBuf};

use kassa::domain::Sequence;
use kassa::engine::verify_log;
use kassa::nats::JsLog;
use kassa::port::{Entry, Log, Tail};
use kassa::role::restore::again;
use kassa::run::{Role, mends_itself};

use crate::support::PROGRESS;
use crate::support::buyers::{Buyer, Crowd};
use crate::support::shop::Shop;
use crate::support::truth::prove;

/// Where a stream stages its batches.
fn batches(shop: &Shop, stream: &str) -> PathBuf {
    let streams = shop.nats.servers[0].folder().join("store/jetstream/KASSA/streams");
    streams.join(stream).join("batches")
}

fn stage(shop: &mut Shop) {
    let subjects = shop.subjects.clone();
    let server = &mut shop.nats.servers[0];
    assert!(server.stage_in_memory(|stream| mends_itself(&subjects, stream)));
}

/// The folder in memory that the log stages in.
fn in_memory(shop: &Shop) -> Option<PathBuf> {
    let target = batches(shop, &shop.subjects.stream("EVENTS")).read_link().ok()?;
    target.parent().map(Path::to_path_buf)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stages_in_memory_is_stopped_killed_and_started_again() {
    let mut shop = Shop::on_one_node().await;
    stage(&mut shop);
    let first = in_memory(&shop).expect("the log stages in memory");
    let feed = batches(&shop, &shop.subjects.stream("FEED"));
    let roles = shop.start(&[Role::Committer, Role::Payer, Role::Projector, Role::Feed]).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 10_000).await;
    let crowd = Crowd::start(&client, 20, 3);
    crowd.more(50, PROGRESS).await;
    assert_eq!(in_memory(&shop), Some(first.clone()), "batches have gone that way");
    assert!(feed.is_dir() && !feed.is_symlink(), "a message of the feed is written once");
    shop.nats.servers[0].restart().await.unwrap();
    assert_eq!(in_memory(&shop), None, "it begins anew, and stages on the disk");
    assert!(!first.exists());
    crowd.more(50, PROGRESS).await;
    let answers = crowd.stop().await;
    prove(&shop, &answers).await;
    roles.stop(PROGRESS).await;

    // Nobody is there to have the first batch before it is told where to stage it.
    shop.nats.servers[0].restart().await.unwrap();
    stage(&mut shop);
    let second = in_memory(&shop).expect("the log stages in memory again");
    let roles = shop.start(&[Role::Committer, Role::Payer, Role::Projector, Role::Feed]).await;
    let crowd = Crowd::start(&client, 20, 3);
    crowd.more(50, PROGRESS).await;
    shop.nats.servers[0].kill().await;
    shop.nats.servers[0].stop().await;
    assert!(second.exists(), "what was staged is there when it starts again");
    shop.nats.servers[0].restart().await.unwrap();
    assert!(!second.exists(), "and then nobody needs it");
    crowd.more(50, PROGRESS).await;
    let more = crowd.stop().await;
    prove(&shop, &[answers, more].concat()).await;
    roles.stop(PROGRESS).await;
}

/// Some systems take what a user has in memory when they log out, and leave them their processes.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_goes_on_whose_folder_in_memory_is_taken_away() {
    let mut shop = Shop::on_one_node().await;
    stage(&mut shop);
    let folder = in_memory(&shop).expect("the log stages in memory");
    let roles = shop.start(&[Role::Committer, Role::Payer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 10_000).await;
    let crowd = Crowd::start(&client, 20, 3);
    crowd.more(50, PROGRESS).await;
    std::fs::remove_dir_all(&folder).unwrap();
    tokio::select! {
        () = shop.nats.servers[0].ended() => panic!("the server runs"),
        () = crowd.more(200, PROGRESS) => {}
    }
    assert!(folder.exists(), "it was made again");
    let answers = crowd.stop().await;
    prove(&shop, &answers).await;
    roles.stop(PROGRESS).await;
    shop.nats.servers[0].stop().await;
    assert!(!folder.exists(), "nothing is left in memory");
}

async fn entries(log: &JsLog, filter: &str) -> Vec<Entry> {
    let mut tail = log.follow(filter, Sequence::START).await.unwrap();
    let mut entries = Vec::new();
    while 0 < tail.remaining() {
        entries.extend(tail.next(256).await.unwrap());
    }
    entries
}

fn told(entries: &[Entry]) -> Vec<(Sequence, &str, &[u8])> {
    entries.iter().map(|entry| (entry.sequence, &*entry.subject, &*entry.payload)).collect()
}

/// The same streams on another server, as far as a power cut left them there.
async fn after_a_power_cut(left: &[Entry], commands: &[Entry]) -> Shop {
    let shop = Shop::on_one_node().await;
    for (word, entries) in [("EVENTS", left), ("COMMANDS", commands)] {
        let log = shop.log(word).await;
        for entry in entries {
            log.commit(&again(entry)).await.unwrap();
        }
    }
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_which_a_power_cut_left_the_beginning_is_completed() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 10).await;
    let answer = Buyer::of(&[0, 1, 2]).insist(&client).await;
    roles.stop(PROGRESS).await;
    let every = shop.subjects.every_event();
    let whole = entries(&shop.events().await, &every).await;
    let commands = entries(&shop.log("COMMANDS").await, &shop.subjects.every_command()).await;
    for missing in 1..=3 {
        let left = &whole[..whole.len() - missing];
        let after = after_a_power_cut(left, &commands).await;
        let torn = verify_log(&after.events().await, &after.subjects, |_| {}).await.unwrap();
        let said = torn.violations.first().map(|violation| violation.detail.as_str());
        assert!(said.is_some_and(|said| said.ends_with("opening the market completes it")));
        let roles = after.start(&[Role::Committer, Role::Payer, Role::Projector]).await;
        let client = after.client().await;
        let asked_again = answer.buyer.clone().insist(&client).await;
        assert_eq!(asked_again.outcome.address(), answer.outcome.address(), "{missing}");
        let more = Buyer::of(&[0, 1, 2]).insist(&client).await;
        prove(&after, &[asked_again, more]).await;
        roles.stop(PROGRESS).await;
        let now = entries(&after.events().await, &every).await;
        assert_eq!(told(&now[..whole.len()]), told(&whole), "{missing}");
    }
}
