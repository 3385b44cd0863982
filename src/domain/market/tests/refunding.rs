//! Money that goes back: on request, and what becomes of it.

use crate::domain::fixtures::*;
use crate::domain::payment::DeclineClass;
use crate::domain::{AttentionKind, Event, OrderLine, RefundReason, RefundResult, Refusal};

pub(super) const GONE: (&str, DeclineClass) = ("expired_or_canceled_card", DeclineClass::Hard);
pub(super) const BUSY: (&str, DeclineClass) = ("processing_error", DeclineClass::Infra);

fn mugs() -> [OrderLine; 1] {
    [line("mug", 2)]
}

fn waiting() -> Facts {
    history([stocked("mug", 5), bought(order(1), &mugs())])
}

/// Two mugs are paid: 10 euros, as `pay-1`.
pub(super) fn paid_order() -> Facts {
    history([waiting(), settled(order(1), &mugs())])
}

/// Four euros of it are to go back.
pub(super) fn asked() -> Facts {
    let wanted = refund_wanted(1, order(1), ("pay-1", 400), "c-1");
    history([paid_order(), did(refund(order(1), "c-1", Some(400)), vec![wanted])])
}

pub(super) fn done() -> Facts {
    let said = record_refund(order(1), (1, 1), went_back(1));
    history([asked(), did(said, vec![refunded(1, order(1), 1, 400)])])
}

pub(super) fn unseen() -> Facts {
    let said = record_refund(order(1), (1, 1), RefundResult::Unknown);
    history([asked(), did(said, vec![refund_unseen(1, order(1))])])
}

pub(super) fn given_up() -> Facts {
    let said = record_refund(order(1), (1, 1), declined(GONE.0));
    history([asked(), did(said, gives_up((1, 1), "4.00 EUR"))])
}

pub(super) fn gives_up((refund, attempt): (u16, u8), amount: &str) -> Vec<Event> {
    let reason =
        format!("simulated will not give back {amount} of pay-1: expired_or_canceled_card");
    vec![
        refund_fails((refund, attempt), order(1), GONE, false),
        attention_to(AttentionKind::RefundFailed, (order(1), refund), &reason),
    ]
}

pub(super) fn came_back() -> Vec<Event> {
    let reason =
        "4.00 EUR of pay-1 was given back and came back to simulated: expired_or_canceled_card";
    vec![
        refund_fails((1, 1), order(1), GONE, false),
        attention_to(AttentionKind::RefundFailed, (order(1), 1), reason),
    ]
}

pub(super) fn sent_back() -> Facts {
    let said = record_refund(order(1), (1, 1), declined(GONE.0));
    history([done(), did(said, came_back())])
}

pub(super) fn done_by_the_second() -> Facts {
    let busy = record_refund(order(1), (1, 1), declined(BUSY.0));
    let said = record_refund(order(1), (1, 2), went_back(1));
    let failed = vec![refund_fails((1, 1), order(1), BUSY, true)];
    let done = refunded(1, order(1), 2, 400);
    history([asked(), did(busy, failed), did(said, vec![done])])
}

pub(super) fn went_back(refund: u16) -> RefundResult {
    RefundResult::Refunded { provider_ref: token(&format!("re-{refund}")) }
}

pub(super) fn declined(code: &str) -> RefundResult {
    RefundResult::Declined { code: token(code) }
}

/// Nothing of the money is to stay, and the goods are in the building: the order is off.
pub(super) fn all_back(number: u16, minor: u64, under: &str) -> Vec<Event> {
    let mut events = undone(order(1), &mugs());
    events[0] = called_off(order(1), "a scratch");
    events.pop();
    events.push(refund_wanted(number, order(1), ("pay-1", minor), under));
    events
}

fn left() -> Event {
    shipped(order(1), "s-1", &[], false)
}

fn wrong(state: &str) -> Then {
    refuses(Refusal::WrongState { state: text(state) })
}

fn too_large(wanted_minor: u64, left_minor: u64) -> Then {
    refuses(Refusal::RefundTooLarge { wanted_minor, left_minor })
}

