//! What becomes of money that is to go back.

use super::refunding::{
    BUSY, GONE, all_back, asked, came_back, declined, done, done_by_the_second, given_up, gives_up,
    paid_order, sent_back, unseen, went_back,
};
use crate::domain::fixtures::*;
use crate::domain::payment::DeclineClass;
use crate::domain::{AttentionKind, Policy, RefundResult, Refusal, Token};

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
            then: appends(gives_up((1, 1), "4.00 EUR")),
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
            then: appends(all_back(2, 1_000, "c-2")),
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
                attention_to(
                    AttentionKind::RefundMismatch,
                    (anna, 1),
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
            attention_to(AttentionKind::RefundFailed, (anna, 1), reason),
        ]),
    }]);
}

#[test]
fn a_human_is_told_of_a_refund_that_stays_unknown_once_and_in_time() {
    let reason = "nobody says what became of attempt 1 to give back 4.00 EUR of pay-1; it is \
                  still asked after";
    let told = vec![attention_to(AttentionKind::RefundUnknown, (order(1), 1), reason)];
    assert_eq!(overdue_by(&unseen(), hold_end().before(minutes(1))), vec![]);
    assert_eq!(overdue_by(&unseen(), hold_end()), vec![(order(1), told.clone())]);
    let after = history([unseen(), expired(told)]);
    assert_eq!(overdue_by(&after, hold_end().after(hours(1))), vec![]);
}

#[test]
fn a_human_is_told_of_a_refund_that_nobody_carries_out() {
    let reason = "nobody has given back 4.00 EUR of pay-1 yet, attempt 1 is asked for: look at \
                  `kassa doctor`, whether a payer runs and its provider is the one that took it";
    let told = vec![attention_to(AttentionKind::RefundUnknown, (order(1), 1), reason)];
    let then = T0.after(Policy::REFUND_PATIENCE);
    assert_eq!(overdue_by(&asked(), then.before(minutes(1))), vec![]);
    assert_eq!(overdue_by(&asked(), then), vec![(order(1), told.clone())]);
    let after = history([asked(), expired(told)]);
    assert_eq!(overdue_by(&after, then.after(hours(1))), vec![], "once");
    assert_eq!(overdue_by(&done(), then), vec![], "and not of one that is over");
}
