//! Closed streams of the log go into archives, and leave the server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kassa::archive::LogFolder;
use kassa::domain::Sequence;
use kassa::nats::{JsLog, ObjectSnapshots, segments};
use kassa::port::{Log, Snapshots, Tail};
use kassa::run::Role;
use serde_json::Value;

use crate::support::buyers::{Buyer, Crowd};
use crate::support::nats::Nats;
use crate::support::shop::Shop;
use crate::support::truth::{prove, reflected};
use crate::support::typed::{fails, set_out, tried, typed};
use crate::support::{PROGRESS, eventually};

const FIRST: &str = "KASSA_MAIN_EVENTS";

/// Those who begin at the first commit: nothing is dropped before they have read it.
const ROLES: [Role; 4] = [Role::Committer, Role::Payer, Role::Projector, Role::Attention];

/// What becomes of dropping a stream, once everybody who follows the log is past it.
async fn dropped(url: &str, stream: &str, with: &[&str]) -> Result<Value, String> {
    let arguments = [&["log", "drop", stream], with].concat();
    eventually("followers that are past it", PROGRESS, async || {
        match tried(url, &arguments).await {
            Err(said) if said.contains("KASSA-FOLLOWER-BEHIND") => None,
            tried => Some(tried),
        }
    })
    .await
}

/// The archives in a folder, in their order.
fn archives(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|ending| ending == "kassa")).collect();
    files.sort();
    files
}

/// Whoever is interrupted again and again, wherever it is, reads what others read.
async fn assert_is_read_in_fits(shop: &Shop) {
    let log = shop.events().await;
    let end = log.end().await.unwrap();
    let mut read = Vec::new();
    for is_interrupted in [false, true] {
        let mut tail = log.follow(">", Sequence::START).await.unwrap();
        let (mut sequences, mut turns) = (Vec::new(), 1_u32);
        while sequences.last().is_none_or(|last| *last < end) {
            let others = async {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            };
            let entries = tokio::select! {
                biased;
                entries = tail.next(9) => entries.unwrap(),
                () = others, if is_interrupted => Vec::new(),
            };
            // Going on elsewhere takes longer than most waits, and must not begin anew for ever.
            turns = if entries.is_empty() { turns * 2 } else { 1 };
            sequences.extend(entries.iter().map(|entry| entry.sequence));
        }
        sequences.truncate(sequences.partition_point(|sequence| *sequence <= end));
        read.push(sequences);
    }
    assert_eq!(read[0].len() as u64, end.0, "every message is here");
    assert_eq!(read[0], read[1]);
}