#[test]
fn asking_for_money_back() {
    let anna = order(1);
    let all = did(refund(anna, "c-1", None), all_back(1, 1_000, "c-1"));
    let mut in_yen = refund(anna, "c-1", Some(400));
    if let crate::domain::market::Intent::Command(crate::domain::Command::RefundOrder(command)) =
        &mut in_yen.intent
    {
        command.currency = Some(currency("JPY"));
    }
    check([
        Case {
            name: "a part of it",
            given: paid_order(),
            when: refund(anna, "c-1", Some(400)),
            then: appends(vec![refund_wanted(1, anna, ("pay-1", 400), "c-1")]),
        },
        Case {
            name: "all of it, when nobody says how much",
            given: paid_order(),
            when: refund(anna, "c-1", None),
            then: appends(all_back(1, 1_000, "c-1")),
        },
        Case {
            name: "and then the rest of it",
            given: asked(),
            when: refund(anna, "c-2", None),
            then: appends(all_back(2, 600, "c-2")),
        },
        Case {
            name: "the rest of it, said in figures",
            given: asked(),
            when: refund(anna, "c-2", Some(600)),
            then: appends(all_back(2, 600, "c-2")),
        },
        Case {
            name: "all of it, when goods have left: they are not called back",
            given: history([paid_order(), did(fulfil(anna, "s-1"), vec![left()])]),
            when: refund(anna, "c-1", None),
            then: appends(vec![refund_wanted(1, anna, ("pay-1", 1_000), "c-1")]),
        },
        Case {
            name: "what is on its way is not there to be given back again",
            given: asked(),
            when: refund(anna, "c-2", Some(601)),
            then: too_large(601, 600),
        },
        Case {
            name: "nor is what has gone back",
            given: done(),
            when: refund(anna, "c-2", Some(601)),
            then: too_large(601, 600),
        },
        Case {
            name: "what could not go back is still there",
            given: given_up(),
            when: refund(anna, "c-2", Some(1_000)),
            then: appends(all_back(2, 1_000, "c-2")),
        },
        Case {
            name: "under the reference of a refund that failed nobody is told that it is done",
            given: given_up(),
            when: refund(anna, "c-1", Some(400)).under(command_made(T0, 1)),
            then: wrong(
                "with a refund of that reference that failed: retry its attention item, or ask \
                 under another reference",
            ),
        },
        Case {
            name: "nothing is left",
            given: history([paid_order(), all]),
            when: refund(anna, "c-2", None),
            then: too_large(0, 0),
        },
        Case {
            name: "under one reference money goes back once",
            given: asked(),
            when: refund(anna, "c-1", Some(400)).under(command_made(T0, 1)),
            then: repeats(at(5)),
        },
        Case {
            name: "under one reference another amount is a conflict",
            given: asked(),
            when: refund(anna, "c-1", Some(500)),
            then: refuses(Refusal::IdConflict { field: text("body.reference") }),
        },
        Case {
            name: "nothing is no amount",
            given: paid_order(),
            when: refund(anna, "c-1", Some(0)),
            then: refuses(Refusal::invalid("body.amount_minor", "is 0, must be at least 1")),
        },
        Case {
            name: "in another currency than it came in",
            given: paid_order(),
            when: in_yen,
            then: refuses(Refusal::invalid("body.currency", "is JPY, the money came in EUR")),
        },
        Case {
            name: "before any money came",
            given: waiting(),
            when: refund(anna, "c-1", None),
            then: wrong("placed"),
        },
        Case {
            name: "of an order nobody knows",
            given: stocked("mug", 1),
            when: refund(anna, "c-1", None),
            then: refuses(Refusal::UnknownOrder),
        },
    ]);
}

#[test]
fn calling_off_what_is_paid_gives_back_goods_and_money() {
    let anna = order(1);
    let rest = refund_asked(2, anna, ("pay-1", 600), RefundReason::Cancelled);
    let mut after_a_part = undone(anna, &mugs());
    after_a_part.pop();
    after_a_part.push(Event::RefundRequested(rest));
    check([
        Case {
            name: "all of both",
            given: paid_order(),
            when: cancel(anna),
            then: appends(undone(anna, &mugs())),
        },
        Case {
            name: "all of the goods, and what is left of the money",
            given: asked(),
            when: cancel(anna),
            then: appends(after_a_part),
        },
        Case {
            name: "calling it off again changes nothing",
            given: history([paid_order(), did(cancel(anna), undone(anna, &mugs()))]),
            when: cancel(anna).under(command_made(T0, 1)),
            then: repeats(crate::domain::Address::new(crate::domain::Sequence(5), 1)),
        },
    ]);
    let off = fold(&history([paid_order(), did(cancel(anna), undone(anna, &mugs()))]));
    assert_eq!(off.item(&sku("mug")).unwrap().stock.available(), 5);
    assert_eq!(off.order(anna).unwrap().state(), "refunding");
    assert!(!off.order(anna).unwrap().is_closed(), "its money has not gone back yet");
}
