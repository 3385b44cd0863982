//! Servers that stop, move their leaders and die, under load.

use std::time::Duration;

use kassa::domain::Sequence;
use kassa::nats::{JsLog, Scratch};
use kassa::port::{Batch, Log, Message, Tail};
use kassa::run::Role;
use serde_json::{Value, json};

use crate::support::buyers::Crowd;
use crate::support::nats::Nats;
use crate::support::shop::Shop;
use crate::support::truth::prove;
use crate::support::{PROGRESS, eventually};

const ROLES: [Role; 4] = [Role::Committer, Role::Payer, Role::Projector, Role::Feed];

/// Units of each SKU: gone before the last fault, so that refusals are at stake as well.
const UNITS: i64 = 100;

/// Buyers who are turned away before it is over.
const TURNED_AWAY: usize = 20;

/// A hard loss of a leader costs the server an election of 4 to 9 s before anybody can go on.
const ELECTION: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_server_is_stopped_killed_and_started_again() {
    let mut shop = Shop::on_one_node().await;
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 3, UNITS).await;
    let crowd = Crowd::start(&client, 20, 3);
    crowd.more(50, PROGRESS).await;
    // In order, and as in a crash.
    shop.nats.servers[0].restart().await.unwrap();
    crowd.more(50, PROGRESS).await;
    shop.nats.servers[0].kill().await;
    shop.nats.servers[0].restart().await.unwrap();
    crowd.more(50, PROGRESS).await;
    crowd.turned_away(TURNED_AWAY, PROGRESS).await;
    let answers = crowd.stop().await;
    prove(&shop, &answers).await;
    roles.stop(PROGRESS).await;
}

/// Which of the servers leads the log.
async fn leader(shop: &Shop) -> usize {
    let operator = shop.nats.operator().await;
    let leads = async || {
        let stream = operator.get_stream(shop.subjects.stream("EVENTS")).await.ok()?;
        let leader = stream.cached_info().cluster.as_ref()?.leader.as_ref()?;
        leader.strip_prefix('n')?.parse().ok()
    };
    eventually("the log has a leader", ELECTION + PROGRESS, leads).await
}

/// The copy of a server that was away ends too early, and its consumers call that the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_believes_no_copy_that_is_behind() {
    let mut nats = Nats::three_in_a_hurry().await;
    let connection = nats.connect("writer").await;
    let config = json!({
        "name": "COPIES", "subjects": ["copies.>"], "storage": "file", "num_replicas": 3,
        "allow_atomic": true,
    });
    let create = async || Scratch::create(&connection, "COPIES", &config).await.ok();
    eventually("the stream is there", ELECTION + PROGRESS, create).await;
    let log = JsLog::open(&connection, "COPIES".to_owned()).await.unwrap();
    let large = Message {
        subject: "copies.a".to_owned(),
        payload: vec![7; 64 * 1024].into(),
        ..Message::default()
    };
    let batch = Batch::of(vec![large; 50]);
    let write = async || log.commit(&batch).await.ok();
    eventually("the first messages are stored", ELECTION + PROGRESS, write).await;
    nats.servers[0].kill().await;
    for _ in 0..10 {
        eventually("more is stored", ELECTION + PROGRESS, write).await;
    }
    nats.servers[0].restart().await.unwrap();
    let end = async || log.end().await.ok();
    let end = eventually("the end is told", ELECTION + PROGRESS, end).await;
    // Consumers are made on all three servers, in turn, while one of them catches up.
    for _ in 0..24 {
        let follow = async || log.follow("copies.a", Sequence::START).await.ok();
        let mut tail = eventually("a reader is let in", ELECTION + PROGRESS, follow).await;
        let mut reached = Sequence::START;
        while 0 < tail.remaining() {
            for entry in tail.next(256).await.unwrap() {
                assert_eq!(entry.sequence, reached.next());
                reached = entry.sequence;
            }
        }
        assert_eq!(reached, end);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leader_of_the_log_moves_and_dies() {
    let mut shop = Shop::on_three_nodes().await;
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 3, UNITS).await;
    let crowd = Crowd::start(&client, 20, 3);
    crowd.more(50, PROGRESS).await;
    for _ in 0..2 {
        let before = leader(&shop).await;
        let operator = shop.nats.operator().await;
        let function = format!("STREAM.LEADER.STEPDOWN.{}", shop.subjects.stream("EVENTS"));
        let answer: Value = operator.request(function, &json!({})).await.unwrap();
        assert_eq!(answer["success"], true, "{answer}");
        assert_ne!(leader(&shop).await, before);
        crowd.more(50, PROGRESS).await;
    }
    let dead = leader(&shop).await;
    shop.nats.servers[dead].kill().await;
    crowd.more(50, ELECTION + PROGRESS).await;
    shop.nats.servers[dead].restart().await.unwrap();
    crowd.more(50, PROGRESS).await;
    crowd.turned_away(TURNED_AWAY, PROGRESS).await;
    let answers = crowd.stop().await;
    prove(&shop, &answers).await;
    roles.stop(PROGRESS).await;
}