async fn lives_on(nats: Nats) {
    let folder = tempfile::tempdir().unwrap();
    let (dir, profiles) = (folder.path().join("archive"), folder.path().to_str().unwrap());
    let dir_named = dir.to_str().unwrap().to_owned();
    let profile = format!("[archive]\ndir = {dir_named:?}\n");
    std::fs::write(folder.path().join("kept.toml"), profile).unwrap();
    let kept = |arguments: &[&'static str]| {
        let mut all: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        all.extend(["--profile", "kept", "--config-dir", profiles].map(ToOwned::to_owned));
        all
    };
    let mut shop = Shop::on(nats).await;
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 2, 100_000).await;
    let early = Buyer::of(&[0, 1]);
    let mut answers = vec![early.clone().insist(&client).await];
    let crowd = Crowd::start(&client, 10, 2);
    crowd.more(50, PROGRESS).await;
    let url = shop.nats.url();
    typed(&url, &["log", "roll"]).await;
    crowd.more(50, PROGRESS).await;
    typed(&url, &["log", "roll"]).await;
    crowd.more(50, PROGRESS).await;

    // Killed at any moment, it goes on where it was.
    for pause in [1, 20, 60] {
        let mut killed = set_out(&url, &["log", "archive", "--into", &dir_named]);
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        killed.kill().await.unwrap();
    }
    let proved = typed(&url, &["log", "archive", "--into", &dir_named]).await;
    assert_eq!(proved.as_array().unwrap().len(), 2, "{proved}");
    assert_eq!(proved, typed(&url, &["log", "archive", "--into", &dir_named]).await);
    let later = fails(&url, &["log", "drop", "KASSA_MAIN_EVENTS_2", "--archive", &dir_named]).await;
    assert!(later.contains("KASSA-LOG-PART"), "{later}");
    let written =
        fails(&url, &["log", "drop", "KASSA_MAIN_EVENTS_3", "--archive", &dir_named]).await;
    assert!(written.contains("KASSA-LOG-PART") && written.contains("is written"), "{written}");
    let unasked = dropped(&url, FIRST, &["--archive", &dir_named]).await.unwrap_err();
    assert!(unasked.contains("--yes"), "{unasked}");
    assert_is_read_in_fits(&shop).await;
    for stream in [FIRST, "KASSA_MAIN_EVENTS_2"] {
        let dropped = dropped(&url, stream, &["--archive", &dir_named, "--yes"]).await.unwrap();
        assert_eq!(dropped["stream"], stream);
    }
    crowd.more(50, PROGRESS).await;
    answers.extend(crowd.stop().await);
    let left = segments(&shop.connect("looks").await, &shop.subjects).await.unwrap();
    assert_eq!(left.len(), 1);

    // Without the folder it is said what is missing; with it, nothing is.
    let id = early.order_id.to_string();
    let to = left[0].first.0 - 1;
    for arguments in [
        ["verify"].as_slice(),
        &["events", "history", &id],
        &["at", "7", "summary"],
        &["run", "verifier"],
        &["run", "projector"],
    ] {
        let said = fails(&url, arguments).await;
        let missing = format!("sequences 1 to {to} of the log");
        assert!(said.contains("KASSA-LOG-MISSING"), "{said}");
        assert!(arguments[0] != "verify" || said.contains(&missing), "{said}");
    }
    let folder_of = LogFolder::of(&dir, "main".parse().unwrap());
    shop.setup.older = Some(Arc::new(folder_of));
    assert_is_read_in_fits(&shop).await;
    let truth = prove(&shop, &answers).await;
    let words = |arguments: &[&'static str]| kept(arguments);
    let run = async |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        typed(&url, &arguments).await
    };
    let verified = run(&words(&["verify"])).await;
    assert_eq!(verified["end"], truth.state.chain.end.0);
    let mut history = words(&["events", "history", "--whole-log"]);
    history.push(id.clone());
    assert_eq!(run(&history).await["state"], "confirmed");
    let mut by_view = words(&["events", "history"]);
    by_view.push(id);
    assert_eq!(run(&by_view).await["steps"], run(&history).await["steps"]);
    run(&words(&["at", "7", "summary"])).await;
    run(&words(&["diff", "7", "20"])).await;
    let mut backup = words(&["backup"]);
    backup.push(folder.path().join("backup").to_str().unwrap().to_owned());
    run(&backup).await;
    let listed = run(&words(&["log", "list"])).await;
    let states: Vec<_> =
        listed.as_array().unwrap().iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["archived", "archived", "written"], "{listed}");
    roles.stop(PROGRESS).await;

    // A committer that has no state of its own goes on from that at the end of the last closed
    // stream, and needs no archive for it.
    let snapshots = ObjectSnapshots::open(&shop.connect("states").await, &shop.subjects).await;
    snapshots.unwrap().save("market", b"cut".to_vec()).await.unwrap();
    let older = shop.setup.older.take();
    let selling = shop.start(&ROLES).await;
    answers.push(Buyer::of(&[0, 1]).insist(&client).await);
    shop.setup.older = older;
    prove(&shop, &answers).await;
    selling.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_left_the_server_is_read_from_archives_on_one_node() {
    Box::pin(lives_on(Nats::one_in_a_hurry().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_left_the_server_is_read_from_archives_on_three_nodes() {
    Box::pin(lives_on(Nats::three_in_a_hurry().await)).await;
}

/// What a file has to suffer.
type Damage = fn(&Path);

fn cut(file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

fn edited(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(file, bytes).unwrap();
}

fn gone(file: &Path) {
    std::fs::remove_file(file).unwrap();
}

/// An archive that is sound, but of other messages.
fn forged(file: &Path) {
    let mut entries = read(file, "main");
    let last = entries.len() - 1;
    let mut payload = entries[last].payload.to_vec();
    *payload.last_mut().unwrap() ^= 1;
    entries[last].payload = payload.into();
    written(file, "main", &entries);
}

fn of_another_market(file: &Path) {
    let entries = read(file, "main");
    written(file, "other", &entries);
}

fn read(file: &Path, market: &str) -> Vec<kassa::port::Entry> {
    let archive = kassa::archive::Archive::open(file, &market.parse().unwrap()).unwrap();
    archive.follow(">", Sequence::START).unwrap().read(usize::MAX).unwrap()
}

fn written(file: &Path, market: &str, entries: &[kassa::port::Entry]) {
    std::fs::remove_file(file).unwrap();
    let head = kassa::archive::ArchiveHead {
        market: market.parse().unwrap(),
        log_end: entries[0].sequence,
        made_at_ms: kassa::domain::Timestamp(0),
        build: "test".to_owned(),
    };
    let mut writer = kassa::archive::ArchiveWriter::create(file, &head).unwrap();
    entries.iter().for_each(|entry| writer.add(entry).unwrap());
    writer.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_whose_copy_is_no_copy_is_not_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 2, 10).await;
    let url = shop.nats.url();
    let nothing = fails(&url, &["log", "drop", FIRST, "--archive", dir, "--yes"]).await;
    assert!(nothing.contains("is written"), "{nothing}");
    Buyer::of(&[0]).insist(&client).await;
    typed(&url, &["log", "roll"]).await;
    Buyer::of(&[0]).insist(&client).await;
    let damages: [(Damage, &str); 5] = [
        (cut, "KASSA-ARCHIVE-DAMAGED"),
        (edited, "KASSA-ARCHIVE-DAMAGED"),
        (gone, "KASSA-LOG-MISSING"),
        (forged, "KASSA-COPY-UNPROVED"),
        (of_another_market, "KASSA-ARCHIVE-MARKET"),
    ];
    for (damage, code) in damages {
        typed(&url, &["log", "archive", "--into", dir]).await;
        let file = archives(folder.path()).pop().unwrap();
        damage(&file);
        let said = dropped(&url, FIRST, &["--archive", dir, "--yes"]).await.unwrap_err();
        assert!(said.contains(code), "{code}: {said}");
        let _ = std::fs::remove_file(file);
    }
    let events = JsLog::open(&shop.connect("looks").await, FIRST.to_owned()).await.unwrap();
    assert!(Sequence::START < events.end().await.unwrap(), "it is still there");
    roles.stop(PROGRESS).await;
}

/// Somebody who is away has read less than those who are there, and what it has not read is not
/// taken away from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_a_follower_still_has_to_read_is_not_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let shop = Shop::on_one_node().await;
    let others = shop.start(&[Role::Committer, Role::Projector, Role::Attention]).await;
    let (payer, feed) = (shop.start(&[Role::Payer]).await, shop.start(&[Role::Feed]).await);
    let client = shop.client().await;
    shop.fill(&client, 1, 10).await;
    Buyer::of(&[0]).insist(&client).await;
    let begun = shop.events().await.last(&shop.subjects.commit()).await.unwrap().unwrap().sequence;
    reflected(&shop.bucket("payer").await, &shop.subjects.bucket("payer"), begun).await;
    let feeds = shop.log("FEED").await;
    let position = shop.subjects.feed_position();
    eventually("a feed", PROGRESS, async || feeds.last(&position).await.unwrap()).await;
    payer.stop(PROGRESS).await;
    feed.stop(PROGRESS).await;
    // Nobody takes the money of this one yet.
    Buyer::of(&[0]).insist(&client).await;
    let url = shop.nats.url();
    typed(&url, &["log", "roll"]).await;
    typed(&url, &["log", "archive", "--into", dir]).await;
    let end = segments(&shop.connect("looks").await, &shop.subjects).await.unwrap()[0].last;

    let refused = async |behind: &[&str]| {
        let drop = ["log", "drop", FIRST, "--archive", dir, "--yes"];
        let said = eventually("only who is away is behind", PROGRESS, async || {
            let said = fails(&url, &drop).await;
            (said.matches(" is at ").count() == behind.len()).then_some(said)
        });
        let said = said.await;
        assert!(
            said.contains(&format!("{FIRST} ends at {end}, and {} is at ", behind[0])),
            "{said}"
        );
        assert!(behind.iter().all(|name| said.contains(&format!("{name} is at "))), "{said}");
        assert!(said.contains("KASSA-FOLLOWER-BEHIND"), "{said}");
    };
    refused(&["the payer", "the feed"]).await;
    let payer = shop.start(&[Role::Payer]).await;
    refused(&["the feed"]).await;
    let feed = shop.start(&[Role::Feed]).await;
    let dropped = dropped(&url, FIRST, &["--archive", dir, "--yes"]).await.unwrap();
    assert_eq!(dropped["last"], end.0);
    for roles in [payer, feed, others] {
        roles.stop(PROGRESS).await;
    }
}
