//! Milestones: the whole shop, kept every so many events, so that looking back does not begin at
//! the first commit.
//!
//! Woken by commits, wakes nobody. Run twice, it writes the same bytes under the same names.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::follow::Hub;
use crate::domain::Sequence;
use crate::engine::{Error, Input, Source, stands};
use crate::port::{Log, ReadError, SnapshotError, Snapshots};
use crate::view::Shop;
use crate::wire::Milestone;

/// Events between two milestones: some 400 full commits, which are folded in a fraction of a
/// second.
pub const EVERY: u64 = 100_000;

/// Commits taken from the reader at once.
const READ_AT_ONCE: usize = 64;

/// Pause before a server that is away is asked again. Elections take seconds.
const PAUSE: Duration = Duration::from_millis(500);

/// The shop as of the last milestone of `log` at `sequence` or before it that this build can use;
/// an empty shop when there is none.
///
/// # Errors
///
/// When nobody can say which there are; begin with an empty shop then.
pub async fn before<L: Log>(
    (log, commits): (&L, &str),
    snapshots: &impl Snapshots,
    sequence: Sequence,
) -> Result<Shop, Obstacle> {
    let names = snapshots.names().await?;
    let mut there: Vec<_> = names.iter().filter_map(|name| Milestone::place(name)).collect();
    there.sort_unstable();
    for place in there.into_iter().rev().filter(|place| *place <= sequence) {
        let Some(bytes) = snapshots.load(&Milestone::name_at(place)).await? else { continue };
        match Milestone::decode(&bytes) {
            Ok(milestone) if is_of(log, commits, &milestone).await? => return Ok(milestone.shop),
            Ok(_) => info!(at = place.0, "a milestone of another log is not used"),
            Err(error) => info!(at = place.0, %error, "a milestone is not used"),
        }
    }
    Ok(Shop::default())
}

/// Whether the commit that the milestone is of stands in the log.
async fn is_of<L: Log>(log: &L, commits: &str, milestone: &Milestone) -> Result<bool, ReadError> {
    let place = milestone.shop.totals().event_seq;
    stands(log, commits, place, |hash| hash == milestone.commit).await
}

