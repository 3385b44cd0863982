//! Money going back: never more than came.

use std::time::Duration;

use serde_json::{Value, json};

use super::caller::{Answer, INTENTS, Psp};

async fn paid(psp: &Psp, method: &str) -> String {
    psp.pay(method).await.text("/id").to_owned()
}

async fn refund(psp: &Psp, intent: &str, amount: Option<&str>) -> Answer {
    let mut form = vec![("payment_intent", intent), ("reason", "requested_by_customer")];
    form.extend(amount.map(|amount| ("amount", amount)));
    psp.post("/v1/refunds", &form).await
}

#[tokio::test]
async fn all_that_is_left_goes_back_when_no_amount_is_said() {
    let psp = Psp::open().await;
    let intent = paid(&psp, "pm_card_visa").await;
    let first = refund(&psp, &intent, Some("250")).await;
    assert_eq!((first.text("/object"), first.text("/status")), ("refund", "succeeded"));
    assert_eq!((first.number("/amount"), first.text("/payment_intent")), (250, intent.as_str()));
    let rest = refund(&psp, &intent, None).await;
    assert_eq!(rest.number("/amount"), 1_000);
    let charge = psp.get(&format!("/v1/charges/{}", rest.text("/charge")), &[]).await;
    assert_eq!(
        (charge.number("/amount_refunded"), &charge.body["refunded"]),
        (1_250, &json!(true))
    );
    let shown = psp.get(&format!("/v1/refunds/{}", first.text("/id")), &[]).await;
    assert_eq!(shown.body, first.body);
}

#[tokio::test]
async fn more_than_is_left_never_goes_back() {
    let psp = Psp::open().await;
    let intent = paid(&psp, "pm_card_visa").await;
    refund(&psp, &intent, Some("1000")).await;
    let too_much = refund(&psp, &intent, Some("251")).await;
    assert_eq!((too_much.status, too_much.code()), (400, "amount_too_large"));
    refund(&psp, &intent, None).await;
    let again = refund(&psp, &intent, None).await;
    assert_eq!((again.status, again.code()), (400, "charge_already_refunded"));
}

#[tokio::test]
async fn a_payment_that_never_came_does_not_go_back() {
    let psp = Psp::open().await;
    let declined = psp.pay("decline_lost_card").await;
    let answer = refund(&psp, declined.text("/error/payment_intent/id"), None).await;
    assert_eq!((answer.status, answer.text("/error/type")), (400, "invalid_request_error"));
}

#[tokio::test]
async fn the_same_key_gives_back_once() {
    let psp = Psp::open().await;
    let intent = paid(&psp, "pm_card_visa").await;
    let form = [("payment_intent", intent.as_str()), ("amount", "500")];
    let first = psp.try_post("/v1/refunds", &form, Some("r1")).await.unwrap();
    let again = psp.try_post("/v1/refunds", &form, Some("r1")).await.unwrap();
    assert_eq!(
        (first.body, again.header("idempotent-replayed")),
        (again.body.clone(), Some("true"))
    );
    let list = psp.get("/v1/refunds", &[("payment_intent", &intent)]).await;
    assert_eq!(list.ids().len(), 1);
}

#[tokio::test]
async fn a_refund_may_fail_and_leaves_what_it_was_to_give_back() {
    let psp = Psp::open().await;
    let intent = paid(&psp, "refund_decline_expired_or_canceled_card").await;
    let failed = refund(&psp, &intent, None).await;
    assert_eq!((failed.status, failed.text("/status")), (200, "failed"));
    assert_eq!(failed.text("/failure_reason"), "expired_or_canceled_card");
    let charge = psp.get(&format!("/v1/charges/{}", failed.text("/charge")), &[]).await;
    assert_eq!(charge.number("/amount_refunded"), 0);
}

#[tokio::test]
async fn a_refund_that_is_pending_succeeds_later() {
    let psp = Psp::with(|settings| settings.settles_after = Duration::from_millis(50)).await;
    for method in ["refund_pending", "pm_card_pendingRefund"] {
        let intent = paid(&psp, method).await;
        let pending = refund(&psp, &intent, None).await;
        assert_eq!(pending.text("/status"), "pending");
        let path = format!("/v1/refunds/{}", pending.text("/id"));
        psp.until(&path, |answer| answer.text("/status") == "succeeded").await;
    }
}

#[tokio::test]
async fn a_refund_may_come_back_after_it_succeeded() {
    let psp = Psp::with(|settings| settings.settles_after = Duration::from_millis(50)).await;
    let intent = paid(&psp, "pm_card_refundFail").await;
    let refunded = refund(&psp, &intent, None).await;
    assert_eq!(refunded.text("/status"), "succeeded");
    let path = format!("/v1/refunds/{}", refunded.text("/id"));
    psp.until(&path, |answer| answer.text("/status") == "failed").await;
    // What came back may be given back again.
    let balance = psp.get("/v1/balance", &[]).await;
    assert_eq!(balance.number("/available/0/amount"), 1_250);
}

#[tokio::test]
async fn the_first_answer_of_a_refund_may_be_lost() {
    let psp = Psp::open().await;
    let intent = paid(&psp, "refund_silent_1x").await;
    let form = [("payment_intent", intent.as_str()), ("metadata[kassa_attempt]", "1")];
    assert!(psp.try_post("/v1/refunds", &form, Some("r1")).await.is_err());
    let again = psp.try_post("/v1/refunds", &form, Some("r1")).await.unwrap();
    assert_eq!(
        (again.text("/status"), again.header("idempotent-replayed")),
        ("succeeded", Some("true"))
    );
    assert_eq!(psp.get("/v1/refunds", &[]).await.ids().len(), 1);
}

#[tokio::test]
async fn refunds_are_listed_by_their_time_and_page_by_page() {
    let psp = Psp::open().await;
    let intent = paid(&psp, "pm_card_visa").await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, refund(&psp, &intent, Some("100")).await.text("/id").to_owned());
        psp.pass(Duration::from_secs(10));
    }
    let first = psp.get("/v1/refunds", &[("limit", "2")]).await;
    assert_eq!((first.ids(), &first.body["has_more"]), (made[..2].to_vec(), &Value::Bool(true)));
    let last = psp.get("/v1/refunds", &[("starting_after", &made[1])]).await;
    assert_eq!((last.ids(), &last.body["has_more"]), (made[2..].to_vec(), &Value::Bool(false)));
    let within = [("created[gte]", "1700000010"), ("created[lt]", "1700000020")];
    assert_eq!(psp.get("/v1/refunds", &within).await.ids(), made[1..2]);
    let none = psp.get("/v1/refunds", &[("payment_intent", "pi_other")]).await;
    assert!(none.ids().is_empty());
    assert!(psp.get(INTENTS, &within).await.ids().is_empty());
}
