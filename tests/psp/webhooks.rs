//! What the provider tells, and how badly.

use std::time::Duration;

use kassa::psp::Webhooks;

use super::caller::Psp;
use super::receiver::{Receiver, SECRET};

/// All of a hundred thousand.
const ALL: u64 = 100_000;

async fn telling(refuses: usize, differ: impl FnOnce(&mut Webhooks)) -> (Psp, Receiver) {
    let receiver = Receiver::open(refuses).await;
    let mut webhooks = Webhooks::new(receiver.url.clone(), SECRET.to_owned());
    webhooks.retry_after = Duration::from_millis(10);
    differ(&mut webhooks);
    (Psp::with(|settings| settings.webhooks = Some(webhooks)).await, receiver)
}

#[tokio::test]
async fn every_change_is_told_and_signed() {
    let (psp, mut receiver) = telling(0, |_| {}).await;
    let paid = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    psp.pay("decline_lost_card").await;
    psp.post("/v1/refunds", &[("payment_intent", paid.text("/id"))]).await;
    let told = receiver.some(4).await;
    let kinds: Vec<_> = told.iter().map(|told| told.kind()).collect();
    let expected = [
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "charge.refunded",
        "refund.updated",
    ];
    assert_eq!(kinds, expected);
    assert!(told.iter().all(|told| told.is_genuine()), "{told:?}");
    let event = &told[0].event;
    assert_eq!((&event["object"], &event["livemode"]), (&"event".into(), &false.into()));
    assert_eq!(event["data"]["object"]["id"], paid.text("/id"));
    assert_eq!(event["request"]["idempotency_key"], "k1");
    assert_eq!(event["request"]["id"], paid.header("request-id").unwrap());
}

#[tokio::test]
async fn the_same_key_is_told_once() {
    let (psp, mut receiver) = telling(0, |_| {}).await;
    for _ in 0..3 {
        psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    }
    psp.pay("decline_lost_card").await;
    let told = receiver.some(2).await;
    assert_eq!(told[1].kind(), "payment_intent.payment_failed");
}

#[tokio::test]
async fn what_was_not_taken_is_told_again() {
    let (psp, mut receiver) = telling(3, |_| {}).await;
    psp.pay("pm_card_visa").await;
    let told = receiver.some(4).await;
    assert!(told.iter().all(|again| again.id() == told[0].id()), "{told:?}");
}

#[tokio::test]
async fn an_event_may_be_told_twice() {
    let (psp, mut receiver) = telling(0, |webhooks| webhooks.duplicated = ALL).await;
    psp.pay("pm_card_visa").await;
    let told = receiver.some(2).await;
    assert_eq!(told[0].body, told[1].body);
}

#[tokio::test]
async fn an_event_may_be_told_after_the_next_one() {
    let (psp, mut receiver) = telling(0, |webhooks| webhooks.reordered = ALL).await;
    let first = psp.pay("pm_card_visa").await;
    let second = psp.pay("pm_card_visa").await;
    let told = receiver.some(2).await;
    let about = |index: usize| told[index].event["data"]["object"]["id"].as_str().unwrap();
    assert_eq!((about(0), about(1)), (second.text("/id"), first.text("/id")));
}

#[tokio::test]
async fn an_event_that_is_late_still_comes() {
    let (psp, mut receiver) =
        telling(0, |webhooks| webhooks.late = Duration::from_millis(200)).await;
    for _ in 0..5 {
        psp.pay("pm_card_visa").await;
    }
    assert!(receiver.some(5).await.iter().all(|told| told.is_genuine()));
}

#[tokio::test]
async fn a_forged_event_is_not_signed_by_who_knows_the_secret() {
    let (psp, mut receiver) = telling(0, |webhooks| webhooks.forged = ALL).await;
    psp.pay("decline_lost_card").await;
    let told = receiver.some(2).await;
    assert_eq!((told[0].is_genuine(), told[1].is_genuine()), (true, false));
    assert_ne!(told[0].id(), told[1].id());
    assert_eq!(told[1].kind(), "payment_intent.succeeded", "it lies");
}

#[tokio::test]
async fn everything_may_be_told_again_on_request() {
    let (psp, mut receiver) = telling(0, |_| {}).await;
    psp.pay("pm_card_visa").await;
    psp.pay("decline_lost_card").await;
    let before = receiver.some(2).await;
    let replay = psp.request("POST", "/_sim/webhooks/replay");
    replay.body(r#"{"type":"payment_intent.payment_failed"}"#).send().await.unwrap();
    assert_eq!(receiver.next().await.body, before[1].body);
    psp.request("POST", "/_sim/webhooks/replay").send().await.unwrap();
    let again = receiver.some(2).await;
    assert_eq!((again[0].id(), again[1].id()), (before[0].id(), before[1].id()));
}
