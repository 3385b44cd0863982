//! The committer's machine, step by step.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::{Sender, channel};

use crate::domain::fixtures::{PRICE, T0, line, list, order, place, receive, reprice, sku};
use crate::domain::market::{Request, Verdict};
use crate::domain::{Event, Market, OrderId, Policy, Sequence, Timestamp};
use crate::engine::Machine;
use crate::port::model::ModelClock;
use crate::port::{AnswerTo, Arrived, Batch, Committed, Replies};
use crate::role::committer::{Bounds, Committer, Rules};
use crate::wire::{Commit, Encoding, Outcome, OutcomeKind, Snapshot, Subjects, Unkept};

/// Keeps every answer.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Outcome>>>);

impl Replies for Told {
    fn send(&self, answers: Vec<(AnswerTo, Outcome)>) {
        self.0.lock().unwrap().extend(answers.into_iter().map(|(_, outcome)| outcome));
    }
}

impl Told {
    fn results(&self) -> Vec<OutcomeKind> {
        self.0.lock().unwrap().iter().map(|outcome| outcome.result).collect()
    }
}

/// A committer, its clock, and what it told.
struct Rig {
    machine: Committer<ModelClock, Told>,
    clock: ModelClock,
    told: Told,
    end: Sequence,
}

impl Rig {
    fn new(bounds: Bounds, decide: crate::role::committer::Decide) -> Self {
        Self::from(Snapshot::default(), (bounds, decide), None)
    }

    /// One that begins with a state, and has snapshots kept.
    fn from(
        state: Snapshot,
        (bounds, decide): (Bounds, crate::role::committer::Decide),
        snapshots: Option<Sender<Snapshot>>,
    ) -> Self {
        let (clock, told) = (ModelClock::at(T0), Told::default());
        let rules = Rules { policy: Policy::default(), bounds, decide, snapshot_every: 1_000 };
        let subjects = Subjects::of("main".parse().unwrap());
        let outlet = (clock.clone(), told.clone());
        let machine = Committer::new(state, rules, subjects, outlet, snapshots);
        Self { machine, clock, told, end: Sequence::START }
    }

    async fn take_in(&mut self, requests: &[Request]) {
        let arrived = |request: &Request| Arrived {
            request: Box::new(request.clone()),
            published: false,
            answer_to: Some(AnswerTo {
                subject: "_INBOX.1".to_owned(),
                encoding: Encoding::Json,
                part: None,
                trace: None,
            }),
        };
        self.machine.take_in(requests.iter().map(arrived).collect()).await.unwrap();
    }

    fn draft(&mut self) -> Option<Batch> {
        self.machine.draft(false).unwrap()
    }

    /// Has the batch under way stand at the end of the log.
    fn land(&mut self, batch: &Batch) -> Commit {
        let first = self.end.next();
        self.end = self.end.plus(u64::try_from(batch.messages.len()).unwrap());
        self.machine.committed(Committed { head: first }).unwrap();
        Commit::decode(&batch.head().unwrap().payload).unwrap()
    }

    /// Decides requests in commits of their own, until nothing is left.
    async fn commit(&mut self, requests: &[Request]) -> Vec<Commit> {
        self.take_in(requests).await;
        let mut commits = Vec::new();
        while let Some(batch) = self.draft() {
            commits.push(self.land(&batch));
        }
        commits
    }
}

fn shop() -> [Request; 3] {
    [list("mug", PRICE, "EUR"), receive("mug", 5, "first"), place(order(1), &[line("mug", 2)])]
}

/// Else one that is started often would have ever more to fold, and keep nothing of it.
#[tokio::test(start_paused = true)]
async fn what_a_start_had_to_fold_counts_towards_the_next_snapshot() {
    let (keeper, mut kept) = channel(1);
    let folded = Snapshot { unkept: Unkept { commits: 999, events: 2_000 }, ..Snapshot::default() };
    let mut rig = Rig::from(folded, (Bounds::default(), Market::decide), Some(keeper));
    let [list, receive, place] = shop();
    rig.take_in(&[list]).await;
    let batch = rig.draft().unwrap();
    rig.land(&batch);
    let snapshot = kept.try_recv().expect("it is due with the thousandth commit");
    assert_eq!((snapshot.chain.number, snapshot.unkept), (1, Unkept::default()));
    rig.commit(&[receive, place]).await;
    assert!(kept.try_recv().is_err(), "nothing else is due");
    // The same commit, folded by whoever starts.
    let mut state = Snapshot::default();
    state.follow(Sequence(1), &batch.head().unwrap().payload).unwrap();
    assert_eq!(state.unkept, Unkept { commits: 1, events: 1 });
}

