//! What follows a payment that failed: another attempt, the buyer, or the end.

use std::collections::BTreeMap;

use crate::domain::fixtures::*;
use crate::domain::market::Verdict;
use crate::domain::payment::{DeclineClass, DeclineClasses};
use crate::domain::{
    AttentionKind, Event, OrderLine, PaymentResult, PaymentUnknown, Policy, Refusal,
};

const SOFT: (&str, DeclineClass) = ("do_not_honor", DeclineClass::Soft);
const INFRA: (&str, DeclineClass) = ("processing_error", DeclineClass::Infra);

fn mugs() -> [OrderLine; 1] {
    [line("mug", 2)]
}

/// One order of two mugs waits for its 10 euros.
fn waiting() -> Facts {
    history([stocked("mug", 5), bought(order(1), &mugs())])
}

/// So many attempts of it have failed.
fn failed(times: u8) -> Facts {
    let failure = |attempt| {
        did(decline_of(attempt, order(1), SOFT.0), vec![retried(attempt, order(1), SOFT)])
    };
    waiting().into_iter().chain((1..=times).flat_map(failure)).collect()
}

/// Its buyer was asked for another card after the first attempt.
fn asked() -> Facts {
    let no_funds = decline(order(1), "insufficient_funds");
    history([waiting(), did(no_funds, vec![buyer_asked(1, order(1), "insufficient_funds")])])
}

fn changed() -> Facts {
    let other = requested(2, order(1), &mugs(), "pm_other");
    history([asked(), did(change(order(1), "pm_other"), vec![other])])
}

fn turned_away() -> PaymentResult {
    PaymentResult::Failed { code: token("gateway_unavailable") }
}

#[test]
fn a_failure_that_may_pass_is_followed_by_another_attempt() {
    let anna = order(1);
    check([
        Case {
            name: "a bank that would not say why is asked again, under a new key",
            given: waiting(),
            when: decline(anna, SOFT.0),
            then: appends(vec![retried(1, anna, SOFT)]),
        },
        Case {
            name: "a provider that was not well is too",
            given: waiting(),
            when: decline(anna, INFRA.0),
            then: appends(vec![retried(1, anna, INFRA)]),
        },
        Case {
            name: "a provider that nobody could reach is too",
            given: waiting(),
            when: record(anna, 1, turned_away()),
            then: appends(vec![retried(1, anna, ("gateway_unavailable", DeclineClass::Infra))]),
        },
        Case {
            name: "the third failure is followed by the fourth attempt",
            given: failed(2),
            when: decline_of(3, anna, SOFT.0),
            then: appends(vec![retried(3, anna, SOFT)]),
        },
        Case {
            name: "the fourth failure is the last: the order is off, its stock free",
            given: failed(3),
            when: decline_of(4, anna, SOFT.0),
            then: appends(abandoned_at(4, anna, &mugs(), SOFT)),
        },
        Case {
            name: "a hard no to a retry is the last word as well",
            given: failed(1),
            when: decline_of(2, anna, "stolen_card"),
            then: appends(abandoned_at(2, anna, &mugs(), ("stolen_card", DeclineClass::Hard))),
        },
        Case {
            name: "a retry that would outlive its hold is not made",
            given: waiting(),
            when: decline(anna, SOFT.0).asked_at(hold_end().before(minutes(1))),
            then: appends(abandoned(anna, &mugs(), SOFT)),
        },
    ]);
}

#[test]
fn news_of_an_attempt_that_another_has_followed() {
    let anna = order(1);
    let declined = PaymentResult::Declined { code: token(SOFT.0) };
    check([
        Case {
            name: "its failure told again is noted, and plans no other retry",
            given: failed(1),
            when: decline(anna, SOFT.0).under(command_made(T0, 1)),
            then: appends(vec![noted(anna, declined)]),
        },
        Case {
            name: "its hard no comes too late to end the order",
            given: failed(1),
            when: decline(anna, "stolen_card").under(command_made(T0, 1)),
            then: appends(vec![noted(
                anna,
                PaymentResult::Declined { code: token("stolen_card") },
            )]),
        },
        Case {
            name: "its money is money: the order is confirmed",
            given: failed(1),
            when: capture(anna, 1_000),
            then: appends(paid(anna, &mugs())),
        },
        Case {
            name: "an attempt that nobody asked for is refused",
            given: failed(1),
            when: decline_of(3, anna, SOFT.0),
            then: refuses(Refusal::UnknownAttempt { attempt: 3, last: 2 }),
        },
    ]);
}

