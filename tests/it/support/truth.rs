//! What the log says, for comparing with what was promised.

use std::collections::HashMap;
use std::time::Duration;

use kassa::domain::order::RefundState;
use kassa::domain::{
    Address, CommandId, Event, OrderId, RefundReason, Refusal, Sequence, Timestamp,
};
use kassa::engine::{Error, verify_log};
use kassa::nats::{JsLog, ObjectSnapshots};
use kassa::port::{Log, Movement, ReadError, Tail};
use kassa::role::committer::{load, read_to_end};
use kassa::role::reconcile::{Period, reconcile};
use kassa::view::{OrderView, StockView, View};
use kassa::wire::{Commit, Encoding, OutcomeKind, Position, Snapshot, Subjects};

use super::buyers::Answer;
use super::eventually;
use super::shop::Shop;

/// I13: a backlog is drained within a minute.
const DRAIN: Duration = Duration::from_secs(60);

/// Where an order was decided, by which command, and why it was refused.
pub(crate) type Decided<'a> = (Address, Option<CommandId>, Option<&'a Refusal>);

/// A whole log, and its fold.
pub(crate) struct Truth {
    pub(crate) commits: Vec<(Sequence, Commit)>,
    pub(crate) state: Snapshot,
}

impl Truth {
    /// Reads the log to its end, once its server is there.
    pub(crate) async fn of(shop: &Shop) -> Self {
        let events = shop.events().await;
        let read = async || {
            let mut state = Snapshot::default();
            match read_to_end(&events, &shop.subjects, &mut state).await {
                Ok(()) => Some(state),
                Err(Error::Read(ReadError::Unavailable(_))) => None,
                Err(error) => panic!("the log does not fold: {error:?}"),
            }
        };
        let state = eventually("the log can be read", DRAIN, read).await;
        let mut tail = events.follow(&shop.subjects.commit(), Sequence::START).await.unwrap();
        let mut commits = Vec::new();
        while commits.last().is_none_or(|(last, _)| *last < state.chain.head) {
            for entry in tail.next(256).await.unwrap() {
                commits.push((entry.sequence, Commit::decode(&entry.payload).unwrap()));
            }
        }
        Self { commits, state }
    }

    /// Every event with its address and the command that caused it.
    pub(crate) fn events(&self) -> impl Iterator<Item = (Address, Option<CommandId>, &Event)> {
        self.commits.iter().flat_map(|(sequence, commit)| {
            let numbered = (0_u32..).zip(&commit.events);
            numbered.map(|(index, record)| {
                (Address::new(*sequence, index), record.cause, &record.event)
            })
        })
    }

