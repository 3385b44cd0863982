//! What a human does about an item.

use super::refunding::{asked, given_up};
use crate::domain::AttentionAction::{Discard, Retry};
use crate::domain::fixtures::*;
use crate::domain::{Event, ItemKind, RefundReason, RefundRequested, Refusal};

/// The order's next refund, because of `looked`.
fn once_more(refund: u16) -> Event {
    let asked = refund_asked(refund, order(1), ("pay-1", 400), RefundReason::Requested);
    Event::RefundRequested(RefundRequested { note: Some(text("looked")), ..asked })
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
            then: appends(vec![resolved(ItemKind::RefundFailed, &anna, Retry), once_more(2)]),
        },
        Case {
            name: "which is on its way then, and is not asked for twice",
            given: history([
                given_up(),
                did(
                    resolve(ItemKind::RefundFailed, &anna, Retry),
                    vec![resolved(ItemKind::RefundFailed, &anna, Retry), once_more(2)],
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

/// A retry takes the failed refund's place only while nothing came after it.
#[test]
fn a_failed_refund_that_somebody_asked_for_anew_is_not_tried_again() {
    let anna = order(1).to_string();
    let anew = did(
        refund(order(1), "c-2", Some(600)),
        vec![refund_wanted(2, order(1), ("pay-1", 600), "c-2")],
    );
    check([Case {
        name: "another refund was asked for since",
        given: history([given_up(), anew]),
        when: resolve(ItemKind::RefundFailed, &anna, Retry),
        then: refuses(Refusal::WrongState { state: text("confirmed") }),
    }]);
}
