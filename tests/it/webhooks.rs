//! What a provider tells by itself: a hint, that is looked up.

use std::net::SocketAddr;
use std::time::Duration;

use kassa::domain::{Amount, CancelOrder, Command, Currency, OrderId, Text};
use kassa::nats::Client;
use kassa::port::{Charge, Clock, Commands, Gateway, Log, SystemClock, new_uuid};
use kassa::psp::OutageKind;
use kassa::role::webhooks::{Heard, WebhookView, Webhooks};
use kassa::run::Role;
use kassa::view::OrderView;
use kassa::wire::{Encoding, OutcomeKind, Subjects};
use ring::hmac;

use crate::support::paying::{becomes, place, prove_money, seen};
use crate::support::psp::{Psp, SECRET};
use crate::support::shop::{Shop, command_id};
use crate::support::truth::lists_agree;
use crate::support::{PROGRESS, eventually};

const ROLES: [Role; 5] =
    [Role::Committer, Role::Projector, Role::Payer, Role::Webhooks, Role::Attention];

/// A webhook as the provider would sign it at `at_s`, or somebody else with another secret.
async fn post(hears: SocketAddr, body: &str, by: (&str, u64)) -> (u16, String) {
    send(hears, body, Some(&signature(body, by))).await
}

fn signature(body: &str, (secret, at_s): (&str, u64)) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at_s}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at_s},v1={hex}")
}

async fn send(hears: SocketAddr, body: &str, signature: Option<&str>) -> (u16, String) {
    kassa::tls::install();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.post(format!("http://{hears}/webhooks/stripe"));
    if let Some(signature) = signature {
        request = request.header("stripe-signature", signature);
    }
    let answer = request.body(body.to_owned()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap().trim().to_owned())
}

fn now_s() -> u64 {
    SystemClock.now().0 / 1_000
}

fn event(id: &str, about: &str) -> String {
    format!(
        r#"{{"id":"{id}","type":"payment_intent.succeeded",
            "data":{{"object":{{"id":"{about}","object":"payment_intent"}}}}}}"#
    )
}

/// What the shop remembers of an event.
async fn remembered(shop: &Shop, event: &str) -> WebhookView {
    let key = format!("stripe.{event}");
    let subject = Subjects::bucket_key(&shop.subjects.bucket("webhooks"), &key);
    let log = shop.bucket("webhooks").await;
    let there = async || log.last(&subject).await.unwrap();
    let entry = eventually("the event is remembered", PROGRESS, there).await;
    Encoding::Json.read(&entry.payload).unwrap()
}

/// A charge of which the shop has never heard.
fn strange() -> Charge {
    let order_id = OrderId::try_from(new_uuid(SystemClock.now())).unwrap();
    Charge {
        order_id,
        attempt: 1,
        idempotency_key: format!("{order_id}-1").parse().unwrap(),
        amount: Amount::new(1_250).unwrap(),
        currency: Currency::from_code("EUR").unwrap(),
        payment_method_token: "pm_card_visa".parse().unwrap(),
    }
}

