//! What becomes of a payment, by its payment method.

use std::time::Duration;

use serde_json::json;

use super::caller::{INTENTS, Psp};

#[tokio::test]
async fn a_good_card_is_charged_once_and_for_the_whole_amount() {
    let psp = Psp::open().await;
    for method in ["pm_card_visa", "tok_visa", "pm_1AbC", "tok_anything"] {
        let paid = psp.pay(method).await;
        assert_eq!((paid.status, paid.text("/status")), (200, "succeeded"));
        assert_eq!((paid.number("/amount"), paid.number("/amount_received")), (1_250, 1_250));
        assert_eq!((paid.text("/object"), paid.text("/currency")), ("payment_intent", "eur"));
        assert_eq!(
            (&paid.body["livemode"], paid.number("/created")),
            (&json!(false), 1_700_000_000)
        );
        assert_eq!(paid.body["metadata"], json!({ "kassa_attempt": "1" }));
        let charge = psp.get(&format!("/v1/charges/{}", paid.text("/latest_charge")), &[]).await;
        assert_eq!(
            (charge.number("/amount_captured"), charge.text("/status")),
            (1_250, "succeeded")
        );
        assert_eq!(charge.text("/payment_intent"), paid.text("/id"));
    }
}

#[tokio::test]
async fn every_test_card_of_stripes_is_declined_with_its_own_code() {
    let psp = Psp::open().await;
    for (name, code, decline_code) in [
        ("pm_card_chargeDeclined", "card_declined", Some("generic_decline")),
        ("pm_card_visa_chargeDeclined", "card_declined", Some("generic_decline")),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", Some("insufficient_funds")),
        ("pm_card_chargeDeclinedLostCard", "card_declined", Some("lost_card")),
        ("pm_card_chargeDeclinedStolenCard", "card_declined", Some("stolen_card")),
        ("pm_card_chargeDeclinedFraudulent", "card_declined", Some("fraudulent")),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ] {
        let answer = psp.pay(name).await;
        let error = &answer.body["error"];
        assert_eq!((answer.status, &error["type"]), (402, &json!("card_error")), "{name}");
        assert_eq!(
            (error["code"].as_str(), error["decline_code"].as_str()),
            (Some(code), decline_code)
        );
        let intent = &error["payment_intent"];
        assert_eq!(intent["status"], "requires_payment_method");
        assert_eq!(intent["last_payment_error"]["code"], code);
        assert_eq!(intent["amount_received"], 0);
        assert_eq!(intent["latest_charge"], error["charge"]);
        let charge =
            psp.get(&format!("/v1/charges/{}", error["charge"].as_str().unwrap()), &[]).await;
        assert_eq!((charge.text("/status"), charge.text("/failure_code")), ("failed", code));
    }
}

#[tokio::test]
async fn a_declined_card_says_for_how_many_attempts() {
    let psp = Psp::open().await;
    for (attempt, status) in [("1", 402), ("2", 402), ("3", 200)] {
        let answer = psp.try_pay("decline_2x_do_not_honor", attempt, None).await.unwrap();
        assert_eq!(answer.status, status, "attempt {attempt}");
    }
    let always = psp.try_pay("decline_do_not_honor", "9", None).await.unwrap();
    assert_eq!(always.text("/error/decline_code"), "do_not_honor");
}

#[tokio::test]
async fn a_network_may_advise_what_to_do() {
    let psp = Psp::open().await;
    for advice in ["try_again_later", "do_not_try_again", "confirm_card_data"] {
        let answer = psp.pay(&format!("advice_{advice}")).await;
        assert_eq!(answer.text("/error/decline_code"), "generic_decline");
        assert_eq!(answer.text("/error/advice_code"), advice);
        let last = answer.text("/error/payment_intent/last_payment_error/advice_code");
        assert_eq!(last, advice);
    }
}

