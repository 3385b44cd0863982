//! Payments that fail, and what becomes of their orders.

use kassa::domain::{ChangePaymentMethod, Command};
use kassa::port::{Clock, Commands, SystemClock};
use kassa::run::Role;
use kassa::wire::OutcomeKind;

use crate::support::paying::{SOON, attempt, becomes, place, prove_money, retry_after, view};
use crate::support::shop::{Shop, command_id};
use crate::support::{PROGRESS, eventually};

const ROLES: [Role; 4] = [Role::Committer, Role::Projector, Role::Payer, Role::RetryScheduler];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_failed_is_tried_again_until_it_is_made_or_given_up() {
    let shop = retry_after(Shop::on_one_node().await, SOON);
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
    let shop = retry_after(Shop::on_one_node().await, SOON);
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
    let shop = retry_after(Shop::on_one_node().await, SOON);
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