    /// Where each order was decided, by which command, and why it was refused if it was.
    pub(crate) fn decided(&self) -> HashMap<OrderId, Vec<Decided<'_>>> {
        let mut decided: HashMap<_, Vec<_>> = HashMap::new();
        for (at, cause, event) in self.events() {
            if let Event::OrderPlaced(placed) = event {
                decided.entry(placed.order_id).or_default().push((at, cause, None));
            } else if let Event::OrderRejected(rejected) = event {
                let why = Some(&rejected.refusal);
                decided.entry(rejected.order_id).or_default().push((at, cause, why));
            }
        }
        decided
    }

    /// Every buyer's order was decided once, by that buyer's command, as the buyer was told.
    pub(crate) fn bears_out(&self, answers: &[Answer]) {
        let decided = self.decided();
        for Answer { buyer, outcome } in answers {
            let found = decided.get(&buyer.order_id).map(Vec::as_slice).unwrap_or_default();
            assert_eq!(found.len(), 1, "an order is decided once: {buyer:?} {outcome:?}");
            let (at, cause, refusal) = found[0];
            assert_eq!(outcome.address(), Some(at), "{outcome:?}");
            assert_eq!(cause, Some(buyer.id));
            assert_eq!(outcome.result == OutcomeKind::Refused, refusal.is_some(), "{outcome:?}");
            assert_eq!(outcome.refusal.as_ref(), refusal, "the figures of the refusal");
        }
        assert_eq!(decided.len(), answers.len(), "nobody else ordered");
    }

    /// How many orders were confirmed.
    pub(crate) fn confirmed(&self) -> usize {
        self.events().filter(|(_, _, event)| matches!(event, Event::OrderConfirmed(_))).count()
    }

    /// How many orders were placed.
    pub(crate) fn placed(&self) -> usize {
        self.events().filter(|(_, _, event)| matches!(event, Event::OrderPlaced(_))).count()
    }

    /// The view of each key, folded from the log.
    pub(crate) fn folded<V: View>(&self) -> HashMap<String, V> {
        let mut views: HashMap<String, V> = HashMap::new();
        for (sequence, commit) in &self.commits {
            let made = commit.head.at;
            for (index, record) in (0_u32..).zip(&commit.events) {
                let at = Address::new(*sequence, index);
                let Some(key) = V::key(&record.event, made) else { continue };
                match views.get_mut(&key.to_string()) {
                    Some(view) => view.follow(at, made, &record.event).unwrap(),
                    None => {
                        let begun = V::begin(at, made, &record.event).unwrap();
                        views.insert(key.to_string(), begun);
                    }
                }
            }
        }
        views
    }
}

/// Waits until every order that was placed is confirmed, and returns the truth then.
pub(crate) async fn all_confirmed(shop: &Shop) -> Truth {
    let look = async || {
        let truth = Truth::of(shop).await;
        (truth.placed() == truth.confirmed()).then_some(truth)
    };
    eventually("every placed order is confirmed", DRAIN, look).await
}

/// A reader of views waits until at least `sequence` is reflected.
pub(crate) async fn reflected(bucket: &JsLog, view: &str, sequence: Sequence) -> Position {
    let subject = Subjects::position_key(view);
    let look = async || {
        let entry = bucket.last(&subject).await.unwrap()?;
        let position = Position::decode(&entry.payload).unwrap();
        (sequence <= position.event_seq).then_some(position)
    };
    eventually("the view reflects the log", DRAIN, look).await
}

/// The live view in a bucket is the fold of the log (I9).
pub(crate) async fn view_is_the_fold<V: View + PartialEq + std::fmt::Debug>(
    shop: &Shop,
    truth: &Truth,
    view: &str,
) {
    let (bucket, name) = (shop.bucket(view).await, shop.subjects.bucket(view));
    reflected(&bucket, &name, truth.state.chain.head).await;
    assert_eq!(values::<V>(&bucket, &name).await, truth.folded::<V>(), "{view}");
}

/// Every value of a bucket.
pub(crate) async fn values<V: View>(bucket: &JsLog, name: &str) -> HashMap<String, V> {
    let prefix = Subjects::bucket_key(name, "");
    let end = bucket.end().await.unwrap();
    let mut tail = bucket.follow(&format!("{prefix}>"), Sequence::START).await.unwrap();
    let mut found = HashMap::new();
    let mut reached = Sequence::START;
    while reached < end {
        for entry in tail.next(256).await.unwrap() {
            reached = entry.sequence;
            let key = entry.subject.strip_prefix(&prefix).unwrap().to_owned();
            if key != "_position" {
                found.insert(key, Encoding::Json.read(&entry.payload).unwrap());
            }
        }
    }
    found
}

/// The provider's list and the log say the same of the money.
pub(crate) async fn lists_agree(shop: &Shop) {
    let always = Period { from: Timestamp(0), until: Timestamp(u64::MAX / 2) };
    let events = shop.events().await;
    let reconciled =
        Box::pin(reconcile((&events, &shop.subjects), &*shop.setup.gateway, always)).await.unwrap();
    assert!(reconciled.differences.is_empty(), "{:#?}", reconciled.differences);
}

