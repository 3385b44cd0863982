//! Money that goes back, and money that finds its order after all.

use std::time::Duration;

use kassa::domain::{
    Amount, CancelOrder, Command, OrderId, PaymentResult, RecordPayment, RefundOrder, Text,
};
use kassa::nats::Client;
use kassa::port::{Charge, Commands, Gateway, Log};
use kassa::role::payer::ConnectorView;
use kassa::run::Role;
use kassa::view::OrderView;
use kassa::wire::{Encoding, OutcomeKind, Subjects};
use nix::sys::signal::{Signal, kill};

use crate::support::child::Child;
use crate::support::paying::{SOON, becomes, place, prove_money, retry_after, seen};
use crate::support::proxy::{Act, Passing, Proxy};
use crate::support::shop::{Shop, command_id, price};
use crate::support::{PROGRESS, eventually};

const ROLES: [Role; 4] = [Role::Committer, Role::Projector, Role::Payer, Role::RetryScheduler];

async fn accepted(client: &Client, command: &Command) {
    let outcome = client.send(command_id(), command, None).await.unwrap();
    assert_eq!(outcome.result, OutcomeKind::Accepted, "{outcome:?}");
}

fn call_off(order_id: OrderId) -> Command {
    Command::CancelOrder(CancelOrder { order_id, reason: Text::lossy("walked away") })
}

fn refund(order_id: OrderId) -> Command {
    Command::RefundOrder(RefundOrder {
        order_id,
        // A part of it: the goods stay the buyer's.
        amount_minor: Amount::new(1),
        currency: None,
        reason: Text::lossy("a scratch"),
        reference: "claim-1".parse().unwrap(),
    })
}

async fn is_in(shop: &Shop, order_id: OrderId, state: &str) -> OrderView {
    let what = format!("is {state}");
    seen(shop, order_id, (&what, PROGRESS * 2), |view| view.state == state).await
}

/// What became of the first refund of an order.
async fn refunds(shop: &Shop, order_id: OrderId, state: &str) -> OrderView {
    let what = format!("has a refund that is {state}");
    let wanted = |view: &OrderView| {
        let first = view.money.as_ref().and_then(|money| money.refunds.first());
        first.is_some_and(|refund| refund.state == state)
    };
    seen(shop, order_id, (&what, PROGRESS * 2), wanted).await
}

