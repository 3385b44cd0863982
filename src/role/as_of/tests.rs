//! Whoever looks back sees what was shown then.

use std::collections::BTreeMap;

use super::{order_after, read, shop};
use crate::domain::fixtures::{busy_shop, order};
use crate::domain::{Sequence, Timestamp};
use crate::engine::Projection;
use crate::port::model::ModelLog;
use crate::port::testing::SeedOnPanic;
use crate::port::{Entry, Log};
use crate::role::projector::Projector;
use crate::role::replay::{Range, Replay};
use crate::role::testing::logged;
use crate::view::{OrderView, Shop, StockView, View};
use crate::wire::{Milestone, Snapshot};

/// Shops that are looked at as of each of their commits: work that grows with its square.
const SEEDS: std::ops::Range<u64> = 0..10;

/// The bucket of a view after each commit, as the projector writes it.
fn shown<V: View>(log: &[Entry]) -> Vec<BTreeMap<String, V>> {
    let mut projector = Projector::<V>::new(String::new());
    let mut bucket: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut all = Vec::new();
    for entry in log {
        let commit = read(entry).unwrap();
        for key in projector.wants(&commit) {
            projector.load(&key, bucket.get(&key).map(Vec::as_slice)).unwrap();
        }
        projector.fold(entry.sequence, 0, &commit).unwrap();
        let taken = projector.take(usize::MAX).unwrap();
        bucket.extend(taken.messages.into_iter().map(|m| (m.subject, m.payload.to_vec())));
        projector.written();
        let read = |(key, value): (&String, &Vec<u8>)| {
            (key.clone(), serde_json::from_slice(value).unwrap())
        };
        all.push(bucket.iter().map(read).collect());
    }
    all
}

async fn shop_at(log: &ModelLog, to: Sequence, known: Shop) -> Shop {
    let place = known.totals().event_seq;
    let tail = log.follow("commits", place).await.unwrap();
    let mut replay = Replay::new(tail, Range { from: place.next(), to, until: None }, None);
    shop((&mut replay, Timestamp(u64::MAX)), known, |_, _| {}).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_shown_when_a_commit_was_the_last_is_what_is_told_of_it_later() {
    for seed in SEEDS {
        let _said = SeedOnPanic(seed);
        let log = logged(&busy_shop(seed)).await;
        let entries = log.entries();
        let orders = shown::<OrderView>(&entries);
        let shelves = shown::<StockView>(&entries);
        let mut folded = BTreeMap::new();
        for ((entry, orders), shelves) in entries.iter().zip(orders).zip(shelves) {
            let commit = read(entry).unwrap();
            for id in (1..=4).map(order) {
                let known = folded.remove(&id);
                let after = order_after(known, id, entry.sequence, &commit).unwrap();
                assert_eq!(after.as_ref(), orders.get(&id.to_string()), "as of {}", entry.sequence);
                folded.extend(after.map(|after| (id, after)));
            }
            let then = shop_at(&log, entry.sequence, Shop::default()).await;
            let items = then.items().map(|item| (item.sku.to_string(), item.clone()));
            assert_eq!(items.collect::<BTreeMap<_, _>>(), shelves, "as of {}", entry.sequence);
        }
    }
}

fn follow(mut snapshot: Snapshot, entries: &[Entry]) -> Snapshot {
    for entry in entries {
        snapshot.follow(entry.sequence, &entry.payload).unwrap();
    }
    snapshot
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_anywhere_and_the_rest_of_the_log_are_the_whole_log() {
    for seed in SEEDS {
        let _said = SeedOnPanic(seed);
        let log = logged(&busy_shop(seed)).await;
        let entries = log.entries();
        let whole = follow(Snapshot::default(), &entries).digest().unwrap();
        let end = log.end().await.unwrap();
        let shop = shop_at(&log, end, Shop::default()).await;
        for split in 0..=entries.len() {
            let (prefix, rest) = entries.split_at(split);
            let bytes = follow(Snapshot::default(), prefix).encode().unwrap();
            let resumed = follow(Snapshot::decode(&bytes).unwrap(), rest);
            assert_eq!(resumed.digest().unwrap(), whole, "split at {split}");
            // What people see of the shop too.
            let place = prefix.last().map_or(Sequence::START, |entry| entry.sequence);
            let known = shop_at(&log, place, Shop::default()).await;
            let bytes = Milestone { shop: known, ..Milestone::default() }.encode().unwrap();
            let known = Milestone::decode(&bytes).unwrap();
            assert_eq!(shop_at(&log, end, known.shop).await, shop, "split at {split}");
        }
    }
}
