//! Providers to talk to.

use std::sync::Arc;
use std::time::Duration;

use kassa::domain::{Amount, Currency, OrderId, PaymentResult, Timestamp, Token};
use kassa::gateway::{SimulatedGateway, Simulation, StripeGateway, StripeSettings};
use kassa::port::{Called, Charge, Clock, Gateway, GiveBack, Moved, SystemClock, new_uuid};
use kassa::psp::{Provider, Running, Settings};

/// A connector, and what has to stay for it to have somebody to talk to.
pub(crate) struct Place<G, K> {
    pub(crate) gateway: G,
    pub(crate) keeps: K,
}

/// The provider in this process, with books.
pub(crate) async fn simulated(lost: u64) -> Place<SimulatedGateway, tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let moods = Simulation { answer_lost: lost, ..Simulation::default() };
    let file = folder.path().join("ledger.jsonl");
    let gateway = SimulatedGateway::with_ledger(moods, &file).unwrap();
    Place { gateway, keeps: folder }
}

/// Stripe's connector, and somebody over HTTP who speaks like Stripe.
pub(crate) async fn stripe(lost: u64) -> Place<StripeGateway, Running> {
    stripe_with(|settings| settings.moods.answers_lost = lost).await
}

/// The same, whose provider differs.
pub(crate) async fn stripe_with(
    differ: impl FnOnce(&mut Settings),
) -> Place<StripeGateway, Running> {
    let mut settings = Settings::new(Arc::new(|| SystemClock.now().0));
    differ(&mut settings);
    let running = Provider::start(settings).await.unwrap();
    Place { gateway: connector(&running.url(), Some("sk_test_kassa")), keeps: running }
}

pub(crate) fn connector(base_url: &str, secret_key: Option<&str>) -> StripeGateway {
    let settings = StripeSettings {
        base_url: base_url.to_owned(),
        secret_key: secret_key.map(Into::into),
        webhook_secrets: Vec::new(),
    };
    StripeGateway::new(&settings).unwrap()
}

pub(crate) fn new_order() -> OrderId {
    OrderId::try_from(new_uuid(SystemClock.now())).unwrap()
}

/// For whoever looks right after a call.
pub(crate) fn just_called() -> Called {
    let now = SystemClock.now();
    let minute = Duration::from_secs(60);
    Called { from: now.before(minute), until: now, quiet: Duration::ZERO }
}

pub(crate) fn token(text: &str) -> Token {
    text.parse().unwrap()
}

/// The first attempt at 12.50 €.
pub(crate) fn charge(method: &str) -> Charge {
    attempt(new_order(), 1, method)
}

pub(crate) fn attempt(order_id: OrderId, attempt: u8, method: &str) -> Charge {
    Charge {
        order_id,
        attempt,
        idempotency_key: token(&format!("{order_id}-{attempt}")),
        amount: Amount::new(1_250).unwrap(),
        currency: Currency::from_code("EUR").unwrap(),
        payment_method_token: token(method),
    }
}

/// The first attempt to give `minor` of a payment back.
pub(crate) fn give_back(charge: &Charge, capture_ref: &Token, minor: u64) -> GiveBack {
    let order_id = charge.order_id;
    GiveBack {
        order_id,
        refund: 1,
        attempt: 1,
        idempotency_key: token(&format!("{order_id}-r1-1")),
        capture_ref: capture_ref.clone(),
        amount: Amount::new(minor).unwrap(),
        currency: charge.currency,
    }
}

/// A payment that went through, and the provider's name for it.
pub(crate) async fn paid<G: Gateway>(gateway: &G, charge: &Charge) -> Token {
    let result = gateway.charge(charge).await.unwrap();
    let PaymentResult::Captured { provider_ref, .. } = result else { panic!("{result:?}") };
    provider_ref
}

/// Everything the provider has on its list.
pub(crate) async fn listed<G: Gateway>(gateway: &G) -> Vec<Moved> {
    let (mut lines, mut after) = (Vec::new(), None::<String>);
    loop {
        let far = Timestamp(4_000_000_000_000);
        let page = gateway.list(Timestamp(0), far, after.as_deref()).await.unwrap();
        lines.extend(page.lines);
        after = page.next;
        if after.is_none() {
            return lines;
        }
    }
}
