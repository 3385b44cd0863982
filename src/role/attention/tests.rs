//! The list is what was raised, less what was resolved, whoever keeps it.

use super::AttentionList;
use crate::domain::fixtures::*;
use crate::domain::{AttentionAction, Event, ItemKind, Recorded, Sequence, Timestamp};
use crate::engine::Projection;
use crate::port::model::ModelClock;
use crate::view::attention::AttentionItem;
use crate::wire::{Commit, CommitHead, Subjects};

fn list() -> AttentionList<ModelClock> {
    AttentionList::new(Subjects::of("main".parse().unwrap()), ModelClock::at(T0))
}

fn commit(at: Timestamp, events: Vec<Event>) -> Commit {
    let record =
        |event| Recorded { event, cause: None, source: source("ops"), body: None, trace: None };
    let head = CommitHead { at, ..CommitHead::default() };
    Commit { head, events: events.into_iter().map(record).collect() }
}

/// What it writes: subjects and items.
fn written(list: &mut AttentionList<ModelClock>) -> Vec<(String, AttentionItem)> {
    let taken = list.take(100).unwrap();
    let read = |message: crate::port::Message| {
        (message.subject, serde_json::from_slice(&message.payload).unwrap())
    };
    taken.messages.into_iter().map(read).collect()
}

fn open(list: &AttentionList<ModelClock>) -> Vec<&str> {
    list.open.keys().map(|(_, id)| id.as_str()).collect()
}

#[test]
fn an_item_is_open_until_somebody_resolves_it() {
    let mut list = list();
    let discard = resolved(ItemKind::ViewDiffers, "orders", AttentionAction::Discard);
    let raise = || vec![finding("orders"), finding("stock")];
    list.fold(Sequence(5), 0, &commit(T0, raise())).unwrap();
    assert_eq!(open(&list), ["orders", "stock"]);
    list.fold(Sequence(6), 0, &commit(T0, vec![discard.clone()])).unwrap();
    assert_eq!(open(&list), ["stock"]);
    let written = written(&mut list);
    let (subject, last) = written.last().unwrap();
    assert_eq!(subject, "kassa.main.attention.view_differs.orders");
    let resolution = last.resolved.as_ref().unwrap();
    assert_eq!((resolution.action.as_str(), resolution.by.as_str()), ("discard", "ada"));
    assert_eq!((resolution.reason.as_str(), resolution.event_seq), ("looked", 6));
    assert_eq!((last.event_seq, last.event_index), (5, 0), "what it was about is still told");

    // It may be found again, and is open again; what is not open is not resolved again.
    list.fold(Sequence(7), 0, &commit(T0, vec![finding("orders")])).unwrap();
    assert_eq!(open(&list), ["orders", "stock"]);
    list.take(100).unwrap();
    list.fold(Sequence(8), 0, &commit(T0, vec![discard.clone(), discard])).unwrap();
    assert_eq!(list.owed(), 1);
}

#[test]
fn whoever_takes_the_list_over_knows_what_is_open() {
    let mut first = list();
    let discard = resolved(ItemKind::ViewDiffers, "orders", AttentionAction::Discard);
    let all = vec![finding("orders"), finding("stock"), discard];
    first.fold(Sequence(5), 0, &commit(T0, all)).unwrap();
    let mut last = std::collections::BTreeMap::new();
    for (subject, item) in written(&mut first) {
        last.insert(subject, serde_json::to_vec(&item).unwrap());
    }
    let mut second = list();
    for value in last.values() {
        second.restore(value).unwrap();
    }
    assert_eq!(open(&second), ["stock"]);
}