async fn goes_back(shop: Shop) {
    let shop = retry_after(shop, SOON);
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let tokens =
        ["tok_visa", "refund_away_1x", "refund_decline_1x_processing_error", "refund_silent_1x"];
    for method in tokens {
        let order_id = place(&client, method).await;
        becomes(&shop, order_id, "confirmed", "captured").await;
        accepted(&client, &call_off(order_id)).await;
        is_in(&shop, order_id, "refunded").await;
    }
    // Nothing of it is kept, and no units of it are gone.
    let stolen = place(&client, "refund_decline_expired_or_canceled_card").await;
    becomes(&shop, stolen, "confirmed", "captured").await;
    accepted(&client, &refund(stolen)).await;
    let view = refunds(&shop, stolen, "failed").await;
    assert_eq!(view.state, "confirmed");
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_called_off_after_it_was_paid_gets_its_money_back() {
    goes_back(Shop::on_one_node().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_goes_back_on_three_nodes_as_on_one() {
    goes_back(Shop::on_three_nodes().await).await;
}

/// Nobody could say whether it was paid, and its hold has ended. It was: while the goods are there
/// the order goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_is_found_after_the_hold_has_ended_confirms_its_order() {
    let mut shop = Shop::on_one_node().await;
    (shop.setup.policy.hold, shop.setup.policy.unknown_hold) = (SOON * 4, SOON * 4);
    let roles = shop.start(&[Role::Committer, Role::Projector]).await;
    let payer = shop.start(&[Role::Payer]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let order_id = place(&client, "silent_1x").await;
    becomes(&shop, order_id, "placed", "unknown").await;
    payer.stop(PROGRESS).await;
    is_in(&shop, order_id, "cancelled").await;
    let payer = shop.start(&[Role::Payer]).await;
    is_in(&shop, order_id, "confirmed").await;
    prove_money(&shop).await;
    payer.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
}

/// One order, two payments: the second is back within 5 s of the news.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_payment_goes_back_within_five_seconds_and_the_first_is_kept() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let order_id = place(&client, "tok_visa").await;
    let view = becomes(&shop, order_id, "confirmed", "captured").await;
    let (unit, currency) = price();
    let again = Charge {
        order_id,
        attempt: 1,
        idempotency_key: "another-key".parse().unwrap(),
        amount: kassa::domain::Amount::new(unit.minor()).unwrap(),
        currency,
        payment_method_token: "tok_visa".parse().unwrap(),
    };
    let result = shop.setup.gateway.charge(&again).await.unwrap();
    assert!(matches!(result, PaymentResult::Captured { .. }), "{result:?}");
    let connection = shop.connect("payer").await;
    let payer = "payer".parse().unwrap();
    let payer = Client::new(&connection, shop.subjects.clone(), payer).await.unwrap();
    let connector = shop.setup.gateway.connector();
    let record = RecordPayment { order_id, attempt: 1, connector, result };
    let told = std::time::Instant::now();
    accepted(&payer, &Command::RecordPayment(record)).await;
    let after = refunds(&shop, order_id, "refunded").await;
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    assert_eq!(after.state, "confirmed");
    let kept = |view: &OrderView| view.payment.as_ref().unwrap().provider_ref.clone();
    assert_eq!(kept(&after), kept(&view));
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}

/// Money has gone back, and its giver dies before it can tell. Whoever pays next asks with the same
/// key: it goes back once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_killed_between_giving_back_and_recording_gives_back_once() {
    let shop = Shop::on_one_node().await;
    let wire = Proxy::before(&shop.nats.url()).await;
    let roles = shop.start(&[Role::Committer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let mut payer = Child::payer(&wire.url(), shop.books_file());
    let order_id = place(&client, "tok_visa").await;
    becomes(&shop, order_id, "confirmed", "captured").await;
    let pid = payer.pid();
    let is_record = |passing: &Passing<'_>| passing.subject.ends_with("payer.refund.record");
    let dies = wire.once(is_record, Act::Lose, move || kill(pid, Signal::SIGKILL).unwrap());
    accepted(&client, &call_off(order_id)).await;
    dies.await.unwrap();
    payer.ended().await;
    let _payer = Child::payer(&shop.nats.url(), shop.books_file());
    is_in(&shop, order_id, "refunded").await;
    assert_eq!(shop.books().len(), 2, "{:?}", shop.books());
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}

/// A failure was read, and the scheduler dies before its schedule is stored. The next one schedules
/// it; the attempt is made, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_scheduler_killed_between_reading_and_scheduling_loses_no_retry() {
    let shop = retry_after(Shop::on_one_node().await, SOON * 2);
    let wire = Proxy::before(&shop.nats.url()).await;
    let roles = shop.start(&[Role::Committer, Role::Projector, Role::Payer]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let mut scheduler = Child::retry_scheduler(&wire.url());
    let pid = scheduler.pid();
    // Its claim is a message under the same prefix: a schedule is about an order.
    let is_schedule = |passing: &Passing<'_>| passing.is_under("kassa.main.timer.retry");
    let dies = wire.once(is_schedule, Act::Lose, move || kill(pid, Signal::SIGKILL).unwrap());
    let order_id = place(&client, "decline_1x_do_not_honor").await;
    dies.await.unwrap();
    scheduler.ended().await;
    let _scheduler = Child::retry_scheduler(&shop.nats.url());
    let timers = shop.log("TIMERS").await;
    let subject = shop.subjects.retry_timer(kassa::view::owed::Debt::charge(order_id));
    let fired = shop.subjects.retry_due(kassa::view::owed::Debt::charge(order_id));
    let scheduled = async || {
        let schedule = timers.last(&subject).await.ok().flatten();
        let due = timers.last(&fired).await.ok().flatten();
        schedule.or(due)
    };
    eventually("the next scheduler schedules it", PROGRESS * 2, scheduled).await;
    becomes(&shop, order_id, "confirmed", "captured").await;
    assert_eq!(shop.charges().len(), 2, "{:?}", shop.charges());
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}

/// Nobody is there for some seconds. The circuit opens, orders wait and use up no attempts, and all
/// of them are paid once somebody is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_provider_costs_time_and_no_attempts() {
    let away = Some((Duration::ZERO, Duration::from_secs(6)));
    let shop = Shop::on_one_node().await.with_moods(|moods| moods.outage = away);
    let roles = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let mut orders = Vec::new();
    for _ in 0..30 {
        orders.push(place(&client, "tok_visa").await);
    }
    let bucket = shop.subjects.bucket("payer");
    let key = Subjects::connector_key(&shop.setup.gateway.connector());
    let (log, key) = (shop.bucket("payer").await, Subjects::bucket_key(&bucket, &key));
    let circuit = async |wanted: &str| {
        let entry = log.last(&key).await.ok().flatten()?;
        let view: ConnectorView = Encoding::Json.read(&entry.payload).unwrap();
        (view.circuit == wanted).then_some(view)
    };
    let open = eventually("the circuit is open", PROGRESS, async || circuit("open").await).await;
    assert!(open.problem.unwrap().contains("simulated outage"));
    let mut first = 0;
    for order_id in orders {
        let view = is_in(&shop, order_id, "confirmed").await;
        first += u32::from(view.payment.unwrap().attempt == 1);
    }
    assert!(20 <= first, "{first} of 30 orders were paid by their first attempt");
    eventually("the circuit is closed", PROGRESS, async || circuit("closed").await).await;
    prove_money(&shop).await;
    roles.stop(PROGRESS).await;
}
