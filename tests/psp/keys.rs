//! Idempotency keys: one key moves money once, whatever becomes of the answers.

use std::time::Duration;

use super::caller::{INTENTS, Psp};

#[tokio::test]
async fn the_same_key_is_told_the_same_and_moves_money_once() {
    let psp = Psp::open().await;
    let first = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    let again = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(
        (first.header("idempotency-key"), again.header("idempotency-key")),
        (Some("k1"), Some("k1"))
    );
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_ne!(again.header("request-id"), first.header("request-id"));
    assert_eq!(first.body, again.body);
    assert_eq!(psp.count().await, 1);
}

#[tokio::test]
async fn a_decline_is_told_again_too() {
    let psp = Psp::open().await;
    let first = psp.try_pay("decline_lost_card", "1", Some("k1")).await.unwrap();
    let again = psp.try_pay("decline_lost_card", "1", Some("k1")).await.unwrap();
    assert_eq!((again.status, again.header("idempotent-replayed")), (402, Some("true")));
    assert_eq!(first.body, again.body);
    assert_eq!(psp.count().await, 1);
}

#[tokio::test]
async fn a_key_used_for_something_else_is_refused() {
    let psp = Psp::open().await;
    let paid = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    let other = psp.try_pay("pm_card_visa", "2", Some("k1")).await.unwrap();
    assert_eq!((other.status, other.text("/error/type")), (400, "idempotency_error"));
    let form = [("payment_intent", paid.text("/id"))];
    let elsewhere = psp.try_post("/v1/refunds", &form, Some("k1")).await.unwrap();
    assert_eq!((elsewhere.status, elsewhere.text("/error/type")), (400, "idempotency_error"));
    assert_eq!(psp.count().await, 1);
}

#[tokio::test]
async fn a_key_whose_call_is_under_way_is_in_use() {
    let psp = Psp::open().await;
    let (slow, caller) = (psp.caller.clone(), psp.caller.clone());
    let slow = tokio::spawn(async move { slow.try_pay("slow_3000", "1", Some("k1")).await });
    // It is carried out at once; only its answer takes long.
    psp.until(INTENTS, |answer| answer.ids().len() == 1).await;
    let meanwhile = caller.try_pay("slow_3000", "1", Some("k1")).await.unwrap();
    assert_eq!((meanwhile.status, meanwhile.code()), (409, "idempotency_key_in_use"));
    assert_eq!(meanwhile.header("stripe-should-retry"), Some("true"));
    let first = slow.await.unwrap().unwrap();
    let again = caller.try_pay("slow_3000", "1", Some("k1")).await.unwrap();
    assert_eq!((first.status, first.body), (200, again.body));
}

#[tokio::test]
async fn a_mistake_and_a_full_provider_leave_the_key_free() {
    let psp = Psp::open().await;
    let form = [("amount", "1250"), ("currency", "euro")];
    assert_eq!(psp.try_post(INTENTS, &form, Some("k1")).await.unwrap().status, 400);
    let busy = psp.try_pay("busy_1x", "1", Some("k1")).await.unwrap();
    assert_eq!((busy.status, busy.header("idempotent-replayed")), (429, None));
    let away = psp.try_pay("away_1x", "1", Some("k1")).await.unwrap();
    assert_eq!(away.status, 503);
    let paid = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    assert_eq!((paid.status, paid.header("idempotent-replayed")), (200, None));
}

#[tokio::test]
async fn an_error_after_the_capture_is_told_again_although_the_money_came() {
    let psp = Psp::open().await;
    for _ in 0..2 {
        let answer = psp.try_pay("error500_1x", "1", Some("k1")).await.unwrap();
        assert_eq!((answer.status, answer.text("/error/type")), (500, "api_error"));
        assert_eq!(answer.header("stripe-should-retry"), Some("false"));
    }
    let found = psp.get(INTENTS, &[]).await;
    assert_eq!((found.ids().len(), found.text("/data/0/status")), (1, "succeeded"));
}

#[tokio::test]
async fn an_answer_that_is_lost_is_told_to_whoever_asks_again() {
    let psp = Psp::open().await;
    let lost = psp.try_pay("silent_1x", "1", Some("k1")).await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(psp.count().await, 1);
    let again = psp.try_pay("silent_1x", "1", Some("k1")).await.unwrap();
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(psp.count().await, 1);
    let second = psp.try_pay("silent_1x", "2", Some("k2")).await.unwrap();
    assert_eq!(second.status, 200, "only the first attempt is silent");
}

#[tokio::test]
async fn a_caller_who_leaves_is_charged_all_the_same() {
    let psp = Psp::open().await;
    let form = "amount=1250&currency=eur&confirm=true&payment_method=late_1000";
    let request = psp.request("POST", INTENTS).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let left = request.timeout(Duration::from_millis(100)).send().await;
    assert!(left.unwrap_err().is_timeout());
    assert_eq!(psp.count().await, 0, "it is carried out late");
    psp.until(INTENTS, |answer| answer.ids().len() == 1).await;
}

#[tokio::test]
async fn after_a_day_a_key_is_forgotten_and_charges_again() {
    let psp = Psp::open().await;
    psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    psp.pass(Duration::from_secs(24 * 60 * 60 - 1));
    let again = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    psp.pass(Duration::from_secs(1));
    let anew = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    assert_eq!(anew.header("idempotent-replayed"), None);
    assert_eq!(psp.count().await, 2);
}
