//! What only Stripe does, and what its connector makes of it.

use std::time::{Duration, Instant};

use kassa::domain::{Amount, PaymentResult, RefundResult};
use kassa::port::{Ask, Called, Charge, Gateway, GatewayError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::provider::{
    charge, connector, give_back, just_called, listed, paid, stripe, stripe_with, token,
};

/// Far above what anything here takes, so that a failure is one.
const PATIENCE: Duration = Duration::from_secs(20);

fn declined(code: &str) -> PaymentResult {
    PaymentResult::Declined { code: token(code) }
}

/// An error with its causes.
fn words(error: &GatewayError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

#[tokio::test]
async fn what_the_network_advises_counts_for_more_than_what_the_bank_said() {
    let place = stripe(0).await;
    for advice in ["try_again_later", "do_not_try_again", "confirm_card_data"] {
        let result = place.gateway.charge(&charge(&format!("advice_{advice}"))).await.unwrap();
        assert_eq!(result, declined(advice));
    }
    // With this one the network advises to try again, which helps nobody where only the buyer can.
    let poor = charge("pm_card_chargeDeclinedInsufficientFunds");
    let result = place.gateway.charge(&poor).await.unwrap();
    assert_eq!(result, declined("insufficient_funds"));
    // The bank says lost, and advises never to try again.
    let result = place.gateway.charge(&charge("pm_card_chargeDeclinedLostCard")).await.unwrap();
    assert_eq!(result, declined("do_not_try_again"));
    place.keeps.stop().await;
}

#[tokio::test]
async fn nobody_is_there_to_prove_who_they_are() {
    let place = stripe(0).await;
    let result = place.gateway.charge(&charge("pm_card_authenticationRequired")).await.unwrap();
    assert_eq!(result, declined("authentication_required"));
    place.keeps.stop().await;
}

fn is_asked_by_key<T>(answer: &Result<T, GatewayError>) -> bool {
    matches!(answer, Err(GatewayError::Pending { ask: Ask::ByKey, .. }))
}

/// The provider failed after it had taken the money, and says so to every call under that key.
#[tokio::test]
async fn an_error_after_the_capture_does_not_hide_the_money() {
    let place = stripe(0).await;
    let charge = charge("error500_1x");
    let first = place.gateway.charge(&charge).await;
    assert!(matches!(first, Err(GatewayError::Unknown(_))), "{first:?}");
    let again = place.gateway.charge(&charge).await;
    assert!(is_asked_by_key(&again), "{again:?}");
    let found = place.gateway.find(&charge, just_called()).await.unwrap();
    assert!(matches!(found, Some(PaymentResult::Captured { .. })), "{found:?}");
    assert_eq!(listed(&place.gateway).await.len(), 1);
    place.keeps.stop().await;
}

/// It failed and took nothing. The key is burnt, so that is asked in the books, and said as what
/// it is: whoever pays waits a little before they believe it.
#[tokio::test]
async fn an_error_that_took_nothing_is_a_failure_once_the_books_say_so() {
    let place = stripe(0).await;
    let charge = charge("broken_1x");
    let first = place.gateway.charge(&charge).await;
    assert!(matches!(first, Err(GatewayError::Unknown(_))), "{first:?}");
    let again = place.gateway.charge(&charge).await;
    assert!(is_asked_by_key(&again), "{again:?}");
    assert_eq!(place.gateway.find(&charge, just_called()).await.unwrap(), None);
    assert_eq!(listed(&place.gateway).await, []);
    place.keeps.stop().await;
}

/// Minutes after the last call, what the search does not know was never made: nobody goes through
/// everything that was paid since.
#[tokio::test]
async fn what_the_search_does_not_know_for_long_was_never_made() {
    let place = stripe_with(|settings| settings.search_lag = Duration::from_secs(3_600)).await;
    let charge = charge("silent_1x");
    assert!(place.gateway.charge(&charge).await.is_err());
    let quiet = place.gateway.final_after();
    let long_ago = Called { quiet, ..just_called() };
    assert_eq!(place.gateway.find(&charge, long_ago).await.unwrap(), None);
    place.keeps.stop().await;
}

#[tokio::test]
async fn a_provider_with_too_much_to_do_took_nothing() {
    let place = stripe(0).await;
    let busy = place.gateway.charge(&charge("busy_1x")).await;
    assert!(matches!(busy, Err(GatewayError::Unavailable(_))), "{busy:?}");
    place.keeps.stop().await;
}

#[tokio::test]
async fn a_wrong_amount_is_told_as_it_was_taken() {
    let place = stripe(0).await;
    let result = place.gateway.charge(&charge("wrong_amount")).await.unwrap();
    let PaymentResult::Captured { amount_minor, .. } = result else { panic!("{result:?}") };
    assert_eq!(amount_minor, Amount::new(1_251).unwrap());
    place.keeps.stop().await;
}

#[tokio::test]
async fn a_payment_that_the_search_does_not_know_yet_is_found_in_the_list() {
    let place = stripe_with(|settings| settings.search_lag = Duration::from_secs(3_600)).await;
    let charge = charge("silent_1x");
    assert!(place.gateway.charge(&charge).await.is_err());
    let found = place.gateway.find(&charge, just_called()).await.unwrap();
    assert!(matches!(found, Some(PaymentResult::Captured { .. })), "{found:?}");
    place.keeps.stop().await;
}

/// One order that the provider will not take is no reason to let all others wait.
#[tokio::test]
async fn what_is_wrong_with_one_order_is_a_decline_of_it() {
    let place = stripe(0).await;
    let tiny = Charge { amount: Amount::new(3).unwrap(), ..charge("pm_card_visa") };
    assert_eq!(place.gateway.charge(&tiny).await.unwrap(), declined("amount_too_small"));
    let strange = charge("no_such_method");
    assert_eq!(place.gateway.charge(&strange).await.unwrap(), declined("resource_missing"));
    place.keeps.stop().await;
}

#[tokio::test]
async fn more_than_is_left_never_goes_back() {
    let place = stripe(0).await;
    let charge = charge("pm_card_visa");
    let capture_ref = paid(&place.gateway, &charge).await;
    let much = give_back(&charge, &capture_ref, 1_251);
    let result = place.gateway.refund(&much).await.unwrap();
    assert_eq!(result, RefundResult::Declined { code: token("amount_too_large") });
    let of_nothing = give_back(&self::charge("pm_card_visa"), &token("pi_nobody"), 1);
    // We took it, so it is our key that is another account's: that is put right some day.
    let result = place.gateway.refund(&of_nothing).await;
    assert!(matches!(result, Err(GatewayError::Pending { ask: Ask::Again, .. })), "{result:?}");
    place.keeps.stop().await;
}

#[tokio::test]
async fn a_refund_that_comes_back_is_no_refund_any_more() {
    let place = stripe_with(|settings| settings.settles_after = Duration::from_millis(300)).await;
    let charge = charge("refund_fails_later");
    let capture_ref = paid(&place.gateway, &charge).await;
    let refund = give_back(&charge, &capture_ref, 1_250);
    let done = place.gateway.refund(&refund).await.unwrap();
    assert!(matches!(done, RefundResult::Refunded { .. }), "{done:?}");
    let begun = Instant::now();
    let code = token("expired_or_canceled_card");
    let back = RefundResult::Declined { code };
    while place.gateway.find_refund(&refund).await.unwrap() != Some(back.clone()) {
        assert!(begun.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    assert_eq!(listed(&place.gateway).await.len(), 1, "the payment alone");
    place.keeps.stop().await;
}

#[tokio::test]
async fn a_wrong_key_or_none_is_a_matter_of_configuration_and_stays_secret() {
    let place = stripe(0).await;
    let url = place.keeps.url();
    for (key, says) in [
        (Some("sk_test_sesame"), "401"),
        (None, "stripe.secret_key"),
        (Some(""), "stripe.secret_key"),
    ] {
        let gateway = connector(&url, key);
        let told = [
            gateway.check().await.unwrap_err(),
            gateway.charge(&charge("pm_card_visa")).await.unwrap_err(),
        ];
        for error in told {
            assert!(matches!(error, GatewayError::Misconfigured(_)), "{error:?}");
            let words = words(&error);
            assert!(words.contains(says) && !words.contains("sesame"), "{words}");
        }
    }
    place.keeps.stop().await;
}

/// Somebody else's server, which answers everything with the same page.
async fn stranger(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the test's runtime.
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                let _ = socket.read(&mut request).await;
                let page = "<html>hello</html>";
                let length = page.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                );
                let _ = socket.write_all(format!("{head}{page}").as_bytes()).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn a_wrong_address_is_told_from_a_provider_that_is_away() {
    for status in ["404 Not Found", "200 OK", "301 Moved Permanently"] {
        let gateway = connector(&stranger(status).await, Some("sk_test_kassa"));
        let error = gateway.check().await.unwrap_err();
        assert!(matches!(error, GatewayError::Misconfigured(_)), "{status}: {error:?}");
    }
    for nobody in ["http://127.0.0.1:1", "https://no-such-host.invalid"] {
        let away = connector(nobody, Some("sk_test_kassa")).check().await.unwrap_err();
        assert!(matches!(away, GatewayError::Unreachable(_)), "{away:?}");
    }
    let place = stripe(0).await;
    let beside = format!("{}/beside", place.keeps.url());
    let error = connector(&beside, Some("sk_test_kassa")).check().await.unwrap_err();
    assert!(matches!(error, GatewayError::Misconfigured(_)), "the path counts: {error:?}");
    place.keeps.stop().await;
}
