//! Orders that are paid over HTTP, by a provider with every fault that one can have.

use std::time::Duration;

use kassa::domain::{CancelOrder, Command, OrderId, Text, Token};
use kassa::gateway::{StripeGateway, StripeSettings};
use kassa::port::{Commands, Log};
use kassa::psp::OutageKind;
use kassa::role::payer::ConnectorView;
use kassa::run::Role;
use kassa::view::OrderView;
use kassa::view::attention::AttentionItem;
use kassa::wire::{Encoding, OutcomeKind, Subjects};

use crate::support::paying::{SOON, becomes, place, prove_money, retry_after, seen};
use crate::support::psp::Psp;
use crate::support::shop::{Shop, command_id};
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

/// A provider repeats its first answer to whoever calls again under one key, and tells nobody by
/// itself: what became of the payment is asked under its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_takes_its_time_is_paid_and_holds_up_nobody() {
    let psp = Psp::open(|settings| {
        (settings.webhooks, settings.settles_after) = (None, Duration::from_secs(3));
    });
    let psp = psp.await;
    let mut shop = psp.paying(Shop::on_one_node().await);
    shop.setup.payments.hurry = HURRY;
    let roles = shop.start(&ROLES[..3]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    let mut waiting = Vec::new();
    for _ in 0..30 {
        waiting.push(place(&client, "processing").await);
    }
    for order_id in &waiting {
        becomes(&shop, *order_id, "placed", "unknown").await;
    }
    let good = place(&client, "pm_card_visa").await;
    becomes(&shop, good, "confirmed", "captured").await;
    let shown = circuit(&shop, "closed").await;
    assert_eq!(shown.problem, None, "what it says of one order is no outage");
    for order_id in waiting {
        let view = becomes(&shop, order_id, "confirmed", "captured").await;
        assert_eq!(view.payment.unwrap().attempt, 1);
    }
    roles.stop(PROGRESS).await;
    prove_money(&shop).await;
}

/// The provider carries a call out long after it was given up, and its order is off by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_comes_long_after_its_order_was_called_off_goes_back() {
    let psp = Psp::open(|settings| settings.webhooks = None).await;
    let mut shop = psp.paying(Shop::on_one_node().await);
    shop.setup.payments.hurry = HURRY;
    let roles = shop.start(&ROLES[..3]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    // Ten seconds are as long as anybody waits for an answer.
    let order_id = place(&client, "late_14000").await;
    let reason = Text::lossy("walked away");
    let call_off = Command::CancelOrder(CancelOrder { order_id, reason });
    let outcome = client.send(command_id(), &call_off, None).await.unwrap();
    assert_eq!(outcome.result, OutcomeKind::Accepted, "{outcome:?}");
    let is_back = |view: &OrderView| view.state == "refunded";
    seen(&shop, order_id, ("has its money back", PROGRESS * 3), is_back).await;
    roles.stop(PROGRESS).await;
    prove_money(&shop).await;
}

/// Nobody is at the address. Orders wait, and whoever runs the shop is told at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_at_which_nobody_was_ever_met_costs_no_order_its_attempts() {
    let psp = Psp::open(|settings| settings.webhooks = None).await;
    let settings = StripeSettings {
        base_url: "http://127.0.0.1:1".to_owned(),
        secret_key: Some("sk_test_kassa".into()),
        webhook_secrets: Vec::new(),
    };
    let nobody = StripeGateway::new(&settings).unwrap();
    let mut shop = retry_after(Shop::on_one_node().await.paid_by(nobody, None), SOON);
    shop.setup.payments.hurry = HURRY;
    let roles = shop.start(&[Role::Committer, Role::Projector, Role::Attention]).await;
    let payer = shop.start(&[Role::Payer, Role::RetryScheduler]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    let order_id = place(&client, "pm_card_visa").await;
    let list = shop.log("ATTENTION").await;
    let subject = shop.subjects.attention("connector_misconfigured", "stripe");
    let item = async |open: bool| {
        let there = async || {
            let entry = list.last(&subject).await.ok()??;
            let item: AttentionItem = Encoding::Json.read(&entry.payload).unwrap();
            (item.resolved.is_none() == open).then_some(())
        };
        eventually(&format!("the item is open: {open}"), PROGRESS, there).await;
    };
    item(true).await;
    becomes(&shop, order_id, "placed", "requested").await;
    payer.stop(PROGRESS).await;
    let shop = psp.paying(shop);
    let payer = shop.start(&[Role::Payer]).await;
    let view = becomes(&shop, order_id, "confirmed", "captured").await;
    assert_eq!(view.payment.unwrap().attempt, 1);
    item(false).await;
    payer.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
    prove_money(&shop).await;
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
