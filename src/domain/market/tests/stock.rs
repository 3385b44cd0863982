//! Goods in, corrections and counts. The truth is accepted, whatever was promised.

use crate::domain::fixtures::*;
use crate::domain::stock::Stock;
use crate::domain::{AttentionKind, Quantity, Refusal};

const MOST: u64 = Stock::UNITS_MAX;

fn overflow(field: &str) -> Refusal {
    Refusal::Overflow { field: text(field), limit: MOST }
}

#[test]
fn receiving() {
    check([
        Case {
            name: "goods come in",
            given: on_offer("mug"),
            when: receive("mug", 5, "first"),
            then: appends(vec![received("mug", 5, "first")]),
        },
        Case {
            name: "a delivery is booked once, whoever sends its reference again",
            given: stocked("mug", 5),
            when: receive("mug", 5, "first").by("scanner-2").under(command_made(T0, 1)),
            then: repeats(at(2)),
        },
        Case {
            name: "a delivery is booked once, even when somebody corrects its quantity",
            given: stocked("mug", 5),
            when: receive("mug", 7, "first"),
            then: repeats(at(2)),
        },
        Case {
            name: "two SKUs of one delivery are two bookings",
            given: history([stocked("mug", 5), on_offer("pot")]),
            when: receive("pot", 5, "first"),
            then: appends(vec![received("pot", 5, "first")]),
        },
        Case {
            name: "a delivery and a correction may carry the same number",
            given: history([
                stocked("mug", 5),
                did(adjust("mug", -1, "42"), vec![adjusted("mug", -1, "42")]),
            ]),
            when: receive("mug", 5, "42"),
            then: appends(vec![received("mug", 5, "42")]),
        },
        Case {
            name: "goods of a SKU that is no longer offered still come in",
            given: history([on_offer("mug"), did(delist("mug"), vec![delisted("mug")])]),
            when: receive("mug", 5, "first"),
            then: appends(vec![received("mug", 5, "first")]),
        },
        Case {
            name: "goods nobody knows do not come in",
            given: vec![],
            when: receive("jug", 5, "first"),
            then: refuses(Refusal::UnknownSku { sku: sku("jug") }),
        },
        Case {
            name: "a warehouse has a limit",
            given: history([
                on_offer("mug"),
                did(count("mug", MOST), vec![counted("mug", 1_000_000_000_000)]),
            ]),
            when: receive("mug", 1, "first"),
            then: refuses(overflow("on_hand")),
        },
        Case {
            name: "the largest delivery fits",
            given: on_offer("mug"),
            when: receive("mug", Quantity::MAX, "first"),
            then: appends(vec![received("mug", Quantity::MAX, "first")]),
        },
    ]);
}

#[test]
fn correcting() {
    let (anna, ben, cleo) = (order(1), order(2), order(3));
    check([
        Case {
            name: "a unit is broken",
            given: stocked("mug", 5),
            when: adjust("mug", -1, "42"),
            then: appends(vec![adjusted("mug", -1, "42")]),
        },
        Case {
            name: "a unit is found",
            given: stocked("mug", 5),
            when: adjust("mug", 1, "42"),
            then: appends(vec![adjusted("mug", 1, "42")]),
        },
        Case {
            name: "a correction is booked once",
            given: history([
                stocked("mug", 5),
                did(adjust("mug", -1, "42"), vec![adjusted("mug", -1, "42")]),
            ]),
            when: adjust("mug", -2, "42"),
            then: repeats(at(3)),
        },
        Case {
            name: "a correction by nothing is a mistake",
            given: stocked("mug", 5),
            when: adjust("mug", 0, "42"),
            then: refuses(Refusal::invalid("body.delta", "is 0, must change something")),
        },
        Case {
            name: "more than there is cannot be lost",
            given: stocked("mug", 5),
            when: adjust("mug", -6, "42"),
            then: refuses(Refusal::BelowZero { sku: sku("mug"), on_hand: 5, taken: 6 }),
        },
        Case {
            name: "more than the limit cannot be found",
            given: stocked("mug", 1),
            when: adjust("mug", 1_000_000_000_000, "42"),
            then: refuses(overflow("on_hand")),
        },
        Case {
            name: "what nobody knows cannot be corrected",
            given: vec![],
            when: adjust("jug", 1, "42"),
            then: refuses(Refusal::UnknownSku { sku: sku("jug") }),
        },
        Case {
            name: "promised units are lost: whoever came last is told first, until it adds up",
            given: history([
                stocked("mug", 6),
                bought(anna, &[line("mug", 2)]),
                bought(ben, &[line("mug", 2)]),
                bought(cleo, &[line("mug", 2)]),
            ]),
            when: adjust("mug", -3, "fire"),
            then: appends(vec![adjusted("mug", -3, "fire"), shortage("mug", 3, &[cleo, ben])]),
        },
    ]);
}

