//! The list is what was raised, less what was resolved, whoever keeps it.

use super::{AttentionList, MORE, POISON_MAX};
use crate::domain::fixtures::*;
use crate::domain::payment::DeclineClass;
use crate::domain::{
    AttentionAction, AttentionKind, CommandRejected, Event, FindingKind, FindingReported, ItemKind,
    PaymentNoted, PaymentResult, Recorded, Refusal, Sequence, Timestamp,
};
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

#[test]
fn an_item_that_is_found_again_is_as_old_as_it_was() {
    let mut list = list();
    list.fold(Sequence(5), 0, &commit(T0, vec![finding("orders")])).unwrap();
    list.fold(Sequence(6), 0, &commit(T0.after(hours(6)), vec![finding("orders")])).unwrap();
    let (_, last) = written(&mut list).pop().unwrap();
    assert_eq!((last.raised_at_ms, last.event_seq), (T0, 6));
}

/// What needed a human because nobody knew is no human's business once it is known.
#[test]
fn what_settles_by_itself_needs_nobody() {
    let unknown = || {
        let mut told = attention(AttentionKind::PaymentUnknown, order(1), "nobody says");
        let Event::AttentionRaised(raised) = &mut told else { unreachable!() };
        raised.attempt = Some(2);
        told
    };
    let never = PaymentResult::Failed { code: token("never_charged") };
    let noted = |attempt| {
        let (order_id, connector, result) = (order(1), token("simulated"), never.clone());
        Event::PaymentNoted(PaymentNoted { order_id, attempt, connector, result })
    };
    let refund = |kind| attention_to(kind, (order(1), 2), "look");
    let gone = ("expired_or_canceled_card", DeclineClass::Hard);
    let wrong_key = Event::FindingReported(FindingReported {
        kind: FindingKind::ConnectorMisconfigured,
        id: token("simulated"),
        reason: text("401"),
    });
    for (raised, event, settles) in [
        (unknown(), captured("pay-1", order(1), 1_000), true),
        (unknown(), noted(2), true),
        (unknown(), noted(1), false),
        (unknown(), captured("pay-2", order(2), 1_000), false),
        (refund(AttentionKind::RefundUnknown), refunded(2, order(1), 1, 400), true),
        (refund(AttentionKind::RefundUnknown), refund_fails((2, 1), order(1), gone, true), true),
        (refund(AttentionKind::RefundFailed), refunded(2, order(1), 1, 400), true),
        (refund(AttentionKind::RefundFailed), refunded(1, order(1), 1, 400), false),
        (wrong_key, captured("pay-2", order(2), 1_000), true),
    ] {
        let mut list = list();
        let after = vec![raised.clone(), event.clone()];
        list.fold(Sequence(5), 0, &commit(T0, after)).unwrap();
        assert_eq!(open(&list).is_empty(), settles, "{raised:?} and then {event:?}");
        let (_, last) = written(&mut list).pop().unwrap();
        let action = last.resolved.map(|resolution| (resolution.action, resolution.reason));
        let by_itself = ("settled".to_owned(), event.kind().to_owned());
        assert_eq!(action, settles.then_some(by_itself));
    }
}

/// Whoever may send can send rubbish without end.
#[test]
fn rubbish_without_end_pushes_nothing_out_of_the_list() {
    let mut list = list();
    let poison = || {
        Event::CommandRejected(CommandRejected {
            kind: text("buy_order/1"),
            refusal: Refusal::Undecodable { problem: text("no map") },
            command_seq: Some(7),
        })
    };
    list.fold(Sequence(5), 0, &commit(T0, vec![poison(); POISON_MAX])).unwrap();
    assert_eq!(list.open.len(), POISON_MAX);
    let later =
        commit(T0.after(hours(1)), vec![poison(), shortage("mug", 3, &[order(1)]), poison()]);
    list.fold(Sequence(6), 0, &later).unwrap();
    assert_eq!(list.open.len(), POISON_MAX + 2, "the shortage, and one for the rest");
    assert!(list.open.contains_key(&("shortage".to_owned(), "mug".to_owned())));
    let more = &list.open[&("poison".to_owned(), MORE.to_owned())];
    assert_eq!((more.event_seq, more.command_seq), (6, None));
    assert_eq!(more.raised_at_ms, T0.after(hours(1)));
    assert!(more.reason.contains("the last one, event 6.2: buy_order/1"), "{}", more.reason);
    // Whoever has looked says so, and the list has room again.
    let discard = |id: &str| resolved(ItemKind::Poison, id, AttentionAction::Discard);
    let looked = vec![discard(MORE), discard("5-0"), poison()];
    list.fold(Sequence(7), 0, &commit(T0, looked)).unwrap();
    assert!(list.open.contains_key(&("poison".to_owned(), "7-2".to_owned())));
    assert!(!list.open.contains_key(&("poison".to_owned(), MORE.to_owned())));
}
