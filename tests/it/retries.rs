//! Payments that fail, and what becomes of their orders.

use std::time::Duration;

use kassa::domain::payment::RetrySchedule;
use kassa::domain::{ChangePaymentMethod, Command, OrderId, OrderLine, PlaceOrder, Quantity};
use kassa::engine::verify_log;
use kassa::nats::Client;
use kassa::port::{Clock, Commands, SystemClock, new_uuid};
use kassa::run::Role;
use kassa::view::OrderView;
use kassa::wire::OutcomeKind;

use crate::support::shop::{Shop, command_id, price, sku};
use crate::support::truth::{Truth, books_balance, values};
use crate::support::{PROGRESS, eventually};

const ROLES: [Role; 3] = [Role::Committer, Role::Projector, Role::Payer];

/// A shop whose retries follow each other quickly.
async fn impatient() -> Shop {
    let mut shop = Shop::on_one_node().await;
    shop.setup.policy.retries =
        RetrySchedule::try_new(vec![Duration::from_millis(500); 3]).unwrap();
    shop
}

async fn place(client: &Client, method: &str) -> OrderId {
    let order_id = OrderId::try_from(new_uuid(SystemClock.now())).unwrap();
    let (unit_price_minor, currency) = price();
    let order = PlaceOrder {
        order_id,
        customer_ref: "buyer".parse().unwrap(),
        lines: vec![OrderLine {
            sku: sku(0),
            quantity: Quantity::try_new(1).unwrap(),
            unit_price_minor,
        }],
        currency,
        payment_method_token: method.parse().unwrap(),
    };
    let outcome = client.send(command_id(), &Command::PlaceOrder(order), None).await.unwrap();
    assert_eq!(outcome.result, OutcomeKind::Accepted, "{outcome:?}");
    order_id
}

/// The log holds what it promises, and the provider's books say the same of the money.
async fn prove_money(shop: &Shop) {
    books_balance(shop, &Truth::of(shop).await);
    let verified = verify_log(&shop.events().await, &shop.subjects, |_| {}).await.unwrap();
    assert!(verified.violations.is_empty(), "{:#?}", verified.violations);
}

async fn view(shop: &Shop, order_id: OrderId) -> Option<OrderView> {
    let (bucket, name) = (shop.bucket("orders").await, shop.subjects.bucket("orders"));
    values::<OrderView>(&bucket, &name).await.remove(&order_id.to_string())
}

/// Waits until an order is in that state, and its payment in the other.
async fn becomes(shop: &Shop, order_id: OrderId, state: &str, payment: &str) -> OrderView {
    let what = format!("{order_id} becomes {state} and {payment}");
    let there = async || {
        let view = view(shop, order_id).await?;
        let paid = view.payment.as_ref().is_some_and(|known| known.state == payment);
        (view.state == state && paid).then_some(view)
    };
    eventually(&what, PROGRESS, there).await
}

fn attempt(view: &OrderView) -> u8 {
    view.payment.as_ref().map_or(0, |payment| payment.attempt)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_failed_is_tried_again_until_it_is_made_or_given_up() {
    let shop = impatient().await;
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let refused_twice = place(&client, "decline_2x_do_not_honor").await;
    let nobody_there = place(&client, "away_1x").await;
    let refused_always = place(&client, "decline_do_not_honor").await;
    let stolen = place(&client, "decline_stolen_card").await;
    assert_eq!(attempt(&becomes(&shop, refused_twice, "confirmed", "captured").await), 3);
    assert_eq!(attempt(&becomes(&shop, nobody_there, "confirmed", "captured").await), 2);
    assert_eq!(attempt(&becomes(&shop, refused_always, "cancelled", "declined").await), 4);
    assert_eq!(attempt(&becomes(&shop, stolen, "cancelled", "declined").await), 1);
    // What the provider was asked for: each attempt once, under a key of its own.
    let asked = |order_id| shop.books().iter().filter(|line| line.order_id == order_id).count();
    assert_eq!([refused_twice, nobody_there, refused_always, stolen].map(asked), [3, 1, 4, 1]);
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_who_was_asked_pays_with_another_card() {
    let shop = impatient().await;
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let order_id = place(&client, "decline_insufficient_funds").await;
    becomes(&shop, order_id, "placed", "needs_customer").await;
    let payment_method_token = "tok_visa".parse().unwrap();
    let change =
        Command::ChangePaymentMethod(ChangePaymentMethod { order_id, payment_method_token });
    let outcome = client.send(command_id(), &change, None).await.unwrap();
    assert_eq!(outcome.result, OutcomeKind::Accepted, "{outcome:?}");
    assert_eq!(attempt(&becomes(&shop, order_id, "confirmed", "captured").await), 2);
    let again = client.send(command_id(), &change, None).await.unwrap();
    assert_eq!(again.result, OutcomeKind::Refused, "{again:?}");
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}

/// Nobody pays while the moment of a retry passes. Whoever pays next makes it at once, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_came_due_while_nobody_paid_is_made_by_the_next_payer() {
    let shop = impatient().await;
    let roles = shop.start(&[Role::Committer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let payer = shop.start(&[Role::Payer]).await;
    let order_id = place(&client, "decline_1x_processing_error").await;
    becomes(&shop, order_id, "placed", "retrying").await;
    payer.stop(PROGRESS).await;
    let due = view(&shop, order_id).await.unwrap().payment.unwrap().retry_at_ms;
    let is_due = async || due.is_none_or(|due| due < SystemClock.now()).then_some(());
    eventually("the retry is due", PROGRESS, is_due).await;
    let payer = shop.start(&[Role::Payer]).await;
    assert_eq!(attempt(&becomes(&shop, order_id, "confirmed", "captured").await), 2);
    prove_money(&shop).await;
    payer.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
}
