//! A view that is built anew is the live one, whatever goes wrong; and what is wrong in the live
//! one is found, and since when.

use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Compared, Comparison, build, causes};
use crate::domain::fixtures::*;
use crate::domain::{Address, Recorded, Sequence};
use crate::engine::{Aliases, Candidate, Ended, Output, Pace, PointError, ViewReader};
use crate::port::model::{ModelClock, ModelLease, ModelLog};
use crate::port::testing::{Dice, SeedOnPanic};
use crate::port::{Batch, Entry, Log, Message};
use crate::role::follow::{Hub, Ports};
use crate::role::projector::{Keeps, keep};
use crate::role::testing::logged;
use crate::view::{MinuteView, OrderView, StockView, View};
use crate::wire::{Alias, Subjects};

/// A bucket in memory.
struct Bucket {
    log: ModelLog,
    name: &'static str,
}

impl Bucket {
    fn new(name: &'static str) -> Self {
        Self { log: ModelLog::new(ModelClock::at(T0)), name }
    }

    fn output(&self) -> Output<ModelLog> {
        Output {
            log: self.log.clone(),
            position: Subjects::position_key(self.name),
            keys: Subjects::bucket_key(self.name, ""),
            pace: Pace::steady(Duration::from_millis(20)),
        }
    }

    fn reader(&self) -> ViewReader<ModelLog> {
        ViewReader::new(self.log.clone(), self.name.to_owned())
    }

    /// Builds the view to the end of the log.
    async fn build<V: View>(&self, events: &Hub<ModelLog>) {
        let stop = CancellationToken::new();
        let end = events.last().await.unwrap();
        let output = self.output();
        let building = build::<V, _>("view", events, (&output, Keeps::default()), || T0, &stop);
        let watching = async {
            assert_eq!(self.reader().wait_for(end, Duration::from_secs(600)).await.unwrap(), end);
            stop.cancel();
        };
        let (ended, ()) = tokio::join!(building, watching);
        assert_eq!(ended.unwrap(), Ended::Drained);
    }

    /// Somebody writes there who should not.
    async fn plant(&self, key: &str, payload: Vec<u8>) {
        let subject = Subjects::bucket_key(self.name, key);
        let message = Message { subject, payload: payload.into(), ..Message::default() };
        let batch = Batch::of(vec![message]);
        self.log.commit(&batch).await.unwrap();
    }

    async fn values(&self) -> Vec<(String, Value)> {
        self.reader().all::<Value>().await.unwrap().into_iter().collect()
    }
}

async fn compared(live: &Bucket, rebuilt: &Bucket) -> Compared {
    let (live, rebuilt) = (live.reader(), rebuilt.reader());
    Comparison { live: &live, rebuilt: &rebuilt }.run().await.unwrap()
}

async fn built_twice<V: View>(events: &Hub<ModelLog>, dice: &mut Dice) -> (Bucket, Bucket) {
    let (live, rebuilt) = (Bucket::new("live"), Bucket::new("rebuilt"));
    live.build::<V>(events).await;
    // Cut off several times, by a server that loses answers: each goes on where the last ended.
    for _ in 0..dice.below(4) {
        rebuilt.log.faults().plan((0..dice.below(3)).map(|_| dice.fault()));
        let (stop, output) = (CancellationToken::new(), rebuilt.output());
        let building = build::<V, _>("view", events, (&output, Keeps::default()), || T0, &stop);
        let cut_off = Duration::from_millis(dice.below(60) as u64);
        let _ = tokio::time::timeout(cut_off, building).await;
    }
    rebuilt.build::<V>(events).await;
    rebuilt.log.deliver_late();
    (live, rebuilt)
}

async fn same<V: View>(events: &Hub<ModelLog>, dice: &mut Dice) {
    let (live, rebuilt) = built_twice::<V>(events, dice).await;
    let found = compared(&live, &rebuilt).await;
    assert_eq!((found.differing, &found.differences), (0, &vec![]));
    assert_eq!(live.values().await, rebuilt.values().await);
    assert_eq!(found.keys, u64::try_from(live.values().await.len()).unwrap());
    assert_ne!(found.keys, 0);
}

#[tokio::test(start_paused = true)]
async fn a_view_that_is_built_anew_is_the_live_one() {
    for seed in 0..40 {
        let _said = SeedOnPanic(seed);
        let mut dice = Dice::new(seed);
        let log = logged(&busy_shop(seed)).await;
        let events = Hub::start(log, "commits".to_owned());
        same::<OrderView>(&events, &mut dice).await;
        same::<StockView>(&events, &mut dice).await;
        same::<MinuteView>(&events, &mut dice).await;
    }
}

/// The differences, with the events that they began with.
async fn explained(log: &ModelLog, live: &Bucket, rebuilt: &Bucket) -> Compared {
    let mut found = compared(live, rebuilt).await;
    let end = log.end().await.unwrap();
    let mut commits = log.follow("commits", Sequence::START).await.unwrap();
    causes::<OrderView, _>(&mut commits, end, &mut found.differences).await.unwrap();
    found
}

/// The address of the n-th event of an order, as its view tells it.
fn event(order: &Value, n: usize) -> Address {
    order["events"][n].as_str().unwrap().parse().unwrap()
}

/// An order as it was when only its first `n` events had happened.
async fn early(log: &ModelLog, order: &Value, n: usize) -> Vec<u8> {
    let upto = event(order, n - 1);
    let mut view: Option<OrderView> = None;
    for entry in log.entries() {
        let commit = crate::wire::Commit::decode(&entry.payload).unwrap();
        for (index, record) in (0..).zip(&commit.events) {
            let at = Address::new(entry.sequence, index);
            let key = OrderView::key(&record.event, commit.head.at);
            if upto < at || key.map(|key| key.to_string()).as_deref() != order["order_id"].as_str()
            {
                continue;
            }
            match &mut view {
                Some(view) => view.follow(at, commit.head.at, &record.event).unwrap(),
                None => view = OrderView::begin(at, commit.head.at, &record.event),
            }
        }
    }
    serde_json::to_vec(&view.unwrap()).unwrap()
}

