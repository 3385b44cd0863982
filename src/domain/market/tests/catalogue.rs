//! What is offered, and for how much.

use crate::domain::Refusal;
use crate::domain::fixtures::*;

#[test]
fn listing() {
    check([
        Case {
            name: "a new SKU is offered",
            given: vec![],
            when: list("mug", 500, "EUR"),
            then: appends(vec![listed("mug", 500, "EUR")]),
        },
        Case {
            name: "a SKU may cost nothing",
            given: vec![],
            when: list("sample", 0, "EUR"),
            then: appends(vec![listed("sample", 0, "EUR")]),
        },
        Case {
            name: "listing the same again, in another command, changes nothing",
            given: on_offer("mug"),
            when: list("mug", PRICE, "EUR").under(command_made(T0, 1)),
            then: repeats(at(1)),
        },
        Case {
            name: "a listed SKU is not listed differently: that is a change of price",
            given: on_offer("mug"),
            when: list("mug", 600, "EUR"),
            then: refuses(Refusal::AlreadyListed { sku: sku("mug") }),
        },
        Case {
            name: "what was taken off the list can be offered again, in another currency too",
            given: history([on_offer("mug"), did(delist("mug"), vec![delisted("mug")])]),
            when: list("mug", 80, "JPY"),
            then: appends(vec![listed("mug", 80, "JPY")]),
        },
    ]);
}

#[test]
fn repricing() {
    check([
        Case {
            name: "a price changes",
            given: on_offer("mug"),
            when: reprice("mug", 600),
            then: appends(vec![repriced("mug", 600)]),
        },
        Case {
            name: "a price that is so already does not change",
            given: on_offer("mug"),
            when: reprice("mug", PRICE),
            then: repeats(at(1)),
        },
        Case {
            name: "what is not known has no price",
            given: on_offer("mug"),
            when: reprice("jug", 600),
            then: refuses(Refusal::UnknownSku { sku: sku("jug") }),
        },
    ]);
}

#[test]
fn delisting() {
    let anna = order(1);
    check([
        Case {
            name: "a SKU is no longer offered",
            given: on_offer("mug"),
            when: delist("mug"),
            then: appends(vec![delisted("mug")]),
        },
        Case {
            name: "what is not offered cannot be taken off the list again",
            given: history([on_offer("mug"), did(delist("mug"), vec![delisted("mug")])]),
            when: delist("mug").under(command_made(T0, 1)),
            then: repeats(at(2)),
        },
        Case {
            name: "what is not known cannot be taken off the list",
            given: on_offer("mug"),
            when: delist("jug"),
            then: refuses(Refusal::UnknownSku { sku: sku("jug") }),
        },
        Case {
            name: "an order placed before its SKU was taken off the list is kept",
            given: history([
                stocked("mug", 1),
                bought(anna, &[line("mug", 1)]),
                did(delist("mug"), vec![delisted("mug")]),
            ]),
            when: capture(anna, 500),
            then: appends(paid(anna, &[line("mug", 1)])),
        },
        Case {
            name: "an order is charged what it was placed at, not what its SKU costs by now",
            given: history([
                stocked("mug", 1),
                bought(anna, &[line("mug", 1)]),
                did(reprice("mug", 900), vec![repriced("mug", 900)]),
            ]),
            when: capture(anna, 500),
            then: appends(paid(anna, &[line("mug", 1)])),
        },
    ]);
}
