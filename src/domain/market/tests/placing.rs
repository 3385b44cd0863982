//! Placing an order: all of it, or none.

use crate::domain::fixtures::*;
use crate::domain::{Amount, Event, OrderLine, PriceChange, Quantity, Refusal, Shortfall};

fn short(name: &str, wanted: u64, available: u64, held: u64) -> Shortfall {
    Shortfall { sku: sku(name), wanted, available, held }
}

fn insufficient(short: Vec<Shortfall>) -> Refusal {
    Refusal::InsufficientStock { short }
}

#[test]
fn an_order_takes_what_is_there() {
    let (anna, ben) = (order(1), order(2));
    check([
        Case {
            name: "the last unit can be promised",
            given: stocked("mug", 1),
            when: place(anna, &[line("mug", 1)]),
            then: appends(placed(anna, &[line("mug", 1)])),
        },
        Case {
            name: "all lines are held together",
            given: history([stocked("mug", 3), stocked("pot", 2)]),
            when: place(anna, &[line("mug", 3), line("pot", 1)]),
            then: appends(placed(anna, &[line("mug", 3), line("pot", 1)])),
        },
        Case {
            name: "one SKU on two lines is held once, for the sum",
            given: stocked("mug", 5),
            when: place(anna, &[line("mug", 2), line("mug", 3)]),
            then: appends(placed(anna, &[line("mug", 2), line("mug", 3)])),
        },
        Case {
            name: "what another order let go can be sold",
            given: history([
                stocked("mug", 1),
                bought(anna, &[line("mug", 1)]),
                did(cancel(anna), cancelled(anna, &[line("mug", 1)])),
            ]),
            when: place(ben, &[line("mug", 1)]),
            then: appends(placed(ben, &[line("mug", 1)])),
        },
        Case {
            name: "an order that costs nothing is confirmed without a payment",
            given: history([
                did(list("sample", 0, "EUR"), vec![listed("sample", 0, "EUR")]),
                did(receive("sample", 1, "first"), vec![received("sample", 1, "first")]),
            ]),
            when: place(anna, &[line_at("sample", 1, 0)]),
            then: appends(free(anna, &[line_at("sample", 1, 0)])),
        },
    ]);
}

fn free(order_id: crate::domain::OrderId, lines: &[OrderLine]) -> Vec<Event> {
    [placed(order_id, lines), confirmed(order_id, lines)].concat()
}

#[test]
fn an_order_is_never_held_in_part() {
    let (anna, ben) = (order(1), order(2));
    check([
        Case {
            name: "a promised unit cannot be promised again",
            given: history([stocked("mug", 1), bought(anna, &[line("mug", 1)])]),
            when: place(ben, &[line("mug", 1)]),
            then: rejects(ben, insufficient(vec![short("mug", 1, 0, 1)])),
        },
        Case {
            name: "a sold unit is gone, and nobody holds it",
            given: history([
                stocked("mug", 1),
                bought(anna, &[line("mug", 1)]),
                settled(anna, &[line("mug", 1)]),
            ]),
            when: place(ben, &[line("mug", 1)]),
            then: rejects(ben, insufficient(vec![short("mug", 1, 0, 0)])),
        },
        Case {
            name: "one SKU on two lines is refused by its sum",
            given: stocked("mug", 4),
            when: place(anna, &[line("mug", 2), line("mug", 3)]),
            then: rejects(anna, insufficient(vec![short("mug", 5, 4, 0)])),
        },
        Case {
            name: "one of three missing: nothing is held, and only the missing one is named",
            given: history([stocked("mug", 9), on_offer("pot"), stocked("cup", 9)]),
            when: place(anna, &[line("mug", 1), line("pot", 1), line("cup", 1)]),
            then: rejects(anna, insufficient(vec![short("pot", 1, 0, 0)])),
        },
        Case {
            name: "two of three missing: both are named",
            given: history([stocked("mug", 1), stocked("pot", 1), stocked("cup", 9)]),
            when: place(anna, &[line("mug", 2), line("pot", 3), line("cup", 1)]),
            then: rejects(anna, insufficient(vec![short("mug", 2, 1, 0), short("pot", 3, 1, 0)])),
        },
        Case {
            name: "while units are missing nothing more is promised",
            given: history([
                stocked("mug", 5),
                bought(anna, &[line("mug", 4)]),
                did(count("mug", 1), vec![counted("mug", -4), shortage("mug", 3, &[anna])]),
            ]),
            when: place(ben, &[line("mug", 1)]),
            then: rejects(ben, insufficient(vec![short("mug", 1, 0, 4)])),
        },
    ]);
}

#[test]
fn only_what_is_offered_is_sold() {
    let anna = order(1);
    check([
        Case {
            name: "a SKU nobody knows",
            given: stocked("mug", 1),
            when: place(anna, &[line("mug", 1), line("jug", 1)]),
            then: rejects(anna, Refusal::UnknownSku { sku: sku("jug") }),
        },
        Case {
            name: "a SKU that is no longer sold",
            given: history([stocked("mug", 1), did(delist("mug"), vec![delisted("mug")])]),
            when: place(anna, &[line("mug", 1)]),
            then: rejects(anna, Refusal::Delisted { sku: sku("mug") }),
        },
    ]);
}

