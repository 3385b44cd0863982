//! The disaster: servers and all their data are gone, and there is a backup.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kassa::domain::Sequence;
use kassa::nats::provision::restoring::{is_restoring, messages};
use kassa::nats::{Intake, JsLog};
use kassa::port::{Batch, Commands, Log, Message, Unanswered};
use kassa::run::Role;
use kassa::view::{OrderView, StockView};
use kassa::wire::{OutcomeKind, Position, Subjects};

use crate::support::buyers::Buyer;
use crate::support::nats::Nats;
use crate::support::paying::retry_after;
use crate::support::proxy::{Act, Passing, Proxy};
use crate::support::shop::Shop;
use crate::support::truth::{Truth, holds, reflected, values};
use crate::support::typed::{fails, set_out, typed};
use crate::support::{PROGRESS, eventually};

/// Before a payment is tried again: long enough for the disaster to come first.
const PAUSE: Duration = Duration::from_secs(8);

const ROLES: [Role; 6] = [
    Role::Committer,
    Role::Projector,
    Role::Payer,
    Role::RetryScheduler,
    Role::Feed,
    Role::Attention,
];

/// Every view, once they reflect the whole log.
async fn views(shop: &Shop) -> (HashMap<String, OrderView>, HashMap<String, StockView>) {
    let end = shop.events().await.last(&shop.subjects.commit()).await.unwrap().unwrap().sequence;
    for view in ["orders", "stock"] {
        let bucket = shop.bucket(view).await;
        reflected(&bucket, &shop.subjects.bucket(view), end).await;
    }
    let (orders, stock) = (shop.bucket("orders").await, shop.bucket("stock").await);
    (
        values(&orders, &shop.subjects.bucket("orders")).await,
        values(&stock, &shop.subjects.bucket("stock")).await,
    )
}

async fn state(shop: &Shop, buyer: &Buyer, wanted: &str) {
    let key = Subjects::order_key(buyer.order_id);
    let bucket = shop.bucket("orders").await;
    let subject = Subjects::bucket_key(&shop.subjects.bucket("orders"), &key);
    eventually(&format!("an order that is {wanted}"), Duration::from_secs(30), async || {
        let entry = bucket.last(&subject).await.ok()??;
        let order: OrderView = serde_json::from_slice(&entry.payload).ok()?;
        (order.state == wanted).then_some(())
    })
    .await;
}

