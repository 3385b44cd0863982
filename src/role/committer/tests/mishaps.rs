//! What goes wrong around a committer by somebody's hand: clocks that are set, streams that are
//! put back, messages that nobody should have written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::world::{Instance, World};
use crate::domain::fixtures::{
    PRICE, T0, command_made, hours, line, list, order, place, receive, sku,
};
use crate::domain::market::Request;
use crate::domain::{Sequence, Timestamp};
use crate::engine::verify_log;
use crate::port::model::{Fault, ModelClock};
use crate::port::testing::Dice;
use crate::port::{Batch, Clock, Entry, Log, Message, Snapshots};
use crate::role::committer::CannotAct;
use crate::role::committer::run::Last;
use crate::role::committer::state::{NAME, load};
use crate::wire::{Chain, Commit, Hash, Outcome, OutcomeKind, Snapshot};

/// How long anything here may take, in virtual time.
const PATIENCE: Duration = Duration::from_secs(600);

/// A world with somebody in it who sends commands, one after the other.
struct Street {
    world: World,
    dice: Dice,
    sent: u8,
}

impl Street {
    fn new() -> Self {
        Self::of(World::new(1))
    }

    fn of(world: World) -> Self {
        tokio::spawn(world.clone().tick());
        Self { world, dice: Dice::new(1), sent: 0 }
    }

    async fn insist(&mut self, request: &Request) -> Outcome {
        self.sent += 1;
        let id = command_made(T0, self.sent);
        let insisting = self.world.insist(id, request, &mut self.dice);
        tokio::time::timeout(PATIENCE, insisting).await.unwrap()
    }

    /// Lists a SKU and puts some on the shelf.
    async fn offer(&mut self, name: &str) {
        for request in [list(name, PRICE, "EUR"), receive(name, 200, "first")] {
            assert_ne!(self.insist(&request).await.result, OutcomeKind::Refused);
        }
    }

    async fn buy(&mut self, n: u8, name: &str) {
        let placed = self.insist(&place(order(n), &[line(name, 1)])).await;
        assert_ne!(placed.result, OutcomeKind::Refused, "{placed:?}");
    }

    /// Every commit, with its place.
    fn commits(&self) -> Vec<(Sequence, Commit)> {
        let entries = self.world.events.entries().into_iter();
        let heads = entries.filter(|entry| entry.subject == self.world.subjects.commit());
        heads.map(|entry| (entry.sequence, Commit::decode(&entry.payload).unwrap())).collect()
    }

    /// What was kept last.
    async fn kept(&self) -> Snapshot {
        let bytes = self.world.snapshots.load(NAME).await.unwrap().expect("a snapshot is kept");
        Snapshot::decode(&bytes).unwrap()
    }

    /// The fold of the log.
    fn folded(&self) -> Snapshot {
        self.folded_to(Sequence(u64::MAX))
    }

    /// The fold of its commits up to one.
    fn folded_to(&self, last: Sequence) -> Snapshot {
        let mut state = Snapshot::default();
        for entry in self.world.events.entries() {
            if entry.sequence <= last && entry.subject == self.world.subjects.commit() {
                state.follow(entry.sequence, &entry.payload).unwrap();
            }
        }
        state
    }
}

async fn gives_up(instance: Instance) -> CannotAct {
    let ended = tokio::time::timeout(PATIENCE, instance.task).await;
    ended.expect("it gives up").expect("no panic").expect_err("it cannot act")
}

async fn stop(instance: Instance) {
    instance.stop.cancel();
    instance.task.await.expect("no panic").expect("stops in order");
}

/// Millions of orders are seconds of work to keep; nobody who buys waits for that.
#[tokio::test(start_paused = true)]
async fn whoever_stops_hands_over_before_it_keeps_its_last_state() {
    let mut street = Street::new();
    let first = street.world.start(0);
    street.offer("mug").await;
    let held_up = street.world.snapshots.hold_up().await;
    first.stop.cancel();
    // Until it has nothing left to do but to keep it.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = street.world.start(1);
    street.buy(1, "mug").await;
    assert!(!first.task.is_finished(), "it has kept nothing yet");
    let sold = street.commits().len() as u64;
    drop(held_up);
    first.task.await.expect("no panic").expect("stops in order");
    assert!(street.kept().await.chain.number < sold, "what the first one knew");
    stop(second).await;
    assert_eq!(street.kept().await.chain, street.folded().chain);
}

