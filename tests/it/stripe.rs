//! Orders that are paid over HTTP, by a provider with every fault that one can have.

use std::time::Duration;

use kassa::domain::{OrderId, Token};
use kassa::port::Log;
use kassa::psp::OutageKind;
use kassa::role::payer::ConnectorView;
use kassa::run::Role;
use kassa::view::OrderView;
use kassa::wire::{Encoding, Subjects};

use crate::support::paying::{SOON, becomes, place, prove_money, retry_after, seen};
use crate::support::psp::Psp;
use crate::support::shop::Shop;
use crate::support::{PROGRESS, eventually};

const ROLES: [Role; 5] =
    [Role::Committer, Role::Projector, Role::Payer, Role::RetryScheduler, Role::Webhooks];

/// A twentieth of a hundred thousand.
const TWENTIETH: u64 = 5_000;

/// How much faster than in a shop the payer looks again.
const HURRY: u32 = 20;

/// Whether nothing more comes of an order by itself.
fn is_over(view: &OrderView) -> bool {
    matches!(view.state.as_str(), "confirmed" | "cancelled" | "refunded")
}

async fn is_paid_whatever_happens(shop: Shop, orders: usize) {
    let psp = Psp::open(|settings| {
        let moods = &mut settings.moods;
        (moods.answers_lost, moods.errors, moods.rate_limited) = (TWENTIETH, TWENTIETH, TWENTIETH);
        moods.declined = 4 * TWENTIETH;
        moods.decline_codes =
            ["processing_error", "do_not_honor", "lost_card"].map(ToOwned::to_owned).to_vec();
        moods.latency_max = Duration::from_millis(20);
        settings.search_lag = Duration::from_secs(1);
        let webhooks = settings.webhooks.as_mut().unwrap();
        webhooks.late = Duration::from_millis(200);
        (webhooks.duplicated, webhooks.reordered, webhooks.forged) =
            (6 * TWENTIETH, 6 * TWENTIETH, 6 * TWENTIETH);
    })
    .await;
    let mut shop = psp.paying(retry_after(shop, SOON));
    shop.setup.payments.hurry = HURRY;
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 10_000).await;
    let mut placed = Vec::with_capacity(orders);
    for number in 0..orders {
        let method = if number % 10 == 0 { "silent_1x" } else { "pm_card_visa" };
        placed.push(place(&client, method).await);
        if number == orders / 2 {
            psp.running.outage(Duration::from_secs(2), OutageKind::Unavailable);
        }
    }
    let mut confirmed = 0;
    for order_id in placed {
        let patience = PROGRESS * 4;
        let view = seen(&shop, order_id, ("is over", patience), is_over).await;
        confirmed += usize::from(view.state == "confirmed");
    }
    assert!(orders / 2 < confirmed, "{confirmed} of {orders}");
    psp.running.heal();
    roles.stop(PROGRESS).await;
    // Whoever looks at the books looks calmly.
    let calm = psp.calm().await;
    prove_money(&calm.paying(shop)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_with_every_fault_charges_nobody_twice() {
    let shop = Shop::on_one_node().await;
    Box::pin(is_paid_whatever_happens(shop, 200)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_with_every_fault_charges_nobody_twice_on_three_nodes() {
    let shop = Shop::on_three_nodes().await;
    Box::pin(is_paid_whatever_happens(shop, 60)).await;
}

/// Somebody has set a wrong key. Orders wait where everybody can see it, and are paid as soon as
/// the key is right: nothing was their fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_wait_for_a_key_that_is_right() {
    let psp = Psp::open(|_| {}).await;
    let shop = Shop::on_one_node().await.paid_by(psp.connector("sk_test_wrong"), None);
    let roles = shop.start(&[Role::Committer, Role::Projector]).await;
    let payer = shop.start(&[Role::Payer]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    let mut placed: Vec<OrderId> = Vec::new();
    for _ in 0..5 {
        placed.push(place(&client, "pm_card_visa").await);
    }
    let shown = circuit(&shop, "open").await;
    let problem = shown.problem.unwrap();
    assert!(problem.contains("not configured") && problem.contains("401"), "{problem}");
    assert!(!problem.contains("sk_test"), "{problem}");
    becomes(&shop, placed[0], "placed", "requested").await;
    payer.stop(PROGRESS).await;
    let shop = psp.paying(shop);
    let payer = shop.start(&[Role::Payer]).await;
    for order_id in placed {
        let view = becomes(&shop, order_id, "confirmed", "captured").await;
        assert_eq!(view.payment.unwrap().attempt, 1);
    }
    circuit(&shop, "closed").await;
    prove_money(&shop).await;
    payer.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
}

async fn circuit(shop: &Shop, wanted: &str) -> ConnectorView {
    let key = Subjects::connector_key(&Token::STRIPE);
    let key = Subjects::bucket_key(&shop.subjects.bucket("payer"), &key);
    let log = shop.bucket("payer").await;
    let shown = async || {
        let entry = log.last(&key).await.ok().flatten()?;
        let view: ConnectorView = Encoding::Json.read(&entry.payload).unwrap();
        (view.circuit == wanted).then_some(view)
    };
    eventually(&format!("the circuit is {wanted}"), PROGRESS, shown).await
}