#[test]
fn counting() {
    let (anna, ben) = (order(1), order(2));
    check([
        Case {
            name: "what was counted is the truth",
            given: stocked("mug", 5),
            when: count("mug", 7),
            then: appends(vec![counted("mug", 2)]),
        },
        Case {
            name: "a count that agrees is recorded: somebody looked",
            given: stocked("mug", 5),
            when: count("mug", 5),
            then: appends(vec![counted("mug", 0)]),
        },
        Case {
            name: "a count below what is promised is accepted, and the orders are named",
            given: history([
                stocked("mug", 5),
                bought(anna, &[line("mug", 2)]),
                bought(ben, &[line("mug", 2)]),
            ]),
            when: count("mug", 3),
            then: appends(vec![counted("mug", -2), shortage("mug", 1, &[ben])]),
        },
        Case {
            name: "a count that leaves every promise possible finds no shortage",
            given: history([stocked("mug", 5), bought(anna, &[line("mug", 2)])]),
            when: count("mug", 2),
            then: appends(vec![counted("mug", -3)]),
        },
        Case {
            name: "a shortage that gets smaller is not found again",
            given: history([
                stocked("mug", 5),
                bought(anna, &[line("mug", 4)]),
                did(count("mug", 1), vec![counted("mug", -4), shortage("mug", 3, &[anna])]),
            ]),
            when: count("mug", 2),
            then: appends(vec![counted("mug", 1)]),
        },
        Case {
            name: "a count compared with what is still so",
            given: stocked("mug", 5),
            when: count_at("mug", 4, 2),
            then: appends(vec![counted("mug", -1)]),
        },
        Case {
            name: "a count that a sale has overtaken is refused, not written over the sale",
            given: history([stocked("mug", 5), bought(anna, &[line("mug", 1)])]),
            when: count_at("mug", 5, 2),
            then: refuses(Refusal::StockChanged {
                sku: sku("mug"),
                expected_seq: 2,
                actual_seq: 3,
            }),
        },
        Case {
            name: "a count of a SKU that no other order touched is not overtaken by other sales",
            given: history([stocked("mug", 5), stocked("pot", 5), bought(anna, &[line("pot", 1)])]),
            when: count_at("mug", 4, 2),
            then: appends(vec![counted("mug", -1)]),
        },
        Case {
            name: "what nobody knows cannot be counted",
            given: vec![],
            when: count("jug", 1),
            then: refuses(Refusal::UnknownSku { sku: sku("jug") }),
        },
        Case {
            name: "nobody has counted so far",
            given: on_offer("mug"),
            when: count("mug", u64::MAX),
            then: refuses(overflow("body.counted")),
        },
    ]);
}

#[test]
fn a_shortage_names_only_orders_that_hold_something() {
    let (anna, ben) = (order(1), order(2));
    let mugs = [line("mug", 2)];
    let late = "10.00 EUR captured as pay-1 while the order is cancelled and owes 10.00 EUR";
    check([
        Case {
            name: "an order whose money came too late holds nothing any more",
            given: history([
                stocked("mug", 4),
                bought(anna, &mugs),
                bought(ben, &mugs),
                did(cancel(ben), cancelled(ben, &mugs)),
                did(
                    capture(ben, 1_000),
                    vec![
                        captured("pay-1", ben, 1_000),
                        attention(AttentionKind::LatePayment, ben, late),
                    ],
                ),
            ]),
            when: count("mug", 1),
            then: appends(vec![counted("mug", -3), shortage("mug", 1, &[anna])]),
        },
        Case {
            name: "an order that is paid has its units; the next one is told",
            given: history([
                stocked("mug", 4),
                bought(anna, &mugs),
                bought(ben, &mugs),
                settled(ben, &mugs),
            ]),
            when: count("mug", 1),
            then: appends(vec![counted("mug", -1), shortage("mug", 1, &[anna])]),
        },
    ]);
}

#[test]
fn money_for_units_that_turned_out_to_be_missing_is_still_booked() {
    let anna = order(1);
    let mugs = [line("mug", 4)];
    let short = history([
        stocked("mug", 5),
        bought(anna, &mugs),
        did(count("mug", 1), vec![counted("mug", -4), shortage("mug", 3, &[anna])]),
    ]);
    check([
        Case {
            name: "the order is confirmed; the shortage stays open until goods come in",
            given: short.clone(),
            when: capture(anna, 2_000),
            then: appends(paid(anna, &mugs)),
        },
        Case {
            name: "goods that come in fill the gap first",
            given: history([short.clone(), settled(anna, &mugs)]),
            when: receive("mug", 2, "second"),
            then: appends(vec![received("mug", 2, "second")]),
        },
        Case {
            name: "what is not there cannot be lost either",
            given: history([short.clone(), settled(anna, &mugs)]),
            when: adjust("mug", -1, "42"),
            then: refuses(Refusal::BelowZero { sku: sku("mug"), on_hand: 0, taken: 1 }),
        },
    ]);
    let market = fold(&history([short, settled(anna, &mugs)]));
    let stock = market.item(&sku("mug")).unwrap().stock;
    assert_eq!((stock.available(), stock.reserved(), stock.sold()), (-3, 0, 4));
}
