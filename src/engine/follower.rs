//! A follower of the log: folds commits, writes what follows from them beside its position.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use tokio::time::Instant;

use super::drive::{Error, Machine};
use super::pace::Pace;
use super::settle::{Settled, settle};
use crate::domain::{Address, Sequence};
use crate::port::{Batch, BoxError, CommitError, Committed, Head, Log, Message, Tail};
use crate::wire::{Commit, Hash, Position, Reflected, Subjects};

/// What folding one commit leads to, and what has to be known before.
pub trait Projection: Send + Sync {
    /// Keys whose current value is needed to fold this commit and is not known; none, when
    /// folding needs the events alone.
    fn wants(&self, _commit: &Commit) -> Vec<String> {
        Vec::new()
    }

    /// The current value of a key it wanted; none when there is none.
    ///
    /// # Errors
    ///
    /// [`ProjectionError`] when the value cannot be read.
    fn load(&mut self, _key: &str, _value: Option<&[u8]>) -> Result<(), ProjectionError> {
        Ok(())
    }

    /// Folds the commit at `sequence`, but for its first `skip` events, which were folded before.
    ///
    /// # Errors
    ///
    /// [`ProjectionError`] when an event does not fit what is known.
    fn fold(
        &mut self,
        sequence: Sequence,
        skip: u32,
        commit: &Commit,
    ) -> Result<(), ProjectionError>;

    /// How many messages it owes.
    fn owed(&self) -> usize;

    /// Whether it can fold another commit before some of what it owes is written.
    fn has_room(&self, pace: &Pace) -> bool {
        pace.has_room(self.owed())
    }

    /// Takes at most `limit` of the messages it owes.
    ///
    /// # Errors
    ///
    /// [`ProjectionError`] when a value cannot be written.
    fn take(&mut self, limit: usize) -> Result<Taken, ProjectionError>;

    /// What was taken is durable.
    fn written(&mut self) {}

    /// Whether it has to know every value it wrote before, when it starts.
    const RESTORES: bool = false;

    /// A value it wrote before.
    ///
    /// # Errors
    ///
    /// [`ProjectionError`] when the value cannot be read.
    fn restore(&mut self, _value: &[u8]) -> Result<(), ProjectionError> {
        Ok(())
    }

    /// The end of the log was reached, for now.
    fn caught_up(&mut self) {}
}

/// Messages taken from a projection.
#[derive(Debug, Default)]
pub struct Taken {
    /// The messages.
    pub messages: Vec<Message>,
    /// How far the log is reflected once they are written.
    pub reached: Reached,
}

/// How far taken messages go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reached {
    /// Everything that was folded.
    #[default]
    Everything,
    /// Everything up to this event.
    Inside(Address),
    /// Every commit before this one. Some values may be ahead of that; they know it, because each
    /// carries the address it reflects.
    Before(Sequence),
}

/// A value that cannot be read or written, or an event that does not fit.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ProjectionError(pub String);

/// Where a follower writes.
#[derive(Clone, Debug)]
pub struct Output<L> {
    /// The stream.
    pub log: L,
    /// Subject of the position in it.
    pub position: String,
    /// Subject of a key in it, before the key.
    pub keys: String,
    /// The time between two batches.
    pub pace: Pace,
}

/// Messages in one batch, its position included. The server allows 1,000.
const MESSAGES_MAX: usize = 1_000;

/// A commit, and where it stands. Several followers of one process may share it.
#[derive(Clone, Debug)]
pub struct Input {
    /// Where it stands.
    pub sequence: Sequence,
    /// Its hash.
    pub hash: Hash,
    /// What it says.
    pub commit: Arc<Commit>,
    /// How many commits were still to come when it was read.
    pub remaining: u64,
}