#[tokio::test(start_paused = true)]
async fn nobody_is_answered_before_the_outcome_is_durable() {
    let mut rig = Rig::new(Bounds::default(), Market::decide);
    rig.take_in(&shop()).await;
    let batch = rig.draft().unwrap();
    assert_eq!(rig.told.results(), []);
    assert_eq!(batch.messages.len(), 2, "the commit, and the one SKU it changed");
    rig.land(&batch);
    assert_eq!(rig.told.results(), [OutcomeKind::Accepted; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_is_answered_with_what_it_repeats() {
    let mut rig = Rig::new(Bounds::default(), Market::decide);
    let [list, receive, place] = shop();
    rig.take_in(&[list, receive, place.clone(), place.clone()]).await;
    let batch = rig.draft().unwrap();
    // One more comes while the first is on its way: it must not be answered before it either.
    rig.take_in(std::slice::from_ref(&place)).await;
    assert_eq!(rig.told.results(), []);
    rig.land(&batch);
    assert_eq!(rig.draft(), None, "nothing to append");
    let told = rig.told.0.lock().unwrap();
    let of_order: Vec<_> = told.iter().skip(2).map(|o| (o.result, o.address())).collect();
    let at = of_order[0].1;
    assert_eq!(
        of_order,
        [
            (OutcomeKind::Accepted, at),
            (OutcomeKind::AlreadyApplied, at),
            (OutcomeKind::AlreadyApplied, at)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_first_in_the_next_commit() {
    let bounds = Bounds { skus: 2, ..Bounds::default() };
    let mut rig = Rig::new(bounds, Market::decide);
    let names = ["a", "b", "c", "d", "e"];
    let lists: Vec<_> = names.iter().map(|name| list(name, PRICE, "EUR")).collect();
    rig.commit(&lists).await;
    let deliveries: Vec<_> = names.iter().map(|name| receive(name, 1, "first")).collect();
    let commits = rig.commit(&deliveries).await;
    let received: Vec<Vec<_>> = commits
        .iter()
        .map(|c| c.events.iter().filter_map(|r| r.event.sku()).map(|s| s.as_str()).collect())
        .collect();
    assert_eq!(received, [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
}

#[tokio::test(start_paused = true)]
async fn a_committer_takes_in_no_more_than_three_commits_hold() {
    let bounds = Bounds { commands: 2, ..Bounds::default() };
    let mut rig = Rig::new(bounds, Market::decide);
    assert_eq!(rig.machine.room(), 6);
    let lists: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|n| list(n, PRICE, "EUR")).into();
    rig.take_in(&lists[..1]).await;
    assert_eq!(rig.machine.room(), 5);
    rig.take_in(&lists[1..]).await;
    assert_eq!(rig.machine.room(), 0);
    let batch = rig.draft().unwrap();
    assert_eq!(rig.machine.room(), 6, "what arrives during a commit is the next one");
    rig.land(&batch);
}

fn fails_on_repricing(m: &Market, r: &Request, now: Timestamp, p: &Policy) -> Verdict {
    let verdict = m.decide(r, now, p);
    if let Verdict::Append { records, .. } = &verdict {
        assert!(!matches!(records[0].event, Event::SkuRepriced(_)), "a planted defect");
    }
    verdict
}

#[tokio::test(start_paused = true)]
async fn a_command_that_makes_the_decider_fail_stops_nobody_behind_it() {
    let mut rig = Rig::new(Bounds::default(), fails_on_repricing);
    let [list, receive, place] = shop();
    let poison = reprice("mug", 700).published_at(4);
    let commits = rig.commit(&[list, receive, poison.clone(), place]).await;
    assert_eq!(commits.len(), 1);
    assert_eq!(commits[0].head.position, Sequence(4), "it is done with");
    let told = rig.told.0.lock().unwrap().clone();
    let codes: Vec<_> = told.iter().map(|o| o.refusal.as_ref().map(|r| r.code())).collect();
    assert_eq!(codes, [None, None, Some("defect"), None]);
    let rejected = &commits[0].events[2];
    assert!(matches!(&rejected.event, Event::CommandRejected(e) if e.refusal.is_poison()));
    assert_eq!(rejected.cause, poison.id);
    // Sent again it is answered as before, and not tried again.
    assert_eq!(rig.commit(&[poison]).await, []);
    assert_eq!(rig.told.results().last(), Some(&OutcomeKind::Refused));
}

/// A hold never ends before its deadline, by the log's own time.
#[tokio::test(start_paused = true)]
async fn a_commit_is_not_made_before_what_was_decided_in_it() {
    let mut rig = Rig::new(Bounds::default(), Market::decide);
    rig.commit(&shop()).await;
    rig.clock.advance(Policy::HOLD_DEFAULT);
    rig.machine.wake().unwrap();
    // Somebody corrects the machine's clock between the decision and the commit.
    rig.clock.step_back(Duration::from_secs(60));
    let batch = rig.draft().unwrap();
    let commit = rig.land(&batch);
    let Event::HoldExpired(expired) = &commit.events[0].event else { panic!("{commit:?}") };
    assert!(expired.hold_until <= commit.head.at, "{} at {}", expired.hold_until, commit.head.at);
    let state = rig.machine.into_state();
    assert_eq!(state.market.item(&sku("mug")).unwrap().stock.available(), 5);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_not_answered_is_known_in_the_order_of_arrival() {
    let bounds = Bounds { skus: 1, ..Bounds::default() };
    let mut rig = Rig::new(bounds, Market::decide);
    let lists = ["a", "b", "c"].map(|name| list(name, PRICE, "EUR"));
    rig.commit(&lists).await;
    let deliveries = ["a", "b", "c"].map(|name| receive(name, 1, "first"));
    rig.take_in(&deliveries).await;
    assert!(rig.draft().is_some(), "one is under way, one in the next commit, one waits");
    let open: Vec<_> = rig.machine.into_open().into_iter().map(|a| a.request.id).collect();
    assert_eq!(open, deliveries.map(|request| request.id));
}

/// More than one look may expire, as after a provider that was out for longer than holds last.
#[tokio::test(start_paused = true)]
async fn what_is_overdue_is_gone_as_fast_as_commits_are_made() {
    const ORDERS: u16 = 5_000;
    let mut rig = Rig::new(Bounds::default(), Market::decide);
    rig.commit(&[list("mug", PRICE, "EUR"), receive("mug", u32::from(ORDERS), "first")]).await;
    let orders: Vec<_> = (0..ORDERS).map(|n| place(numbered_order(n), &[line("mug", 1)])).collect();
    for some in orders.chunks(500) {
        rig.commit(some).await;
    }
    rig.clock.advance(Policy::HOLD_DEFAULT);
    let began = tokio::time::Instant::now();
    tokio::time::advance(Duration::from_millis(250)).await;
    let mut commits = 0;
    loop {
        // As the engine does: it asks when it was told to, and sends what is due then.
        if rig.machine.wake_at().is_some_and(|at| at <= tokio::time::Instant::now()) {
            rig.machine.wake().unwrap();
        }
        let Some(batch) = rig.draft() else { break };
        rig.land(&batch);
        commits += 1;
    }
    assert_eq!(began.elapsed(), Duration::from_millis(250), "no pause between them");
    assert!(commits <= 25, "{commits} commits");
    let state = rig.machine.into_state();
    let stock = state.market.item(&sku("mug")).unwrap().stock;
    assert_eq!((stock.available(), stock.reserved()), (i64::from(ORDERS), 0));
}

fn numbered_order(n: u16) -> OrderId {
    let [high, low] = n.to_be_bytes();
    let random = [0, 0, 0, 0, 0, 0, 0, 0, high, low];
    let made = uuid::Builder::from_unix_timestamp_millis(T0.0, &random).into_uuid();
    OrderId::try_from(made).unwrap()
}
