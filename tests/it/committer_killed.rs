//! A committer that is killed at each step of its protocol: whoever takes over goes on where the
//! log ends, and nobody is answered twice or not at all.

use kassa::run::Role;
use nix::sys::signal::{Signal, kill};

use crate::support::PROGRESS;
use crate::support::buyers::Crowd;
use crate::support::child::Child;
use crate::support::proxy::{Act, Passing, Proxy};
use crate::support::shop::Shop;
use crate::support::truth::prove;

/// The roles beside the committer.
const OTHERS: [Role; 2] = [Role::Payer, Role::Projector];

/// Commits that go well before one goes wrong, so that there is a chain to continue.
const GOOD: usize = 5;

/// Units of each SKU: some are left when things go wrong, and none when it is over, so that both
/// answers are at stake.
const UNITS: i64 = 300;

/// Buyers who are turned away before it is over.
const TURNED_AWAY: usize = 20;

/// Kills a committer under load at the first message it sends that `is` the one meant, with `act`
/// happening to that message; a fresh one has to take over.
async fn killed_at(is: impl FnMut(&Passing<'_>) -> bool + Send + 'static, act: Act) {
    Box::pin(killed_on(Shop::on_one_node().await, is, act)).await;
}

async fn killed_on(
    shop: Shop,
    mut is: impl FnMut(&Passing<'_>) -> bool + Send + 'static,
    act: Act,
) {
    let wire = Proxy::before(&shop.nats.first_url()).await;
    let mut first = Child::committer(&wire.url());
    let others = shop.start(&OTHERS).await;
    let client = shop.client().await;
    shop.fill(&client, 2, UNITS).await;
    let crowd = Crowd::start(&client, 20, 2);
    crowd.more(50, PROGRESS).await;
    let (pid, mut seen) = (first.pid(), 0);
    let meant = move |passing: &Passing<'_>| {
        seen += usize::from(is(passing));
        is(passing) && GOOD < seen
    };
    wire.once(meant, act, move || kill(pid, Signal::SIGKILL).unwrap()).await.unwrap();
    first.ended().await;
    let _second = Child::committer(&shop.nats.url());
    crowd.more(50, PROGRESS).await;
    crowd.turned_away(TURNED_AWAY, PROGRESS).await;
    let answers = crowd.stop().await;
    prove(&shop, &answers).await;
    others.stop(PROGRESS).await;
}

fn is_head(passing: &Passing<'_>) -> bool {
    passing.subject == "kassa.main.evt.commit"
}

fn is_entry(passing: &Passing<'_>) -> bool {
    passing.is_under("kassa.main.evt.stock")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_when_it_has_decided_and_nothing_is_sent() {
    killed_at(is_head, Act::Lose).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_when_half_of_the_commit_is_sent() {
    killed_at(|passing| is_head(passing) && !passing.ends_batch(), Act::Half).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_when_the_commit_is_sent_and_its_last_ledger_entry_is_not() {
    killed_at(|passing| is_entry(passing) && passing.ends_batch(), Act::Lose).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_when_the_commit_is_stored_and_not_acknowledged() {
    killed_at(|passing| is_entry(passing) && passing.ends_batch(), Act::Mute).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_when_the_commit_is_stored_on_three_nodes_and_not_acknowledged() {
    let is_last = |passing: &Passing<'_>| is_entry(passing) && passing.ends_batch();
    Box::pin(killed_on(Shop::on_three_nodes().await, is_last, Act::Mute)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_when_the_commit_is_acknowledged_and_nobody_is_answered() {
    let is_answer = |passing: &Passing<'_>| {
        passing.connection == "kassa main committer intake" && passing.is_under("_INBOX")
    };
    killed_at(is_answer, Act::Lose).await;
}

/// Kills the second committer while it opens the market after the first; a third has to take over.
async fn killed_while_opening(act: Act) {
    let shop = Shop::on_one_node().await;
    let wire = Proxy::before(&shop.nats.first_url()).await;
    let mut first = Child::committer(&shop.nats.url());
    let others = shop.start(&OTHERS).await;
    let client = shop.client().await;
    shop.fill(&client, 2, UNITS).await;
    let crowd = Crowd::start(&client, 20, 2);
    crowd.more(50, PROGRESS).await;
    let mut second = Child::committer(&wire.url());
    let pid = second.pid();
    let died = wire.once(is_head, act, move || kill(pid, Signal::SIGKILL).unwrap());
    first.kill().await;
    died.await.unwrap();
    second.ended().await;
    let _third = Child::committer(&shop.nats.url());
    crowd.more(50, PROGRESS).await;
    crowd.turned_away(TURNED_AWAY, PROGRESS).await;
    let answers = crowd.stop().await;
    let truth = prove(&shop, &answers).await;
    let opened = if act == Act::Mute { 3 } else { 2 };
    assert_eq!(truth.state.chain.epoch, opened);
    others.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_opening_before_it_is_stored() {
    Box::pin(killed_while_opening(Act::Lose)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_opening_after_it_is_stored() {
    Box::pin(killed_while_opening(Act::Mute)).await;
}
