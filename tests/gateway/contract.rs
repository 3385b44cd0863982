//! The promises of a provider, on each of them.

use std::time::{Duration, Instant};

use futures::future::join_all;
use kassa::domain::{Amount, Currency, PaymentResult, RefundResult, Timestamp};
use kassa::port::{
    Ask, Charge, Clock, Gateway, GatewayError, GiveBack, Movement, News, SystemClock,
};

use super::provider::{attempt, charge, give_back, just_called, listed, new_order, paid, token};

/// Far above what anything here takes, so that a failure is one.
const PATIENCE: Duration = Duration::from_secs(20);

/// Half of a hundred thousand.
const HALF: u64 = 50_000;

/// Somebody who does not give up.
async fn insist<T>(mut ask: impl AsyncFnMut() -> Result<T, GatewayError>) -> T {
    for _ in 0..100 {
        match ask().await {
            Ok(answer) => return answer,
            Err(
                GatewayError::Unknown(_)
                | GatewayError::Unavailable(_)
                | GatewayError::Pending { .. },
            ) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("a hundred answers in a row were lost");
}

pub(super) async fn a_good_card_is_charged_for_the_whole_amount<G: Gateway>(gateway: G) {
    for (code, minor) in [("EUR", 1_250), ("JPY", 1_250), ("KWD", 12_500), ("ISK", 1_250)] {
        let (currency, amount) = (Currency::from_code(code), Amount::new(minor));
        let currency = currency.unwrap();
        let charge = Charge { currency, amount: amount.unwrap(), ..charge("pm_card_visa") };
        let result = gateway.charge(&charge).await.unwrap();
        let PaymentResult::Captured { amount_minor, currency: taken, .. } = result else {
            panic!("{result:?}")
        };
        assert_eq!((amount_minor, taken), (charge.amount, currency));
    }
}

pub(super) async fn one_key_is_one_charge_however_often_it_is_called<G: Gateway>(gateway: G) {
    let charge = charge("pm_card_visa");
    let first = gateway.charge(&charge).await.unwrap();
    for _ in 0..3 {
        assert_eq!(gateway.charge(&charge).await.unwrap(), first);
    }
    assert_eq!(listed(&gateway).await.len(), 1);
}

pub(super) async fn callers_at_the_same_time_under_one_key_are_one_charge<G: Gateway>(gateway: G) {
    let charge = charge("pm_card_visa");
    let calls = join_all((0..20).map(|_| gateway.charge(&charge))).await;
    // Whoever comes second may be told that it is under way.
    let answered: Vec<_> = calls.into_iter().filter_map(Result::ok).collect();
    let first = insist(async || gateway.charge(&charge).await).await;
    assert!(answered.iter().all(|result| *result == first), "{answered:?}");
    assert_eq!(listed(&gateway).await.len(), 1);
}

pub(super) async fn another_attempt_is_another_charge<G: Gateway>(gateway: G) {
    let order_id = new_order();
    let refs = join_all(
        (1..=2)
            .map(async |number| paid(&gateway, &attempt(order_id, number, "pm_card_visa")).await),
    );
    let refs = refs.await;
    assert_ne!(refs[0], refs[1]);
    assert_eq!(listed(&gateway).await.len(), 2);
}

pub(super) async fn a_declined_card_says_why_and_says_it_again<G: Gateway>(gateway: G) {
    for code in ["insufficient_funds", "incorrect_cvc", "do_not_honor", "expired_card"] {
        let charge = charge(&format!("decline_{code}"));
        for _ in 0..2 {
            let result = gateway.charge(&charge).await.unwrap();
            assert_eq!(result, PaymentResult::Declined { code: token(code) });
        }
        let found = gateway.find(&charge, just_called()).await.unwrap();
        assert_eq!(found, Some(PaymentResult::Declined { code: token(code) }));
    }
    assert_eq!(listed(&gateway).await, []);
}

pub(super) async fn a_card_may_be_declined_once_and_pass_the_next_time<G: Gateway>(gateway: G) {
    let order_id = new_order();
    let method = "decline_1x_processing_error";
    let first = gateway.charge(&attempt(order_id, 1, method)).await.unwrap();
    assert_eq!(first, PaymentResult::Declined { code: token("processing_error") });
    paid(&gateway, &attempt(order_id, 2, method)).await;
}

pub(super) async fn an_answer_that_is_lost_is_unknown_and_found_again<G: Gateway>(gateway: G) {
    let charge = charge("silent_1x");
    let lost = gateway.charge(&charge).await;
    assert!(matches!(lost, Err(GatewayError::Unknown(_))), "{lost:?}");
    let found = gateway.find(&charge, just_called()).await.unwrap().expect("it was carried out");
    assert!(matches!(found, PaymentResult::Captured { .. }), "{found:?}");
    assert_eq!(gateway.charge(&charge).await.unwrap(), found);
    assert_eq!(listed(&gateway).await.len(), 1);
}

/// It keeps what it said first for whoever calls again under that key; what becomes of the payment
/// is known under its name.
pub(super) async fn a_payment_that_is_not_final_is_known_by_its_name<G: Gateway>(gateway: G) {
    let charge = charge("processing");
    for _ in 0..2 {
        let said = gateway.charge(&charge).await;
        let Err(GatewayError::Pending { ask: Ask::ByName(name), .. }) = said else {
            panic!("{said:?}")
        };
        let begun = Instant::now();
        let news = loop {
            match gateway.look_up(&name).await {
                Ok(Some(news)) => break news,
                Err(GatewayError::Pending { ask, .. }) => {
                    assert_eq!(ask, Ask::ByName(name.clone()))
                }
                other => panic!("{other:?}"),
            }
            assert!(begun.elapsed() < PATIENCE);
            tokio::task::yield_now().await;
        };
        let News::Charge { order_id, attempt: 1, result } = news else { panic!("{news:?}") };
        assert_eq!(order_id, charge.order_id);
        assert!(matches!(result, PaymentResult::Captured { .. }), "{result:?}");
    }
    assert_eq!(listed(&gateway).await.len(), 1);
}

pub(super) async fn what_was_never_charged_is_not_found<G: Gateway>(gateway: G) {
    paid(&gateway, &charge("pm_card_visa")).await;
    assert_eq!(gateway.find(&charge("pm_card_visa"), just_called()).await.unwrap(), None);
}

pub(super) async fn a_provider_that_is_away_took_nothing<G: Gateway>(gateway: G) {
    let charge = charge("away_1x");
    let away = gateway.charge(&charge).await;
    // Whoever says 503 may have carried it out: only a connection that never was says no.
    let is_error = matches!(away, Err(GatewayError::Unavailable(_) | GatewayError::Unknown(_)));
    assert!(is_error, "{away:?}");
    assert_eq!(gateway.find(&charge, just_called()).await.unwrap(), None);
    assert_eq!(listed(&gateway).await, []);
}

pub(super) async fn money_goes_back_once_in_parts_or_whole<G: Gateway>(gateway: G) {
    let charge = charge("pm_card_visa");
    let capture_ref = paid(&gateway, &charge).await;
    let part = give_back(&charge, &capture_ref, 400);
    assert_eq!(gateway.find_refund(&part).await.unwrap(), None);
    let first = gateway.refund(&part).await.unwrap();
    assert!(matches!(first, RefundResult::Refunded { .. }), "{first:?}");
    assert_eq!(gateway.refund(&part).await.unwrap(), first, "under one key it is one refund");
    assert_eq!(gateway.find_refund(&part).await.unwrap(), Some(first.clone()));
    let key = token(&format!("{}-r2-1", charge.order_id));
    let rest =
        GiveBack { refund: 2, idempotency_key: key, ..give_back(&charge, &capture_ref, 850) };
    let second = gateway.refund(&rest).await.unwrap();
    assert_ne!(second, first);
    let mut moved: Vec<_> =
        listed(&gateway).await.iter().map(|line| (line.movement, line.amount.minor())).collect();
    moved.sort_unstable();
    let refunded = Movement::Refunded;
    assert_eq!(moved, [(Movement::Captured, 1_250), (refunded, 400), (refunded, 850)]);
}

pub(super) async fn a_refund_that_fails_says_why<G: Gateway>(gateway: G) {
    let charge = charge("refund_decline_1x_expired_or_canceled_card");
    let capture_ref = paid(&gateway, &charge).await;
    let first = give_back(&charge, &capture_ref, 1_250);
    let declined = RefundResult::Declined { code: token("expired_or_canceled_card") };
    assert_eq!(gateway.refund(&first).await.unwrap(), declined);
    assert_eq!(gateway.find_refund(&first).await.unwrap(), Some(declined));
    let key = token(&format!("{}-r1-2", charge.order_id));
    let second = GiveBack { attempt: 2, idempotency_key: key, ..first };
    let done = gateway.refund(&second).await.unwrap();
    assert!(matches!(done, RefundResult::Refunded { .. }), "{done:?}");
}

pub(super) async fn a_refund_whose_answer_is_lost_is_found_again<G: Gateway>(gateway: G) {
    let charge = charge("refund_silent_1x");
    let capture_ref = paid(&gateway, &charge).await;
    let refund = give_back(&charge, &capture_ref, 1_250);
    let lost = gateway.refund(&refund).await;
    assert!(matches!(lost, Err(GatewayError::Unknown(_))), "{lost:?}");
    let found = gateway.find_refund(&refund).await.unwrap().expect("it was carried out");
    assert!(matches!(found, RefundResult::Refunded { .. }), "{found:?}");
    assert_eq!(gateway.refund(&refund).await.unwrap(), found);
}

pub(super) async fn what_moved_is_looked_up_by_the_providers_name<G: Gateway>(gateway: G) {
    let charge = attempt(new_order(), 2, "pm_card_visa");
    let capture_ref = paid(&gateway, &charge).await;
    let refund = give_back(&charge, &capture_ref, 400);
    let RefundResult::Refunded { provider_ref } = gateway.refund(&refund).await.unwrap() else {
        panic!("it goes back")
    };
    let order_id = charge.order_id;
    let result = gateway.charge(&charge).await.unwrap();
    let paid = News::Charge { order_id, attempt: 2, result };
    assert_eq!(gateway.look_up(&capture_ref).await.unwrap(), Some(paid));
    let result = RefundResult::Refunded { provider_ref: provider_ref.clone() };
    let given = News::Refund { order_id, refund: 1, attempt: 1, result };
    assert_eq!(gateway.look_up(&provider_ref).await.unwrap(), Some(given));
    for nothing in ["pi_nobody", "re_nobody", "sim_nobody"] {
        assert_eq!(gateway.look_up(&token(nothing)).await.unwrap(), None, "{nothing}");
    }
}

pub(super) async fn a_long_list_is_whole_and_ends_where_it_should<G: Gateway>(gateway: G) {
    let begun = SystemClock.now();
    let charges: Vec<_> = (0..230).map(|_| charge("pm_card_visa")).collect();
    for some in charges.chunks(23) {
        join_all(some.iter().map(|charge| paid(&gateway, charge))).await;
    }
    let all = listed(&gateway).await;
    let mut orders: Vec<_> = all.iter().filter_map(|line| line.order_id).collect();
    orders.sort_unstable();
    orders.dedup();
    assert_eq!((all.len(), orders.len()), (230, 230));
    let hour = Duration::from_secs(3_600);
    let before = gateway.list(Timestamp(0), begun.before(hour), None).await.unwrap();
    assert_eq!(before.lines, []);
    let after = gateway.list(begun.after(hour), begun.after(hour * 2), None).await.unwrap();
    assert_eq!(after.lines, []);
}

pub(super) async fn a_provider_that_is_there_says_so<G: Gateway>(gateway: G) {
    gateway.check().await.unwrap();
}

/// Half of all answers are lost: nobody is charged twice, and nobody stays in the dark.
pub(super) async fn whoever_insists_is_told_and_charged_once<G: Gateway>(gateway: G) {
    for number in 0..30 {
        let method = if number % 3 == 0 { "decline_lost_card" } else { "pm_card_visa" };
        let charge = charge(method);
        let result = insist(async || gateway.charge(&charge).await).await;
        let found = insist(async || gateway.find(&charge, just_called()).await).await;
        assert_eq!(found, Some(result));
    }
    let begun = SystemClock.now().before(Duration::from_secs(3_600));
    let mut lines = Vec::new();
    let mut after = None;
    loop {
        let until = begun.after(Duration::from_secs(7_200));
        let page = insist(async || gateway.list(begun, until, after.as_deref()).await).await;
        lines.extend(page.lines);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(lines.len(), 20);
}

macro_rules! on_each {
    ($($promise:ident $lost:expr;)*) => {
        mod simulated {
            $(#[tokio::test]
            async fn $promise() {
                let place = crate::provider::simulated($lost).await;
                super::$promise(place.gateway).await;
                drop(place.keeps);
            })*
        }
        mod stripe {
            $(#[tokio::test]
            async fn $promise() {
                let place = crate::provider::stripe($lost).await;
                super::$promise(place.gateway).await;
                place.keeps.stop().await;
            })*
        }
    };
}

on_each! {
    a_good_card_is_charged_for_the_whole_amount 0;
    one_key_is_one_charge_however_often_it_is_called 0;
    callers_at_the_same_time_under_one_key_are_one_charge 0;
    another_attempt_is_another_charge 0;
    a_declined_card_says_why_and_says_it_again 0;
    a_card_may_be_declined_once_and_pass_the_next_time 0;
    an_answer_that_is_lost_is_unknown_and_found_again 0;
    a_payment_that_is_not_final_is_known_by_its_name 0;
    what_was_never_charged_is_not_found 0;
    a_provider_that_is_away_took_nothing 0;
    money_goes_back_once_in_parts_or_whole 0;
    a_refund_that_fails_says_why 0;
    a_refund_whose_answer_is_lost_is_found_again 0;
    what_moved_is_looked_up_by_the_providers_name 0;
    a_long_list_is_whole_and_ends_where_it_should 0;
    a_provider_that_is_there_says_so 0;
    whoever_insists_is_told_and_charged_once super::HALF;
}
