//! Snapshots of a busy shop, and what somebody did to them.

use super::*;
use crate::domain::fixtures::*;
use crate::domain::{Follows, Opened, Recorded, Source, Text};
use crate::port::model::{ModelLog, ModelSnapshots};
use crate::role::testing::logged_on;
use crate::wire::{CommitHead, LOGIC};

/// Commits between two milestones.
const EVERY: u64 = 5;

fn subjects() -> Subjects {
    Subjects::of("main".parse().unwrap())
}

/// A log with everything that is kept of it: the last state, that of a stream which ended halfway,
/// and milestones.
struct World {
    log: ModelLog,
    snapshots: ModelSnapshots,
    milestones: Vec<String>,
    closing: String,
}

impl World {
    async fn of(seed: u64) -> Self {
        let log = logged_on(&busy_shop(seed), &subjects().commit()).await;
        let snapshots = ModelSnapshots::default();
        let (mut milestones, mut closing) = (Vec::new(), String::new());
        let (mut folded, entries) = (Folded::default(), log.entries());
        for entry in &entries {
            folded.follow(entry.sequence, &entry.payload).unwrap();
            if entry.sequence.0.is_multiple_of(EVERY) {
                let name = Milestone::name_at(entry.sequence);
                save(&snapshots, &name, milestone(&folded).encode().unwrap()).await;
                milestones.push(name);
            }
            if entry.sequence.0 == u64::try_from(entries.len() / 2).unwrap() {
                closing = Snapshot::closing_name(folded.state.chain.end);
                save(&snapshots, &closing, folded.state.encode().unwrap()).await;
            }
        }
        save(&snapshots, NAME, folded.state.encode().unwrap()).await;
        Self { log, snapshots, milestones, closing }
    }

    async fn proved(&self) -> ProvedSnapshots {
        prove_snapshots((&self.log, &subjects()), &self.snapshots).await.unwrap()
    }

    /// What is told of them.
    async fn told(&self) -> Vec<String> {
        self.proved().await.found.iter().map(ToString::to_string).collect()
    }

    async fn kept(&self, name: &str) -> Vec<u8> {
        self.snapshots.load(name).await.unwrap().unwrap()
    }

    /// The shop up to the commit at `place`, in which something more happened.
    fn shop_with(&self, place: Sequence, more: &Event) -> Milestone {
        let mut folded = Folded::default();
        let entries = self.log.entries();
        for entry in entries.iter().filter(|entry| entry.sequence < place) {
            folded.follow(entry.sequence, &entry.payload).unwrap();
        }
        let entry = entries.iter().find(|entry| entry.sequence == place).unwrap();
        let mut commit = Commit::decode(&entry.payload).unwrap();
        let record = |event| Recorded {
            event,
            cause: None,
            source: Source::COMMITTER,
            body: None,
            trace: None,
        };
        commit.events.push(record(more.clone()));
        folded.shop.follow(place, commit.head.at, &commit.events).unwrap();
        Milestone { commit: Hash::of(&entry.payload), shop: folded.shop }
    }
}

fn milestone(folded: &Folded) -> Milestone {
    Milestone { commit: folded.state.chain.hash, shop: folded.shop.clone() }
}

async fn save(snapshots: &ModelSnapshots, name: &str, bytes: Vec<u8>) {
    snapshots.save(name, bytes).await.unwrap();
}