/// What the provider's books say is what the log says (I5): every sum that moved is recorded, a
/// confirmed order was paid its total once and nothing kept beside it, and an order that is off has
/// its money back. Nobody else paid.
pub(crate) async fn books_balance(shop: &Shop, truth: &Truth) {
    lists_agree(shop).await;
    let mut kept: HashMap<OrderId, i128> = HashMap::new();
    for moved in shop.moved().await {
        let minor = i128::from(moved.amount.minor());
        *kept.entry(moved.order_id.unwrap()).or_default() += match moved.movement {
            Movement::Captured => minor,
            Movement::Refunded => -minor,
        };
    }
    let placed = truth.events().filter_map(|(_, _, event)| {
        let Event::OrderPlaced(placed) = event else { return None };
        Some(placed.order_id)
    });
    for order_id in placed {
        let order = truth.state.market.order(order_id).unwrap();
        let of_goodwill = order.money.refunds.iter().filter(|refund| {
            refund.reason == RefundReason::Requested
                && matches!(refund.state, RefundState::Done { .. })
        });
        let given: i128 = of_goodwill.map(|refund| i128::from(refund.amount.minor())).sum();
        let owed = match order.state() {
            "confirmed" | "fulfilled" => i128::from(order.basket.total.minor()) - given,
            "cancelled" | "refunded" => 0,
            // What comes of these is still open.
            _ => continue,
        };
        let kept = kept.remove(&order_id).unwrap_or_default();
        assert_eq!(kept, owed, "{order_id} is {}", order.state());
    }
    kept.retain(|order_id, _| truth.state.market.order(*order_id).is_none());
    assert!(kept.is_empty(), "money for orders that nobody placed: {kept:?}");
}

/// The last snapshot and the log behind it are the fold of the whole log (I9).
async fn a_snapshot_leads_to_the_fold(shop: &Shop) {
    let connection = shop.connect("snapshots").await;
    let snapshots = ObjectSnapshots::open(&connection, &shop.subjects).await.unwrap();
    let events = shop.events().await;
    let mut resumed = load((&events, &shop.subjects), &snapshots).await;
    let mut folded = Snapshot::default();
    // Until both end at one place, should somebody still write.
    let same = async || {
        read_to_end(&events, &shop.subjects, &mut resumed).await.ok()?;
        read_to_end(&events, &shop.subjects, &mut folded).await.ok()?;
        (resumed.chain == folded.chain).then_some(())
    };
    eventually("both folds are at the end", DRAIN, same).await;
    assert_eq!(resumed.digest().unwrap(), folded.digest().unwrap());
}

/// Everything that must hold (I1 to I5, I7 to I9, I11, I15) once a fault is over, for buyers who
/// were answered `answers`.
pub(crate) async fn prove(shop: &Shop, answers: &[Answer]) -> Truth {
    holds(shop, all_confirmed(shop).await, answers).await
}

/// The same of a shop in which some orders came to nothing, once nothing of it is open.
pub(crate) async fn holds(shop: &Shop, truth: Truth, answers: &[Answer]) -> Truth {
    truth.bears_out(answers);
    let verified = verify_log(&shop.events().await, &shop.subjects, |_| {}).await.unwrap();
    assert!(verified.violations.is_empty(), "{:#?}", verified.violations);
    assert!(truth.state.chain.head <= verified.end);
    Box::pin(books_balance(shop, &truth)).await;
    view_is_the_fold::<OrderView>(shop, &truth, "orders").await;
    view_is_the_fold::<StockView>(shop, &truth, "stock").await;
    a_snapshot_leads_to_the_fold(shop).await;
    // Who asks again is told the same.
    let client = shop.client().await;
    for answer in answers.iter().take(20) {
        let again = answer.buyer.clone().insist(&client).await.outcome;
        assert_eq!(again.address(), answer.outcome.address(), "{again:?}");
        assert_eq!(again.refusal, answer.outcome.refusal, "{again:?}");
    }
    truth
}