#[tokio::test]
async fn an_absent_customer_cannot_show_who_they_are() {
    let psp = Psp::open().await;
    let present = psp.pay("pm_card_authenticationRequired").await;
    assert_eq!((present.status, present.text("/status")), (200, "requires_action"));
    let method = ("payment_method", "pm_card_authenticationRequired");
    for absent in ["off_session", "error_on_requires_action"] {
        let form = [
            ("amount", "1250"),
            ("currency", "eur"),
            ("confirm", "true"),
            method,
            (absent, "true"),
        ];
        let answer = psp.post(INTENTS, &form).await;
        assert_eq!((answer.status, answer.code()), (402, "authentication_required"));
        assert_eq!(answer.text("/error/payment_intent/status"), "requires_payment_method");
    }
}

#[tokio::test]
async fn a_payment_that_is_processing_succeeds_later() {
    let psp = Psp::with(|settings| settings.settles_after = Duration::from_millis(50)).await;
    let answer = psp.pay("processing").await;
    assert_eq!((answer.status, answer.text("/status")), (200, "processing"));
    assert_eq!(answer.number("/amount_received"), 0);
    let path = format!("{INTENTS}/{}", answer.text("/id"));
    let settled = psp.until(&path, |answer| answer.text("/status") == "succeeded").await;
    assert_eq!(settled.number("/amount_received"), 1_250);
}

#[tokio::test]
async fn a_wrong_amount_is_captured_and_shown() {
    let psp = Psp::open().await;
    let paid = psp.pay("wrong_amount").await;
    assert_eq!((paid.number("/amount"), paid.number("/amount_received")), (1_250, 1_251));
}

#[tokio::test]
async fn a_payment_is_made_first_and_confirmed_later() {
    let psp = Psp::open().await;
    let made = psp.post(INTENTS, &[("amount", "1250"), ("currency", "jpy")]).await;
    assert_eq!(made.text("/status"), "requires_payment_method");
    let path = format!("{INTENTS}/{}/confirm", made.text("/id"));
    let without = psp.post(&path, &[]).await;
    assert_eq!((without.status, without.code()), (400, "payment_intent_unexpected_state"));
    let declined = psp.post(&path, &[("payment_method", "decline_lost_card")]).await;
    assert_eq!(declined.status, 402);
    let paid = psp.post(&path, &[("payment_method", "pm_card_visa")]).await;
    assert_eq!((paid.text("/status"), paid.text("/currency")), ("succeeded", "jpy"));
    let again = psp.post(&path, &[("payment_method", "pm_card_visa")]).await;
    assert_eq!((again.status, again.code()), (400, "payment_intent_unexpected_state"));
    assert_eq!(again.text("/error/payment_intent/status"), "succeeded");
}

#[tokio::test]
async fn a_payment_is_called_off_unless_the_money_came() {
    let psp = Psp::open().await;
    let declined = psp.pay("decline_lost_card").await;
    let path = format!("{INTENTS}/{}/cancel", declined.text("/error/payment_intent/id"));
    let canceled = psp.post(&path, &[("cancellation_reason", "abandoned")]).await;
    assert_eq!(
        (canceled.text("/status"), canceled.number("/canceled_at")),
        ("canceled", 1_700_000_000)
    );
    let paid = psp.pay("pm_card_visa").await;
    let refused = psp.post(&format!("{INTENTS}/{}/cancel", paid.text("/id")), &[]).await;
    assert_eq!((refused.status, refused.code()), (400, "payment_intent_unexpected_state"));
}

#[tokio::test]
async fn what_is_named_can_be_shown_in_its_place() {
    let psp = Psp::open().await;
    let form = [
        ("amount", "1250"),
        ("currency", "eur"),
        ("confirm", "true"),
        ("payment_method", "pm_card_visa"),
        ("expand[]", "latest_charge"),
    ];
    let paid = psp.post(INTENTS, &form).await;
    assert_eq!(paid.text("/latest_charge/object"), "charge");
    let list = psp.get(INTENTS, &[("expand[]", "data.latest_charge")]).await;
    assert_eq!(list.text("/data/0/latest_charge/object"), "charge");
    let wrong = psp.get(INTENTS, &[("expand[]", "data.nothing")]).await;
    assert_eq!(wrong.status, 400);
}
