//! One payer, one provider that says what a test wants, and a clock that stands still.

mod bank;
mod interleavings;
mod scripted;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::drive::ToMake;
use super::pay::{Payer, Payments};
use crate::domain::fixtures::{T0, amount, currency, order, token};
use crate::domain::payment::{DeclineClasses, RetrySchedule};
use crate::domain::{Sequence, Timestamp};
use crate::port::model::ModelClock;
use crate::port::{Ask, Clock};
use crate::view::owed::{Owed, Way};
use scripted::{Asked, Says, Scripted, Told};

fn charge() -> ToMake {
    let owed = Owed {
        order_id: order(1),
        attempt: 1,
        idempotency_key: token("key-1"),
        amount_minor: amount(1_000),
        currency: currency("EUR"),
        way: Way::Charge { payment_method_token: token("tok_visa") },
        asked_at_ms: T0,
        key_made_at_ms: None,
        not_before_ms: None,
        off: false,
        trace: None,
        event_seq: Sequence(7),
    };
    ToMake { owed, may_be_out: false }
}

fn refund_by(connector: &str) -> ToMake {
    let way = Way::Refund { refund: 1, connector: token(connector), capture_ref: token("pay-1") };
    let mut attempt = charge();
    attempt.owed.way = way;
    attempt
}

/// What a payer asks and tells within `patience` of its own time, at `now`.
async fn pays(
    attempt: ToMake,
    lines: &[Says],
    when: (Timestamp, Duration),
) -> (Vec<Asked>, Vec<String>) {
    pays_all(vec![attempt], lines, when).await
}

async fn pays_all(
    attempts: Vec<ToMake>,
    lines: &[Says],
    (now, patience): (Timestamp, Duration),
) -> (Vec<Asked>, Vec<String>) {
    let lines = Mutex::new(lines.iter().cloned().collect());
    let gateway = Arc::new(Scripted { lines, asked: Mutex::default() });
    let told = Told::default();
    let clock = ModelClock::at(now);
    assert_eq!(clock.now(), now);
    let payer = Payer::new(
        Arc::clone(&gateway),
        (told.clone(), clock),
        Payments::default(),
        DeclineClasses::default(),
    );
    let (drive, stop) = (payer.drive(), CancellationToken::new());
    attempts.into_iter().for_each(|attempt| drive.pay(attempt));
    let _ = tokio::time::timeout(patience, payer.run(&stop)).await;
    let asked = gateway.asked.lock().unwrap().clone();
    (asked, told.words())
}

const MINUTE: Duration = Duration::from_secs(60);

/// How long the provider may take to carry out what it was asked.
const FINAL_AFTER: Duration = Duration::from_secs(15 * 60);

