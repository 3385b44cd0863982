//! Where the last days of a log begin, by the commits' own clock.

use crate::domain::{Sequence, Timestamp};
use crate::port::{Log, ReadError, Tail};
use crate::role::follow::Hub;
use crate::wire::{Commit, DecodeError};

/// The last commit before a moment; the start when there is none.
///
/// The stored time of a message is not enough: in a restored log it is that of the restore, and
/// all of it would be of today. It is never before the commit was made, so nothing is left out.
///
/// # Errors
///
/// See [`ReadError`].
pub(super) async fn before<L: Log>(
    events: &Hub<L>,
    moment: Timestamp,
) -> Result<Sequence, ReadError> {
    let mut low = events.log().before(moment).await?;
    let mut high = events.last().await?;
    // In a log that was never restored the next one is young already.
    if high <= low || moment <= following(events, low).await?.1 {
        return Ok(low);
    }
    while low < high {
        let half = high.0.saturating_sub(low.0) / 2;
        let middle = low.plus(half);
        let (place, made) = following(events, middle).await?;
        if made < moment {
            low = place;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The first commit after a place that is in front of the last one, and when it was made.
async fn following<L: Log>(
    events: &Hub<L>,
    place: Sequence,
) -> Result<(Sequence, Timestamp), ReadError> {
    let mut tail = events.log().follow(events.subject(), place).await?;
    loop {
        if let Some(entry) = tail.next(1).await?.first() {
            let commit = Commit::decode(&entry.payload);
            let unread = |error: DecodeError| ReadError::Broken(error.into());
            return Ok((entry.sequence, commit.map_err(unread)?.head.at));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::fixtures::{T0, busy_shop};
    use crate::port::model::{ModelClock, ModelLog};
    use crate::port::{Batch, Message};
    use crate::role::testing::logged;

    /// The same log, written anew at a later moment, with other messages between the commits.
    async fn restored(log: &ModelLog, now: Timestamp) -> ModelLog {
        let anew = ModelLog::new(ModelClock::at(now));
        for entry in log.entries() {
            let of_ledger = Message { subject: "ledger".to_owned(), ..Message::default() };
            let (subject, payload) = (entry.subject, entry.payload);
            let commit = Message { subject, payload, ..Message::default() };
            let batch = Batch::of(vec![commit, of_ledger]);
            anew.commit(&batch).await.unwrap();
        }
        anew
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_days_are_found_by_when_commits_were_made_not_when_they_were_stored() {
        for seed in 0..10 {
            let original = logged(&busy_shop(seed)).await;
            let last = original.entries().last().unwrap().time;
            let log = restored(&original, last.after(Duration::from_secs(86_400))).await;
            let hub = Hub::start(log.clone(), "commits".to_owned());
            let commits = log.entries().into_iter().filter(|entry| entry.subject == "commits");
            let made: Vec<_> = commits
                .map(|entry| (entry.sequence, Commit::decode(&entry.payload).unwrap().head.at))
                .collect();
            let moments = made.iter().flat_map(|(_, at)| [*at, at.after(Duration::from_millis(1))]);
            for moment in moments.chain([T0, T0.before(Duration::from_secs(9))]) {
                let older = made.iter().take_while(|(_, at)| *at < moment);
                let wanted = older.last().map_or(Sequence::START, |(place, _)| *place);
                assert_eq!(before(&hub, moment).await.unwrap(), wanted, "before {moment}");
            }
        }
    }
}