/// A shop in which enough happened to each of its orders.
fn long_stories() -> Shop {
    let is_long = |shop: &Shop, id| {
        let of_it = |(.., record): &(_, _, &Recorded)| record.event.order_id() == Some(id);
        4 < shop.events().filter(of_it).count()
    };
    let are_long = |shop: &Shop| (1..=4).map(order).all(|id| is_long(shop, id));
    (0..).map(busy_shop).find(are_long).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_in_a_view_is_found_with_the_event_it_began_with() {
    let mut dice = Dice::new(7);
    let log = logged(&long_stories()).await;
    let events = Hub::start(log.clone(), "commits".to_owned());
    let (live, rebuilt) = built_twice::<OrderView>(&events, &mut dice).await;
    let orders = live.values().await;
    let long: Vec<_> =
        orders.iter().filter(|(_, order)| 3 < order["events"].as_array().unwrap().len()).collect();
    let ((missing, gone), (stale, old), (edited, odd)) =
        (long[0].clone(), long[1].clone(), long[2].clone());
    live.plant(&missing, Vec::new()).await;
    live.plant(&stale, early(&log, &old, 2).await).await;
    let mut changed = odd.clone();
    changed["lines"][0]["quantity"] = 99.into();
    live.plant(&edited, serde_json::to_vec(&changed).unwrap()).await;
    let mut nobody = odd.clone();
    nobody["order_id"] = order(200).to_string().into();
    live.plant(&order(200).to_string(), serde_json::to_vec(&nobody).unwrap()).await;

    let found = explained(&log, &live, &rebuilt).await;
    assert_eq!(found.differing, 4);
    assert!(found.differences.is_sorted_by_key(|difference| difference.since));
    let of = |key: &str| {
        let found = found.differences.iter().find(|difference| difference.key == key);
        found.unwrap_or_else(|| panic!("{key} was not found"))
    };
    assert_eq!((of(&missing).live.as_ref(), of(&missing).since), (None, Some(event(&gone, 0))));
    assert_eq!(of(&stale).since, Some(event(&old, 2)), "the first event that it does not reflect");
    assert_eq!(of(&edited).since.unwrap().sequence.0, odd["event_seq"].as_u64().unwrap());
    let fields = of(&edited).fields();
    assert_eq!(fields.len(), 1);
    assert_eq!((fields[0].path.as_str(), fields[0].live.as_str()), ("/lines/0/quantity", "99"));
    assert!(of(&order(200).to_string()).rebuilt.is_none(), "no event makes it");
}

/// Appends entries of another log, as they are.
async fn append(log: &ModelLog, entries: &[Entry]) {
    for entry in entries {
        let (subject, payload) = (entry.subject.clone(), entry.payload.clone());
        let message = Message { subject, payload, ..Message::default() };
        log.commit(&Batch::of(vec![message])).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_projector_goes_where_the_alias_points_and_the_old_bucket_stays_as_it_was() {
    let whole = logged(&busy_shop(5)).await.entries();
    let (before, after) = whole.split_at(whole.len() / 2);
    let clock = ModelClock::at(T0);
    let log = ModelLog::new(clock.clone());
    append(&log, before).await;
    let events = Hub::start(log.clone(), "commits".to_owned());
    let subjects = Subjects::of("main".parse().unwrap());
    let aliases = Aliases::new(ModelLog::new(clock.clone()), subjects.clone());
    let buckets = [Bucket::new("kassa_main_orders"), Bucket::new("kassa_main_orders_2")];
    let ports = Ports {
        events: events.clone(),
        candidate: Candidate {
            lease: ModelLease::new(clock.clone(), Duration::from_secs(3)),
            key: "main.orders".to_owned(),
            holder: "one".to_owned(),
        },
        clock,
    };
    let output = |alias: Alias| {
        let bucket = buckets.iter().find(|bucket| bucket.name == alias.bucket).unwrap();
        let output = bucket.output();
        async move { Ok(output) }
    };
    let stop = CancellationToken::new();
    let projector = keep::<OrderView, _, _, _, _>(
        &ports,
        ("orders", &aliases, Keeps::default()),
        output,
        &stop,
    );
    let swap = async {
        let [old, new] = [buckets[0].reader(), buckets[1].reader()];
        let middle = Sequence(before.len() as u64);
        let patience = Duration::from_secs(600);
        assert_eq!(old.wait_for(middle, patience).await.unwrap(), middle);
        buckets[1].build::<OrderView>(&events).await;
        let (built, live) = (new.writer().await.unwrap(), aliases.live("orders").await.unwrap());
        aliases.point("orders", (&live, 2), T0).await.unwrap();
        let stale = aliases.point("orders", (&live, 3), T0).await;
        assert!(matches!(stale, Err(PointError::Moved)), "somebody swapped meanwhile: {stale:?}");
        append(&log, after).await;
        let end = log.end().await.unwrap();
        assert_eq!(new.wait_for(end, patience).await.unwrap(), end);
        assert!(built.epoch < new.writer().await.unwrap().epoch);
        assert!(old.position().await.unwrap() < end, "nobody writes there any more");
        stop.cancel();
    };
    let (kept, ()) = tokio::join!(projector, swap);
    kept.unwrap();
    let fresh = Bucket::new("fresh");
    fresh.build::<OrderView>(&events).await;
    assert_eq!(buckets[1].values().await, fresh.values().await);
}