fn tomorrow() -> Timestamp {
    T0.after(Duration::from_secs(23 * 60 * 60))
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_told_once() {
    let (asked, told) = pays(charge(), &[Says::Captured], (T0, MINUTE)).await;
    assert_eq!((asked, told), (vec![Asked::Charge], vec!["captured".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_turns_an_attempt_away_three_times_has_failed_it() {
    let (asked, told) = pays(charge(), &[Says::Away], (T0, MINUTE)).await;
    assert_eq!(asked, [Asked::Charge; 3]);
    assert_eq!(told, ["failed gateway_unavailable"]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_may_be_out_never_fails_because_nobody_is_there() {
    let script = [Says::Silence, Says::Away, Says::Away, Says::Away, Says::Away, Says::Captured];
    let (asked, told) = pays(charge(), &script, (T0, 10 * MINUTE)).await;
    assert_eq!(asked, [Asked::Charge; 6]);
    assert_eq!(told, ["unknown", "captured"]);
    // Nor when another payer may have made it before.
    let mut taken_over = charge();
    taken_over.may_be_out = true;
    let (_, told) = pays(taken_over, &[Says::Away], (T0, 10 * MINUTE)).await;
    assert_eq!(told, Vec::<String>::new());
}

/// The server's timers have another clock; should none fire, this is how long a buyer waits.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_nobody_wait_for_longer_than_a_retry_may() {
    let mut attempt = charge();
    attempt.owed.not_before_ms = Some(T0.after(MINUTE));
    let yesterday = T0.before(Duration::from_secs(24 * 60 * 60));
    let patience = RetrySchedule::WINDOW + MINUTE;
    let (asked, told) = pays(attempt, &[Says::Captured], (yesterday, patience)).await;
    assert_eq!((asked, told), (vec![Asked::Charge], vec!["captured".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_provider_may_have_forgotten_is_looked_up_and_never_charged() {
    let (asked, told) = pays(charge(), &[Says::Captured], (tomorrow(), MINUTE)).await;
    assert_eq!((asked, told), (vec![Asked::Find], vec!["captured".to_owned()]));
    let (asked, told) = pays(charge(), &[Says::Nothing], (tomorrow(), MINUTE)).await;
    assert_eq!(asked, [Asked::Find; 5], "a few times may be too early to see it");
    assert_eq!(told, ["failed never_charged"]);
}

/// A call that went out before it was off may still be carried out: nobody waits to know, so it is
/// looked for until that cannot be any more.
#[tokio::test(start_paused = true)]
async fn an_order_that_is_off_is_looked_up_for_as_long_as_its_money_may_come() {
    let off = || {
        let mut off = charge();
        off.owed.off = true;
        off
    };
    let (asked, told) = pays(off(), &[Says::Nothing], (T0, FINAL_AFTER)).await;
    assert!(10 < asked.len() && asked.iter().all(|asked| *asked == Asked::Find), "{asked:?}");
    assert_eq!(told, Vec::<String>::new(), "it may still come");
    let (_, told) = pays(off(), &[Says::Nothing], (T0, FINAL_AFTER + 2 * MINUTE)).await;
    assert_eq!(told, ["failed never_charged"]);
    let late = [vec![Says::Nothing; 5], vec![Says::Captured]].concat();
    let (_, told) = pays(off(), &late, (T0, FINAL_AFTER)).await;
    assert_eq!(told, ["captured"], "so that it can go back");
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_is_not_final_is_asked_after_by_its_name_and_never_again_by_its_key() {
    let pending = || Says::NotYet(Ask::ByName(token("pay-1")));
    let script = [pending(), pending(), pending(), Says::Captured];
    let (asked, told) = pays(charge(), &script, (T0, MINUTE)).await;
    assert_eq!(asked, [Asked::Charge, Asked::LookUp, Asked::LookUp, Asked::LookUp]);
    assert_eq!(told, ["unknown", "captured"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_has_no_name_for_is_looked_for_by_our_key() {
    let script = [Says::NotYet(Ask::ByKey), Says::Nothing, Says::Captured];
    let (asked, told) = pays(charge(), &script, (T0, MINUTE)).await;
    assert_eq!(asked, [Asked::Charge, Asked::Find, Asked::Find]);
    assert_eq!(told, ["unknown", "captured"]);
    let script = [Says::NotYet(Ask::ByName(token("pay-1"))), Says::Nothing, Says::Captured];
    let (asked, _) = pays(charge(), &script, (T0, MINUTE)).await;
    assert_eq!(asked, [Asked::Charge, Asked::LookUp, Asked::Find], "nor one that nobody knows");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_meets_another_under_its_key_is_made_again() {
    let script = [Says::NotYet(Ask::Again), Says::Captured];
    let (asked, told) = pays(charge(), &script, (T0, MINUTE)).await;
    assert_eq!(asked, [Asked::Charge; 2]);
    assert_eq!(told, ["unknown", "captured"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_is_asked_after_at_2_5_10_30_and_60_seconds() {
    let mut calls: Vec<u64> = Vec::new();
    for second in 0..180 {
        let when = (T0, Duration::from_secs(second) + Duration::from_millis(1));
        let (asked, _) = pays(charge(), &[Says::Silence], when).await;
        calls.resize(asked.len(), second);
    }
    assert_eq!(calls, [0, 2, 7, 17, 47, 107, 167]);
}

/// It is as likely at another address as away: nothing is the order's fault.
#[tokio::test(start_paused = true)]
async fn a_provider_that_was_never_met_fails_no_order() {
    let (_, told) = pays(charge(), &[Says::Nobody], (T0, 10 * MINUTE)).await;
    assert_eq!(told, Vec::<String>::new());
    let script = [vec![Says::Nobody; 6], vec![Says::Captured]].concat();
    let (_, told) = pays(charge(), &script, (T0, 10 * MINUTE)).await;
    assert_eq!(told, ["captured"]);
    // One that was met and is gone is away, and that is the retry plan's business.
    let script = [Says::Captured, Says::Nobody];
    let both = vec![of(2, charge()), of(3, charge())];
    let (_, told) = pays_all(both, &script, (T0, MINUTE)).await;
    assert_eq!(told, ["captured", "failed gateway_unavailable"]);
}

/// Its key was made a moment ago, however old the debt is.
#[tokio::test(start_paused = true)]
async fn a_refund_that_is_tried_again_after_days_is_called_for() {
    let mut late = refund_by("simulated");
    (late.owed.attempt, late.owed.key_made_at_ms) = (2, Some(tomorrow()));
    let (asked, told) = pays(late, &[Says::Refunded], (tomorrow(), MINUTE)).await;
    assert_eq!((asked, told), (vec![Asked::Refund], vec!["refunded".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_fail_no_order_and_are_tried_until_they_are_right() {
    let script = [Says::WrongKey, Says::WrongKey, Says::WrongKey, Says::WrongKey, Says::Captured];
    let (asked, told) = pays(charge(), &script, (T0, 10 * MINUTE)).await;
    assert_eq!(asked, [Asked::Charge; 5]);
    assert_eq!(told, ["captured"]);
}

#[tokio::test(start_paused = true)]
async fn money_goes_back_like_it_came() {
    let script = [Says::Away, Says::Silence, Says::Refunded];
    let (asked, told) = pays(refund_by("simulated"), &script, (T0, MINUTE)).await;
    assert_eq!(asked, [Asked::Refund; 3]);
    assert_eq!(told, ["unknown", "refunded"]);
    let (asked, _) = pays(refund_by("simulated"), &[Says::Refunded], (tomorrow(), MINUTE)).await;
    assert_eq!(asked, [Asked::FindRefund]);
}

#[tokio::test(start_paused = true)]
async fn money_goes_back_by_whoever_took_it_and_by_nobody_else() {
    let (asked, told) = pays(refund_by("another"), &[Says::Refunded], (T0, 10 * MINUTE)).await;
    assert_eq!((asked, told), (vec![], vec![]));
}

fn of(number: u8, mut attempt: ToMake) -> ToMake {
    attempt.owed.order_id = order(number);
    attempt
}

/// A provider that answers is there, whatever it says of one order.
#[tokio::test(start_paused = true)]
async fn orders_that_are_not_final_hold_up_nobody() {
    let at_once = Duration::from_millis(500);
    for ask in [Ask::Again, Ask::ByKey, Ask::ByName(token("pay-1"))] {
        let mut all: Vec<_> = (2..40).map(|number| of(number, charge())).collect();
        all.push(charge());
        let script = [vec![Says::NotYet(ask); 38], vec![Says::Captured]].concat();
        let (asked, told) = pays_all(all, &script, (T0, at_once)).await;
        assert_eq!(asked, [Asked::Charge; 39]);
        assert_eq!(told.last().map(String::as_str), Some("captured"), "{told:?}");
    }
}

/// What only concerns one order does not keep the others from paying.
#[tokio::test(start_paused = true)]
async fn refunds_of_another_provider_and_looks_that_fail_hold_up_nobody() {
    let at_once = Duration::from_millis(500);
    let mut all: Vec<_> = (2..40).map(|number| of(number, refund_by("another"))).collect();
    all.push(charge());
    let (asked, told) = pays_all(all, &[Says::Captured], (T0, at_once)).await;
    assert_eq!((asked, told), (vec![Asked::Charge], vec!["captured".to_owned()]));
    // Their keys are old, so they are looked up; the charge is of today.
    let mut all: Vec<_> = (2..40).map(|number| of(number, charge())).collect();
    let mut fresh = charge();
    fresh.owed.asked_at_ms = tomorrow();
    all.push(fresh);
    let script = [vec![Says::Away; 38], vec![Says::Captured]].concat();
    let (asked, told) = pays_all(all, &script, (tomorrow(), Duration::from_millis(50))).await;
    assert_eq!(asked.iter().filter(|asked| **asked == Asked::Find).count(), 38);
    assert_eq!(told, ["captured"], "nobody left the provider alone");
}
