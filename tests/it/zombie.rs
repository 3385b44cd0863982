//! A committer that sleeps through its own replacement.

use kassa::run::Role;
use nix::sys::signal::{Signal, kill};

use crate::support::PROGRESS;
use crate::support::buyers::Crowd;
use crate::support::child::Child;
use crate::support::proxy::{Act, Passing, Proxy};
use crate::support::shop::Shop;
use crate::support::truth::prove;

/// Units of each SKU: some are left when things go wrong, and none when it is over, so that both
/// answers are at stake.
const UNITS: i64 = 300;

/// Buyers who are turned away before it is over.
const TURNED_AWAY: usize = 20;

/// Stopped with a commit on its way, a committer wakes up after somebody else took over, and its
/// commit arrives then. It must be refused, its writer must step down, and be of use again as the
/// standby that it now is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_one_who_was_replaced_is_refused_and_he_steps_down() {
    Box::pin(replaced_on(Shop::on_one_node().await)).await;
}

/// The same where copies have to agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_one_who_was_replaced_on_three_nodes_is_refused() {
    Box::pin(replaced_on(Shop::on_three_nodes().await)).await;
}

async fn replaced_on(shop: Shop) {
    let wire = Proxy::before(&shop.nats.first_url()).await;
    let zombie = Child::committer(&wire.url());
    let others = shop.start(&[Role::Payer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 2, UNITS).await;
    let mut standby = Child::committer(&shop.nats.url());
    let crowd = Crowd::start(&client, 20, 2);
    crowd.more(50, PROGRESS).await;
    let (pid, is_head) =
        (zombie.pid(), |passing: &Passing<'_>| passing.subject == "kassa.main.evt.commit");
    let stop = move || kill(pid, Signal::SIGSTOP).unwrap();
    wire.once(is_head, Act::Stall, stop).await.unwrap();
    crowd.more(50, PROGRESS).await;
    zombie.signal(Signal::SIGCONT);
    wire.let_go();
    crowd.more(50, PROGRESS).await;
    // The standby dies: the one who was a zombie is asked to work again.
    standby.kill().await;
    crowd.more(50, PROGRESS).await;
    crowd.turned_away(TURNED_AWAY, PROGRESS).await;
    let answers = crowd.stop().await;
    let truth = prove(&shop, &answers).await;
    // Two opened before him, then he again; nobody wrote out of turn, or the fold had failed.
    assert_eq!(truth.state.chain.epoch, 3);
    others.stop(PROGRESS).await;
}
