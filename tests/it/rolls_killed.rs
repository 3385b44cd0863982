//! Rolls and archives that are killed at the worst moments, and typed again, while people buy.

use std::path::Path;

use kassa::archive::LogFolder;
use kassa::domain::Sequence;
use kassa::nats::{Segment, segments};
use kassa::port::Older;
use kassa::run::Role;

use crate::support::PROGRESS;
use crate::support::buyers::Crowd;
use crate::support::nats::Nats;
use crate::support::proxy::{Act, Passing};
use crate::support::shop::Shop;
use crate::support::truth::prove;
use crate::support::typed::{killed_at, nth, typed, under};

const ROLES: [Role; 3] = [Role::Committer, Role::Payer, Role::Projector];

const ROLL: [&str; 2] = ["log", "roll"];

/// What a roll sends, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sends {
    /// That it has the committer's lease.
    Lease,
    /// The opening after which nobody else writes.
    Fence,
    /// The state that the next stream will name.
    Snapshot,
    /// That the stream is closed.
    Close,
    /// That the next one is there.
    Begin,
    /// The first commit of that.
    Open,
}

/// When it is killed, what becomes of what it sends just then, and whether the shop sells on
/// although nobody types it again: it stands still between two streams.
const MOMENTS: [(Sends, Act, bool); 9] = [
    (Sends::Lease, Act::Mute, true),
    (Sends::Fence, Act::Lose, false),
    (Sends::Fence, Act::Mute, true),
    (Sends::Snapshot, Act::Half, false),
    (Sends::Close, Act::Lose, true),
    (Sends::Close, Act::Mute, false),
    (Sends::Begin, Act::Lose, false),
    (Sends::Begin, Act::Mute, true),
    (Sends::Open, Act::Mute, true),
];

fn at(step: Sends) -> impl FnMut(&Passing<'_>) -> bool + Clone {
    let (mut leases, mut begun) = (0, false);
    move |passing| {
        let on_log = |verb: &str| {
            passing.subject.starts_with(&format!("$JS.API.STREAM.{verb}.KASSA_MAIN_EVENTS"))
        };
        let commits = passing.subject == "kassa.main.evt.commit";
        leases += usize::from(passing.subject == "$KV.kassa_leases.main.committer");
        begun |= on_log("CREATE");
        match step {
            // It asks for it first, and is refused: the committer has it.
            Sends::Lease => leases == 2,
            Sends::Fence => commits,
            Sends::Snapshot => passing.is_under("$O.kassa_main_snapshots"),
            Sends::Close => on_log("UPDATE"),
            Sends::Begin => on_log("CREATE"),
            Sends::Open => begun && commits,
        }
    }
}

async fn parts(shop: &Shop) -> Vec<Segment> {
    segments(&shop.connect("looks").await, &shop.subjects).await.unwrap()
}

async fn a_roll_is_killed(nats: Nats) {
    let shop = Shop::on(nats).await;
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 100_000).await;
    let crowd = Crowd::start(&client, 10, 3);
    let url = shop.nats.url();
    for (step, act, sells_on) in MOMENTS {
        crowd.more(20, PROGRESS).await;
        killed_at(&url, &ROLL, at(step), act).await;
        if sells_on {
            crowd.more(20, PROGRESS).await;
        }
        typed(&url, &ROLL).await;
        crowd.more(20, PROGRESS).await;
    }
    let answers = crowd.stop().await;
    let proved = typed(&url, &["verify"]).await;
    assert_eq!(proved["violations_total"], 0, "{proved}");
    prove(&shop, &answers).await;
    let found = parts(&shop).await;
    assert!(MOMENTS.len() < found.len(), "{found:?}");
    for (before, part) in found.iter().zip(&found[1..]) {
        assert!(before.closed && before.last.next() == part.first, "{found:?}");
    }
    assert!(!found.last().unwrap().closed, "{found:?}");
    roles.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_that_is_killed_while_people_buy_is_ended_by_typing_it_again_on_one_node() {
    Box::pin(a_roll_is_killed(Nats::one().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_that_is_killed_while_people_buy_is_ended_by_typing_it_again_on_three_nodes() {
    Box::pin(a_roll_is_killed(Nats::three_in_a_hurry().await)).await;
}

/// How many messages a folder keeps, from the first one on.
fn kept(dir: &Path, last: Sequence) -> u64 {
    let folder = LogFolder::of(dir, "main".parse().unwrap());
    let mut tail = folder.read(">", Sequence::START, last).unwrap();
    let mut count = 0;
    loop {
        match tail.next(256).unwrap().len() {
            0 => return count,
            some => count += u64::try_from(some).unwrap(),
        }
    }
}

/// Killed while it writes or compares, of either stream.
async fn an_archive_is_killed(nats: Nats) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("archive");
    let archive = ["log", "archive", "--into", dir.to_str().unwrap()];
    let shop = Shop::on(nats).await;
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 100_000).await;
    let crowd = Crowd::start(&client, 10, 3);
    let url = shop.nats.url();
    for _ in 0..2 {
        crowd.more(50, PROGRESS).await;
        typed(&url, &ROLL).await;
    }
    crowd.more(20, PROGRESS).await;
    const FIRST: &str = "$JS.API.CONSUMER.MSG.NEXT.KASSA_MAIN_EVENTS";
    const SECOND: &str = "$JS.API.CONSUMER.MSG.NEXT.KASSA_MAIN_EVENTS_2";
    // Each is read to be written and to be compared, and the second before that, because the chain
    // of the first goes on there. What is written is not read for that again.
    for (reads, stream) in [(1, FIRST), (2, FIRST), (1, SECOND), (2, SECOND), (3, SECOND)] {
        killed_at(&url, &archive, nth(reads, under(stream)), Act::Mute).await;
    }
    let proved = typed(&url, &archive).await;
    assert_eq!(proved, typed(&url, &archive).await, "what is kept is not written again");
    let (rows, closed) = (proved.as_array().unwrap(), &parts(&shop).await[..2]);
    for (row, stream) in rows.iter().zip(closed) {
        assert_eq!(
            (&row["stream"], &row["messages"]),
            (&stream.stream.clone().into(), &stream.messages.into())
        );
    }
    let last = closed[1].last;
    assert_eq!((rows.len(), kept(&dir, last)), (2, last.0), "every message is kept once");
    prove(&shop, &crowd.stop().await).await;
    roles.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_is_killed_while_people_buy_is_ended_by_typing_it_again_on_one_node() {
    Box::pin(an_archive_is_killed(Nats::one_in_a_hurry().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_is_killed_while_people_buy_is_ended_by_typing_it_again_on_three_nodes() {
    Box::pin(an_archive_is_killed(Nats::three_in_a_hurry().await)).await;
}
