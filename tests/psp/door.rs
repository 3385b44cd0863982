//! Who may come in, and what is told to whoever asks for something that is not there.

use super::caller::{INTENTS, Psp};

#[tokio::test]
async fn a_wrong_key_is_told_so_in_the_shape_of_stripe() {
    let psp = Psp::open().await;
    let url = format!("{}/v1/balance", psp.url);
    let client = reqwest::Client::new();
    for (given, said) in [
        (None, "You did not provide an API key"),
        (Some("Bearer sk_test_somebody"), "Invalid API Key provided: sk_test_***"),
    ] {
        let request = client.get(&url);
        let request = match given {
            Some(given) => request.header("authorization", given),
            None => request,
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert!(response.headers()["request-id"].to_str().unwrap().starts_with("req_"));
        let body: serde_json::Value =
            serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert!(body["error"]["message"].as_str().unwrap().starts_with(said), "{body}");
    }
}

#[tokio::test]
async fn the_key_may_come_as_the_user_of_basic_authentication() {
    let psp = Psp::open().await;
    let url = format!("{}/v1/balance", psp.url);
    let request = reqwest::Client::new().get(url).basic_auth("sk_test_kassa", None::<&str>);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_page_that_is_not_there_is_not_found() {
    let psp = Psp::open().await;
    for path in ["/v1/customers", "/v2/payments"] {
        let answer = psp.get(path, &[]).await;
        assert_eq!((answer.status, answer.text("/error/type")), (404, "invalid_request_error"));
        let message = format!("Unrecognized request URL (GET: {path})");
        assert!(answer.text("/error/message").starts_with(&message), "{answer:?}");
    }
}

#[tokio::test]
async fn a_payment_that_is_not_there_is_a_missing_resource() {
    let psp = Psp::open().await;
    let answer = psp.intent("pi_nobody").await;
    assert_eq!((answer.status, answer.code()), (404, "resource_missing"));
    let answer = psp.post("/v1/refunds", &[("payment_intent", "pi_nobody")]).await;
    assert_eq!((answer.status, answer.code()), (404, "resource_missing"));
}

#[tokio::test]
async fn a_form_with_a_mistake_in_it_is_refused_and_the_field_named() {
    let psp = Psp::open().await;
    let good = [("amount", "1250"), ("currency", "eur")];
    for (field, value, code) in [
        ("amount", "", Some("parameter_missing")),
        ("amount", "12.50", Some("parameter_invalid_integer")),
        ("amount", "-5", Some("parameter_invalid_integer")),
        ("amount", "0", Some("parameter_invalid_integer")),
        ("amount", "49", Some("amount_too_small")),
        ("amount", "100000000", Some("amount_too_large")),
        ("currency", "", Some("parameter_missing")),
        ("currency", "euro", None),
        ("capture_method", "manual", None),
        ("payment_method", "visa", Some("resource_missing")),
        ("amuont", "1250", Some("parameter_unknown")),
    ] {
        let mut form: Vec<_> = good.into_iter().filter(|(name, _)| *name != field).collect();
        form.push((field, value));
        let answer = psp.post(INTENTS, &form).await;
        assert_eq!(answer.status, 400, "{field}={value}");
        let error = &answer.body["error"];
        assert_eq!(error["param"], field);
        assert_eq!(error["code"].as_str(), code, "{field}={value}");
    }
    assert_eq!(psp.count().await, 0);
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let psp = Psp::open().await;
    let request = psp.request("POST", INTENTS).header("content-type", "application/json");
    let answer = request.body(r#"{"amount": 1250}"#).send().await.unwrap();
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn the_balance_is_what_came_and_did_not_go_back() {
    let psp = Psp::open().await;
    let paid = psp.pay("pm_card_visa").await;
    psp.pay("decline_lost_card").await;
    let refund = [("payment_intent", paid.text("/id")), ("amount", "250")];
    psp.post("/v1/refunds", &refund).await;
    let balance = psp.get("/v1/balance", &[]).await;
    assert_eq!(balance.text("/object"), "balance");
    assert_eq!(
        (balance.number("/available/0/amount"), balance.text("/available/0/currency")),
        (1_000, "eur")
    );
}
