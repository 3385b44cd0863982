//! Shops, the view of their orders, and what somebody did to it.

use super::*;
use crate::domain::fixtures::*;
use crate::port::model::{ModelClock, ModelLog};
use crate::port::{Batch, Message};
use crate::role::testing::logged_on;
use crate::role::view_proof::hold;
use crate::view::OrderView;
use crate::wire::{CommitHead, Position, Subjects};

const BUCKET: &str = "kassa_main_orders";

/// A moment before everything: nothing is gone.
const NEVER: Timestamp = Timestamp(0);

fn subjects() -> Subjects {
    Subjects::of("main".parse().unwrap())
}

/// A log, and the values of every order at its end.
type World = (ModelLog, Vec<(String, OrderView)>, Sequence);

async fn shop(seed: u64) -> World {
    world(&busy_shop(seed)).await
}

async fn world(shop: &Shop) -> World {
    let log = logged_on(shop, &subjects().commit()).await;
    let end = log.entries().last().unwrap().sequence;
    (log.clone(), values(&log, end), end)
}

/// What the log has come to at a commit.
fn values(log: &ModelLog, until: Sequence) -> Vec<(String, OrderView)> {
    let mut values = HashMap::new();
    for entry in log.entries().iter().take_while(|entry| entry.sequence <= until) {
        let commit = Commit::decode(&entry.payload).unwrap();
        for (index, record) in (0..).zip(&commit.events) {
            let Some(key) = OrderView::key(&record.event, commit.head.at) else { continue };
            let (at, made) = (Address::new(entry.sequence, index), commit.head.at);
            match values.get_mut(&key) {
                Some(value) => OrderView::follow(value, at, made, &record.event).unwrap(),
                None => {
                    let begun = OrderView::begin(at, made, &record.event).unwrap();
                    values.insert(key, begun);
                }
            }
        }
    }
    let mut values: Vec<_> =
        values.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    values.sort_by(|one, other| one.0.cmp(&other.0));
    values
}

/// What is found of a bucket with these values.
async fn found(log: &ModelLog, values: &[(String, OrderView)], event_seq: Sequence) -> Vec<String> {
    found_where(log, values, event_seq, NEVER).await
}

