//! The same request again, another request under the same id, ids too old and too new.

use crate::domain::fixtures::*;
use crate::domain::market::Verdict;
use crate::domain::{Policy, Refusal};

fn mugs() -> [crate::domain::OrderLine; 1] {
    [line("mug", 1)]
}

fn conflict(field: &str) -> Refusal {
    Refusal::IdConflict { field: text(field) }
}

fn stale(field: &str) -> Refusal {
    Refusal::StaleId { field: text(field), age_hours: 72, limit_hours: 72 }
}

#[test]
fn the_same_order_again() {
    let anna = order(1);
    let short = Refusal::UnknownSku { sku: sku("mug") };
    let turned_away = did(place(anna, &mugs()), vec![rejected(anna, short.clone())]);
    check([
        Case {
            name: "a double click is one order",
            given: history([stocked("mug", 5), bought(anna, &mugs())]),
            when: place(anna, &mugs()),
            then: repeats(at(3)),
        },
        Case {
            name: "two tabs and a retry are one order: its id counts, not the command's",
            given: history([stocked("mug", 5), bought(anna, &mugs())]),
            when: place(anna, &mugs()).under(command_made(T0, 1)),
            then: repeats(at(3)),
        },
        Case {
            name: "a retry after the money came is still the same order",
            given: history([stocked("mug", 5), bought(anna, &mugs()), settled(anna, &mugs())]),
            when: place(anna, &mugs()),
            then: repeats(at(3)),
        },
        Case {
            name: "a retry after it was cancelled does not place it again",
            given: history([
                stocked("mug", 5),
                bought(anna, &mugs()),
                did(cancel(anna), cancelled(anna, &mugs())),
            ]),
            when: place(anna, &mugs()),
            then: repeats(at(3)),
        },
        Case {
            name: "a rejected order is rejected again with the same words, whatever is there now",
            given: history([turned_away.clone(), stocked("mug", 5)]),
            when: place(anna, &mugs()),
            then: Then::Repeats(at(1), Some(short)),
        },
        Case {
            name: "the id of a placed order with another basket is a conflict",
            given: history([stocked("mug", 5), bought(anna, &mugs())]),
            when: place(anna, &[line("mug", 2)]),
            then: refuses(conflict("body.order_id")),
        },
        Case {
            name: "the id of a rejected order with another basket is a conflict",
            given: history([turned_away, stocked("mug", 5)]),
            when: place(anna, &[line("mug", 2)]),
            then: refuses(conflict("body.order_id")),
        },
    ]);
}

#[test]
fn the_same_command_again() {
    let id = command_made(T0, 1);
    let conflicting = did(
        count("jug", 1).under(id),
        vec![crate::domain::Event::CommandRejected(crate::domain::CommandRejected {
            kind: text("count_stock"),
            refusal: Refusal::UnknownSku { sku: sku("jug") },
            command_seq: None,
        })],
    );
    check([
        Case {
            name: "a count sent again is one count",
            given: history([stocked("mug", 5), did(count("mug", 4), vec![counted("mug", -1)])]),
            when: count("mug", 4),
            then: repeats(at(3)),
        },
        Case {
            name: "a count sent again after a sale is still that count, and not a new one",
            given: history([
                stocked("mug", 5),
                did(count("mug", 4), vec![counted("mug", -1)]),
                bought(order(1), &mugs()),
                settled(order(1), &mugs()),
            ]),
            when: count("mug", 4),
            then: repeats(at(3)),
        },
        Case {
            name: "a refused command sent again is refused with the same words",
            given: conflicting.clone(),
            when: count("jug", 1).under(id),
            then: Then::Repeats(at(1), Some(Refusal::UnknownSku { sku: sku("jug") })),
        },
        Case {
            name: "the id of a command with another body is a conflict, recorded under no id",
            given: history([
                stocked("mug", 5),
                did(count("mug", 4).under(id), vec![counted("mug", -1)]),
            ]),
            when: count("mug", 3).under(id),
            then: Then::RefusesId(conflict("command_id")),
        },
        Case {
            name: "the id of a refused command with another body is a conflict too",
            given: history([conflicting, stocked("mug", 5)]),
            when: count("mug", 3).under(id),
            then: Then::RefusesId(conflict("command_id")),
        },
        Case {
            name: "a decline sent again after a human took over is still that decline",
            given: history([
                stocked("mug", 5),
                bought(order(1), &mugs()),
                turned_down(order(1), &mugs()),
                did(
                    capture(order(1), 500),
                    vec![
                        captured("pay-1", order(1), 500),
                        attention(crate::domain::AttentionKind::LatePayment, order(1), "late"),
                    ],
                ),
            ]),
            when: decline(order(1), "lost_card"),
            then: repeats(at(4)),
        },
    ]);
}

