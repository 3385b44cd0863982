//! Payments that fail, and what becomes of their orders.

use kassa::domain::{CancelOrder, ChangePaymentMethod, Command, Text};
use kassa::port::{Clock, Commands, SystemClock};
use kassa::run::Role;
use kassa::view::OrderView;
use kassa::wire::OutcomeKind;

use crate::support::paying::{SOON, attempt, becomes, place, prove_money, retry_after, seen};
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
    let asked = |order_id| shop.charges().iter().filter(|line| line.order_id == order_id).count();
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
    let retrying = becomes(&shop, order_id, "placed", "retrying").await;
    payer.stop(PROGRESS).await;
    let due = retrying.payment.unwrap().retry_at_ms;
    let is_due = async || due.is_none_or(|due| due < SystemClock.now()).then_some(());
    eventually("the retry is due", PROGRESS, is_due).await;
    let payer = shop.start(&[Role::Payer]).await;
    assert_eq!(attempt(&becomes(&shop, order_id, "confirmed", "captured").await), 2);
    prove_money(&shop).await;
    payer.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
}

/// The answer of a charge is lost, not the charge: the same key is asked after, not a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_whose_answer_was_lost_is_found_and_not_made_again() {
    let shop = retry_after(Shop::on_one_node().await, SOON);
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let order_id = place(&client, "silent_1x").await;
    becomes(&shop, order_id, "placed", "unknown").await;
    assert_eq!(attempt(&becomes(&shop, order_id, "confirmed", "captured").await), 1);
    assert_eq!(shop.charges().iter().filter(|line| line.order_id == order_id).count(), 1);
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}

/// Its buyer walks away while nobody can say whether the money came, and the payer dies. It had
/// come: whoever pays next finds out, charges nobody, and gives it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_came_for_an_order_called_off_meanwhile_is_found() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer, Role::Projector]).await;
    let payer = shop.start(&[Role::Payer]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let order_id = place(&client, "silent_1x").await;
    becomes(&shop, order_id, "placed", "unknown").await;
    payer.stop(PROGRESS).await;
    let reason = Text::lossy("walked away");
    let cancel = Command::CancelOrder(CancelOrder { order_id, reason });
    client.send(command_id(), &cancel, None).await.unwrap();
    let payer = shop.start(&[Role::Payer]).await;
    let given_back = |view: &OrderView| view.state == "refunded";
    seen(&shop, order_id, ("is found to be paid, and refunded", PROGRESS * 2), given_back).await;
    assert_eq!(shop.charges().len(), 1, "{:?}", shop.charges());
    prove_money(&shop).await;
    payer.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
}

/// An order is off before its charge was made, and the payer asks before it forgets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_called_off_before_anybody_paid_is_never_charged() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let order_id = place(&client, "tok_visa").await;
    let reason = Text::lossy("walked away");
    let cancel = Command::CancelOrder(CancelOrder { order_id, reason });
    client.send(command_id(), &cancel, None).await.unwrap();
    let payer = shop.start(&[Role::Payer]).await;
    // Placed, reserved; asked to be off, off, released; and what the provider said.
    let noted = |view: &OrderView| view.events.len() == 6;
    seen(&shop, order_id, ("is asked after", PROGRESS * 2), noted).await;
    assert!(shop.charges().is_empty(), "{:?}", shop.charges());
    prove_money(&shop).await;
    payer.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
}