#[test]
fn a_failure_that_only_the_buyer_can_mend_is_told_to_the_buyer() {
    let anna = order(1);
    let busy = "placed, and an attempt to take the money is under way";
    check([
        Case {
            name: "no money on the account: the hold is kept, and nothing is tried blindly",
            given: waiting(),
            when: decline(anna, "insufficient_funds"),
            then: appends(vec![buyer_asked(1, anna, "insufficient_funds")]),
        },
        Case {
            name: "that the buyer is asked is told once",
            given: asked(),
            when: decline(anna, "insufficient_funds").under(command_made(T0, 1)),
            then: repeats(at(4)),
        },
        Case {
            name: "another card is another attempt, at once",
            given: asked(),
            when: change(anna, "pm_other"),
            then: appends(vec![requested(2, anna, &mugs(), "pm_other")]),
        },
        Case {
            name: "another card is charged once, however often it is given",
            given: changed(),
            when: change(anna, "pm_other").under(command_made(T0, 1)),
            then: refuses(Refusal::WrongState { state: text(busy) }),
        },
        Case {
            name: "a card nobody asked for is not taken while an attempt is under way",
            given: waiting(),
            when: change(anna, "pm_other"),
            then: refuses(Refusal::WrongState { state: text(busy) }),
        },
        Case {
            name: "nor while a retry waits for its moment",
            given: failed(1),
            when: change(anna, "pm_other"),
            then: refuses(Refusal::WrongState { state: text(busy) }),
        },
        Case {
            name: "nor for an order that is off",
            given: history([asked(), did(cancel(anna), cancelled(anna, &mugs()))]),
            when: change(anna, "pm_other"),
            then: refuses(Refusal::WrongState { state: text("cancelled") }),
        },
        Case {
            name: "nor for an order nobody knows",
            given: stocked("mug", 5),
            when: change(anna, "pm_other"),
            then: refuses(Refusal::UnknownOrder),
        },
        Case {
            name: "the other card pays",
            given: changed(),
            when: capture(anna, 1_000),
            then: appends(paid(anna, &mugs())),
        },
        Case {
            name: "a buyer is asked as long as there is an attempt left",
            given: failed(3),
            when: decline_of(4, anna, "insufficient_funds"),
            then: appends(abandoned_at(
                4,
                anna,
                &mugs(),
                ("insufficient_funds", DeclineClass::Customer),
            )),
        },
        Case {
            name: "a buyer who was asked may still walk away",
            given: asked(),
            when: cancel(anna),
            then: appends(cancelled(anna, &mugs())),
        },
    ]);
}

fn unseen() -> Facts {
    history([
        waiting(),
        did(record(order(1), 1, PaymentResult::Unknown), vec![unknown(1, order(1))]),
    ])
}

