//! Goods that leave in parts, and goods that come back.

use crate::domain::fixtures::*;
use crate::domain::{OrderLine, Refusal};

fn basket() -> [OrderLine; 2] {
    [line("mug", 3), line("pot", 1)]
}

/// Three mugs and a pot are paid.
fn paid_order() -> Facts {
    let shelves = history([stocked("mug", 5), stocked("pot", 5)]);
    history([shelves, bought(order(1), &basket()), settled(order(1), &basket())])
}

/// Two of the mugs have left.
fn begun() -> Facts {
    let first = shipped(order(1), "s-1", &[("mug", 2)], true);
    history([paid_order(), did(ship(order(1), "s-1", &[("mug", 2)]), vec![first])])
}

/// All has left.
fn gone() -> Facts {
    history([begun(), did(fulfil(order(1), "s-2"), vec![fulfilled(order(1), "s-2")])])
}

fn back() -> Facts {
    let lines = [("mug", 2, 1)];
    let events = vec![came_back(order(1), "b-1", &lines), restocked("mug", order(1), 1)];
    history([gone(), did(take_back(order(1), "b-1", &lines), events)])
}

fn invalid(field: &str, problem: &str) -> Then {
    refuses(Refusal::invalid(field, problem))
}

fn wrong(state: &str) -> Then {
    refuses(Refusal::WrongState { state: text(state) })
}

#[test]
fn leaving_in_parts() {
    let anna = order(1);
    check([
        Case {
            name: "some of it leaves, and the order waits for the rest",
            given: paid_order(),
            when: ship(anna, "s-1", &[("mug", 2)]),
            then: appends(vec![shipped(anna, "s-1", &[("mug", 2)], true)]),
        },
        Case {
            name: "the rest of it, line by line",
            given: begun(),
            when: ship(anna, "s-2", &[("mug", 1), ("pot", 1)]),
            then: appends(vec![shipped(anna, "s-2", &[("mug", 1), ("pot", 1)], false)]),
        },
        Case {
            name: "the rest of it, whatever that is",
            given: begun(),
            when: fulfil(anna, "s-2"),
            then: appends(vec![fulfilled(anna, "s-2")]),
        },
        Case {
            name: "one SKU on two lines leaves as one",
            given: paid_order(),
            when: ship(anna, "s-1", &[("mug", 1), ("mug", 1)]),
            then: appends(vec![shipped(anna, "s-1", &[("mug", 2)], true)]),
        },
        Case {
            name: "more than is still to leave",
            given: begun(),
            when: ship(anna, "s-2", &[("pot", 1), ("mug", 2)]),
            then: invalid("body.lines[1].quantity", "is 2, 1 of mug are still to leave"),
        },
        Case {
            name: "what the order has not",
            given: begun(),
            when: ship(anna, "s-2", &[("jug", 1)]),
            then: invalid("body.lines[0].quantity", "is 1, 0 of jug are still to leave"),
        },
        Case {
            name: "the same shipment told again is the same shipment",
            given: begun(),
            when: ship(anna, "s-1", &[("mug", 2)]).under(command_made(T0, 1)),
            then: repeats(at(7)),
        },
        Case {
            name: "the same shipment with something else in it is a conflict",
            given: begun(),
            when: ship(anna, "s-1", &[("mug", 1)]),
            then: refuses(Refusal::IdConflict { field: text("body.shipment_ref") }),
        },
        Case {
            name: "what has left in part cannot be called off",
            given: begun(),
            when: cancel(anna),
            then: wrong("fulfilled in part"),
        },
        Case {
            name: "nothing is left to leave",
            given: gone(),
            when: fulfil(anna, "s-3"),
            then: wrong("fulfilled"),
        },
    ]);
    assert_eq!(fold(&begun()).order(anna).unwrap().state(), "confirmed");
    assert_eq!(fold(&gone()).order(anna).unwrap().state(), "fulfilled");
}

#[test]
fn coming_back() {
    let anna = order(1);
    check([
        Case {
            name: "two came back, one of them may be sold again",
            given: gone(),
            when: take_back(anna, "b-1", &[("mug", 2, 1)]),
            then: appends(vec![
                came_back(anna, "b-1", &[("mug", 2, 1)]),
                restocked("mug", anna, 1),
            ]),
        },
        Case {
            name: "what is broken does not go on the shelf",
            given: gone(),
            when: take_back(anna, "b-1", &[("pot", 1, 0)]),
            then: appends(vec![came_back(anna, "b-1", &[("pot", 1, 0)])]),
        },
        Case {
            name: "of what has left in part, that part may come back",
            given: begun(),
            when: take_back(anna, "b-1", &[("mug", 2, 2)]),
            then: appends(vec![
                came_back(anna, "b-1", &[("mug", 2, 2)]),
                restocked("mug", anna, 2),
            ]),
        },
        Case {
            name: "more than has left",
            given: begun(),
            when: take_back(anna, "b-1", &[("mug", 3, 3)]),
            then: invalid("body.lines[0].quantity", "is 3, 2 of mug have left and not come back"),
        },
        Case {
            name: "what is back already does not come back",
            given: back(),
            when: take_back(anna, "b-2", &[("mug", 2, 2)]),
            then: invalid("body.lines[0].quantity", "is 2, 1 of mug have left and not come back"),
        },
        Case {
            name: "more on the shelf than came back",
            given: gone(),
            when: take_back(anna, "b-1", &[("mug", 1, 2)]),
            then: invalid("body.lines[0].restock", "must be 0 to 1, is 2"),
        },
        Case {
            name: "one SKU on two lines cannot be told apart",
            given: gone(),
            when: take_back(anna, "b-1", &[("mug", 1, 1), ("mug", 1, 0)]),
            then: invalid("body.lines[1].sku", "mug stands on two lines"),
        },
        Case {
            name: "the same return told again is the same return",
            given: back(),
            when: take_back(anna, "b-1", &[("mug", 2, 1)]).under(command_made(T0, 1)),
            then: repeats(at(9)),
        },
        Case {
            name: "the same return with something else in it is a conflict",
            given: back(),
            when: take_back(anna, "b-1", &[("mug", 1, 1)]),
            then: refuses(Refusal::IdConflict { field: text("body.return_ref") }),
        },
        Case {
            name: "before anything has left",
            given: paid_order(),
            when: take_back(anna, "b-1", &[("mug", 1, 1)]),
            then: wrong("confirmed"),
        },
    ]);
    let stock = fold(&back()).item(&sku("mug")).unwrap().stock;
    assert_eq!((stock.available(), stock.sold()), (3, 2));
}
