//! The lease contract, on the model, on one node and on three.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, join_all};
use kassa::domain::Timestamp;
use kassa::nats::KvLease;
use kassa::port::Lease;
use kassa::port::model::{ModelClock, ModelLease};

use super::lease::{self, LeaseWorld};
use crate::support::nats::Nats;

/// How long a case may take; a lease lasts 3 s.
const CASE_TIMEOUT: Duration = Duration::from_secs(30);

macro_rules! lease_contract {
    ($world:expr; $($case:ident),* $(,)?) => {{
        let mut cases = Vec::<LocalBoxFuture<'_, Option<&str>>>::new();
        $(
            let world = $world;
            cases.push(Box::pin(async move {
                let case = AssertUnwindSafe(lease::$case(world)).catch_unwind();
                let ended = tokio::time::timeout(CASE_TIMEOUT, case).await;
                (!matches!(ended, Ok(Ok(())))).then_some(stringify!($case))
            }));
        )*
        let broken: Vec<_> = join_all(cases).await.into_iter().flatten().collect();
        assert!(broken.is_empty(), "broken promises: {broken:?}");
    }};
}

macro_rules! whole_lease_contract {
    ($world:expr) => {
        lease_contract!($world;
            one_holder_at_a_time,
            only_the_holder_renews,
            a_lease_that_is_given_up_is_free_at_once,
            who_is_not_the_holder_cannot_give_it_up,
            a_free_lease_is_not_waited_for,
            a_lease_that_nobody_renews_expires,
            a_lease_that_was_free_before_expires_as_well,
            a_standby_takes_over,
        )
    };
}

#[tokio::test]
async fn the_model_keeps_the_promises_of_a_lease() {
    whole_lease_contract!(ModelWorld::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_keeps_the_promises_of_a_lease() {
    let nats = Nats::one().await;
    nats.provision().await;
    let lease = KvLease::open(&nats.connect("contract").await).await.unwrap();
    whole_lease_contract!(NatsWorld(lease.clone()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_keep_the_promises_of_a_lease() {
    let nats = Nats::three().await;
    nats.provision().await;
    let lease = KvLease::open(&nats.connect("contract").await).await.unwrap();
    whole_lease_contract!(NatsWorld(lease.clone()));
}

struct ModelWorld {
    lease: ModelLease,
    clock: ModelClock,
}

impl ModelWorld {
    const TTL: Duration = Duration::from_secs(3);

    fn new() -> Self {
        let clock = ModelClock::at(Timestamp(1_700_000_000_000));
        Self { lease: ModelLease::new(clock.clone(), Self::TTL), clock }
    }
}

impl LeaseWorld for ModelWorld {
    type Lease = ModelLease;

    fn lease(&self) -> ModelLease {
        self.lease.clone()
    }

    async fn outlive(&self, _: &str) {
        self.clock.advance(Self::TTL);
    }

    async fn pass_a_moment(&self) {
        self.clock.advance(Self::TTL / 100);
        tokio::task::yield_now().await;
    }
}

struct NatsWorld(KvLease);

impl LeaseWorld for NatsWorld {
    type Lease = KvLease;

    fn lease(&self) -> KvLease {
        self.0.clone()
    }

    async fn outlive(&self, key: &str) {
        self.0.freed(key).await.unwrap();
    }

    async fn pass_a_moment(&self) {
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
