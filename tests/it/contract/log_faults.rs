//! What a [`Log`] promises when something goes wrong.

use std::time::Duration;

use kassa::domain::Sequence;
use kassa::engine::{Settled, complete, settle};
use kassa::port::{CommitError, Log};
use tokio_util::sync::CancellationToken;

use super::log::{LogWorld, Place, at, batch, texts};
use crate::support::eventually;

/// How long a lost connection may take to come back.
const BACK: Duration = Duration::from_secs(20);

/// Commits once the way is free again, whatever is in the way at first.
async fn commit_again<L: Log>(place: &Place<L>, name: &str) -> u64 {
    let message = batch([place.message(name, "again")]);
    let commit = async || place.log.commit(&message).await.ok();
    eventually("the way is free again", BACK, commit).await.head.0
}

/// Who got no answer does not know, and is told exactly that.
pub(crate) async fn a_lost_answer_is_unknown_and_the_batch_is_there<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let sent = batch([place.fenced("commit", "mine", 0), place.fenced("stock", "mine", 0)]);
    world.lose_answer(&place).await;
    let answer = place.log.commit(&sent).await;
    assert!(matches!(answer, Err(CommitError::Unknown(_))), "{answer:?}");
    let claim = batch([place.fenced("commit", "claim", 0)]);
    let never = CancellationToken::new();
    let settled = settle(&place.log, &sent, &claim, Sequence::START, &never).await.unwrap();
    assert_eq!(settled, Settled::Happened(at(1)));
    assert_eq!(place.entries().await.len(), 2);
}

pub(crate) async fn a_lost_request_is_unknown_and_settled_by_a_claim<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let sent = batch([place.fenced("commit", "mine", 0), place.fenced("stock", "mine", 0)]);
    world.lose_request(&place).await;
    let answer = place.log.commit(&sent).await;
    assert!(matches!(answer, Err(CommitError::Unknown(_))), "{answer:?}");
    let claim = batch([place.fenced("commit", "claim", 0)]);
    let never = CancellationToken::new();
    let settled = settle(&place.log, &sent, &claim, Sequence::START, &never).await.unwrap();
    assert_eq!(settled, Settled::Never);
    let entries = place.entries().await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].payload, "claim");
}

/// A server with one copy may lose its power between two messages of a batch. Two who find the
/// beginning of it, and a server that is at it yet, store the rest once.
pub(crate) async fn what_is_missing_of_a_batch_is_stored_once<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let other = world.elsewhere(&place).await;
    place.log.commit(&batch([place.fenced("commit", "1", 0)])).await.unwrap();
    let entry = |name| place.fenced(name, "1", 0);
    let rest = [entry("a"), entry("b"), entry("c")];
    place.log.commit(&batch([entry("a")])).await.unwrap();
    let from = Sequence(2);
    for _ in 0..2 {
        let (one, another) =
            tokio::join!(complete(&place.log, (&rest, from)), complete(&other, (&rest, from)),);
        assert!(one.unwrap() | another.unwrap(), "one of them did it, or found it done");
        let entries = place.entries().await;
        assert_eq!(texts(&entries), [("commit", "1"), ("a", "1"), ("b", "1"), ("c", "1")]);
    }
}

/// A batch that arrives after its fence has moved on is refused, however late it is.
pub(crate) async fn a_batch_that_arrives_after_the_claim_is_refused<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let other = world.elsewhere(&place).await;
    let sent = batch([place.fenced("commit", "late", 0), place.fenced("stock", "late", 0)]);
    world.delay_request(&place).await;
    let answer = place.log.commit(&sent).await;
    assert!(matches!(answer, Err(CommitError::Unknown(_))), "{answer:?}");
    let claim = batch([place.fenced("commit", "claim", 0)]);
    let never = CancellationToken::new();
    let settled = settle(&other, &sent, &claim, Sequence::START, &never).await.unwrap();
    assert_eq!(settled, Settled::Never);
    world.deliver_late(&place).await;
    commit_again(&place, "behind").await;
    let late: Vec<_> = place.entries().await;
    assert!(late.iter().all(|entry| entry.payload != "late"), "{late:?}");
}

/// A batch that arrives late, and before the claim, has happened.
pub(crate) async fn a_batch_that_arrives_before_the_claim_has_happened<W: LogWorld>(world: W) {
    let place = world.stream().await;
    let other = world.elsewhere(&place).await;
    let sent = batch([place.fenced("commit", "late", 0), place.fenced("stock", "late", 0)]);
    world.delay_request(&place).await;
    let answer = place.log.commit(&sent).await;
    assert!(matches!(answer, Err(CommitError::Unknown(_))), "{answer:?}");
    world.deliver_late(&place).await;
    commit_again(&place, "behind").await;
    let claim = batch([place.fenced("commit", "claim", 0)]);
    let never = CancellationToken::new();
    let settled = settle(&other, &sent, &claim, Sequence::START, &never).await.unwrap();
    assert_eq!(settled, Settled::Happened(at(1)));
}

/// An answer that comes after its writer gave up is not taken for the answer to something else.
pub(crate) async fn an_answer_belongs_to_its_own_batch<W: LogWorld>(world: W) {
    let place = world.stream().await;
    world.lose_answer(&place).await;
    let lost = place.log.commit(&batch([place.message("a", "lost")])).await;
    assert!(matches!(lost, Err(CommitError::Unknown(_))), "{lost:?}");
    let mut before = commit_again(&place, "a").await;
    for _ in 0..10 {
        let two = batch([place.message("a", "x"), place.message("b", "x")]);
        let first = place.log.commit(&two).await.unwrap().head.0;
        assert!(before < first, "{before} {first}");
        before = first + 1;
    }
}

pub(crate) async fn a_full_stream_is_busy_and_keeps_nothing<W: LogWorld>(world: W) {
    let place = world.stream().await;
    place.log.commit(&batch([place.message("a", "1")])).await.unwrap();
    for messages in [1, 2] {
        let sent = batch((0..messages).map(|_| place.message("a", "2")));
        world.fill_up(&place).await;
        let refused = place.log.commit(&sent).await;
        let Err(CommitError::Busy { retry_after }) = refused else { panic!("{refused:?}") };
        assert!(!retry_after.is_zero());
        world.make_room(&place).await;
    }
    assert_eq!(place.log.end().await.unwrap(), Sequence(1));
    assert_eq!(commit_again(&place, "a").await, 2);
}
