//! The log goes on in a next stream, under a shop that sells.

use kassa::domain::Sequence;
use kassa::nats::{Segment, segments};
use kassa::port::Log;
use kassa::run::{Role, Roll, Rolled, Step};
use kassa::wire::{Hash, Snapshot};
use nix::sys::signal::{Signal, kill};

use crate::support::PROGRESS;
use crate::support::buyers::{Buyer, Crowd};
use crate::support::child::Child;
use crate::support::nats::Nats;
use crate::support::proxy::{Act, Passing, Proxy};
use crate::support::shop::Shop;
use crate::support::truth::{Truth, prove};
use crate::support::typed::typed;

/// Takes one roll as far as a step.
async fn roll(shop: &Shop, until: Step) -> Rolled {
    let connection = shop.connect("roll").await;
    let events = shop.events().await;
    let (connection, subjects, events) = (&connection, &shop.subjects, &events);
    let holder = "a roll".to_owned();
    Box::pin(Roll { connection, subjects, events, holder }.run(until)).await.unwrap()
}

async fn parts(shop: &Shop) -> Vec<Segment> {
    segments(&shop.connect("looks").await, &shop.subjects).await.unwrap()
}

/// What stands in the first commit of a stream about the one before it.
async fn names_the_one_before(shop: &Shop, truth: &Truth, part: &Segment) {
    let (_, first) = truth.commits.iter().find(|(place, _)| *place == part.first).unwrap();
    let kassa::domain::Event::Opened(opened) = &first.events[0].event else {
        panic!("{first:?}");
    };
    let follows = opened.follows.as_ref().unwrap();
    assert_eq!(follows.last_seq + 1, part.first.0);
    let connection = shop.connect("looks").await;
    let snapshots = kassa::nats::ObjectSnapshots::open(&connection, &shop.subjects).await.unwrap();
    let bytes = kassa::port::Snapshots::load(&snapshots, follows.snapshot.as_str()).await;
    let bytes = bytes.unwrap().unwrap();
    assert_eq!(Hash::of(&bytes).to_string(), follows.snapshot_digest.as_str());
    let state = Snapshot::decode(&bytes).unwrap();
    assert_eq!(state.chain.hash, first.head.prev_hash, "the chain goes on");
}

async fn sells_on(nats: Nats) {
    let shop = Shop::on(nats).await;
    let roles = shop.start(&[Role::Committer, Role::Payer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 100_000).await;
    let early = Buyer::of(&[0, 1]);
    let mut answers = vec![early.clone().insist(&client).await];
    let crowd = Crowd::start(&client, 10, 2);
    crowd.more(50, PROGRESS).await;
    let url = shop.nats.url();
    for written in ["KASSA_MAIN_EVENTS_2", "KASSA_MAIN_EVENTS_3"] {
        let rolled = typed(&url, &["log", "roll"]).await;
        assert_eq!(rolled["written"], written);
        crowd.more(50, PROGRESS).await;
    }
    answers.extend(crowd.stop().await);
    // SKU 2 was last touched two streams ago.
    answers.push(Buyer::of(&[2]).insist(&client).await);
    let truth = prove(&shop, &answers).await;
    let found = parts(&shop).await;
    assert_eq!(found.len(), 3);
    for (before, part) in found.iter().zip(&found[1..]) {
        assert!(before.closed && before.last.next() == part.first, "{found:?}");
        names_the_one_before(&shop, &truth, part).await;
    }

    let (id, moment) = (early.order_id.to_string(), found[0].last.0.to_string());
    let history = typed(&url, &["events", "history", &id]).await;
    let whole = typed(&url, &["events", "history", &id, "--whole-log"]).await;
    assert_eq!((&history["state"], &history["steps"]), (&"confirmed".into(), &whole["steps"]));
    typed(&url, &["at", &moment, "summary"]).await;
    typed(&url, &["diff", &moment, &truth.state.chain.end.to_string()]).await;
    let verified = typed(&url, &["verify", "--views"]).await;
    assert_eq!(verified["end"], truth.state.chain.end.0);
    let plan = typed(&url, &["streams", "diff", "--replicas", &replicas(&shop)]).await;
    assert!(plan.as_array().unwrap().iter().all(|row| row["change"] == "none"), "{plan}");
    typed(&url, &["streams", "apply", "--replicas", &replicas(&shop)]).await;
    assert_eq!(parts(&shop).await, found, "applying makes no other stream");
    let listed = typed(&url, &["log", "list"]).await;
    let states: Vec<_> =
        listed.as_array().unwrap().iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["closed", "closed", "written"]);

    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("backup");
    let dir = dir.to_str().unwrap();
    typed(&url, &["backup", dir]).await;
    typed(&url, &["backup", dir, "--check"]).await;
    let moment = found[2].first.0.to_string();
    let file = folder.path().join("part.kassa");
    let part = ["replay", "--to-seq", &moment, "--into", file.to_str().unwrap()];
    assert!(crate::support::typed::said(&url, &part).await.contains(&format!("1 to {moment}")));
    roles.stop(PROGRESS).await;
}