/// A projection with its position and its fence.
pub struct Follower<P, L> {
    /// What is folded.
    pub projection: P,
    output: Output<L>,
    position: Position,
    /// Where the position stands: the fence.
    fence: Sequence,
    /// How far it is folded, ahead of the position.
    folded: Sequence,
    /// Commits that are folded and that the position does not reflect yet.
    ahead: VecDeque<(Sequence, Hash)>,
    flight: Option<Position>,
    next_batch: Instant,
    /// Events folded since the last batch.
    events: usize,
}

impl<P: Projection, L: Log> Follower<P, L> {
    /// How far the log is reflected.
    #[must_use]
    pub const fn position(&self) -> &Position {
        &self.position
    }

    fn batch_of(&self, position: &Position, messages: Vec<Message>) -> Batch {
        let head = Message {
            subject: self.output.position.clone(),
            payload: position.encode(),
            expected: Some(self.fence),
            ..Message::default()
        };
        let messages = messages.into_iter().chain(std::iter::once(head)).collect();
        Batch { messages, head: Head::Last, expected_end: None }
    }

    async fn load(&mut self, sequence: Sequence, commit: &Commit) -> Result<(), Error> {
        let keys = self.projection.wants(commit);
        if keys.is_empty() {
            return Ok(());
        }
        let output = &self.output;
        let read = |key: String| async move {
            let subject = format!("{}{key}", output.keys);
            // Only a leader's answer counts here; a replica may be behind our own last batch.
            output.log.last(&subject).await.map(|entry| (key, entry))
        };
        let mut values = stream::iter(keys.into_iter().map(read)).buffer_unordered(READS_AT_ONCE);
        while let Some(read) = values.next().await {
            let (key, entry) = read?;
            let value = entry.as_ref().map(|entry| entry.payload.as_ref());
            self.projection
                .load(&key, value.filter(|value| !value.is_empty()))
                .map_err(|error| Error::defect(sequence, error))?;
        }
        Ok(())
    }

    /// Hands the projection every value it wrote before: everything up to the claim that was just
    /// written. A copy that is behind would show less, and call it all.
    async fn restore(&mut self) -> Result<(), Error> {
        let filter = format!("{}>", self.output.keys);
        let mut tail = self.output.log.follow(&filter, Sequence::START).await?;
        let mut values = HashMap::new();
        let mut read = Sequence::START;
        while read < self.fence {
            for entry in tail.next(usize::MAX).await? {
                read = entry.sequence;
                values.insert(entry.subject, entry.payload);
            }
        }
        let is_ours = |subject: &str| {
            subject
                .strip_prefix(self.output.keys.as_str())
                .is_some_and(|key| !Subjects::is_about_writer(key))
        };
        values.retain(|subject, value| is_ours(subject) && !value.is_empty());
        for value in values.into_values() {
            self.projection
                .restore(&value)
                .map_err(|error| Error::defect(self.position.event_seq, error))?;
        }
        Ok(())
    }
}

/// Takes over an output: reads its position and writes it anew under the next epoch, so that
/// whoever wrote here before is fenced off.
///
/// # Errors
///
/// See [`Error`]. A server that is away is the caller's to wait for.
pub async fn open<P: Projection, L: Log>(
    projection: P,
    output: Output<L>,
    nonce: String,
    start: Sequence,
) -> Result<Follower<P, L>, Error> {
    let now = Instant::now();
    let mut follower = Follower {
        projection,
        output,
        position: Position { event_seq: start, ..Position::default() },
        fence: Sequence::START,
        folded: start,
        ahead: VecDeque::new(),
        flight: None,
        next_batch: now,
        events: 0,
    };
    loop {
        if let Some(entry) = follower.output.log.last(&follower.output.position).await? {
            follower.fence = entry.sequence;
            follower.position = Position::decode(&entry.payload)
                .map_err(|error| Error::Refused(BoxError::from(error)))?;
        }
        let mut claimed = follower.position.clone();
        claimed.epoch = claimed.epoch.saturating_add(1);
        claimed.nonce.clone_from(&nonce);
        let batch = follower.batch_of(&claimed, Vec::new());
        let committed = match follower.output.log.commit(&batch).await {
            Ok(committed) => committed,
            Err(CommitError::Fenced) => continue,
            Err(CommitError::Busy { retry_after }) => {
                tokio::time::sleep(retry_after).await;
                continue;
            }
            Err(CommitError::Broken(source)) => return Err(Error::Refused(source)),
            Err(CommitError::Unknown(_)) => {
                // A claim is settled by itself: what else could stand there is somebody else's.
                let never = tokio_util::sync::CancellationToken::new();
                let log = &follower.output.log;
                match settle(log, &batch, &batch, follower.fence, &never).await? {
                    Settled::Happened(committed) => committed,
                    Settled::Never | Settled::Superseded | Settled::Aborted => continue,
                }
            }
        };
        follower.fence = committed.head;
        follower.folded = claimed.event_seq;
        follower.position = claimed;
        if P::RESTORES {
            follower.restore().await?;
        }
        return Ok(follower);
    }
}