#[test]
fn nothing_is_charged_that_the_buyer_has_not_seen() {
    let anna = order(1);
    let changed = |quoted, current| PriceChange {
        sku: sku("mug"),
        quoted_minor: price(quoted),
        current_minor: price(current),
    };
    check([
        Case {
            name: "dearer since the cart: the new price is named, nothing is charged",
            given: history([
                stocked("mug", 1),
                did(reprice("mug", 600), vec![repriced("mug", 600)]),
            ]),
            when: place(anna, &[line_at("mug", 1, 500)]),
            then: rejects(anna, Refusal::PriceChanged { changes: vec![changed(500, 600)] }),
        },
        Case {
            name: "cheaper since the cart is a change too",
            given: history([
                stocked("mug", 1),
                did(reprice("mug", 400), vec![repriced("mug", 400)]),
            ]),
            when: place(anna, &[line_at("mug", 1, 500)]),
            then: rejects(anna, Refusal::PriceChanged { changes: vec![changed(500, 400)] }),
        },
        Case {
            name: "of two lines of one SKU, the one quoted wrongly is named",
            given: stocked("mug", 9),
            when: place(anna, &[line_at("mug", 1, 500), line_at("mug", 1, 1)]),
            then: rejects(anna, Refusal::PriceChanged { changes: vec![changed(1, 500)] }),
        },
        Case {
            name: "a changed price is told before a missing unit: ask again, then see",
            given: on_offer("mug"),
            when: place(anna, &[line_at("mug", 1, 499)]),
            then: rejects(anna, Refusal::PriceChanged { changes: vec![changed(499, 500)] }),
        },
    ]);
}

#[test]
fn an_order_has_one_currency() {
    let anna = order(1);
    let yen = did(list("fan", 500, "JPY"), vec![listed("fan", 500, "JPY")]);
    let mixed = |name: &str, listed, ordered| Refusal::MixedCurrencies {
        sku: sku(name),
        listed: currency(listed),
        ordered: currency(ordered),
    };
    check([
        Case {
            name: "a line sold in yen cannot be bought in euros",
            given: history([stocked("mug", 1), yen.clone()]),
            when: place(anna, &[line("mug", 1), line("fan", 1)]),
            then: rejects(anna, mixed("fan", "JPY", "EUR")),
        },
        Case {
            name: "an order in a currency nothing of it is sold in",
            given: stocked("mug", 1),
            when: place_in("KWD", anna, &[line("mug", 1)]),
            then: rejects(anna, mixed("mug", "EUR", "KWD")),
        },
    ]);
}

#[test]
fn money_is_counted_in_the_minor_units_of_its_currency() {
    for (code, minor, reads) in
        [("JPY", 1_250, "2500 JPY"), ("KWD", 1_250, "2.500 KWD"), ("EUR", 1_250, "25.00 EUR")]
    {
        let mut shop = Shop::default();
        shop.send(&list("fan", minor, code));
        shop.send(&receive("fan", 5, "first"));
        shop.send(&place_in(code, order(1), &[line_at("fan", 2, minor)]));
        let basket = &shop.market.order(order(1)).unwrap().basket;
        assert_eq!(basket.total.in_currency(basket.currency), reads);
    }
}

#[test]
fn figures_have_limits() {
    let anna = order(1);
    let overflow = |field: &str, limit| Refusal::Overflow { field: text(field), limit };
    let most = Quantity::MAX;
    let dear = 100_000_000_000;
    let gold = did(list("gold", dear, "EUR"), vec![listed("gold", dear, "EUR")]);
    check([
        Case {
            name: "a total that no JSON reader could keep exactly",
            given: gold,
            when: place(anna, &[line_at("gold", most, dear)]),
            then: rejects(anna, overflow("total_minor", Amount::MAX.minor())),
        },
        Case {
            name: "two lines that together pass what one line may hold",
            given: stocked("mug", 5),
            when: place(anna, &[line("mug", most), line("mug", 1)]),
            then: rejects(anna, overflow("body.lines", u64::from(most))),
        },
        Case {
            name: "as many of one SKU as one order may hold",
            given: history([
                did(list_capped("mug", 2), vec![listed_capped("mug", 2)]),
                did(receive("mug", 9, "first"), vec![received("mug", 9, "first")]),
            ]),
            when: place(anna, &[line("mug", 2)]),
            then: appends(placed(anna, &[line("mug", 2)])),
        },
        Case {
            name: "more of one SKU than one order may hold, spread over two lines",
            given: history([
                did(list_capped("mug", 2), vec![listed_capped("mug", 2)]),
                did(receive("mug", 9, "first"), vec![received("mug", 9, "first")]),
            ]),
            when: place(anna, &[line("mug", 1), line("mug", 2)]),
            then: rejects(anna, Refusal::OverOrderLimit { sku: sku("mug"), wanted: 3, limit: 2 }),
        },
    ]);
}