/// Keeps milestones, `every` so many events, until told to stop.
///
/// # Errors
///
/// [`Error`] when an event does not fit. A server that is away is waited for.
pub async fn keep<L: Log>(
    (hub, commits): (&Hub<L>, &str),
    snapshots: &impl Snapshots,
    every: u64,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let mut shop = None;
    loop {
        let problem = match keep_on((hub, commits), snapshots, every, &mut shop, stop).await {
            Ok(()) => return Ok(()),
            Err(Obstacle::Snapshots(error)) => error.0,
            Err(Obstacle::Read(ReadError::Unavailable(error))) => error,
            Err(Obstacle::Read(error)) => return Err(error.into()),
            Err(Obstacle::Defect(error)) => return Err(error),
        };
        warn!(%problem, "no milestones for now");
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// What keeps milestones from being kept or read.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// The place where they are.
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// The log is not what it should be.
    #[error(transparent)]
    Defect(Error),
}

async fn keep_on<L: Log>(
    (hub, commits): (&Hub<L>, &str),
    snapshots: &impl Snapshots,
    every: u64,
    known: &mut Option<Shop>,
    stop: &CancellationToken,
) -> Result<(), Obstacle> {
    // Milestones beyond the end are of a log that was there before this one.
    let end = hub.last().await?;
    let shop = match known {
        Some(shop) if shop.totals().event_seq <= end => shop,
        Some(_) | None => known.insert(before((hub.log(), commits), snapshots, end).await?),
    };
    let mut due = None;
    let mut follow = hub.follow(shop.totals().event_seq, stop.clone());
    while let Some(inputs) = follow.next(READ_AT_ONCE).await? {
        for Input { sequence, commit, .. } in inputs {
            // Only the commit behind it names the hash of a commit.
            if let Some(shop) = due.take() {
                save(snapshots, Milestone { commit: commit.head.prev_hash, shop }).await?;
            }
            let events = shop.totals().events;
            shop.follow(sequence, commit.head.at, &commit.events).map_err(|(at, misfit)| {
                Obstacle::Defect(Error::defect(at.sequence, format!("event {at}: {misfit}")))
            })?;
            if events.checked_div(every) < shop.totals().events.checked_div(every) {
                due = Some(shop.clone());
            }
        }
    }
    Ok(())
}

async fn save(snapshots: &impl Snapshots, milestone: Milestone) -> Result<(), SnapshotError> {
    let name = Milestone::name_at(milestone.shop.totals().event_seq);
    // Packing a large shop takes long enough to keep others waiting.
    let packed = tokio::task::spawn_blocking(move || milestone.encode()).await;
    let bytes = packed.map_err(|error| SnapshotError(error.into()))?;
    snapshots.save(&name, bytes.map_err(|error| SnapshotError(error.into()))?).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::fixtures::busy_shop;
    use crate::port::model::{ModelLog, ModelSnapshots};
    use crate::port::testing::{Dice, SeedOnPanic};
    use crate::role::as_of;
    use crate::role::replay::{Range, Replay};
    use crate::role::testing::logged;

    /// The shop as of a sequence, from what was known before.
    async fn shop_at(log: &ModelLog, to: Sequence, known: Shop) -> Shop {
        let place = known.totals().event_seq;
        let tail = log.follow("commits", place).await.unwrap();
        let mut replay = Replay::new(tail, Range { from: place.next(), to, until: None }, None);
        let until = Timestamp(u64::MAX);
        as_of::shop((&mut replay, until), known, |_, _| {}).await.unwrap()
    }

    /// Keeps milestones until one that is due is there.
    async fn kept(log: &ModelLog, every: u64, snapshots: &ModelSnapshots) -> Vec<Sequence> {
        let hub = Hub::start(log.clone(), "commits".to_owned());
        let end = log.end().await.unwrap();
        // The one at the last commit waits for another.
        let before_last = Sequence(end.0 - 1);
        let all = shop_at(log, before_last, Shop::default()).await.totals().events / every;
        let stop = CancellationToken::new();
        let (keeper, kept, stopped) = (hub.clone(), snapshots.clone(), stop.clone());
        let keeps =
            tokio::spawn(async move { keep((&keeper, "commits"), &kept, every, &stopped).await });
        let mut places = Vec::new();
        let mut last = Shop::default();
        while last.totals().events / every < all {
            tokio::time::sleep(Duration::from_millis(10)).await;
            last = before((log, "commits"), snapshots, end).await.unwrap();
        }
        stop.cancel();
        keeps.await.unwrap().unwrap();
        for name in snapshots.names().await.unwrap() {
            places.extend(Milestone::place(&name));
        }
        places.sort_unstable();
        places
    }

    #[tokio::test(start_paused = true)]
    async fn a_milestone_and_what_followed_it_are_the_whole_log() {
        for seed in 0..30 {
            let _said = SeedOnPanic(seed);
            let mut dice = Dice::new(seed);
            let log = logged(&busy_shop(seed)).await;
            let (snapshots, every) = (ModelSnapshots::default(), 1 + dice.below(20) as u64);
            let places = kept(&log, every, &snapshots).await;
            assert!(!places.is_empty());
            let end = log.end().await.unwrap();
            for to in (1..=end.0).map(Sequence) {
                let known = before((&log, "commits"), &snapshots, to).await.unwrap();
                let nearest = places.iter().rev().find(|place| **place <= to);
                let nearest = nearest.copied().unwrap_or(Sequence::START);
                assert_eq!(known.totals().event_seq, nearest, "the nearest before {to}");
                let whole = shop_at(&log, to, Shop::default()).await;
                assert_eq!(shop_at(&log, to, known).await, whole, "as of {to}");
            }
            // Whoever begins again goes on from the last one, and writes nothing else.
            assert_eq!(kept(&log, every, &snapshots).await, places);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_milestone_of_another_log_is_not_used() {
        let (log, snapshots) = (logged(&busy_shop(1)).await, <_>::default());
        assert!(1 < kept(&log, 5, &snapshots).await.len());
        let other = logged(&busy_shop(2)).await;
        let end = other.end().await.unwrap();
        let known = before((&other, "commits"), &snapshots, end).await.unwrap();
        assert_eq!(known, Shop::default());
    }

    #[tokio::test(start_paused = true)]
    async fn a_milestone_that_cannot_be_read_leaves_the_one_before() {
        let (log, snapshots) = (logged(&busy_shop(3)).await, <_>::default());
        let places = kept(&log, 5, &snapshots).await;
        let [.., before_last, last] = places[..] else { panic!("{places:?}") };
        snapshots.save(&Milestone::name_at(last), b"cut".to_vec()).await.unwrap();
        let known = before((&log, "commits"), &snapshots, last).await.unwrap();
        assert_eq!(known.totals().event_seq, before_last);
    }
}