impl<P: Projection, L: Log> Machine for Follower<P, L> {
    type Input = Input;

    fn room(&self) -> usize {
        // One at a time: each may fill the batch.
        usize::from(self.projection.has_room(&self.output.pace))
    }

    async fn take_in(&mut self, inputs: Vec<Input>) -> Result<(), Error> {
        for Input { sequence, hash, commit, remaining } in inputs {
            self.load(sequence, &commit).await?;
            let first = self.folded == self.position.event_seq;
            let skip = if first { self.position.event_index } else { 0 };
            self.projection
                .fold(sequence, skip, &commit)
                .map_err(|error| Error::defect(sequence, error))?;
            self.folded = sequence;
            self.ahead.push_back((sequence, hash));
            self.events = self.events.saturating_add(commit.events.len());
            if remaining == 0 {
                self.projection.caught_up();
            }
        }
        Ok(())
    }

    fn draft(&mut self, last: bool) -> Result<Option<Batch>, Error> {
        let behind = self.position.event_seq < self.folded || 0 < self.projection.owed();
        let much = self.output.pace.much <= self.projection.owed();
        if !behind || !(last || much || self.next_batch <= Instant::now()) {
            return Ok(None);
        }
        let taken = self
            .projection
            .take(MESSAGES_MAX.saturating_sub(1))
            .map_err(|error| Error::defect(self.folded, error))?;
        let mut position = self.position.clone();
        position.number = position.number.saturating_add(1);
        (position.event_seq, position.event_index) = match taken.reached {
            Reached::Everything => (self.folded, 0),
            Reached::Inside(at) => {
                (Sequence(at.sequence.0.saturating_sub(1)), at.index.saturating_add(1))
            }
            Reached::Before(sequence) => {
                (position.event_seq.max(Sequence(sequence.0.saturating_sub(1))), 0)
            }
        };
        while let Some((sequence, hash)) =
            self.ahead.pop_front_if(|(sequence, _)| *sequence <= position.event_seq)
        {
            position.commit = Some(Reflected { sequence, hash: hash.to_string() });
        }
        let batch = self.batch_of(&position, taken.messages);
        self.flight = Some(position);
        self.next_batch = Instant::now() + self.output.pace.after(std::mem::take(&mut self.events));
        Ok(Some(batch))
    }

    fn wake_at(&self) -> Option<Instant> {
        let behind = self.position.event_seq < self.folded || 0 < self.projection.owed();
        (behind && self.flight.is_none()).then_some(self.next_batch)
    }

    fn wake(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn committed(&mut self, committed: Committed) -> Result<(), Error> {
        if let Some(position) = self.flight.take() {
            self.position = position;
            self.fence = committed.head;
            self.projection.written();
        }
        Ok(())
    }

    fn claim(&self) -> Result<Batch, Error> {
        let mut claimed = self.position.clone();
        claimed.epoch = claimed.epoch.saturating_add(1);
        Ok(self.batch_of(&claimed, Vec::new()))
    }

    fn fence(&self) -> Sequence {
        self.fence
    }
}

/// Values read from the output at the same time.
const READS_AT_ONCE: usize = 32;