/// The payer was charged for, heard nothing, and is gone. Nobody asks; the provider tells.
async fn a_silent_payment_is_told(shop: Shop) {
    let psp = Psp::open(|_| {}).await;
    let shop = psp.paying(shop);
    let roles = shop.start(&[Role::Committer, Role::Projector]).await;
    let payer = shop.start(&[Role::Payer]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    let order_id = place(&client, "silent_1x").await;
    becomes(&shop, order_id, "placed", "unknown").await;
    payer.stop(PROGRESS).await;
    // The provider tells it again until somebody hears.
    let webhooks = shop.start(&[Role::Webhooks]).await;
    becomes(&shop, order_id, "confirmed", "captured").await;
    prove_money(&shop).await;
    webhooks.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_tells_what_its_silence_left_open() {
    let shop = Shop::on_one_node().await;
    Box::pin(a_silent_payment_is_told(shop)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_tells_what_its_silence_left_open_on_three_nodes() {
    let shop = Shop::on_three_nodes().await;
    Box::pin(a_silent_payment_is_told(shop)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forged_stale_replayed_or_unsigned_changes_nothing() {
    let psp = Psp::open(|_| {}).await;
    let shop = psp.paying(Shop::on_one_node().await);
    let roles = shop.start(&ROLES).await;
    let hears = roles.webhooks().unwrap();
    let client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    let order_id = place(&client, "pm_card_visa").await;
    let view = becomes(&shop, order_id, "confirmed", "captured").await;
    let paid = view.payment.unwrap().provider_ref.unwrap();
    let before = shop.events().await.end().await.unwrap();
    let body = event("evt_mine", paid.as_str());
    for (signed, says) in [
        (("whsec_other", now_s()), "no signature of it is right"),
        ((SECRET, now_s() - 1_000), "it was signed 100"),
        ((SECRET, now_s() + 1_000), "s from now, at most 300 s are allowed"),
    ] {
        let (status, text) = post(hears, &body, signed).await;
        assert!(status == 400 && text.contains(says), "{status} {text}");
    }
    for (signature, says) in [(None, "not signed"), (Some("v1=00"), "cannot be read")] {
        let (status, text) = send(hears, &body, signature).await;
        assert!(status == 400 && text.contains(says), "{status} {text}");
    }
    let (status, text) = send(hears, &"x".repeat(300_000), Some("t=1,v1=00")).await;
    assert!(status == 400 && text.contains("larger"), "{status} {text}");
    // One that is right is looked up; told again it is not.
    let good = (SECRET, now_s());
    assert_eq!(post(hears, &body, good).await, (200, "recorded".to_owned()));
    assert_eq!(post(hears, &body, good).await, (200, "told before".to_owned()));
    assert_eq!(shop.events().await.end().await.unwrap(), before, "the log knew it all");
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_ours_is_ignored_and_remembered_with_the_reason() {
    let psp = Psp::open(|settings| settings.webhooks = None).await;
    let shop = psp.paying(Shop::on_one_node().await);
    let roles = shop.start(&ROLES).await;
    let hears = roles.webhooks().unwrap();
    // The committer decides before anything is told.
    shop.fill(&shop.client().await, 1, 100).await;
    let charge = strange();
    shop.setup.gateway.charge(&charge).await.unwrap();
    let paid = shop.moved().await[0].provider_ref.clone();
    for (id, about, why) in
        [("evt_1", paid.as_str(), "unknown_order"), ("evt_2", "pi_nobody", "not_ours")]
    {
        let said = post(hears, &event(id, about), (SECRET, now_s())).await;
        assert_eq!(said, (200, format!("ignored: {why}")));
        let view = remembered(&shop, id).await;
        assert_eq!((view.result.as_str(), view.reason.as_deref()), ("ignored", Some(why)));
        assert_eq!(view.kind, "payment_intent.succeeded");
    }
    let payout =
        r#"{"id":"evt_3","type":"payout.paid","data":{"object":{"id":"po_1","object":"payout"}}}"#;
    let said = post(hears, payout, (SECRET, now_s())).await;
    assert_eq!(said, (200, "ignored: about_no_payment".to_owned()));
    roles.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_looked_up_now_is_to_be_told_again() {
    let psp = Psp::open(|settings| settings.webhooks = None).await;
    let shop = psp.paying(Shop::on_one_node().await);
    let roles = shop.start(&ROLES).await;
    let hears = roles.webhooks().unwrap();
    psp.running.outage(Duration::from_secs(600), OutageKind::Unavailable);
    let body = event("evt_1", "pi_nobody");
    let said = post(hears, &body, (SECRET, now_s())).await;
    assert_eq!(said, (503, "tell it again later".to_owned()));
    psp.running.heal();
    let said = post(hears, &body, (SECRET, now_s())).await;
    assert_eq!(said, (200, "ignored: not_ours".to_owned()));
    roles.stop(PROGRESS).await;
}

/// Our own side refuses to record it: that says nothing of the event, so it is told again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_our_own_side_refuses_is_told_again_and_not_remembered() {
    let psp = Psp::open(|settings| settings.webhooks = None).await;
    let shop = psp.paying(Shop::on_one_node().await);
    let roles = shop.start(&ROLES[..3]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    let order_id = place(&client, "pm_card_visa").await;
    let view = becomes(&shop, order_id, "confirmed", "captured").await;
    let paid = view.payment.unwrap().provider_ref.unwrap();
    let body = event("evt_1", paid.as_str());
    let signed = signature(&body, (SECRET, now_s()));
    let header = |name: &str| (name == "stripe-signature").then(|| signed.clone());
    let keys = Subjects::bucket_key(&shop.subjects.bucket("webhooks"), "");
    // Nobody but the payer may say what became of money.
    let connection = shop.connect("payer").await;
    let payer = "payer".parse().unwrap();
    let payer = Client::new(&connection, shop.subjects.clone(), payer).await.unwrap();
    let hears = async |commands: Client| {
        let known = (shop.bucket("webhooks").await, keys.clone());
        let gateway = std::sync::Arc::clone(&shop.setup.gateway);
        let webhooks = Webhooks::new(gateway, (commands, SystemClock), known);
        webhooks.hear(&header, body.as_bytes()).await
    };
    let refused = hears(client).await;
    assert!(matches!(refused, Heard::Later(_)), "{refused:?}");
    let heard = hears(payer).await;
    assert!(matches!(heard, Heard::Recorded), "{heard:?}");
    roles.stop(PROGRESS).await;
}

/// The buyer's bank sends back what was given back. Only the provider knows, and it tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_comes_back_is_open_again_and_a_human_is_told() {
    let psp = Psp::open(|settings| settings.settles_after = Duration::from_secs(3)).await;
    let shop = psp.paying(Shop::on_one_node().await);
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    let order_id = place(&client, "refund_fails_later").await;
    becomes(&shop, order_id, "confirmed", "captured").await;
    let reason = Text::lossy("walked away");
    let call_off = Command::CancelOrder(CancelOrder { order_id, reason });
    let outcome = client.send(command_id(), &call_off, None).await.unwrap();
    assert_eq!(outcome.result, OutcomeKind::Accepted, "{outcome:?}");
    let refund_is = |state: &'static str| {
        move |view: &OrderView| {
            let first = view.money.as_ref().and_then(|money| money.refunds.first());
            first.is_some_and(|refund| refund.state == state)
        }
    };
    seen(&shop, order_id, ("gets its money", PROGRESS), refund_is("refunded")).await;
    seen(&shop, order_id, ("has its money sent back", PROGRESS), refund_is("failed")).await;
    let list = shop.log("ATTENTION").await;
    let subject = shop.subjects.attention("refund_failed", &format!("{order_id}-r1"));
    let told = async || list.last(&subject).await.unwrap();
    eventually("a human is told", PROGRESS, told).await;
    // The provider has the money, and the log says so.
    Box::pin(lists_agree(&shop)).await;
    roles.stop(PROGRESS).await;
}