async fn drill(old: Nats, fresh: Nats) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("backup");
    let dir = dir.to_str().unwrap();
    let replicas = old.servers.len().to_string();
    let shop = retry_after(Shop::on(old).await, PAUSE);
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 1_000).await;
    let (plain, off) = (Buyer::of(&[0, 1]), Buyer::of(&[1]));
    let first = plain.clone().insist(&client).await;
    let mut answers = vec![first.clone(), off.clone().insist(&client).await];
    state(&shop, &plain, "confirmed").await;
    state(&shop, &off, "confirmed").await;
    let id = off.order_id.to_string();
    typed(&shop.nats.url(), &["order", "cancel", &id, "--reason", "too late"]).await;
    state(&shop, &off, "refunded").await;
    let kept = typed(&shop.nats.url(), &["backup", dir]).await;
    assert_eq!(kept["files"], 1);
    // Life goes on, and the second backup has what came since.
    let waiting = Buyer::paying(&[2], "decline_1x_processing_error");
    answers.push(waiting.clone().insist(&client).await);
    let nobody = Buyer::paying(&[2], "decline_lost_card");
    answers.push(nobody.clone().insist(&client).await);
    state(&shop, &nobody, "cancelled").await;
    let failed = async || {
        let (orders, _) = views(&shop).await;
        let order = orders.get(&waiting.order_id.to_string())?;
        order.payment.as_ref().filter(|payment| payment.attempt == 2).map(|_| ())
    };
    eventually("a retry that is owed", PROGRESS, failed).await;
    roles.stop(PROGRESS).await;
    // Nobody decides any more, but what is published is taken in.
    let late = Buyer::of(&[0]);
    let published = client.publish(late.id, &late.command, None).await;
    assert!(matches!(published, Err(Unanswered::Accepted { .. })), "{published:?}");
    let projector = shop.start(&[Role::Projector]).await;
    let before = views(&shop).await;
    projector.stop(PROGRESS).await;
    let kept = typed(&shop.nats.url(), &["backup", dir]).await;
    assert_eq!((&kept["files"], &kept["commands"]), (&2.into(), &1.into()));
    typed(&shop.nats.url(), &["backup", dir, "--check"]).await;

    // The provider is somebody else, and keeps its books.
    let (provider, mut old) = (Arc::clone(&shop.setup.gateway), shop.nats);
    drop(client);
    for server in &mut old.servers {
        server.kill().await;
    }
    if !killed_while_it_restores(&fresh, dir, &replicas).await {
        let restored = typed(&fresh.url(), &["restore", dir, "--replicas", &replicas]).await;
        assert_eq!((&restored["last"], &restored["commands"]), (&kept["last"], &1.into()));
    }

    let mut shop = retry_after(Shop::on(fresh).await, PAUSE);
    shop.setup.gateway = provider;
    let projector = shop.start(&[Role::Projector]).await;
    assert_eq!(views(&shop).await, before, "views are built from the log as they were");
    projector.stop(PROGRESS).await;
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    // What waited goes on; what was answered is answered the same; and the shop sells.
    state(&shop, &late, "confirmed").await;
    state(&shop, &waiting, "confirmed").await;
    answers.push(late.insist(&client).await);
    let again = plain.insist(&client).await;
    assert_eq!(again.outcome.result, OutcomeKind::AlreadyApplied);
    assert_eq!(again.outcome.event_seq, first.outcome.event_seq);
    let new = Buyer::of(&[0, 1, 2]);
    answers.push(new.clone().insist(&client).await);
    state(&shop, &new, "confirmed").await;
    holds(&shop, Truth::of(&shop).await, &answers).await;
    let more = typed(&shop.nats.url(), &["backup", dir]).await;
    assert_eq!(more["files"], 3, "the same backup goes on");
    roles.stop(PROGRESS).await;
}

