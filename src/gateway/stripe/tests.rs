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
