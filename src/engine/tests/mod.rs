//! The engine on a log in memory that answers late, twice, or not at all.
//!
//! Time is virtual: a pause costs nothing, and a run of one seed is the same run every time.

mod following;
mod settling;

use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::{
    Ended, Error, Follower, Input, Output, Pace, Projection, ProjectionError, Reached, Source,
    Taken, drive, open,
};
use crate::domain::fixtures::{T0, received};
use crate::domain::{Address, Recorded, Sequence};
use crate::port::model::{ModelClock, ModelLog, ModelTail};
use crate::port::{Batch, Entry, Log, Message, ReadError, Tail};
use crate::wire::{Commit, CommitDraft, CommitHead, Hash, Position};

const COMMIT: &str = "log.commit";
const POSITION: &str = "copy._position";

/// A log of commits that hold so many events each.
async fn log_of(events: &[usize]) -> ModelLog {
    let log = ModelLog::new(ModelClock::at(T0));
    let mut head = Sequence::START;
    for (number, count) in (1..).zip(events) {
        let mut draft = CommitDraft::default();
        for n in 0..*count {
            let event = received("mug", 1, &format!("{number}-{n}"));
            let source = "warehouse".parse().unwrap();
            draft.push(&Recorded { event, cause: None, source, body: None, trace: None }).unwrap();
        }
        let payload = draft.seal(&CommitHead { number, ..CommitHead::default() }).unwrap();
        let commit = message(COMMIT, payload, Some(head));
        // A ledger entry stands between two commits, so that sequences have gaps.
        let messages = vec![commit, message("log.stock.mug", Bytes::new(), None)];
        head = log.commit(&Batch::of(messages)).await.unwrap().head;
    }
    log
}

fn message(subject: &str, payload: Bytes, expected: Option<Sequence>) -> Message {
    Message { subject: subject.to_owned(), headers: Vec::new(), payload, expected, kept_s: None }
}

/// Every event's address, in order.
async fn addresses(log: &ModelLog) -> Vec<Address> {
    let mut tail = log.follow(COMMIT, Sequence::START).await.unwrap();
    let mut addresses = Vec::new();
    while 0 < tail.remaining() {
        for entry in tail.next(usize::MAX).await.unwrap() {
            let count = Commit::decode(&entry.payload).unwrap().events.len();
            let count = u32::try_from(count).unwrap();
            addresses.extend((0..count).map(|index| Address::new(entry.sequence, index)));
        }
    }
    addresses
}

/// Copies every event's address, one message each: what is repeated or left out is seen.
#[derive(Default)]
struct Copy(Vec<Address>);

impl Projection for Copy {
    fn fold(&mut self, at: Sequence, skip: u32, commit: &Commit) -> Result<(), ProjectionError> {
        let count = u32::try_from(commit.events.len()).unwrap();
        self.0.extend((skip..count).map(|index| Address::new(at, index)));
        Ok(())
    }

    fn owed(&self) -> usize {
        self.0.len()
    }

    fn has_room(&self, _pace: &Pace) -> bool {
        self.0.is_empty()
    }

    /// Takes three at most, so that commits are left in the middle.
    fn take(&mut self, limit: usize) -> Result<Taken, ProjectionError> {
        let count = limit.min(self.0.len()).min(3);
        let taken: Vec<Address> = self.0.drain(..count).collect();
        let reached = match taken.last() {
            Some(last) if !self.0.is_empty() => Reached::Inside(*last),
            _ => Reached::Everything,
        };
        let copied = |at: &Address| message("copy.event", at.to_string().into(), None);
        Ok(Taken { messages: taken.iter().map(copied).collect(), reached })
    }
}

/// The commits after a position, up to the end of a log that no longer grows.
struct Commits(ModelTail);

impl Commits {
    async fn after(log: &ModelLog, position: Sequence) -> Self {
        Self(log.follow(COMMIT, position).await.unwrap())
    }
}

impl Source for Commits {
    type Input = Input;

    async fn next(&mut self, limit: usize) -> Result<Option<Vec<Input>>, ReadError> {
        if self.0.remaining() == 0 {
            return Ok(None);
        }
        let entries = self.0.next(limit).await?;
        let input = |entry: Entry| Input {
            sequence: entry.sequence,
            hash: Hash::of(&entry.payload),
            commit: std::sync::Arc::new(Commit::decode(&entry.payload).unwrap()),
            remaining: 0,
        };
        Ok(Some(entries.into_iter().map(input).collect()))
    }
}

fn output(log: &ModelLog) -> Output<ModelLog> {
    Output {
        log: log.clone(),
        position: POSITION.to_owned(),
        keys: "copy.".to_owned(),
        pace: Pace::steady(Duration::from_millis(20)),
    }
}

async fn opened(to: &ModelLog, nonce: &str) -> Follower<Copy, ModelLog> {
    open(Copy::default(), output(to), nonce.to_owned(), Sequence::START).await.unwrap()
}

/// Follows `from` to its end with a follower that was opened.
async fn follow_with(
    follower: &mut Follower<Copy, ModelLog>,
    (from, to): (&ModelLog, &ModelLog),
    abort: &CancellationToken,
) -> Result<Ended, Error> {
    let mut commits = Commits::after(from, follower.position().event_seq).await;
    drive(follower, &mut commits, to, abort).await
}

/// What was copied, in order.
fn copied(to: &ModelLog) -> Vec<Address> {
    let entries = to.entries().into_iter();
    let events = entries.filter(|entry| entry.subject == "copy.event");
    events.map(|e| std::str::from_utf8(&e.payload).unwrap().parse().unwrap()).collect()
}

fn position(to: &ModelLog) -> Position {
    let entries = to.entries();
    let last = entries.iter().rev().find(|entry| entry.subject == POSITION).unwrap();
    Position::decode(&last.payload).unwrap()
}