#[test]
fn what_could_not_be_read() {
    let refusal = Refusal::Undecodable { problem: text("not a map") };
    let nameless = crate::domain::market::Request { id: None, ..unusable(refusal.clone()) };
    check([
        Case {
            name: "is refused and recorded under its id, when that could be read",
            given: vec![],
            when: unusable(refusal.clone()),
            then: refuses(refusal.clone()),
        },
        Case {
            name: "is refused and recorded under none otherwise",
            given: vec![],
            when: nameless,
            then: Then::RefusesId(refusal.clone()),
        },
        Case {
            name: "is recorded with its place in the command stream",
            given: vec![],
            when: unusable(refusal.clone()).published_at(42),
            then: refuses(refusal),
        },
    ]);
}

#[test]
fn ids_have_an_age() {
    let window = Policy::WINDOW;
    let (old, new) = (order_made(T0.before(window), 1), T0.after(Policy::SKEW_MAX));
    let too_old = T0.before(window + minutes(1));
    let too_new = T0.after(Policy::SKEW_MAX + minutes(1));
    let ahead = "is 360 s in the future, at most 300 s allowed";
    check([
        Case {
            name: "an order as old as ids are remembered is taken",
            given: stocked("mug", 5),
            when: place(old, &mugs()),
            then: appends(placed(old, &mugs())),
        },
        Case {
            name: "an older one is refused: it may have been placed and forgotten",
            given: stocked("mug", 5),
            when: place(order_made(too_old, 1), &mugs()),
            then: refuses(stale("body.order_id")),
        },
        Case {
            name: "an order made a little ahead of our clock is taken",
            given: stocked("mug", 5),
            when: place(order_made(new, 1), &mugs()),
            then: appends(placed(order_made(new, 1), &mugs())),
        },
        Case {
            name: "one made far ahead is refused: it would be remembered for longer",
            given: stocked("mug", 5),
            when: place(order_made(too_new, 1), &mugs()),
            then: refuses(Refusal::invalid("body.order_id", ahead)),
        },
        Case {
            name: "a command older than ids are remembered is refused, under no id",
            given: stocked("mug", 5),
            when: count("mug", 1).under(command_made(too_old, 1)),
            then: Then::RefusesId(stale("command_id")),
        },
        Case {
            name: "a command made far ahead is refused, under no id",
            given: stocked("mug", 5),
            when: count("mug", 1).under(command_made(too_new, 1)),
            then: Then::RefusesId(Refusal::invalid("command_id", ahead)),
        },
    ]);
}

/// Ids are remembered for a window of the shop's time. A command that waited longer than that in
/// its stream may be the second of its kind, however young it was when it arrived.
#[test]
fn a_retry_that_waited_in_the_stream_places_no_second_order() {
    let mut shop = Shop::default();
    shop.send(&list("mug", PRICE, "EUR"));
    shop.send(&receive("mug", 5, "first"));
    let first = place(order(1), &mugs());
    shop.send(&first);
    shop.send(&cancel(order(1)));
    // Published again an hour before its id gets too old, and found three days later.
    let again = first.asked_at(T0.after(hours(71)));
    shop.wait(hours(140));
    shop.send(&receive("mug", 5, "second").under(command_made(shop.now, 1)));
    let verdict = shop.send(&again);
    let Verdict::Append { refusal: Some(refusal), .. } = verdict else {
        panic!("a second order: {verdict:?}");
    };
    assert_eq!(refusal.code(), "stale_id");
}

/// Forgetting is part of the fold: it depends on the log and on nothing else.
#[test]
fn ids_are_forgotten_alike_by_whoever_folds() {
    let mut shop = Shop::default();
    shop.send(&list("mug", PRICE, "EUR"));
    shop.send(&receive("mug", 5, "first"));
    shop.send(&place(order(1), &mugs()));
    shop.send(&cancel(order(1)));
    shop.send(&decline(order(1), "lost_card"));
    shop.send(&place(order(2), &mugs()));
    shop.send(&capture(order(2), 500));
    shop.send(&place(order(3), &[line("mug", 99)]));
    shop.send(&count("jug", 1));
    let early = shop.log.len();
    // Every id above is older than the window by the next commit, and in another hour.
    shop.wait(Policy::WINDOW + hours(2));
    shop.send(&receive("mug", 1, "second").under(command_made(shop.now, 1)));

    assert!(shop.market.order(order(1)).is_none(), "what is closed and old is forgotten");
    assert!(shop.market.order(order(2)).is_some(), "what is still to be shipped is not");
    assert_eq!(frozen(&shop.market), frozen(&folded(&shop.log)));

    // A committer that started from a snapshot forgets at the same commit.
    let half = frozen(&folded(&shop.log[..early]));
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(&half);
    let mut resumed = crate::domain::Market::thaw(&mut deserializer).unwrap();
    for commit in &shop.log[early..] {
        resumed.begin(commit.sequence);
        for (index, record) in (0..).zip(&commit.records) {
            let at = crate::domain::Address::new(commit.sequence, index);
            resumed.evolve(at, record).unwrap();
        }
        resumed.finish(commit.at);
    }
    assert_eq!(frozen(&resumed), frozen(&shop.market));
}