#[test]
fn an_attempt_of_which_nobody_can_say_what_became() {
    let anna = order(1);
    let unknown_again = record(anna, 1, PaymentResult::Unknown).under(command_made(T0, 1));
    let much_later = hold_end().before(minutes(1));
    check([
        Case {
            name: "nothing is given up for it, and nothing tried anew",
            given: waiting(),
            when: record(anna, 1, PaymentResult::Unknown),
            then: appends(vec![unknown(1, anna)]),
        },
        Case {
            name: "its hold is long enough to find out",
            given: waiting(),
            when: record(anna, 1, PaymentResult::Unknown).asked_at(much_later),
            then: appends(vec![Event::PaymentUnknown(PaymentUnknown {
                order_id: anna,
                attempt: 1,
                connector: token("simulated"),
                hold_until: much_later.after(Policy::default().unknown_hold),
            })]),
        },
        Case {
            name: "it is told once",
            given: unseen(),
            when: unknown_again,
            then: repeats(at(4)),
        },
        Case {
            name: "it turns out to have been paid",
            given: unseen(),
            when: capture(anna, 1_000),
            then: appends(paid(anna, &mugs())),
        },
        Case {
            name: "it turns out to have failed, and is tried again",
            given: unseen(),
            when: decline(anna, SOFT.0),
            then: appends(vec![retried(1, anna, SOFT)]),
        },
        Case {
            name: "it turns out to have been refused for good",
            given: unseen(),
            when: decline(anna, "stolen_card"),
            then: appends(abandoned(anna, &mugs(), ("stolen_card", DeclineClass::Hard))),
        },
        Case {
            name: "who cannot reach the provider cannot say that it failed",
            given: unseen(),
            when: record(anna, 1, turned_away()),
            then: repeats(at(4)),
        },
        Case {
            name: "who looked for it and found nothing can, and it is tried again",
            given: unseen(),
            when: record(anna, 1, PaymentResult::Failed { code: token("never_charged") }),
            then: appends(vec![retried(1, anna, ("never_charged", DeclineClass::Infra))]),
        },
        Case {
            name: "no other card is taken before it is known",
            given: unseen(),
            when: change(anna, "pm_other"),
            then: refuses(Refusal::WrongState {
                state: text("placed, and an attempt to take the money is under way"),
            }),
        },
        Case {
            name: "an older attempt that is unknown is noted",
            given: failed(1),
            when: record(anna, 1, PaymentResult::Unknown),
            then: appends(vec![noted(anna, PaymentResult::Unknown)]),
        },
        Case {
            name: "the buyer may walk away from it",
            given: unseen(),
            when: cancel(anna),
            then: appends(cancelled(anna, &mugs())),
        },
    ]);
}

#[test]
fn what_nobody_could_say_in_time_ends_the_hold_and_is_told_to_a_human() {
    let anna = order(1);
    let reason = format!(
        "simulated never said what became of attempt 1 (key {anna}-1) for 10.00 EUR; the stock is \
         free again"
    );
    let mut over = expiry(anna, &mugs());
    let mut told = attention(AttentionKind::PaymentUnknown, anna, &reason);
    let Event::AttentionRaised(raised) = &mut told else { unreachable!() };
    raised.attempt = Some(1);
    over.push(told);
    assert_eq!(overdue_by(&unseen(), hold_end()), vec![(anna, over.clone())]);
    // Money that is found afterwards is late money.
    check([Case {
        name: "money that is found afterwards is late, and the order goes on",
        given: history([unseen(), expired(over)]),
        when: capture(anna, 1_000),
        then: appends([vec![captured("pay-1", anna, 1_000)], reinstated(anna, &mugs())].concat()),
    }]);
}

#[test]
fn a_buyer_who_does_not_answer_loses_the_hold_at_its_deadline() {
    let ended = overdue_by(&asked(), hold_end());
    assert_eq!(ended, vec![(order(1), expiry(order(1), &mugs()))]);
    assert_eq!(overdue_by(&asked(), hold_end().before(minutes(1))), vec![]);
}

#[test]
fn a_shop_may_class_a_code_its_own_way() {
    let own = BTreeMap::from([(token("do_not_honor"), DeclineClass::Hard)]);
    let classes = DeclineClasses::with(BTreeMap::from([(token("simulated"), own)]));
    let policy = Policy { classes, ..Policy::default() };
    let verdict = fold(&waiting()).decide(&decline(order(1), "do_not_honor"), T0, &policy);
    let Verdict::Append { records, .. } = verdict else { panic!("{verdict:?}") };
    assert!(matches!(records[0].event, Event::PaymentAbandoned(_)), "{records:?}");
}

/// Attempts that take their time, or a silence in between, do not make the plan longer.
#[test]
fn no_retry_is_later_than_ten_minutes_after_the_first_failure() {
    for (minute, goes_on) in [(5, true), (9, false)] {
        let now = T0.after(minutes(minute));
        let said = decline_of(2, order(1), SOFT.0);
        let verdict = fold(&failed(1)).decide(&said, now, &Policy::default());
        let Verdict::Append { records, .. } = verdict else { panic!("{verdict:?}") };
        let is_tried = matches!(&records[0].event, Event::PaymentFailed(e) if e.retry.is_some());
        assert_eq!(is_tried, goes_on, "its hold would last: {records:?}");
    }
}
