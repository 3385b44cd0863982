//! What a human does about an item.

use super::refunding::{GONE, all_back, asked, declined, given_up, gives_up};
use crate::domain::AttentionAction::{Discard, Retry};
use crate::domain::fixtures::*;
use crate::domain::{Event, ItemKind, RefundReason, RefundRequested, Refusal};

/// The order's next refund instead of one that failed, because of `looked`.
fn once_more(refund: u16, before: u16) -> Event {
    let asked = refund_asked(refund, order(1), ("pay-1", 400), RefundReason::Requested);
    let (note, instead_of) = (Some(text("looked")), Some(before));
    Event::RefundRequested(RefundRequested { note, instead_of, ..asked })
}

/// The item of a refund of order 1.
fn of_refund(refund: u16) -> String {
    format!("{}-r{refund}", order(1))
}

/// Somebody tries again to give back what could not be, as refund number `next`.
fn tried_again(refund: u16, next: u16) -> Facts {
    let item = of_refund(refund);
    did(
        resolve(ItemKind::RefundFailed, &item, Retry).under(command_made(T0, 7)),
        vec![resolved(ItemKind::RefundFailed, &item, Retry), once_more(next, refund)],
    )
}

fn nothing_to_retry(kind: &str) -> Then {
    let why = format!("{kind} has nothing to try again, only poison and refund_failed have");
    refuses(Refusal::invalid("body.action", &why))
}

#[test]
fn items_are_resolved_by_somebody_for_a_reason() {
    let anna = order(1).to_string();
    check([
        Case {
            name: "what was found is written down",
            given: history([]),
            when: found("orders"),
            then: appends(vec![finding("orders")]),
        },
        Case {
            name: "an item is laid aside, whatever it is about",
            given: history([]),
            when: resolve(ItemKind::Shortage, "mug", Discard),
            then: appends(vec![resolved(ItemKind::Shortage, "mug", Discard)]),
        },
        Case {
            name: "a command that nobody could read is sent again by whoever says so",
            given: history([]),
            when: resolve(ItemKind::Poison, "54-0", Retry),
            then: appends(vec![resolved(ItemKind::Poison, "54-0", Retry)]),
        },
        Case {
            name: "money that could not go back is asked for again, as the next refund",
            given: given_up(),
            when: resolve(ItemKind::RefundFailed, &anna, Retry),
            then: appends(vec![resolved(ItemKind::RefundFailed, &anna, Retry), once_more(2, 1)]),
        },
        Case {
            name: "which is on its way then, and is not asked for twice",
            given: history([
                given_up(),
                did(
                    resolve(ItemKind::RefundFailed, &anna, Retry),
                    vec![resolved(ItemKind::RefundFailed, &anna, Retry), once_more(2, 1)],
                ),
            ]),
            when: resolve(ItemKind::RefundFailed, &anna, Retry).under(command_made(T0, 9)),
            then: refuses(Refusal::WrongState { state: text("confirmed") }),
        },
        Case {
            name: "a refund that is under way did not fail",
            given: asked(),
            when: resolve(ItemKind::RefundFailed, &anna, Retry),
            then: refuses(Refusal::WrongState { state: text("confirmed") }),
        },
        Case {
            name: "nor one of an order that nobody knows",
            given: history([]),
            when: resolve(ItemKind::RefundFailed, &anna, Retry),
            then: refuses(Refusal::UnknownOrder),
        },
        Case {
            name: "what is asked after anyway is not tried again",
            given: asked(),
            when: resolve(ItemKind::RefundUnknown, &anna, Retry),
            then: nothing_to_retry("refund_unknown"),
        },
        Case {
            name: "goods that are not there do not come by trying",
            given: history([]),
            when: resolve(ItemKind::Shortage, "mug", Retry),
            then: nothing_to_retry("shortage"),
        },
    ]);
}

/// A retry takes the failed refund's place only while nobody has asked for that money otherwise.
#[test]
fn each_refund_that_failed_is_tried_again_once_and_in_no_others_place() {
    let second = did(refund(order(1), "c-2", Some(600)), all_back(2, 600, "c-2"));
    let same = did(
        refund(order(1), "c-2", Some(400)),
        vec![refund_wanted(2, order(1), ("pay-1", 400), "c-2")],
    );
    let retry = |refund| resolve(ItemKind::RefundFailed, &of_refund(refund), Retry);
    let not_again = || refuses(Refusal::WrongState { state: text("confirmed") });
    check([
        Case {
            name: "the one that is named",
            given: given_up(),
            when: retry(1),
            then: appends(vec![
                resolved(ItemKind::RefundFailed, &of_refund(1), Retry),
                once_more(2, 1),
            ]),
        },
        Case {
            name: "whatever else was asked for since",
            given: history([given_up(), second]),
            when: retry(1),
            then: appends(vec![
                resolved(ItemKind::RefundFailed, &of_refund(1), Retry),
                once_more(3, 1),
            ]),
        },
        Case {
            name: "but not when the same was asked for under another reference",
            given: history([given_up(), same]),
            when: retry(1),
            then: not_again(),
        },
        Case {
            name: "nor a second time",
            given: history([given_up(), tried_again(1, 2)]),
            when: retry(1).under(command_made(T0, 9)),
            then: not_again(),
        },
        Case {
            name: "what was tried again and failed again is an item of its own",
            given: history([
                given_up(),
                tried_again(1, 2),
                did(
                    record_refund(order(1), (2, 1), declined(GONE.0)),
                    gives_up((2, 1), "4.00 EUR"),
                ),
            ]),
            when: retry(2).under(command_made(T0, 9)),
            then: appends(vec![
                resolved(ItemKind::RefundFailed, &of_refund(2), Retry),
                once_more(3, 2),
            ]),
        },
        Case {
            name: "a refund that nobody asked for",
            given: given_up(),
            when: retry(7),
            then: not_again(),
        },
        Case {
            name: "no number of a refund",
            given: given_up(),
            when: resolve(ItemKind::RefundFailed, &format!("{}-rx", order(1)), Retry),
            then: refuses(Refusal::invalid("body.id", "must end with -r and the refund's number")),
        },
    ]);
}
