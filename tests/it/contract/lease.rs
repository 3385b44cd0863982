//! What a [`Lease`] promises.

use std::time::Duration;

use kassa::engine::Candidate;
use kassa::port::{Lease, LeaseError};
use tokio_util::sync::CancellationToken;

/// How long a lease that is free may take to be ours.
const SOON: Duration = Duration::from_secs(10);

/// A place where leases are.
pub(crate) trait LeaseWorld {
    type Lease: Lease;

    fn lease(&self) -> Self::Lease;

    /// Waits until a lease that nobody renews has expired.
    async fn outlive(&self, key: &str);

    /// Waits for a moment that is far shorter than a lease lasts.
    async fn pass_a_moment(&self);
}

fn is_taken<T: std::fmt::Debug>(result: Result<T, LeaseError>) {
    assert!(matches!(result, Err(LeaseError::Taken)), "{result:?}");
}

pub(crate) async fn one_holder_at_a_time<W: LeaseWorld>(world: W) {
    let lease = world.lease();
    let (a, b) = tokio::join!(lease.acquire("one", "a"), lease.acquire("one", "b"));
    assert_eq!(a.is_ok() as u8 + b.is_ok() as u8, 1, "{a:?} {b:?}");
    is_taken(lease.acquire("one", "c").await);
    // Another key is another lease.
    lease.acquire("another", "c").await.unwrap();
}

pub(crate) async fn only_the_holder_renews<W: LeaseWorld>(world: W) {
    let lease = world.lease();
    let first = lease.acquire("renewed", "a").await.unwrap();
    let second = lease.renew("renewed", "a", first).await.unwrap();
    assert!(first < second);
    is_taken(lease.renew("renewed", "a", first).await);
    let third = lease.renew("renewed", "a", second).await.unwrap();
    is_taken(lease.acquire("renewed", "b").await);
    lease.release("renewed", third).await.unwrap();
}

pub(crate) async fn a_lease_that_is_given_up_is_free_at_once<W: LeaseWorld>(world: W) {
    let lease = world.lease();
    let revision = lease.acquire("given", "a").await.unwrap();
    let (freed, ()) = tokio::join!(lease.freed("given"), async {
        world.pass_a_moment().await;
        lease.release("given", revision).await.unwrap();
    });
    freed.unwrap();
    lease.acquire("given", "b").await.unwrap();
    is_taken(lease.renew("given", "a", revision).await);
}

pub(crate) async fn who_is_not_the_holder_cannot_give_it_up<W: LeaseWorld>(world: W) {
    let lease = world.lease();
    let old = lease.acquire("kept", "a").await.unwrap();
    let new = lease.renew("kept", "a", old).await.unwrap();
    // Whether it is told so or not.
    let _ = lease.release("kept", old).await;
    is_taken(lease.acquire("kept", "b").await);
    lease.renew("kept", "a", new).await.unwrap();
}

pub(crate) async fn a_free_lease_is_not_waited_for<W: LeaseWorld>(world: W) {
    let lease = world.lease();
    tokio::time::timeout(SOON, lease.freed("never")).await.unwrap().unwrap();
    let revision = lease.acquire("never", "a").await.unwrap();
    lease.release("never", revision).await.unwrap();
    tokio::time::timeout(SOON, lease.freed("never")).await.unwrap().unwrap();
}

pub(crate) async fn a_lease_that_nobody_renews_expires<W: LeaseWorld>(world: W) {
    let lease = world.lease();
    let revision = lease.acquire("expired", "a").await.unwrap();
    world.outlive("expired").await;
    is_taken(lease.renew("expired", "a", revision).await);
    lease.acquire("expired", "b").await.unwrap();
    // What the first holder still does harms nobody.
    let _ = lease.release("expired", revision).await;
    is_taken(lease.acquire("expired", "c").await);
}

/// However a lease came to be free before, its next holder has to renew it.
pub(crate) async fn a_lease_that_was_free_before_expires_as_well<W: LeaseWorld>(world: W) {
    let lease = world.lease();
    lease.acquire("again", "a").await.unwrap();
    world.outlive("again").await;
    lease.acquire("again", "b").await.unwrap();
    world.outlive("again").await;
    let revision = lease.acquire("again", "c").await.unwrap();
    lease.release("again", revision).await.unwrap();
    lease.acquire("again", "d").await.unwrap();
    world.outlive("again").await;
    lease.acquire("again", "e").await.unwrap();
}

/// A standby is active as soon as the holder stops, and the holder learns when it is not any more.
pub(crate) async fn a_standby_takes_over<W: LeaseWorld>(world: W) {
    let candidate = |holder: &str| Candidate {
        lease: world.lease(),
        key: "active".to_owned(),
        holder: holder.to_owned(),
    };
    let (a, b) = (candidate("a"), candidate("b"));
    let revision = a.acquire().await.unwrap();
    let (done, abort) = (CancellationToken::new(), CancellationToken::new());
    let hold = async {
        world.pass_a_moment().await;
        done.cancel();
    };
    let (revision, (), ()) = tokio::join!(b.acquire(), a.keep(revision, &done, &abort), hold);
    let revision = revision.unwrap();
    assert!(!abort.is_cancelled(), "it stopped by itself");
    // Somebody else has it now: its holder must learn of that.
    b.lease.release("active", revision).await.unwrap();
    a.acquire().await.unwrap();
    let never = CancellationToken::new();
    let keep = b.keep(revision, &never, &abort);
    tokio::time::timeout(SOON, keep).await.unwrap();
    assert!(abort.is_cancelled());
}
