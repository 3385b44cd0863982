//! Goods that nobody paid for.

use std::time::Duration;

use futures::future::join_all;
use kassa::domain::Event;
use kassa::engine::verify_log;
use kassa::run::Role;
use kassa::view::StockView;
use kassa::wire::OutcomeKind;

use crate::support::buyers::Buyer;
use crate::support::shop::Shop;
use crate::support::truth::{Truth, view_is_the_fold};
use crate::support::{PROGRESS, eventually};

/// How long an order keeps its goods here.
const HOLD: Duration = Duration::from_secs(3);

/// I12: what is overdue is resolved within five seconds.
const RESOLVED: Duration = Duration::from_secs(5);

/// Orders at once: several times what one look at the deadlines takes.
const ORDERS: usize = 1_000;

/// How long the whole of it may take on a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_paid_for_is_back_on_the_shelf_within_five_seconds() {
    let mut shop = Shop::on_one_node().await;
    shop.setup.policy.hold = HOLD;
    // Nobody takes money: a provider that is out looks the same.
    let roles = shop.start(&[Role::Committer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let edge = client.bundled();
    let answers = join_all((0..ORDERS).map(|_| Buyer::of(&[0]).insist(&edge))).await;
    assert!(answers.iter().all(|answer| answer.outcome.result == OutcomeKind::Accepted));
    let expired = async || {
        let truth = Truth::of(&shop).await;
        let is = |event: &Event| matches!(event, Event::HoldExpired(_));
        (truth.events().filter(|(_, _, event)| is(event)).count() == ORDERS).then_some(truth)
    };
    let truth = eventually("every hold has ended", PATIENCE, expired).await;
    for (_, commit) in &truth.commits {
        for record in &commit.events {
            let Event::HoldExpired(expired) = &record.event else { continue };
            assert!(expired.hold_until <= commit.head.at, "before its time: {expired:?}");
            let late = commit.head.at.since(expired.hold_until);
            assert!(late <= RESOLVED, "{late:?} late: {expired:?}");
        }
    }
    view_is_the_fold::<StockView>(&shop, &truth, "stock").await;
    let shelf = truth.folded::<StockView>().into_values().next().unwrap();
    assert_eq!((shelf.available, shelf.reserved), (1_000, 0));
    truth.bears_out(&answers);
    let verified = verify_log(&shop.events().await, &shop.subjects, |_| {}).await.unwrap();
    assert!(verified.violations.is_empty(), "{:#?}", verified.violations);
    roles.stop(PROGRESS).await;
}