/// The same, where what was over before a moment is gone.
async fn found_where(
    log: &ModelLog,
    values: &[(String, OrderView)],
    event_seq: Sequence,
    gone_before: Timestamp,
) -> Vec<String> {
    let bucket = ModelLog::new(ModelClock::at(crate::domain::Timestamp(0)));
    let message = |key: &str, payload| Message {
        subject: Subjects::bucket_key(BUCKET, key),
        payload,
        ..Message::default()
    };
    let written = values.iter().map(|(key, v)| message(key, Encoding::Json.write(v).unwrap()));
    let mut messages: Vec<_> = written.collect();
    let position = Position { event_seq, ..Position::default() };
    messages.push(Message {
        subject: Subjects::position_key(BUCKET),
        payload: Encoding::Json.write(&position).unwrap(),
        ..Message::default()
    });
    bucket.commit(&Batch::of(messages)).await.unwrap();
    let live = ViewReader::new(bucket, BUCKET.to_owned());
    let proof = view::<OrderView, _>(("orders", &live), gone_before).await.unwrap();
    let proved = hold((log, &subjects()), vec![proof]).await.unwrap().remove(0);
    assert_eq!(proved.held, u64::try_from(values.len()).unwrap());
    proved.found.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn a_view_that_says_what_the_log_does_is_right() {
    for seed in 0..5 {
        let (log, values, end) = shop(seed).await;
        assert!(!values.is_empty());
        assert_eq!(found(&log, &values, end).await, Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_over_long_ago_may_be_gone() {
    let (mut over_seen, mut open_told) = (0, 0);
    for seed in 0..20 {
        let (log, values, end) = shop(seed).await;
        for missing in 0..values.len() {
            let mut values = values.clone();
            let (name, gone) = values.remove(missing);
            let told = format!("it shows nothing of {name}");
            let found = found_where(&log, &values, end, NEVER).await;
            assert!(found[0].contains(&told), "{found:?}");
            let found = found_where(&log, &values, end, Timestamp(u64::MAX)).await;
            if gone.over_since().is_some() {
                over_seen += 1;
                assert_eq!(found, Vec::<String>::new());
            } else {
                // One that was over for a while may be missed.
                open_told += usize::from(found.iter().any(|found| found.contains(&told)));
            }
        }
    }
    assert!(0 < over_seen && 0 < open_told, "{over_seen} {open_told}");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_another_missing_old_or_of_no_log_is_told() {
    let (log, values, end) = shop(3).await;
    let (name, value) = &values[2];
    let told = |says: String| {
        move |found: Vec<String>| {
            assert!(found.len() == 1 && found[0].contains(&says), "{found:?}: {says}");
        }
    };
    let mut other = values.clone();
    other[2].1.state = "needs_attention".to_owned();
    let says = format!("{}: I9: the view of orders: {name} is not what", value.event_seq);
    told(says)(found(&log, &other, end).await);
    let mut missing = values.clone();
    missing.remove(2);
    let all = found(&log, &missing, end).await;
    assert!(all[0].contains(&format!("it shows nothing of {name}")), "{all:?}");
    // One that is older than the view says it is.
    let mut old = values.clone();
    old[2].1.event_seq -= 1;
    let says = format!("{name} changed, and it shows what was at {}", old[2].1.event_seq);
    told(says)(found(&log, &old, end).await);
    // The view is not as far as its values: they are right all the same.
    let before = Sequence(end.0 / 2);
    assert_eq!(found(&log, &values, before).await, Vec::<String>::new());
    let mut strange = values.clone();
    let (_, mut stranger) = values[0].clone();
    let id = "01ba60d3-3800-7100-8000-0000000000ff";
    stranger.order_id = id.parse().unwrap();
    strange.push((id.to_owned(), stranger));
    told(format!("it shows {id}, and no commit says so"))(found(&log, &strange, end).await);
}

/// An order that was off and whose money came all the same, so that it went on; the commits at
/// which it was over, and went on.
async fn reopened(pause: u64) -> (World, Sequence, Sequence) {
    let mut shop = open_shop();
    shop.send(&place(order(1), &[line("mug", 1)]));
    shop.send(&decline(order(1), "lost_card"));
    let over = shop.log.len();
    shop.wait(hours(pause));
    shop.send(&capture(order(1), PRICE).asked_at(shop.now));
    let went_on = shop.log.len();
    shop.send(&list("jug", PRICE, "EUR").asked_at(shop.now));
    let place = |commits: usize| Sequence(u64::try_from(commits).unwrap());
    (world(&shop).await, place(over), place(went_on))
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_over_and_went_on_is_missed() {
    let ((log, at_the_end, end), over, went_on) = reopened(2).await;
    let (name, order) = &at_the_end[0];
    assert_eq!((order.state.as_str(), order.over_since()), ("confirmed", None));
    let long_after = Timestamp(u64::MAX);
    let says = |at| format!("sequence {at}: I9: the view of orders: it shows nothing of {name}");
    assert_eq!(found_where(&log, &[], end, long_after).await, [says(went_on)]);
    assert_eq!(found_where(&log, &[], went_on, long_after).await, [says(went_on)]);
    // As far as the view has come, it was over: it may be gone, unless that was lately.
    assert_eq!(found_where(&log, &[], over, long_after).await, Vec::<String>::new());
    let lately = values(&log, over)[0].1.over_since().unwrap();
    assert_eq!(found_where(&log, &[], over, lately).await, [says(over)]);
    assert!(over < went_on && went_on < end);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_remembered_of_an_order_that_was_over_for_days() {
    let mut shop = open_shop();
    shop.send(&place(order(1), &[line("mug", 1)]));
    shop.send(&decline(order(1), "lost_card"));
    let over = shop.now;
    let mut proof = ViewProof::<OrderView>::new(
        Shown::new("the view of orders", Sequence(1_000)),
        over.after(hours(1)),
    );
    let mut remembered = Vec::new();
    for (days, cents) in [0, 2, 2].into_iter().zip(1..) {
        shop.wait(hours(24 * days));
        shop.send(&reprice("mug", PRICE + cents).asked_at(shop.now));
    }
    for Committed { sequence, at, records, .. } in &shop.log {
        let head = CommitHead { at: *at, ..CommitHead::default() };
        proof.follow(*sequence, &Commit { head, events: records.clone() });
        remembered.push(proof.values.len());
    }
    let kept = remembered.iter().filter(|values| **values == 1).count();
    assert_eq!((kept, remembered.last()), (4, Some(&0)), "{remembered:?}");
}
