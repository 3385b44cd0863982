//! Money that goes back: on request, and what becomes of it.

use crate::domain::fixtures::*;
use crate::domain::payment::DeclineClass;
use crate::domain::{AttentionKind, Event, OrderLine, RefundReason, RefundResult, Refusal, Token};

const GONE: (&str, DeclineClass) = ("expired_or_canceled_card", DeclineClass::Hard);
const BUSY: (&str, DeclineClass) = ("processing_error", DeclineClass::Infra);

fn mugs() -> [OrderLine; 1] {
    [line("mug", 2)]
}

fn waiting() -> Facts {
    history([stocked("mug", 5), bought(order(1), &mugs())])
}

/// Two mugs are paid: 10 euros, as `pay-1`.
fn paid_order() -> Facts {
    history([waiting(), settled(order(1), &mugs())])
}

/// Four euros of it are to go back.
pub(super) fn asked() -> Facts {
    let wanted = refund_wanted(1, order(1), ("pay-1", 400), "c-1");
    history([paid_order(), did(refund(order(1), "c-1", Some(400)), vec![wanted])])
}

fn done() -> Facts {
    let said = record_refund(order(1), (1, 1), went_back(1));
    history([asked(), did(said, vec![refunded(1, order(1), 1, 400)])])
}

fn unseen() -> Facts {
    let said = record_refund(order(1), (1, 1), RefundResult::Unknown);
    history([asked(), did(said, vec![refund_unseen(1, order(1))])])
}

pub(super) fn given_up() -> Facts {
    let said = record_refund(order(1), (1, 1), declined(GONE.0));
    history([asked(), did(said, gives_up(1, "4.00 EUR"))])
}

fn gives_up(attempt: u8, amount: &str) -> Vec<Event> {
    let reason =
        format!("simulated will not give back {amount} of pay-1: expired_or_canceled_card");
    vec![
        refund_fails((1, attempt), order(1), GONE, false),
        attention(AttentionKind::RefundFailed, order(1), &reason),
    ]
}

fn came_back() -> Vec<Event> {
    let reason =
        "4.00 EUR of pay-1 was given back and came back to simulated: expired_or_canceled_card";
    vec![
        refund_fails((1, 1), order(1), GONE, false),
        attention(AttentionKind::RefundFailed, order(1), reason),
    ]
}

fn sent_back() -> Facts {
    let said = record_refund(order(1), (1, 1), declined(GONE.0));
    history([done(), did(said, came_back())])
}

fn done_by_the_second() -> Facts {
    let busy = record_refund(order(1), (1, 1), declined(BUSY.0));
    let said = record_refund(order(1), (1, 2), went_back(1));
    let failed = vec![refund_fails((1, 1), order(1), BUSY, true)];
    let done = refunded(1, order(1), 2, 400);
    history([asked(), did(busy, failed), did(said, vec![done])])
}

fn went_back(refund: u16) -> RefundResult {
    RefundResult::Refunded { provider_ref: token(&format!("re-{refund}")) }
}

