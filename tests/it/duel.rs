//! Many buyers for few units, and a committer that is killed among them.

use kassa::bench::{DuelOptions, DuelReport, Embedded, Nodes, Servers, WorldOptions, duel};
use kassa::server::{Staging, Sync};

use crate::support::child::committer_command;
use crate::support::nats::program;

async fn fight(buyers: usize, skus: usize, stock: u32) -> DuelReport {
    fight_on(Nodes::One, (buyers, skus, stock)).await
}

async fn fight_on(nodes: Nodes, (buyers, skus, stock): (usize, usize, u32)) -> DuelReport {
    crate::support::log();
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::Embedded(Embedded {
        program: program().await,
        folder: folder.path().to_path_buf(),
        nodes,
        sync: Sync::Always,
        staging: Staging::Memory,
    });
    let world = WorldOptions::new(servers, Vec::new());
    let options = DuelOptions { world, buyers, skus, stock, committer: committer_command() };
    let report = duel(&options).await.unwrap();
    assert!(report.is_fair(), "{report:?}");
    assert!(0 < report.waiting_when_killed, "killed too late: {report:?}");
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_buyers_fight_for_the_last_unit() {
    let report = fight(1_000, 1, 1).await;
    assert_eq!((report.accepted, report.rejected), (1, 999));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_buyers_fight_for_a_hundred_units() {
    let report = fight(1_000, 1, 100).await;
    assert_eq!((report.accepted, report.rejected), (100, 900));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_buyers_find_enough_for_everybody() {
    let report = fight(1_000, 1, 2_000).await;
    assert_eq!((report.accepted, report.rejected), (1_000, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_buyers_fight_for_baskets_of_three_skus() {
    let report = fight(1_000, 3, 100).await;
    assert_eq!((report.accepted, report.rejected), (100, 900));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_buyers_fight_for_the_last_unit() {
    let report = fight(5_000, 1, 1).await;
    assert_eq!((report.accepted, report.rejected), (1, 4_999));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_buyers_fight_for_a_hundred_baskets_of_three_skus() {
    let report = fight(5_000, 3, 100).await;
    assert_eq!((report.accepted, report.rejected), (100, 4_900));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_buyers_fight_for_a_hundred_units() {
    let report = fight(5_000, 1, 100).await;
    assert_eq!((report.accepted, report.rejected), (100, 4_900));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_buyers_fight_for_baskets_of_three_skus_on_three_nodes() {
    let report = Box::pin(fight_on(Nodes::Three, (1_000, 3, 100))).await;
    assert_eq!((report.accepted, report.rejected), (100, 900));
}
