//! Views in a bucket, written by followers that are cut off and a bucket that answers late, twice
//! or not at all: what is there at the end is the fold of the log.

use std::collections::HashMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{KEPT, Keeps, Projector};
use crate::domain::fixtures::*;
use crate::domain::{Sequence, Timestamp};
use crate::engine::{Ended, Input, Output, Pace, Projection, Source, drive, open};
use crate::port::ReadError;
use crate::port::model::{ModelClock, ModelLog};
use crate::port::testing::{Dice, SeedOnPanic};
use crate::view::{MinuteView, OrderView, StockView, View};
use crate::wire::{Commit, CommitHead, Hash};

/// The commits of a shop after a position, in portions, up to the end.
struct Commits(std::vec::IntoIter<Input>);

impl Commits {
    fn after(shop: &Shop, position: Sequence) -> Self {
        let input = |commit: &crate::domain::fixtures::Committed| Input {
            sequence: commit.sequence,
            hash: Hash::default(),
            commit: std::sync::Arc::new(Commit {
                head: CommitHead { at: commit.at, ..CommitHead::default() },
                events: commit.records.clone(),
            }),
            remaining: 0,
        };
        let after = shop.log.iter().filter(|commit| position < commit.sequence);
        Self(after.map(input).collect::<Vec<_>>().into_iter())
    }
}

impl Source for Commits {
    type Input = Input;

    async fn next(&mut self, limit: usize) -> Result<Option<Vec<Input>>, ReadError> {
        // Commits come one by one, with time between them for a batch to go.
        tokio::time::sleep(Duration::from_millis(7)).await;
        let taken: Vec<Input> = self.0.by_ref().take(limit).collect();
        Ok((!taken.is_empty()).then_some(taken))
    }
}

/// What the log of a shop adds up to, by key.
fn folded_views<V: View>(shop: &Shop) -> HashMap<String, serde_json::Value> {
    let mut values: HashMap<V::Key, V> = HashMap::new();
    for (at, made, record) in shop.events() {
        let Some(key) = V::key(&record.event, made) else { continue };
        match values.get_mut(&key) {
            Some(value) => value.follow(at, made, &record.event).unwrap(),
            None => drop(values.insert(key, V::begin(at, made, &record.event).unwrap())),
        }
    }
    let json = |(key, value): (V::Key, V)| (key.to_string(), serde_json::to_value(value).unwrap());
    values.into_iter().map(json).collect()
}

fn in_bucket(bucket: &ModelLog) -> HashMap<String, serde_json::Value> {
    let values = bucket.entries().into_iter().filter_map(|entry| {
        let key = entry.subject.strip_prefix("view.")?.to_owned();
        (key != "_position").then(|| (key, serde_json::from_slice(&entry.payload).unwrap()))
    });
    values.collect()
}

async fn project<V: View>(shop: &Shop, dice: &mut Dice) {
    let bucket = ModelLog::new(ModelClock::at(T0));
    let output = Output {
        log: bucket.clone(),
        position: "view._position".to_owned(),
        keys: "view.".to_owned(),
        pace: Pace::steady(Duration::from_millis(20)),
    };
    let (mut drained, keeps) = (false, dice.chance(50));
    for life in 0..300 {
        bucket.faults().plan(dice.faults_and_power_cuts());
        let mut projector = Projector::<V>::new("view.".to_owned());
        if keeps {
            projector = projector.keeping(Keeps::over_for(hours(1), || T0));
        }
        let opening = open(projector, output.clone(), format!("life-{life}"), Sequence::START);
        let mut follower = opening.await.unwrap();
        let mut commits = Commits::after(shop, follower.position().event_seq);
        let abort = CancellationToken::new();
        let run = drive(&mut follower, &mut commits, &bucket, &abort);
        let cut_off = Duration::from_millis(20 + dice.below(300) as u64);
        if let Ok(ended) = tokio::time::timeout(cut_off, run).await
            && ended.unwrap() == Ended::Drained
        {
            drained = true;
            break;
        }
    }
    assert!(drained, "never came to the end");
    bucket.deliver_late();
    assert_eq!(in_bucket(&bucket), folded_views::<V>(shop));
}

/// When an old log is read again: a hundred days later.
fn long_after() -> Timestamp {
    T0.after(Duration::from_secs(100 * 24 * 60 * 60))
}

/// Folds what happened in the shop since `from`, and writes all of it.
fn fold_since(projector: &mut Projector<OrderView>, shop: &Shop, from: usize) {
    for commit in shop.log.iter().skip(from) {
        let head = CommitHead { at: commit.at, ..CommitHead::default() };
        let read = Commit { head, events: commit.records.clone() };
        assert_eq!(projector.wants(&read), Vec::<String>::new(), "it is at hand");
        projector.fold(commit.sequence, 0, &read).unwrap();
        projector.take(usize::MAX).unwrap();
        projector.written();
    }
}

/// Built anew, it is written too old to stay, and the bucket may be without it when it goes on.
#[test]
fn an_order_that_was_over_and_went_on_is_not_lost_when_its_view_is_built_anew() {
    let kept = Keeps::over_for(Duration::from_secs(90 * 24 * 60 * 60), long_after);
    let mut projector = Projector::<OrderView>::new("view.".to_owned()).keeping(kept);
    let mut shop = Shop::default();
    shop.send(&list("mug", PRICE, "EUR"));
    shop.send(&receive("mug", 5, "first"));
    let mut buys_and_is_off = |order_id| {
        let seen = shop.log.len();
        shop.send(&place(order_id, &[line("mug", 1)]));
        shop.send(&decline(order_id, "lost_card"));
        fold_since(&mut projector, &shop, seen);
    };
    buys_and_is_off(order(1));
    for number in 1..=KEPT as u64 {
        buys_and_is_off(order_made(T0.after(Duration::from_millis(number)), 1));
    }
    let seen = shop.log.len();
    shop.send(&capture(order(1), 1_299));
    assert!(seen < shop.log.len());
    fold_since(&mut projector, &shop, seen);
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_a_view_is_the_fold_of_the_log() {
    for seed in 0..150 {
        let _said = SeedOnPanic(seed);
        let mut dice = Dice::new(seed);
        let shop = busy_shop(seed);
        project::<OrderView>(&shop, &mut dice).await;
        project::<StockView>(&shop, &mut dice).await;
        project::<MinuteView>(&shop, &mut dice).await;
    }
}