fn declined(code: &str) -> RefundResult {
    RefundResult::Declined { code: token(code) }
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
    let all = did(refund(anna, "c-1", None), vec![refund_wanted(1, anna, ("pay-1", 1_000), "c-1")]);
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
            then: appends(vec![refund_wanted(1, anna, ("pay-1", 1_000), "c-1")]),
        },
        Case {
            name: "and then the rest of it",
            given: asked(),
            when: refund(anna, "c-2", None),
            then: appends(vec![refund_wanted(2, anna, ("pay-1", 600), "c-2")]),
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
            then: appends(vec![refund_wanted(2, anna, ("pay-1", 1_000), "c-2")]),
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
fn what_a_provider_says_of_a_refund() {
    let anna = order(1);
    let away = RefundResult::Failed { code: Token::GATEWAY_UNAVAILABLE };
    check([
        Case {
            name: "the money is the buyer's again",
            given: asked(),
            when: record_refund(anna, (1, 1), went_back(1)),
            then: appends(vec![refunded(1, anna, 1, 400)]),
        },
        Case {
            name: "told again it is the same refund",
            given: done(),
            when: record_refund(anna, (1, 1), went_back(1)).under(command_made(T0, 1)),
            then: repeats(at(6)),
        },
        Case {
            name: "a provider that was not well is asked again, under a new key",
            given: asked(),
            when: record_refund(anna, (1, 1), declined(BUSY.0)),
            then: appends(vec![refund_fails((1, 1), anna, BUSY, true)]),
        },
        Case {
            name: "a provider that nobody could reach is too",
            given: asked(),
            when: record_refund(anna, (1, 1), away.clone()),
            then: appends(vec![refund_fails(
                (1, 1),
                anna,
                ("gateway_unavailable", DeclineClass::Infra),
                true,
            )]),
        },
        Case {
            name: "a card that is gone is a human's business",
            given: asked(),
            when: record_refund(anna, (1, 1), declined(GONE.0)),
            then: appends(gives_up(1, "4.00 EUR")),
        },
        Case {
            name: "silence is recorded, and nothing is given back anew",
            given: asked(),
            when: record_refund(anna, (1, 1), RefundResult::Unknown),
            then: appends(vec![refund_unseen(1, anna)]),
        },
        Case {
            name: "silence is recorded once",
            given: unseen(),
            when: record_refund(anna, (1, 1), RefundResult::Unknown).under(command_made(T0, 1)),
            then: repeats(at(6)),
        },
        Case {
            name: "who cannot reach the provider cannot say that an unknown refund failed",
            given: unseen(),
            when: record_refund(anna, (1, 1), away),
            then: repeats(at(6)),
        },
        Case {
            name: "an unknown refund that is found is a refund",
            given: unseen(),
            when: record_refund(anna, (1, 1), went_back(1)),
            then: appends(vec![refunded(1, anna, 1, 400)]),
        },
        Case {
            name: "one that was given up and went through after all",
            given: given_up(),
            when: record_refund(anna, (1, 1), went_back(1)),
            then: appends(vec![refunded(1, anna, 1, 400)]),
        },
        Case {
            name: "one that the buyer's bank sent back is open again, and a human is told",
            given: done(),
            when: record_refund(anna, (1, 1), declined(GONE.0)).under(command_made(T0, 1)),
            then: appends(came_back()),
        },
        Case {
            name: "told again that it came back: noted",
            given: sent_back(),
            when: record_refund(anna, (1, 1), declined(GONE.0)).under(command_made(T0, 1)),
            then: appends(vec![refund_noted((1, 1), anna, declined(GONE.0))]),
        },
        Case {
            name: "what came back may be given back in another way, under another reference",
            given: sent_back(),
            when: refund(anna, "c-2", None),
            then: appends(vec![refund_wanted(2, anna, ("pay-1", 1_000), "c-2")]),
        },
        Case {
            name: "a failure of an older attempt, told after another went through, changes nothing",
            given: done_by_the_second(),
            when: record_refund(anna, (1, 1), declined(GONE.0)).under(command_made(T0, 1)),
            then: appends(vec![refund_noted((1, 1), anna, declined(GONE.0))]),
        },
        Case {
            name: "carried out twice: noted, and a human is told",
            given: done(),
            when: record_refund(anna, (1, 1), went_back(9)),
            then: appends(vec![
                refund_noted((1, 1), anna, went_back(9)),
                attention(
                    AttentionKind::RefundMismatch,
                    anna,
                    "refund 1 of 4.00 EUR of pay-1 was carried out again as re-9",
                ),
            ]),
        },
        Case {
            name: "a refund nobody asked for",
            given: paid_order(),
            when: record_refund(anna, (1, 1), went_back(1)),
            then: refuses(Refusal::UnknownRefund { refund: 1, last: 0 }),
        },
        Case {
            name: "an attempt nobody asked for",
            given: asked(),
            when: record_refund(anna, (1, 2), went_back(1)),
            then: refuses(Refusal::UnknownAttempt { attempt: 2, last: 1 }),
        },
        Case {
            name: "only the payer says what became of money",
            given: asked(),
            when: record_refund(anna, (1, 1), went_back(1)).by("web"),
            then: refuses(Refusal::Forbidden { source_name: text("web") }),
        },
    ]);
}

#[test]
fn the_fourth_failure_of_a_refund_is_the_last() {
    let anna = order(1);
    let failure = |attempt: u8| {
        let said = record_refund(anna, (1, attempt), declined(BUSY.0));
        did(said, vec![refund_fails((1, attempt), anna, BUSY, true)])
    };
    let reason = "simulated will not give back 4.00 EUR of pay-1: processing_error";
    check([Case {
        name: "three retries, and then a human",
        given: history([asked(), failure(1), failure(2), failure(3)]),
        when: record_refund(anna, (1, 4), declined(BUSY.0)),
        then: appends(vec![
            refund_fails((1, 4), anna, BUSY, false),
            attention(AttentionKind::RefundFailed, anna, reason),
        ]),
    }]);
}

#[test]
fn a_human_is_told_of_a_refund_that_stays_unknown_once_and_in_time() {
    let reason = "nobody says what became of attempt 1 to give back 4.00 EUR of pay-1; it is \
                  still asked after";
    let told = vec![attention(AttentionKind::RefundUnknown, order(1), reason)];
    assert_eq!(overdue_by(&unseen(), hold_end().before(minutes(1))), vec![]);
    assert_eq!(overdue_by(&unseen(), hold_end()), vec![(order(1), told.clone())]);
    let after = history([unseen(), expired(told)]);
    assert_eq!(overdue_by(&after, hold_end().after(hours(1))), vec![]);
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
