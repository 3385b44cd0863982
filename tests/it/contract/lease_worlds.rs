//! The lease contract, on the model, on one node and on three.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, join_all};
use kassa::domain::Timestamp;
use kassa::nats::{JsLog, KvLease};
use kassa::port::Log;
use kassa::port::model::{ModelClock, ModelLease};

use kassa::wire::Subjects;

use super::lease::{self, LeaseWorld};
use crate::support::eventually;
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
    whole_lease_contract!(NatsWorld::on(&nats).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_keep_the_promises_of_a_lease() {
    let nats = Nats::three().await;
    nats.provision().await;
    whole_lease_contract!(NatsWorld::on(&nats).await);
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

struct NatsWorld {
    lease: KvLease,
    /// The stream behind the leases.
    log: JsLog,
}

impl NatsWorld {
    async fn on(nats: &Nats) -> Self {
        let connection = nats.connect("contract").await;
        let stream = Subjects::bucket_stream(Subjects::lease_bucket());
        let log = JsLog::open(&connection, stream).await.unwrap();
        Self { lease: KvLease::open(&connection).await.unwrap(), log }
    }
}

impl LeaseWorld for NatsWorld {
    type Lease = KvLease;

    fn lease(&self) -> KvLease {
        self.lease.clone()
    }

    async fn outlive(&self, key: &str) {
        let subject = Subjects::bucket_key(Subjects::lease_bucket(), key);
        let expired = async || {
            let last = self.log.last(&subject).await.unwrap()?;
            last.payload.is_empty().then_some(())
        };
        eventually("the lease expires", CASE_TIMEOUT, expired).await;
    }

    async fn pass_a_moment(&self) {
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
