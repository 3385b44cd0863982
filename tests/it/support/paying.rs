//! Orders, and what becomes of their payments.

use std::time::Duration;

use kassa::domain::payment::RetrySchedule;
use kassa::domain::{Command, OrderId, OrderLine, PlaceOrder, Quantity};
use kassa::engine::verify_log;
use kassa::nats::Client;
use kassa::port::{Clock, Commands, Log, SystemClock, new_uuid};
use kassa::view::OrderView;
use kassa::wire::{Encoding, OutcomeKind, Subjects};

use super::shop::{Shop, command_id, price, sku};
use super::truth::{Truth, books_balance};
use super::{PROGRESS, eventually};

/// A pause that a test can wait for.
pub(crate) const SOON: Duration = Duration::from_millis(500);

/// Has a shop try three times again, with the same pause before each.
pub(crate) fn retry_after(mut shop: Shop, pause: Duration) -> Shop {
    shop.setup.policy.retries = RetrySchedule::try_new(vec![pause; 3]).unwrap();
    shop
}

pub(crate) async fn place(client: &Client, method: &str) -> OrderId {
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
    // A busy machine answers late; then the same is asked again, as any edge would.
    let (id, order) = (command_id(), Command::PlaceOrder(order));
    let answered = async || client.send(id, &order, None).await.ok();
    let outcome = eventually("an order is answered", PROGRESS, answered).await;
    let done = [OutcomeKind::Accepted, OutcomeKind::AlreadyApplied];
    assert!(done.contains(&outcome.result), "{outcome:?}");
    order_id
}

/// The log holds what it promises, and the provider's books say the same of the money.
pub(crate) async fn prove_money(shop: &Shop) {
    Box::pin(books_balance(shop, &Truth::of(shop).await)).await;
    let events = shop.events().await;
    let verified = Box::pin(verify_log(&events, &shop.subjects, |_| {})).await.unwrap();
    assert!(verified.violations.is_empty(), "{:#?}", verified.violations);
}

/// Waits until the view of an order is as `wanted`.
pub(crate) async fn seen(
    shop: &Shop,
    order_id: OrderId,
    (what, patience): (&str, Duration),
    wanted: impl Fn(&OrderView) -> bool,
) -> OrderView {
    let bucket = shop.bucket("orders").await;
    let key = Subjects::order_key(order_id);
    let subject = Subjects::bucket_key(&shop.subjects.bucket("orders"), &key);
    let there = async || {
        let entry = bucket.last(&subject).await.ok().flatten()?;
        let view: OrderView = Encoding::Json.read(&entry.payload).unwrap();
        wanted(&view).then_some(view)
    };
    eventually(&format!("{order_id} {what}"), patience, there).await
}

/// Waits until an order is in that state, and its payment in the other.
pub(crate) async fn becomes(
    shop: &Shop,
    order_id: OrderId,
    state: &str,
    payment: &str,
) -> OrderView {
    let what = format!("becomes {state} and {payment}");
    let wanted = |view: &OrderView| {
        let paid = view.payment.as_ref().is_some_and(|known| known.state == payment);
        view.state == state && paid
    };
    seen(shop, order_id, (&what, PROGRESS), wanted).await
}

pub(crate) fn attempt(view: &OrderView) -> u8 {
    view.payment.as_ref().map_or(0, |payment| payment.attempt)
}
