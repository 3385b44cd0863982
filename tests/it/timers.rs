//! Timers that the server keeps.

use std::time::Duration;

use kassa::domain::{OrderId, Timestamp};
use kassa::port::{Clock, Entry, Log, SystemClock};
use kassa::run::Role;
use kassa::view::owed::Debt;
use kassa::wire::{Encoding, RetryDue};

use crate::support::paying::{SOON, attempt, becomes, place, prove_money, retry_after};
use crate::support::shop::Shop;
use crate::support::{PROGRESS, eventually};

const PAYING: [Role; 3] = [Role::Committer, Role::Projector, Role::Payer];

/// Waits until the last timer of an order that has fired is there.
async fn told(shop: &Shop, order_id: OrderId) -> (Entry, RetryDue) {
    let timers = shop.log("TIMERS").await;
    let subject = shop.subjects.retry_due(Debt::charge(order_id));
    let there = async || timers.last(&subject).await.ok().flatten();
    let entry = eventually("the retry is told", PROGRESS, there).await;
    let due = Encoding::Json.read(&entry.payload).unwrap();
    (entry, due)
}

/// Places an order whose first payment fails, and says when it is tried again.
async fn failing(shop: &Shop, fails: &str) -> (OrderId, Timestamp) {
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let order_id = place(&client, fails).await;
    let view = becomes(shop, order_id, "placed", "retrying").await;
    (order_id, view.payment.unwrap().retry_at_ms.unwrap())
}

async fn passed(moment: Timestamp) {
    let is_over = async || (moment < SystemClock.now()).then_some(());
    eventually("the moment has passed", PROGRESS, is_over).await;
}

async fn a_retry_is_told_at_its_moment(shop: Shop) {
    let shop = retry_after(shop, Duration::from_secs(2));
    let roles = shop.start(&[&PAYING[..], &[Role::RetryScheduler]].concat()).await;
    let (order_id, due_at) = failing(&shop, "decline_1x_do_not_honor").await;
    let (entry, due) = told(&shop, order_id).await;
    assert_eq!(due, RetryDue { debt: Debt::charge(order_id), attempt: 2 });
    // The server counts in seconds it has begun.
    assert!(due_at.before(Duration::from_secs(1)) <= entry.time, "{entry:?}, due {due_at:?}");
    assert_eq!(attempt(&becomes(&shop, order_id, "confirmed", "captured").await), 2);
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_is_told_at_its_moment_on_one_node() {
    a_retry_is_told_at_its_moment(Shop::on_one_node().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_is_told_at_its_moment_on_three_nodes() {
    a_retry_is_told_at_its_moment(Shop::on_three_nodes().await).await;
}

/// It was not there when the payment failed, nor when the retry was due.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduler_that_comes_late_tells_what_is_overdue_at_once() {
    let shop = retry_after(Shop::on_one_node().await, SOON);
    let roles = shop.start(&PAYING).await;
    let (order_id, due_at) = failing(&shop, "decline_do_not_honor").await;
    passed(due_at).await;
    let scheduler = shop.start(&[Role::RetryScheduler]).await;
    let (_, due) = told(&shop, order_id).await;
    assert_eq!(due.debt.order_id, order_id);
    // And of what is settled by then, nothing comes.
    assert_eq!(attempt(&becomes(&shop, order_id, "cancelled", "declined").await), 4);
    prove_money(&shop).await;
    scheduler.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
}

/// The moment passes while there is no server at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_away_tells_what_came_due_meanwhile() {
    let mut shop = retry_after(Shop::on_one_node().await, Duration::from_secs(2));
    let roles = shop.start(&[&PAYING[..], &[Role::RetryScheduler]].concat()).await;
    let (order_id, due_at) = failing(&shop, "decline_1x_processing_error").await;
    let (timers, subject) =
        (shop.log("TIMERS").await, shop.subjects.retry_timer(Debt::charge(order_id)));
    let scheduled = async || timers.last(&subject).await.ok().flatten();
    eventually("the retry is scheduled", PROGRESS, scheduled).await;
    shop.nats.servers[0].stop().await;
    passed(due_at).await;
    shop.nats.servers[0].restart().await.unwrap();
    let (_, due) = told(&shop, order_id).await;
    assert_eq!(due, RetryDue { debt: Debt::charge(order_id), attempt: 2 });
    assert_eq!(attempt(&becomes(&shop, order_id, "confirmed", "captured").await), 2);
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}

/// Nobody's clock but the server's says when: the payer makes what a timer tells of, long before
/// it would do so by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_that_fires_is_believed() {
    let shop = retry_after(Shop::on_one_node().await, Duration::from_secs(120));
    let roles = shop.start(&PAYING).await;
    let (order_id, _) = failing(&shop, "decline_1x_do_not_honor").await;
    let operator = shop.nats.operator().await;
    let due = Encoding::Json.write(&RetryDue { debt: Debt::charge(order_id), attempt: 2 }).unwrap();
    for _ in 0..2 {
        let sent =
            operator.publish(shop.subjects.retry_due(Debt::charge(order_id)), due.clone()).await;
        sent.unwrap().await.unwrap();
    }
    assert_eq!(attempt(&becomes(&shop, order_id, "confirmed", "captured").await), 2);
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}
