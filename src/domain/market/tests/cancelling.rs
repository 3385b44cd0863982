//! Calling an order off, and sending it out.

use crate::domain::fixtures::*;
use crate::domain::{AttentionKind, OrderLine, Refusal};

fn mugs() -> [OrderLine; 1] {
    [line("mug", 2)]
}

fn waiting() -> Facts {
    history([stocked("mug", 5), bought(order(1), &mugs())])
}

fn confirmed_order() -> Facts {
    history([waiting(), settled(order(1), &mugs())])
}

fn shipped() -> Facts {
    history([confirmed_order(), did(fulfil(order(1), "s-1"), vec![fulfilled(order(1), "s-1")])])
}

fn in_human_hands() -> Facts {
    let reason = "too little";
    let taken = vec![
        captured("pay-1", order(1), 1),
        attention(AttentionKind::AmountMismatch, order(1), reason),
    ];
    history([waiting(), did(capture(order(1), 1), taken)])
}

fn wrong(state: &str) -> Then {
    refuses(Refusal::WrongState { state: text(state) })
}

#[test]
fn cancelling() {
    let anna = order(1);
    check([
        Case {
            name: "an order that waits for money is called off, and its stock free again",
            given: waiting(),
            when: cancel(anna),
            then: appends(cancelled(anna, &mugs())),
        },
        Case {
            name: "calling it off again changes nothing",
            given: history([waiting(), did(cancel(anna), cancelled(anna, &mugs()))]),
            when: cancel(anna).by("ops").under(command_made(T0, 1)),
            then: repeats(crate::domain::Address::new(crate::domain::Sequence(4), 1)),
        },
        Case {
            name: "an order whose hold has ended is off already",
            given: history([waiting(), expired(expiry(anna, &mugs()))]),
            when: cancel(anna),
            then: repeats(crate::domain::Address::new(crate::domain::Sequence(4), 1)),
        },
        Case {
            name: "an order whose payment was declined is off already",
            given: history([waiting(), turned_down(anna, &mugs())]),
            when: cancel(anna),
            then: repeats(crate::domain::Address::new(crate::domain::Sequence(4), 1)),
        },
        Case {
            name: "what has left cannot be called off",
            given: shipped(),
            when: cancel(anna),
            then: wrong("fulfilled"),
        },
        Case {
            name: "an order nobody knows",
            given: stocked("mug", 5),
            when: cancel(anna),
            then: refuses(Refusal::UnknownOrder),
        },
    ]);
}

#[test]
fn fulfilling() {
    let anna = order(1);
    check([
        Case {
            name: "a confirmed order leaves",
            given: confirmed_order(),
            when: fulfil(anna, "s-1"),
            then: appends(vec![fulfilled(anna, "s-1")]),
        },
        Case {
            name: "an unpaid order does not leave",
            given: waiting(),
            when: fulfil(anna, "s-1"),
            then: wrong("placed"),
        },
        Case {
            name: "a cancelled order does not leave",
            given: history([waiting(), did(cancel(anna), cancelled(anna, &mugs()))]),
            when: fulfil(anna, "s-1"),
            then: wrong("cancelled"),
        },
        Case {
            name: "an order in a human's hands does not leave",
            given: in_human_hands(),
            when: fulfil(anna, "s-1"),
            then: wrong("needs_attention"),
        },
        Case {
            name: "the same shipment told again is the same shipment, and stands where it left",
            given: shipped(),
            when: fulfil(anna, "s-1").under(command_made(T0, 1)),
            then: repeats(at(5)),
        },
        Case {
            name: "an order does not leave twice",
            given: shipped(),
            when: fulfil(anna, "s-2"),
            then: wrong("fulfilled"),
        },
        Case {
            name: "an order nobody knows does not leave",
            given: stocked("mug", 5),
            when: fulfil(anna, "s-1"),
            then: refuses(Refusal::UnknownOrder),
        },
    ]);
}