/// Whoever acts by then keeps its own.
#[tokio::test(start_paused = true)]
async fn a_last_state_that_others_have_gone_on_from_is_not_kept() {
    let mut street = Street::new();
    let first = street.world.start(0);
    street.offer("mug").await;
    let state = street.folded();
    street.buy(1, "mug").await;
    stop(first).await;
    let kept = street.kept().await;
    assert!(state.chain.number < kept.chain.number);
    let World { events, snapshots, subjects, .. } = &street.world;
    let last = Last { state, keeping: tokio::spawn(async {}) };
    last.keep((events, snapshots), subjects).await;
    assert_eq!(street.kept().await.chain, kept.chain);
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_by_a_wrong_clock_never_opens_the_market() {
    for wrong in [T0.after(hours(100)), T0.before(hours(100))] {
        let mut street = Street::new();
        let given_up = gives_up(street.world.start_by(0, &ModelClock::at(wrong))).await;
        assert!(matches!(given_up, CannotAct::Clock { .. }), "{given_up:?}");
        assert_eq!(street.commits(), []);
        // Nobody has to wait for the lease: it was given back.
        let sound = street.world.start(1);
        street.offer("mug").await;
        street.buy(1, "mug").await;
        stop(sound).await;
    }
}

/// A power cut takes what the server had not written yet of a batch, and what it had staged of it.
#[tokio::test(start_paused = true)]
async fn a_commit_that_was_stored_in_part_is_completed_by_whoever_opens() {
    for (missing, keeps_its_state) in [(1, false), (2, false), (3, false), (1, true), (3, true)] {
        let mut street = Street::new();
        let first = street.world.start(0);
        let names = ["cup", "mug", "pot"];
        for name in names {
            street.offer(name).await;
        }
        let basket = names.map(|name| line(name, 1));
        street.insist(&place(order(1), &basket)).await;
        // Killed, what it knew is gone as well; kept, its state knows of no entries.
        if keeps_its_state {
            stop(first).await;
        } else {
            first.task.abort();
        }
        let World { events, .. } = &street.world;
        let whole = events.entries();
        events.tamper(|entries| entries.truncate(whole.len() - missing));
        street.world.take_lease_away();
        let second = street.world.start(1);
        street.buy(2, "mug").await;
        stop(second).await;
        let written = street.world.events.entries();
        let told = |entry: &Entry| (entry.sequence, entry.subject.clone(), entry.payload.clone());
        let (as_before, behind) = written.split_at(whole.len());
        assert!(as_before.iter().map(told).eq(whole.iter().map(told)), "{missing}");
        assert_eq!(behind[0].subject, street.world.subjects.commit(), "{missing}");
        let verified = verify_log(&street.world.events, &street.world.subjects, |_| {}).await;
        assert_eq!(verified.unwrap().violations, [], "{missing}");
    }
}

/// The end of a closed stream is further than what a committer kept itself, if it is of this log.
#[tokio::test(start_paused = true)]
async fn the_furthest_state_that_stands_in_the_log_is_gone_on_from() {
    let mut street = Street::new();
    let first = street.world.start(0);
    street.offer("mug").await;
    stop(first).await;
    let own = street.kept().await.chain;
    let second = street.world.start(1);
    street.buy(1, "mug").await;
    let further = street.folded();
    stop(second).await;
    let World { events, snapshots, subjects, .. } = &street.world;
    let loaded = async || load((events, subjects), snapshots).await.chain;
    let keep = async |name: &str, state: &Snapshot| {
        snapshots.save(name, state.encode().unwrap()).await.unwrap();
    };
    keep(NAME, &Snapshot::default()).await;
    let closing = Snapshot::closing_name(further.chain.end);
    keep(&closing, &further).await;
    assert_eq!(loaded().await, further.chain);

    // A log that was put back from before it was closed, and has grown again.
    let lost_end =
        Snapshot { chain: Chain { hash: Hash::of(b"else"), ..further.chain }, ..further };
    keep(&closing, &lost_end).await;
    let at_own = street.folded_to(own.head);
    assert_eq!(at_own.chain, own);
    keep(NAME, &at_own).await;
    assert_eq!(loaded().await, own);
}

/// A clock that is far ahead until it was looked at so often.
#[derive(Clone)]
struct Corrected(ModelClock, Arc<AtomicU32>);

impl Clock for Corrected {
    fn now(&self) -> Timestamp {
        let left = self.1.load(Ordering::SeqCst);
        self.1.store(left.saturating_sub(1), Ordering::SeqCst);
        if 0 < left { self.0.now().after(hours(100)) } else { self.0.now() }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_by_a_clock_that_is_corrected_before_the_market_opens() {
    for looks in 1..5 {
        let mut street = Street::new();
        let corrected = Corrected(street.world.clock.clone(), Arc::new(AtomicU32::new(looks)));
        let first = street.world.start_by(0, &corrected);
        let second = street.world.start(1);
        street.offer("mug").await;
        let now = street.world.clock.now();
        let made: Vec<Timestamp> = street.commits().iter().map(|(_, c)| c.head.at).collect();
        assert!(made.iter().all(|at| *at <= now), "{looks}: {made:?} by {now}");
        first.stop.cancel();
        second.stop.cancel();
        let (first, second) = tokio::join!(first.task, second.task);
        second.expect("no panic").expect("stops in order");
        // It has given up, if it was still wrong when it had to be proved.
        let first = first.expect("no panic");
        assert!(matches!(first, Ok(()) | Err(CannotAct::Clock { .. })), "{looks}: {first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_has_its_clock_set_steps_down_before_it_commits_by_it() {
    for jump in ["ahead", "back"] {
        let mut street = Street::new();
        let own = ModelClock::at(T0);
        let ticking = own.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                ticking.advance(Duration::from_millis(10));
            }
        });
        let first = street.world.start_by(0, &own);
        street.offer("mug").await;
        street.buy(1, "mug").await;
        if jump == "ahead" {
            own.advance(hours(100));
        } else {
            own.step_back(hours(100));
        }
        let given_up = gives_up(first).await;
        assert!(matches!(given_up, CannotAct::Clock { .. }), "{jump}: {given_up:?}");
        let second = street.world.start(1);
        // Its id is as old as the shop: by the wrong clock it would be too old for ever.
        street.buy(2, "mug").await;
        let now = street.world.clock.now();
        let made: Vec<Timestamp> = street.commits().iter().map(|(_, c)| c.head.at).collect();
        assert!(made.iter().all(|at| *at <= now), "{jump}: {made:?} by {now}");
        stop(second).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_stream_that_ends_before_the_logs_position_is_not_read() {
    let mut street = Street::new();
    let first = street.world.start(0);
    street.offer("mug").await;
    for n in 1..=8 {
        street.buy(n, "mug").await;
    }
    stop(first).await;
    let position = street.folded().chain.position;
    assert!(Sequence(2) < position, "some were published: {position}");
    street.world.commands.tamper(|entries| entries.truncate(1));
    let commits = street.commits();
    let given_up = gives_up(street.world.start(1)).await;
    let CannotAct::CommandsBehind { end, position: told } = given_up else {
        panic!("{given_up:?}")
    };
    assert_eq!((end, told), (Sequence(1), position));
    assert_eq!(street.commits(), commits, "nothing was written");
}

/// The log loses its end and grows past it again: what was kept of the old end is of no use.
#[tokio::test(start_paused = true)]
async fn a_snapshot_of_a_log_that_lost_its_end_is_not_believed() {
    let mut world = World::new(1);
    world.snapshot_every = 1_000;
    let mut street = Street::of(world);
    let first = street.world.start(0);
    street.offer("mug").await;
    for n in 1..=17 {
        street.buy(n, "mug").await;
    }
    // It keeps its state, the only snapshot there is.
    stop(first).await;
    let commits = street.commits();
    let kept = commits.last().unwrap().1.head.number;
    assert!(20 <= kept, "{kept}");
    let (lost_from, _) = commits[10];
    street.world.events.tamper(|entries| entries.retain(|entry| entry.sequence < lost_from));
    let second = street.world.start(1);
    for n in 21..=42 {
        street.buy(n, "mug").await;
    }
    assert!(kept < street.commits().last().unwrap().1.head.number, "it has grown past the place");
    // Killed, so that the old snapshot is what the next one finds.
    second.task.abort();
    street.world.take_lease_away();
    let third = street.world.start(2);
    street.buy(43, "mug").await;
    stop(third).await;
    let state = street.folded();
    assert!(state.market.order(order(43)).is_some());
    assert!(state.market.order(order(42)).is_some());
}

/// Somebody writes where only committers write. The verifier says so; buyers notice nothing.
#[tokio::test(start_paused = true)]
async fn a_stray_message_at_the_end_of_the_log_stops_nobody() {
    let mut street = Street::new();
    let committer = street.world.start(0);
    street.offer("mug").await;
    street.offer("pot").await;
    let faults: [&[Fault]; 5] = [
        &[],
        &[Fault::RequestLost],
        &[Fault::AnswerLost],
        &[Fault::Late(0)],
        &[Fault::Late(2), Fault::RequestLost],
    ];
    for (n, faults) in (1..).zip(faults) {
        let subject = street.world.subjects.stock(&sku("mug"));
        let stray = Message { subject, payload: "stray".into(), ..Message::default() };
        let batch = Batch::of(vec![stray]);
        street.world.events.commit(&batch).await.unwrap();
        street.world.events.faults().plan(faults.iter().copied());
        street.buy(n * 2, "mug").await;
        street.buy(n * 2 + 1, "pot").await;
    }
    // Longer than holds last.
    tokio::time::sleep(Duration::from_secs(10)).await;
    stop(committer).await;
    let state = street.folded();
    for name in ["mug", "pot"] {
        let stock = state.market.item(&sku(name)).unwrap().stock;
        assert_eq!((stock.available(), stock.reserved()), (200, 0), "every hold came to its end");
    }
}
