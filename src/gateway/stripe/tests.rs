//! What goes over the line, and what never does.

use secrecy::SecretString;

use super::*;

fn settings(base_url: &str, key: &str) -> StripeSettings {
    StripeSettings {
        base_url: base_url.to_owned(),
        secret_key: Some(SecretString::from(key)),
        webhook_secrets: Vec::new(),
    }
}

#[test]
fn a_secret_goes_over_no_open_line() {
    let made = |base_url: &str| StripeGateway::new(&settings(base_url, "sk_test_1")).map(drop);
    for good in ["https://api.example.com", "http://127.0.0.1:12111", "http://localhost:1"] {
        assert!(made(good).is_ok(), "{good}");
    }
    for open in ["http://api.example.com", "ftp://127.0.0.1"] {
        assert!(matches!(made(open), Err(StripeSettingsError::NotSecret(_))), "{open}");
    }
    let told = made("https://anna:sesame@api.example.com");
    assert!(matches!(told, Err(StripeSettingsError::Credentials)), "{told:?}");
    for none in ["", "api.example.com", "unix:/x"] {
        assert!(matches!(made(none), Err(StripeSettingsError::NoUrl(_))), "{none}");
    }
}

#[test]
fn a_key_has_to_fit_into_a_header_and_is_shown_nowhere() {
    let made = StripeGateway::new(&settings("https://api.example.com", "sk\n"));
    assert!(matches!(made, Err(StripeSettingsError::BadKey)));
    let settings = settings("https://api.example.com", "sk_test_sesame");
    let gateway = StripeGateway::new(&settings).unwrap();
    assert!(!format!("{settings:?} {gateway:?}").contains("sesame"));
}

/// What an answer to a call that could move money comes to.
fn comes_to((status, is_replayed): (u16, bool), error: &str) -> String {
    let body = format!(r#"{{"error":{{{error}}}}}"#).into_bytes();
    let answer = Answer { status, body, is_replayed, moves: true };
    match answer.read::<Intent>() {
        Ok(_) => "object".to_owned(),
        Err(No::Missing) => "missing".to_owned(),
        Err(No::Declined(code)) => format!("declined {code}"),
        Err(No::Error(GatewayError::Pending { ask, .. })) => format!("pending {ask:?}"),
        Err(No::Error(error)) => {
            let kind = format!("{error:?}");
            kind.split('(').next().unwrap_or_default().to_lowercase()
        }
    }
}

#[test]
fn what_each_answer_means() {
    let request = |rest: &str| format!(r#""type":"invalid_request_error"{rest}"#);
    for (status, error, meaning) in [
        (
            402,
            r#""type":"card_error","code":"card_declined","decline_code":"do_not_honor""#.into(),
            "declined do_not_honor",
        ),
        (402, r#""type":"card_error","code":"card_declined""#.into(), "declined card_declined"),
        (402, r#""type":"card_error""#.into(), "declined unknown_code"),
        // One order's business.
        (
            400,
            request(r#","code":"amount_too_small","param":"amount""#),
            "declined amount_too_small",
        ),
        (400, request(r#","param":"currency""#), "declined unknown_code"),
        (400, request(r#","code":"balance_insufficient""#), "declined balance_insufficient"),
        (400, request(r#","code":"charge_already_refunded""#), "declined charge_already_refunded"),
        (400, request(r#","code":"a_code_of_next_year""#), "declined a_code_of_next_year"),
        // Ours: no order can help it.
        (400, request(r#","code":"parameter_unknown","param":"metadata""#), "misconfigured"),
        (400, request(r#","code":"account_invalid""#), "misconfigured"),
        (400, request(""), "misconfigured"),
        (401, request(r#","code":"api_key_expired""#), "misconfigured"),
        (403, request(""), "misconfigured"),
        (404, request(""), "misconfigured"),
        (404, request(r#","code":"resource_missing""#), "missing"),
        // It may have been carried out.
        (400, r#""type":"idempotency_error""#.into(), "pending ByKey"),
        (
            409,
            r#""type":"idempotency_error","code":"idempotency_key_in_use""#.into(),
            "pending Again",
        ),
        (429, request(r#","code":"lock_timeout""#), "pending Again"),
        (500, r#""type":"api_error""#.into(), "unknown"),
        (503, r#""type":"api_error""#.into(), "unknown"),
        // It was not.
        (429, request(r#","code":"rate_limit""#), "unavailable"),
    ] {
        let error: String = error;
        assert_eq!(comes_to((status, false), &error), meaning, "{status} {error}");
    }
    let burnt = comes_to((500, true), r#""type":"api_error""#);
    assert_eq!(burnt, "pending ByKey", "every further call under that key is told the same");
}

#[test]
fn a_payment_that_is_still_on_its_way_is_neither_paid_nor_declined() {
    let says = |status: &str, rest: &str| {
        let text = format!(
            r#"{{"id":"pi_1","status":"{status}","amount_received":1250,"currency":"eur"{rest}}}"#
        );
        payment(&serde_json::from_str(&text).unwrap())
    };
    for status in ["requires_confirmation", "requires_payment_method", "processing", "new_one"] {
        let said = says(status, "");
        let Err(GatewayError::Pending { ask: Ask::ByName(name), .. }) = said else {
            panic!("{status}: {said:?}")
        };
        assert_eq!(name.as_str(), "pi_1", "it is asked after by its name");
    }
    let code = |code: &str| PaymentResult::Declined { code: code.parse().unwrap() };
    let tried = r#","last_payment_error":{"type":"card_error","decline_code":"lost_card"}"#;
    assert_eq!(says("requires_payment_method", tried).unwrap(), code("lost_card"));
    assert_eq!(says("requires_action", "").unwrap(), code("authentication_required"));
    assert_eq!(says("canceled", "").unwrap(), code("canceled"));
    assert!(matches!(says("succeeded", ""), Ok(PaymentResult::Captured { .. })));
}