fn replicas(shop: &Shop) -> String {
    shop.nats.servers.len().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_sells_on_while_its_log_is_rolled_on_one_node() {
    Box::pin(sells_on(Nats::one().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_sells_on_while_its_log_is_rolled_on_three_nodes() {
    Box::pin(sells_on(Nats::three_in_a_hurry().await)).await;
}

async fn interrupted(nats: Nats) {
    let shop = Shop::on(nats).await;
    let roles = shop.start(&[Role::Committer, Role::Payer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 2, 100_000).await;
    let crowd = Crowd::start(&client, 5, 2);
    let mut rolls = 0;
    for step in [Step::Fenced, Step::Kept, Step::Closed, Step::Begun, Step::Opened] {
        crowd.more(20, PROGRESS).await;
        let rolled = roll(&shop, step).await;
        // Before it is closed, and once the next one is there, the shop goes on by itself.
        if step != Step::Closed {
            crowd.more(20, PROGRESS).await;
        }
        if matches!(step, Step::Fenced | Step::Kept) {
            assert_eq!((rolled, parts(&shop).await.len()), (Rolled::Interrupted, rolls + 1));
        }
        if matches!(step, Step::Fenced | Step::Kept | Step::Closed) {
            let again = roll(&shop, Step::Opened).await;
            assert!(matches!(again, Rolled::Into(_)), "{step:?}: {again:?}");
        }
        rolls += 1;
        let found = parts(&shop).await;
        assert_eq!((found.len(), found.last().unwrap().closed), (rolls + 1, false), "{step:?}");
    }
    crowd.more(20, PROGRESS).await;
    prove(&shop, &crowd.stop().await).await;
    roles.stop(PROGRESS).await;
    // Nobody has sold anything since the next one.
    assert!(matches!(roll(&shop, Step::Opened).await, Rolled::Into(_)));
    assert!(matches!(roll(&shop, Step::Opened).await, Rolled::Nothing(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_that_ends_after_any_step_is_ended_by_typing_it_again_on_one_node() {
    Box::pin(interrupted(Nats::one_in_a_hurry().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_that_ends_after_any_step_is_ended_by_typing_it_again_on_three_nodes() {
    Box::pin(interrupted(Nats::three_in_a_hurry().await)).await;
}

/// Stopped with a commit on its way, a committer wakes up when the log goes on elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_from_before_the_roll_is_in_no_stream() {
    let shop = Shop::on_one_node().await;
    let wire = Proxy::before(&shop.nats.url()).await;
    let zombie = Child::committer(&wire.url());
    let others = shop.start(&[Role::Payer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 2, 100_000).await;
    let crowd = Crowd::start(&client, 20, 2);
    crowd.more(50, PROGRESS).await;
    let (pid, is_head) =
        (zombie.pid(), |passing: &Passing<'_>| passing.subject == "kassa.main.evt.commit");
    let stop = move || kill(pid, Signal::SIGSTOP).unwrap();
    wire.once(is_head, Act::Stall, stop).await.unwrap();
    assert!(matches!(roll(&shop, Step::Opened).await, Rolled::Into(_)));
    zombie.signal(Signal::SIGCONT);
    wire.let_go();
    // He is the only one, and goes on where the log goes on.
    crowd.more(50, PROGRESS).await;
    let answers = crowd.stop().await;
    let truth = prove(&shop, &answers).await;
    let second = parts(&shop).await.pop().unwrap();
    // He, the roll where the log was and where it goes on, and he again.
    assert_eq!(truth.state.chain.epoch, 4);
    assert!(
        truth
            .commits
            .iter()
            .any(|(place, commit)| { *place == second.first && commit.head.epoch == 3 })
    );
    others.stop(PROGRESS).await;
}

/// The log as a program of its own would read it: every sequence once, in its order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_at_the_end_goes_on_in_the_next_stream() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let events = shop.events().await;
    let mut tail = events.follow(">", Sequence::START).await.unwrap();
    let mut read = Vec::new();
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.push(Buyer::of(&[0]).insist(&client).await);
        let end = events.end().await.unwrap();
        while read.last().is_none_or(|last| *last < end) {
            let entries = kassa::port::Tail::next(&mut tail, 3).await.unwrap();
            read.extend(entries.iter().map(|entry| entry.sequence));
        }
        assert!(matches!(roll(&shop, Step::Opened).await, Rolled::Into(_)));
    }
    roles.stop(PROGRESS).await;
    let end = events.end().await.unwrap();
    while read.last().is_none_or(|last| *last < end) {
        let entries = kassa::port::Tail::next(&mut tail, 3).await.unwrap();
        read.extend(entries.iter().map(|entry| entry.sequence));
    }
    assert_eq!(read, (1..=end.0).map(Sequence).collect::<Vec<_>>());
    Truth::of(&shop).await.bears_out(&answers);
}
