//! What a committer keeps of its state, and what it is worth.

use kassa::domain::Sequence;
use kassa::nats::ObjectSnapshots;
use kassa::port::Snapshots;
use kassa::role::committer::{load, read_to_end};
use kassa::run::Role;
use kassa::wire::Snapshot;

use crate::support::buyers::Crowd;
use crate::support::child::Child;
use crate::support::shop::Shop;
use crate::support::truth::Truth;
use crate::support::{PROGRESS, eventually};

/// Where the committer's state is.
const NAME: &str = "market";

async fn kept(snapshots: &ObjectSnapshots) -> Snapshot {
    let bytes = snapshots.load(NAME).await.unwrap().expect("a snapshot is kept");
    Snapshot::decode(&bytes).expect("this build reads what it wrote")
}

/// The last snapshot and the log behind it.
async fn resumed(shop: &Shop, snapshots: &ObjectSnapshots) -> Snapshot {
    let mut state = load((&shop.events().await, &shop.subjects), snapshots).await;
    assert_ne!(state.chain.head, Sequence::START, "the snapshot is used");
    read_to_end(&shop.events().await, &shop.subjects, &mut state).await.unwrap();
    state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_and_the_log_behind_it_are_the_whole_log() {
    let mut shop = Shop::on_one_node().await;
    shop.setup.snapshot_every = 5;
    let snapshots =
        ObjectSnapshots::open(&shop.connect("snapshots").await, &shop.subjects).await.unwrap();
    let client = shop.client().await;
    let committer = shop.start(&[Role::Committer]).await;
    shop.fill(&client, 2, 100).await;
    let crowd = Crowd::start(&client, 20, 2);
    crowd.more(100, PROGRESS).await;
    // While it works as well as when it stops.
    let midway = async || snapshots.load(NAME).await.unwrap();
    let midway = eventually("a snapshot while it works", PROGRESS, midway).await;
    assert!(0 < Snapshot::decode(&midway).unwrap().chain.number);
    let mut answers = crowd.stop().await;
    committer.stop(PROGRESS).await;
    let truth = Truth::of(&shop).await;
    let at_the_end = kept(&snapshots).await;
    assert_eq!(at_the_end.chain, truth.state.chain, "the last commit is in it");
    assert_eq!(at_the_end.digest().unwrap(), truth.state.digest().unwrap());

    // Killed before it keeps another: the next one reads the rest.
    let mut killed = Child::committer(&shop.nats.url());
    let crowd = Crowd::start(&client, 20, 2);
    crowd.more(100, PROGRESS).await;
    killed.kill().await;
    let successor = shop.start(&[Role::Committer]).await;
    answers.extend(crowd.stop().await);
    let truth = Truth::of(&shop).await;
    assert!(at_the_end.chain.head < truth.state.chain.head);
    let resumed_state = resumed(&shop, &snapshots).await;
    assert_eq!(resumed_state.digest().unwrap(), truth.state.digest().unwrap());
    successor.stop(PROGRESS).await;

    // Bytes that are no snapshot: the log is all there is, and enough.
    snapshots.save(NAME, b"no snapshot".to_vec()).await.unwrap();
    let log = shop.events().await;
    assert_eq!(load((&log, &shop.subjects), &snapshots).await.chain.head, Sequence::START);
    let committer = shop.start(&[Role::Committer]).await;
    let crowd = Crowd::start(&client, 20, 2);
    crowd.more(20, PROGRESS).await;
    answers.extend(crowd.stop().await);
    committer.stop(PROGRESS).await;
    let truth = Truth::of(&shop).await;
    truth.bears_out(&answers);
    assert_eq!(kept(&snapshots).await.digest().unwrap(), truth.state.digest().unwrap());
}
