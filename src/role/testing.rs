//! The logs of shops in which something happened.

use std::collections::BTreeSet;

use crate::domain::fixtures::*;
use crate::port::model::{ModelClock, ModelLog};
use crate::port::{Batch, Clock, Log, Message};
use crate::wire::{CommitDraft, CommitHead, Hash, SHAPES};

/// The commits of a shop, on the subject `commits`.
pub(crate) async fn logged(shop: &Shop) -> ModelLog {
    logged_on(shop, "commits").await
}

/// The commits of a shop, on a subject.
pub(crate) async fn logged_on(shop: &Shop, subject: &str) -> ModelLog {
    let clock = ModelClock::at(T0);
    let log = ModelLog::new(clock.clone());
    let mut prev_hash = Hash::default();
    for (number, commit) in (1..).zip(&shop.log) {
        let mut draft = CommitDraft::default();
        commit.records.iter().for_each(|record| draft.push(record).unwrap());
        let head = CommitHead { epoch: 1, number, at: commit.at, prev_hash, ..Default::default() };
        let payload = draft.seal(&head).unwrap();
        prev_hash = Hash::of(&payload);
        clock.advance(commit.at.since(clock.now()));
        let message = Message { subject: subject.to_owned(), payload, ..Message::default() };
        let batch = Batch::of(vec![message]);
        log.commit(&batch).await.unwrap();
    }
    log
}

/// What no shop of this kind comes to: it opens by itself, understands every command, and nobody
/// looks for faults in it.
const NEVER: [&str; 4] = ["opened", "command_rejected", "finding_reported", "attention_resolved"];

#[test]
fn everything_that_can_happen_happens_in_some_busy_shop() {
    let shops: Vec<Shop> = (0..200).map(busy_shop).collect();
    let events = shops.iter().flat_map(Shop::events);
    let seen: BTreeSet<_> = events.map(|(.., record)| record.event.kind()).collect();
    let shapes = SHAPES.iter().map(|(kind, _)| *kind);
    let missed: Vec<_> =
        shapes.filter(|kind| !seen.contains(kind) && !NEVER.contains(kind)).collect();
    assert_eq!(missed, Vec::<&str>::new());
}
