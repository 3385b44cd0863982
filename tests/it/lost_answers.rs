//! A wire between the committer and its server that breaks in the worst places.

use std::time::Duration;

use kassa::run::{Role, Running};

use crate::support::PROGRESS;
use crate::support::buyers::Crowd;
use crate::support::proxy::{Act, Passing, Proxy};
use crate::support::shop::Shop;
use crate::support::truth::prove;

/// What a client takes to find out that nothing comes back any more, and to connect anew.
const NOTICED: Duration = Duration::from_secs(15);

/// How often each thing goes wrong.
const TIMES: usize = 3;

/// Units of each SKU: some are left when things go wrong, and none when it is over, so that both
/// answers are at stake.
const UNITS: i64 = 300;

/// Buyers who are turned away before it is over.
const TURNED_AWAY: usize = 20;

struct Scene {
    shop: Shop,
    wire: Proxy,
    crowd: Crowd,
    roles: [Running; 2],
}

impl Scene {
    /// A shop under load, its committer behind a wire.
    async fn set() -> Self {
        Self::set_on(Shop::on_one_node().await).await
    }

    async fn set_on(shop: Shop) -> Self {
        let wire = Proxy::before(&shop.nats.first_url()).await;
        let committer = shop.start_via(&wire.url(), &[Role::Committer]).await;
        let others = shop.start(&[Role::Payer, Role::Projector]).await;
        let client = shop.client().await;
        shop.fill(&client, 2, UNITS).await;
        let crowd = Crowd::start(&client, 20, 2);
        crowd.more(50, PROGRESS).await;
        Self { shop, wire, crowd, roles: [committer, others] }
    }

    /// Has `act` happen to the next message of this kind, and waits for life to go on.
    async fn suffer(&self, is: fn(&Passing<'_>) -> bool, act: Act) {
        self.wire.once(is, act, || {}).await.unwrap();
        self.crowd.more(50, PROGRESS).await;
    }

    async fn end(self) {
        self.crowd.turned_away(TURNED_AWAY, PROGRESS).await;
        let answers = self.crowd.stop().await;
        Box::pin(prove(&self.shop, &answers)).await;
        for roles in self.roles {
            roles.stop(PROGRESS).await;
        }
    }
}

fn is_head(passing: &Passing<'_>) -> bool {
    passing.subject == "kassa.main.evt.commit"
}

fn ends_commit(passing: &Passing<'_>) -> bool {
    passing.is_under("kassa.main.evt") && passing.ends_batch()
}

fn is_within_commit(passing: &Passing<'_>) -> bool {
    passing.is_under("kassa.main.evt") && !passing.ends_batch()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_a_commit_is_lost() {
    let scene = Scene::set().await;
    for _ in 0..TIMES {
        scene.suffer(ends_commit, Act::Mute).await;
    }
    scene.end().await;
}

/// Where a commit that is under way refuses the claim that settles it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_a_commit_on_three_nodes_is_lost() {
    let scene = Scene::set_on(Shop::on_three_nodes().await).await;
    for _ in 0..TIMES {
        scene.suffer(ends_commit, Act::Mute).await;
    }
    Box::pin(scene.end()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_is_cut_in_the_middle() {
    let scene = Scene::set().await;
    for (is, act) in [
        // First, while there is something left: without, a commit has nothing within.
        (is_within_commit as fn(&Passing<'_>) -> bool, Act::Mute),
        (is_head, Act::Lose),
        (is_head, Act::Half),
        (ends_commit, Act::Half),
        (ends_commit, Act::Lose),
    ] {
        scene.suffer(is, act).await;
    }
    scene.end().await;
}

/// Buyers who come to the same committer over and over while its connections break.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connection_is_cut_at_once() {
    let scene = Scene::set().await;
    for _ in 0..TIMES {
        scene.wire.cut();
        scene.crowd.more(50, PROGRESS).await;
    }
    scene.end().await;
}

/// The commit hangs on the wire until the committer has long gone on without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_arrives_long_after_it_was_given_up() {
    let scene = Scene::set().await;
    scene.wire.once(is_head, Act::Stall, || {}).await.unwrap();
    scene.crowd.more(50, NOTICED + PROGRESS).await;
    scene.wire.let_go();
    scene.crowd.more(50, PROGRESS).await;
    scene.end().await;
}