/// The bytes of a snapshot as another build would have written them.
fn by_other_logic(mut bytes: Vec<u8>) -> Vec<u8> {
    let at = bytes.windows(LOGIC.len()).position(|part| part == LOGIC.as_bytes()).unwrap();
    bytes[at..at + LOGIC.len()].fill(b'x');
    bytes
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_kept_is_what_the_log_adds_up_to() {
    for seed in 0..5 {
        let world = World::of(seed).await;
        let proved = world.proved().await;
        assert_eq!(proved.found, []);
        let held = u64::try_from(world.milestones.len()).unwrap() + 2;
        assert_eq!((proved.held, proved.of_other_logic), (held, 0));
        assert!(3 < held);
    }
}

#[tokio::test(start_paused = true)]
async fn a_unit_too_many_at_a_milestone_is_told_by_its_name() {
    let world = World::of(3).await;
    let name = &world.milestones[1];
    let place = Milestone::place(name).unwrap();
    let one_more = world.shop_with(place, &received("mug", 1, "ref-of-nobody"));
    save(&world.snapshots, name, one_more.encode().unwrap()).await;
    let says = "is not what the log adds up to";
    assert_eq!(world.told().await, [format!("sequence {place}: I9: the snapshot {name} {says}")]);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_of_another_shop_is_told_by_its_name() {
    let (world, other) = (World::of(3).await, World::of(4).await);
    save(&world.snapshots, NAME, other.kept(NAME).await).await;
    let told = world.told().await;
    assert!(told.len() == 1 && told[0].contains("the snapshot market"), "{told:?}");
    let mut world = World::of(3).await;
    world.closing = Snapshot::closing_name(Snapshot::closing_place(&world.closing).unwrap().next());
    save(&world.snapshots, &world.closing, world.kept(NAME).await).await;
    let told = world.told().await;
    let says = format!("the snapshot {} holds what has to be closing-", world.closing);
    assert!(told.len() == 1 && told[0].contains(&says), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_other_logic_made_is_counted_and_not_looked_at() {
    let world = World::of(5).await;
    let held = world.proved().await.held;
    for name in [NAME, &world.closing] {
        save(&world.snapshots, name, by_other_logic(world.kept(name).await)).await;
    }
    let proved = world.proved().await;
    assert_eq!((proved.held, proved.of_other_logic), (held - 2, 2));
    assert_eq!(proved.found, []);
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_read_or_is_of_no_commit_is_told_by_its_name() {
    let world = World::of(6).await;
    let cut = &world.milestones[0];
    save(&world.snapshots, cut, b"cut".to_vec()).await;
    let end = world.log.entries().last().unwrap().sequence;
    let mut beyond = world.shop_with(end, &received("mug", 1, "ref-of-nobody"));
    beyond.shop.follow(end.next(), T0, &[]).unwrap();
    let name = Milestone::name_at(end.next());
    save(&world.snapshots, &name, beyond.encode().unwrap()).await;
    let told = world.told().await;
    let says = [
        format!("the snapshot {cut} cannot be read: "),
        format!("the snapshot {name}: no commit stands where it is of one"),
    ];
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().zip(&says).all(|(told, says)| told.contains(says)), "{told:?}");
}

/// Whatever logic made it: the next stream of the log says what its bytes were.
#[tokio::test(start_paused = true)]
async fn a_closing_state_is_the_one_that_the_log_names() {
    let world = World::of(7).await;
    let bytes = by_other_logic(world.kept(&world.closing).await);
    save(&world.snapshots, &world.closing, bytes.clone()).await;
    let named = |digest: Hash| {
        let follows = Follows {
            last_seq: 7,
            snapshot: Text::lossy(&world.closing),
            snapshot_digest: Text::lossy(&digest.to_string()),
        };
        let (nonce, build) = (token("nonce"), text("0.1.0"));
        let opened = Opened { nonce, build, follows: Some(follows) };
        let head = CommitHead::default();
        let record = Recorded {
            event: Event::Opened(opened),
            cause: None,
            source: Source::COMMITTER,
            body: None,
            trace: None,
        };
        Commit { head, events: vec![record] }
    };
    for (digest, is_named) in [(Hash::of(&bytes), true), (Hash::of(b"another"), false)] {
        let mut proof = kept(&world.snapshots).await.unwrap();
        proof.kept.clear();
        proof.meet((Sequence(8), &named(digest)), &Folded::default()).unwrap();
        let says = format!("the snapshot {} is not the one the log names", world.closing);
        let told: Vec<_> = proof.proved.found.iter().map(|found| found.detail.clone()).collect();
        assert_eq!(told, if is_named { Vec::new() } else { vec![says] });
    }
}
