//! What comes of an attempt to take money.

use crate::domain::fixtures::*;
use crate::domain::payment::DeclineClass;
use crate::domain::{
    AttentionKind, CancelReason, Event, OrderLine, PaymentResult, RefundReason, RefundRequested,
    Refusal,
};

fn mugs() -> [OrderLine; 1] {
    [line("mug", 2)]
}

/// One order of two mugs waits for its 10 euros.
fn waiting() -> Facts {
    history([stocked("mug", 5), bought(order(1), &mugs())])
}

fn confirmed_order() -> Facts {
    history([waiting(), settled(order(1), &mugs())])
}

fn cancelled_order() -> Facts {
    history([waiting(), did(cancel(order(1)), cancelled(order(1), &mugs()))])
}

fn declined(code: &str) -> PaymentResult {
    PaymentResult::Declined { code: token(code) }
}

#[test]
fn money_that_came() {
    let anna = order(1);
    let in_yen = PaymentResult::Captured {
        amount_minor: amount(1_000),
        currency: currency("JPY"),
        provider_ref: token("pay-1"),
    };
    let mismatch = |money: Event, said: &str, refund: RefundRequested| {
        let reason = format!(
            "{said} captured as pay-1, owed were 10.00 EUR; it goes back, and the order is off"
        );
        let off = freed(anna, &mugs(), CancelReason::AmountMismatch);
        let told = attention(AttentionKind::AmountMismatch, anna, &reason);
        let back = Event::RefundRequested(refund);
        [vec![money], off, vec![back, told]].concat()
    };
    let back = |minor| refund_asked(1, anna, ("pay-1", minor), RefundReason::AmountMismatch);
    let mut yen = captured("pay-1", anna, 1_000);
    if let Event::PaymentCaptured(event) = &mut yen {
        event.currency = currency("JPY");
    }
    check([
        Case {
            name: "the goods become the buyer's, and the order is confirmed",
            given: waiting(),
            when: capture(anna, 1_000),
            then: appends(paid(anna, &mugs())),
        },
        Case {
            name: "one SKU on two lines is deducted once, for the sum",
            given: history([stocked("mug", 5), bought(anna, &[line("mug", 1), line("mug", 2)])]),
            when: capture(anna, 1_500),
            then: appends(paid(anna, &[line("mug", 1), line("mug", 2)])),
        },
        Case {
            name: "less than was owed confirms nothing: it goes back, and a human is told",
            given: waiting(),
            when: capture(anna, 999),
            then: appends(mismatch(captured("pay-1", anna, 999), "9.99 EUR", back(999))),
        },
        Case {
            name: "more than was owed is too",
            given: waiting(),
            when: capture(anna, 1_001),
            then: appends(mismatch(captured("pay-1", anna, 1_001), "10.01 EUR", back(1_001))),
        },
        Case {
            name: "the right number in the wrong currency is the wrong amount",
            given: waiting(),
            when: record(anna, 1, in_yen),
            then: appends(mismatch(
                yen,
                "1000 JPY",
                RefundRequested { currency: currency("JPY"), ..back(1_000) },
            )),
        },
    ]);
}

#[test]
fn money_that_did_not_come() {
    let anna = order(1);
    let off = |code, class| appends(abandoned(anna, &mugs(), (code, class)));
    check([
        Case {
            name: "a hard decline cancels the order and frees its stock at once",
            given: waiting(),
            when: decline(anna, "stolen_card"),
            then: off("stolen_card", DeclineClass::Hard),
        },
        Case {
            name: "a reason nobody knows is a hard one",
            given: waiting(),
            when: decline(anna, "moon_phase"),
            then: off("moon_phase", DeclineClass::Hard),
        },
        Case {
            name: "a decline told again changes nothing",
            given: history([waiting(), turned_down(anna, &mugs())]),
            when: decline(anna, "lost_card").under(command_made(T0, 1)),
            then: repeats(crate::domain::Address::new(crate::domain::Sequence(4), 1)),
        },
        Case {
            name: "a decline after the order was cancelled is noted, and has no effect",
            given: cancelled_order(),
            when: decline(anna, "lost_card"),
            then: appends(vec![noted(anna, declined("lost_card"))]),
        },
        Case {
            name: "an old decline after the money came is noted, and has no effect",
            given: confirmed_order(),
            when: decline(anna, "lost_card"),
            then: appends(vec![noted(anna, declined("lost_card"))]),
        },
    ]);
}

#[test]
fn whose_word_about_money_is_taken() {
    let anna = order(1);
    let free = [line_at("sample", 1, 0)];
    let given_away = history([
        did(list("sample", 0, "EUR"), vec![listed("sample", 0, "EUR")]),
        did(receive("sample", 1, "first"), vec![received("sample", 1, "first")]),
        did(place(anna, &free), [placed(anna, &free), confirmed(anna, &free)].concat()),
    ]);
    check([
        Case {
            name: "only the payer says that money came",
            given: waiting(),
            when: capture(anna, 1_000).by("web"),
            then: refuses(Refusal::Forbidden { source_name: text("web") }),
        },
        Case {
            name: "an order nobody knows cannot be paid",
            given: stocked("mug", 5),
            when: capture(anna, 1_000),
            then: refuses(Refusal::UnknownOrder),
        },
        Case {
            name: "an order that was rejected cannot be paid",
            given: history([
                stocked("mug", 1),
                did(
                    place(anna, &mugs()),
                    vec![rejected(anna, Refusal::UnknownSku { sku: sku("mug") })],
                ),
            ]),
            when: capture(anna, 1_000),
            then: refuses(Refusal::UnknownOrder),
        },
        Case {
            name: "an attempt that nobody asked for yet",
            given: waiting(),
            when: record(anna, 2, declined("lost_card")),
            then: refuses(Refusal::UnknownAttempt { attempt: 2, last: 1 }),
        },
        Case {
            name: "attempts are counted from one",
            given: waiting(),
            when: record(anna, 0, declined("lost_card")),
            then: refuses(Refusal::UnknownAttempt { attempt: 0, last: 1 }),
        },
        Case {
            name: "an order that cost nothing is not paid",
            given: given_away,
            when: capture(anna, 1_000),
            then: refuses(Refusal::UnknownAttempt { attempt: 1, last: 0 }),
        },
    ]);
}