/// Somebody pulls the plug of the restore, again and again, and somebody else is in a hurry to
/// sell. Whether it came to its end all the same.
async fn killed_while_it_restores(fresh: &Nats, dir: &str, replicas: &str) -> bool {
    for pause in [5, 25, 60] {
        let mut restore = set_out(&fresh.url(), &["restore", dir, "--replicas", replicas]);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        restore.kill().await.unwrap();
    }
    // Before it has come to its end, nobody sells.
    let connection = fresh.connect("looks").await;
    // Killed while the stream is made, it leaves one that has no leader yet, and nobody answers.
    let restoring = eventually("a log that answers", PROGRESS, async || {
        is_restoring(&connection, "KASSA_MAIN_EVENTS").await.ok()
    });
    if restoring.await {
        let said = fails(&fresh.url(), &["run"]).await;
        assert!(said.contains("KASSA-RESTORING"), "{said}");
        return false;
    }
    messages(&connection, "KASSA_MAIN_EVENTS").await.unwrap().is_some_and(|held| 0 < held)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_comes_back_from_its_backup_on_one_node() {
    Box::pin(drill(Nats::one().await, Nats::one().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_comes_back_from_its_backup_on_three_nodes() {
    let (old, fresh) = (Nats::three_in_a_hurry().await, Nats::three_in_a_hurry().await);
    Box::pin(drill(old, fresh)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_of_one_log_and_of_nothing_that_was_edited() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("backup");
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let client = shop.client().await;
    shop.fill(&client, 2, 10).await;
    let (url, dir) = (shop.nats.url(), dir.to_str().unwrap());
    let nothing = fails(&url, &["restore", dir]).await;
    assert!(nothing.contains("KASSA-NOT-FOUND"), "{nothing}");
    typed(&url, &["backup", dir]).await;
    // Killed at any moment, what was kept before is kept.
    for pause in [1, 10, 30] {
        shop.fill(&client, 2, 10).await;
        let mut killed = set_out(&url, &["backup", dir]);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        killed.kill().await.unwrap();
        typed(&url, &["backup", dir, "--check"]).await;
    }
    typed(&url, &["backup", dir]).await;
    let occupied = fails(&url, &["restore", dir, "--replicas", "1"]).await;
    assert!(occupied.contains("KASSA-RESTORE-OCCUPIED"), "{occupied}");
    roles.stop(PROGRESS).await;

    let other = Shop::on_one_node().await;
    let roles = other.start(&[Role::Committer]).await;
    other.fill(&other.client().await, 2, 10).await;
    let another = fails(&other.nats.url(), &["backup", dir]).await;
    assert!(another.contains("of another log"), "{another}");
    let end = other.events().await.end().await.unwrap();
    assert!(Sequence::START < end);
    roles.stop(PROGRESS).await;

    let market = fails(&url, &["backup", dir, "--check", "--market", "other"]).await;
    assert!(
        market.contains("KASSA-ARCHIVE-MARKET") && market.contains("of market main"),
        "{market}"
    );
    let part = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let part = part.filter(|file| file.extension().is_some_and(|ending| ending == "kassa")).min();
    damage(&part.unwrap());
    for arguments in [["backup", dir, "--check"].as_slice(), &["restore", dir]] {
        let said = fails(&url, arguments).await;
        assert!(said.contains("KASSA-ARCHIVE-DAMAGED"), "{arguments:?}: {said}");
    }
}

/// A night on which nobody decides: the same commands are kept again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_nobody_has_decided_are_in_every_backup() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("backup");
    let dir = dir.to_str().unwrap();
    let shop = Shop::on_one_node().await;
    let (roles, url) = (shop.start(&[Role::Committer]).await, shop.nats.url());
    let client = shop.client().await;
    shop.fill(&client, 1, 10).await;
    roles.stop(PROGRESS).await;
    let published = client.with_intake(Intake::Publish);
    for orders in [1, 1, 1, 2, 2] {
        let kept = typed(&url, &["backup", dir]).await;
        if kept["commands"] != orders {
            let buyer = Buyer::of(&[0]);
            let accepted = published.send(buyer.id, &buyer.command, None).await;
            assert!(matches!(accepted, Err(Unanswered::Accepted { .. })), "{accepted:?}");
            assert_eq!(typed(&url, &["backup", dir]).await["commands"], orders);
        }
        typed(&url, &["backup", dir, "--check"]).await;
        let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name());
        let of_commands = files.filter(|file| file.to_str().unwrap().starts_with("commands-"));
        assert_eq!(of_commands.count(), 1, "what is not in the manifest any more is gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_added_to_by_one_at_a_time_and_ends_where_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("backup");
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let client = shop.client().await;
    shop.fill(&client, 2, 10).await;
    let (url, named) = (shop.nats.url(), dir.to_str().unwrap());
    typed(&url, &["backup", named]).await;
    Buyer::of(&[0]).insist(&client).await;
    // Somebody else is at it.
    let lock = std::fs::File::options().write(true).open(dir.join("backup.lock")).unwrap();
    lock.lock().unwrap();
    let busy = fails(&url, &["backup", named]).await;
    assert!(busy.contains("KASSA-ARCHIVE-BUSY"), "{busy}");
    drop(lock);
    assert_eq!(typed(&url, &["backup", named]).await["files"], 2);
    roles.stop(PROGRESS).await;
    let file = dir.join("manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    manifest["end"]["position"] = 7.into();
    std::fs::write(&file, manifest.to_string()).unwrap();
    for arguments in [["backup", named, "--check"].as_slice(), &["restore", named]] {
        let said = fails(&url, arguments).await;
        assert!(said.contains("KASSA-ARCHIVE-DAMAGED") && said.contains("its end"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_applies_streams_opens_no_market_that_is_being_restored() {
    let nats = Nats::one().await;
    nats.provision().await;
    let connection = nats.connect("restores").await;
    let all = kassa::nats::provision::assets(&"main".parse().unwrap(), Some(1), None).unwrap();
    let log = all.iter().find(|asset| asset.stream == "KASSA_MAIN_EVENTS").unwrap();
    kassa::nats::provision::restoring::closed(&connection, log).await.unwrap();
    typed(&nats.url(), &["streams", "apply", "--replicas", "1"]).await;
    assert!(is_restoring(&connection, "KASSA_MAIN_EVENTS").await.unwrap());
    // Also when something else of the stream has to be changed.
    let operator = nats.operator().await;
    let stream = operator.get_stream("KASSA_MAIN_EVENTS").await.unwrap();
    let mut config = stream.cached_info().config.clone();
    config.description = Some("somebody was here".to_owned());
    operator.update_stream(config).await.unwrap();
    typed(&nats.url(), &["streams", "apply", "--replicas", "1"]).await;
    assert!(is_restoring(&connection, "KASSA_MAIN_EVENTS").await.unwrap());
    let said = fails(&nats.url(), &["run"]).await;
    assert!(said.contains("KASSA-RESTORING"), "{said}");
}

/// Takes a bucket over from whoever writes it, and is never heard of again.
async fn take_over(nats: &Nats, bucket: &str) {
    let connection = nats.connect("another").await;
    let log = JsLog::open(&connection, Subjects::bucket_stream(bucket)).await.unwrap();
    let subject = Subjects::position_key(bucket);
    let last = log.last(&subject).await.unwrap().unwrap();
    let position = Position::decode(&last.payload).unwrap();
    let (epoch, nonce) = (position.epoch + 1, "another".to_owned());
    let payload = Position { epoch, nonce, ..position }.encode();
    let claim = Message { subject, payload, expected: Some(last.sequence), ..Message::default() };
    log.commit(&Batch::of(vec![claim])).await.unwrap();
}

/// Nobody writes the view any more then: whoever looked at it alone would look for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_whose_view_is_taken_over_ends_and_is_ended_by_typing_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("backup");
    let dir = dir.to_str().unwrap();
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let client = shop.client().await;
    shop.fill(&client, 2, 10).await;
    Buyer::of(&[0, 1]).insist(&client).await;
    typed(&shop.nats.url(), &["backup", dir]).await;
    roles.stop(PROGRESS).await;

    let fresh = Nats::one().await;
    let wire = Proxy::before(&fresh.url()).await;
    // The claim of the bucket has passed; this is the first batch with orders in it.
    let is_built = |passing: &Passing<'_>| {
        passing.is_under("$KV.kassa_main_orders") && passing.holds("Nats-Batch-Id")
    };
    let built = wire.once(is_built, Act::Stall, || {});
    let taken_over = async {
        built.await.unwrap();
        take_over(&fresh, "kassa_main_orders").await;
        wire.let_go();
    };
    let (url, restore) = (wire.url(), ["restore", dir, "--replicas", "1"]);
    let (said, ()) = tokio::join!(fails(&url, &restore), taken_over);
    assert!(said.contains("KASSA-VIEW-ELSEWHERE"), "{said}");
    assert!(said.contains("somebody else writes kassa_main_orders"), "{said}");
    let looks = fresh.connect("looks").await;
    assert!(is_restoring(&looks, "KASSA_MAIN_EVENTS").await.unwrap(), "nobody sells yet");
    assert_eq!(typed(&fresh.url(), &restore).await["orders"], 1);
    assert!(!is_restoring(&looks, "KASSA_MAIN_EVENTS").await.unwrap());
}

/// One byte in the middle is another one.
fn damage(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(file, bytes).unwrap();
}
