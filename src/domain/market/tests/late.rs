//! Money that came when nobody waited for it any more, or came twice.

use crate::domain::fixtures::*;
use crate::domain::{Event, OrderId, OrderLine, RefundReason};

fn mugs() -> [OrderLine; 1] {
    [line("mug", 2)]
}

/// One order of two of the five mugs waits for its 10 euros.
fn waiting() -> Facts {
    history([stocked("mug", 5), bought(order(1), &mugs())])
}

fn overdue() -> Facts {
    history([waiting(), expired(expiry(order(1), &mugs()))])
}

fn called_off() -> Facts {
    history([waiting(), did(cancel(order(1)), cancelled(order(1), &mugs()))])
}

fn confirmed_order() -> Facts {
    history([waiting(), settled(order(1), &mugs())])
}

/// The money comes and goes on.
fn goes_on(order_id: OrderId) -> Vec<Event> {
    [vec![captured("pay-1", order_id, 1_000)], reinstated(order_id, &mugs())].concat()
}

/// The money comes as `of` and goes back as refund `number`.
fn goes_back(number: u16, of: &str, minor: u64, reason: RefundReason) -> Vec<Event> {
    let refund = refund_asked(number, order(1), (of, minor), reason);
    vec![captured(of, order(1), minor), Event::RefundRequested(refund)]
}

#[test]
fn money_that_came_too_late() {
    let anna = order(1);
    let ben = did(place(order(2), &[line("mug", 4)]), placed(order(2), &[line("mug", 4)]));
    let late = RefundReason::LatePayment;
    check([
        Case {
            name: "while its goods are still there, an order whose hold ended goes on",
            given: overdue(),
            when: capture(anna, 1_000),
            then: appends(goes_on(anna)),
        },
        Case {
            name: "the hold ends first at the very same instant: it goes on all the same",
            given: overdue(),
            when: capture(anna, 1_000).asked_at(hold_end()),
            then: appends(goes_on(anna)),
        },
        Case {
            name: "an order that was said to be declined goes on too",
            given: history([waiting(), turned_down(anna, &mugs())]),
            when: capture(anna, 1_000),
            then: appends(goes_on(anna)),
        },
        Case {
            name: "one mug short is too short for the whole order: the money goes back",
            given: history([overdue(), ben.clone()]),
            when: capture(anna, 1_000),
            then: appends(goes_back(1, "pay-1", 1_000, late)),
        },
        Case {
            name: "whoever called it off gets the money back, whatever is there",
            given: called_off(),
            when: capture(anna, 1_000),
            then: appends(goes_back(1, "pay-1", 1_000, late)),
        },
        Case {
            name: "another amount than was owed goes back",
            given: overdue(),
            when: capture(anna, 999),
            then: appends(goes_back(1, "pay-1", 999, late)),
        },
        Case {
            name: "late money that is told again is told once",
            given: history([overdue(), did(capture(anna, 1_000), goes_on(anna))]),
            when: capture(anna, 1_000).under(command_made(T0, 1)),
            then: repeats(at(5)),
        },
        Case {
            name: "a second late payment goes back, whatever the first is for",
            given: history([overdue(), did(capture(anna, 1_000), goes_on(anna))]),
            when: capture_as("pay-2", anna, 1_000),
            then: appends(goes_back(1, "pay-2", 1_000, RefundReason::DoubleCapture)),
        },
        Case {
            name: "two payments for an order that is off both go back",
            given: history([
                called_off(),
                did(capture(anna, 1_000), goes_back(1, "pay-1", 1_000, late)),
            ]),
            when: capture_as("pay-2", anna, 1_000),
            then: appends(goes_back(2, "pay-2", 1_000, late)),
        },
    ]);
}

#[test]
fn one_of_three_lines_that_is_gone_keeps_the_order_off() {
    let basket = [line("mug", 1), line("pot", 1), line("jug", 1)];
    let shelves = history([stocked("mug", 5), stocked("pot", 1), stocked("jug", 5)]);
    let anna = history([bought(order(1), &basket), expired(expiry(order(1), &basket))]);
    let pot = [line("pot", 1)];
    let refund = refund_asked(1, order(1), ("pay-1", 1_500), RefundReason::LatePayment);
    check([Case {
        name: "somebody else has the pot: nothing is reserved, all the money goes back",
        given: history([shelves, anna, bought(order(2), &pot)]),
        when: capture(order(1), 1_500),
        then: appends(vec![captured("pay-1", order(1), 1_500), Event::RefundRequested(refund)]),
    }]);
}

#[test]
fn money_that_came_twice() {
    let anna = order(1);
    let twice = || goes_back(1, "pay-2", 1_000, RefundReason::DoubleCapture);
    let left = history([confirmed_order(), did(fulfil(anna, "s-1"), vec![fulfilled(anna, "s-1")])]);
    check([
        Case {
            name: "the same payment told again is the same payment",
            given: confirmed_order(),
            when: capture(anna, 1_000).under(command_made(T0, 1)),
            then: repeats(at(4)),
        },
        Case {
            name: "another payment for a confirmed order goes back, the first is kept",
            given: confirmed_order(),
            when: capture_as("pay-2", anna, 1_000),
            then: appends(twice()),
        },
        Case {
            name: "another payment for an order that has left goes back",
            given: left,
            when: capture_as("pay-2", anna, 1_000),
            then: appends(twice()),
        },
        Case {
            name: "the payment that was one too many is told once",
            given: history([confirmed_order(), did(capture_as("pay-2", anna, 1_000), twice())]),
            when: capture_as("pay-2", anna, 1_000),
            then: repeats(at(5)),
        },
    ]);
}

#[test]
fn an_order_that_is_off_is_remembered_until_somebody_says_what_became_of_its_charge() {
    let old = |order_id: OrderId, end: Facts| {
        let market = fold(&history([stocked("mug", 5), bought(order_id, &mugs()), end]));
        let mut market = market;
        market.begin(crate::domain::Sequence(100));
        market.finish(T0.after(hours(80)));
        market.order(order_id).is_some()
    };
    let unanswered = did(cancel(order(1)), cancelled(order(1), &mugs()));
    assert!(old(order(1), unanswered), "a charge may be out");
    assert!(!old(order(1), turned_down(order(1), &mugs())), "it was declined");
}
