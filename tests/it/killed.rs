//! What is typed is killed at the worst moments, and typed again.

use std::time::Duration;

use kassa::nats::provision::restoring::is_restoring;
use kassa::run::Role;

use crate::support::PROGRESS;
use crate::support::buyers::{Answer, Crowd};
use crate::support::nats::Nats;
use crate::support::proxy::Act;
use crate::support::shop::Shop;
use crate::support::typed::{fails, is, killed_at, set_out, typed, under};

const ROLES: [Role; 3] = [Role::Committer, Role::Payer, Role::Projector];

/// Every order that was answered is shown, and as the log has it.
async fn are_shown(url: &str, answers: &[Answer]) {
    for answer in answers.iter().rev().take(3) {
        let (id, at) = (answer.buyer.order_id.to_string(), answer.outcome.event_seq.unwrap());
        let shown = typed(url, &["order", "show", &id, "--at-least", &at.to_string()]).await;
        assert_eq!(shown["order_id"], id);
    }
    let same = typed(url, &["rebuild", "orders", "--diff"]).await;
    assert_eq!(same["compared"]["differing"], 0, "{same}");
}

async fn a_rebuild_is_killed(shop: Shop) {
    let url = shop.nats.url();
    let running = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 100_000).await;
    let crowd = Crowd::start(&client, 10, 3);
    crowd.more(50, PROGRESS).await;
    let swap = ["rebuild", "orders", "--diff", "--swap"];
    killed_at(&url, &swap, under("$KV.kassa_main_orders_2"), Act::Half).await;
    killed_at(&url, &swap, under("$KV.kassa_main_orders_2"), Act::Mute).await;
    crowd.more(50, PROGRESS).await;
    killed_at(&url, &swap, is("$KV.kassa_main_views.orders"), Act::Lose).await;
    crowd.more(50, PROGRESS).await;
    // Now the alias points, and whoever has it point is gone.
    killed_at(&url, &swap, is("$KV.kassa_main_views.orders"), Act::Mute).await;
    crowd.more(50, PROGRESS).await;
    let answers = crowd.stop().await;
    are_shown(&url, &answers).await;
    let swapped = typed(&url, &swap).await;
    assert_eq!(swapped["swapped"], true, "{swapped}");
    are_shown(&url, &answers).await;
    running.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_is_killed_while_people_buy_on_one_node() {
    Box::pin(a_rebuild_is_killed(Shop::on_one_node().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_is_killed_while_people_buy_on_three_nodes() {
    Box::pin(a_rebuild_is_killed(Shop::on_three_nodes().await)).await;
}

/// Backups of a shop that sells, the last of them brought back by somebody whose plug is pulled.
async fn a_backup_and_its_restore_are_killed(shop: Shop, fresh: Nats) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("backup");
    let dir = dir.to_str().unwrap();
    let url = shop.nats.url();
    let running = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 100_000).await;
    let crowd = Crowd::start(&client, 10, 3);
    let (mut kept, mut files) = (serde_json::Value::Null, 0);
    for _ in 0..3 {
        crowd.more(40, PROGRESS).await;
        killed_at(&url, &["backup", dir], under("$JS.API.CONSUMER.MSG.NEXT"), Act::Mute).await;
        crowd.more(10, PROGRESS).await;
        kept = typed(&url, &["backup", dir]).await;
        files += 1;
        assert_eq!(kept["files"], files, "what was killed left nothing behind");
        typed(&url, &["backup", dir, "--check"]).await;
    }
    let answers = crowd.stop().await;
    running.stop(PROGRESS).await;

    let (url, replicas) = (fresh.url(), fresh.servers.len().to_string());
    let restore = ["restore", dir, "--replicas", &replicas];
    let looks = fresh.connect("looks").await;
    for (subject, act) in [
        ("kassa.main.evt.commit", Act::Half),
        ("kassa.main.evt.commit", Act::Mute),
        ("$JS.API.STREAM.CREATE.KASSA_MAIN_COMMANDS", Act::Lose),
        ("$JS.API.STREAM.CREATE.KASSA_MAIN_COMMANDS", Act::Mute),
        ("$JS.API.STREAM.UPDATE.KASSA_MAIN_EVENTS", Act::Lose),
    ] {
        killed_at(&url, &restore, is(subject), act).await;
        assert!(is_restoring(&looks, "KASSA_MAIN_EVENTS").await.unwrap(), "{subject} {act:?}");
        let said = fails(&url, &["run"]).await;
        assert!(said.contains("KASSA-RESTORING"), "{said}");
    }
    let restored = typed(&url, &restore).await;
    assert_eq!(restored["last"], kept["last"]);
    let last = kept["last"].as_u64().unwrap();
    let by_then = |answer: &&Answer| answer.outcome.event_seq.unwrap().0 <= last;
    let orders = answers.iter().filter(by_then).count();
    assert_eq!(restored["orders"], orders, "every order up to the end of the backup");
    let proved = typed(&url, &["verify"]).await;
    assert_eq!(proved["violations_total"], 0, "{proved}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_shop_that_sells_is_whole_whoever_is_killed_on_one_node() {
    let fresh = Nats::one().await;
    Box::pin(a_backup_and_its_restore_are_killed(Shop::on_one_node().await, fresh)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_shop_that_sells_is_whole_whoever_is_killed_on_three_nodes() {
    let fresh = Nats::three_in_a_hurry().await;
    Box::pin(a_backup_and_its_restore_are_killed(Shop::on_three_nodes().await, fresh)).await;
}

/// An archive that is killed while it is written is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_is_killed_is_none_and_is_written_again() {
    let shop = Shop::on_one_node().await;
    let url = shop.nats.url();
    let running = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 100_000).await;
    running.stop(PROGRESS).await;
    let file = shop.nats.folder.path().join("log.kassa");
    let file = file.to_str().unwrap();
    let archive = ["replay", "--into", file];
    for act in [Act::Lose, Act::Mute] {
        killed_at(&url, &archive, under("$JS.API.CONSUMER.MSG.NEXT"), act).await;
        assert!(!std::path::Path::new(file).exists());
    }
    let mut written = set_out(&url, &archive);
    let status = tokio::time::timeout(Duration::from_secs(60), written.wait()).await;
    assert!(status.unwrap().unwrap().success());
    let proved = typed(&url, &["verify", "--from-file", file]).await;
    assert_eq!(proved["violations_total"], 0, "{proved}");
}
