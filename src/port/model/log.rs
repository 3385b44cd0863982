//! A stream in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::{Fault, Faults, ModelClock};
use crate::domain::{Sequence, Timestamp};
use crate::port::{Batch, Clock, CommitError, Committed, Entry, Log, ReadError, Tail};
use crate::wire::Subjects;

/// How long a busy model asks to wait; short, because tests wait for it.
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// A stream in memory. Clones are the same stream.
#[derive(Clone, Debug)]
pub struct ModelLog {
    stream: Arc<Mutex<Stream>>,
    grown: watch::Sender<u64>,
    faults: Faults,
    clock: ModelClock,
}

#[derive(Debug, Default)]
struct Stream {
    entries: Vec<Entry>,
    last: HashMap<String, Sequence>,
    /// Batches that were sent and have not arrived, with the attempts that still come first.
    late: Vec<(u32, Batch)>,
}

impl ModelLog {
    /// An empty stream whose entries carry the time of `clock`.
    #[must_use]
    pub fn new(clock: ModelClock) -> Self {
        Self {
            stream: Arc::default(),
            grown: watch::Sender::new(0),
            faults: Faults::default(),
            clock,
        }
    }

    /// What is to go wrong.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Everything in it.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.stream().entries.clone()
    }

    /// Lets everything arrive that is still under way.
    pub fn deliver_late(&self) {
        let now = self.clock.now();
        let mut stream = self.stream();
        for (_, batch) in std::mem::take(&mut stream.late) {
            // Nobody is waiting for the answer any more.
            let _ = stream.append(&batch, now);
        }
        self.announce(&stream);
    }

    /// Puts an entry in, in place of another, or takes some away: for what no writer does.
    pub fn tamper(&self, change: impl FnOnce(&mut Vec<Entry>)) {
        let mut stream = self.stream();
        change(&mut stream.entries);
        let last = stream.entries.iter().map(|entry| (entry.subject.clone(), entry.sequence));
        stream.last = last.collect();
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, stream: &Stream) {
        let end = stream.end().0;
        self.grown.send_if_modified(|known| std::mem::replace(known, end) != end);
    }
}

impl Stream {
    fn end(&self) -> Sequence {
        self.entries.last().map_or(Sequence::START, |entry| entry.sequence)
    }

    fn append(&mut self, batch: &Batch, now: Timestamp) -> Result<Committed, CommitError> {
        self.append_part(batch, usize::MAX, now)
    }

    /// Appends as many of the messages of a batch that may be stored.
    fn append_part(
        &mut self,
        batch: &Batch,
        stored: usize,
        now: Timestamp,
    ) -> Result<Committed, CommitError> {
        if batch.messages.is_empty() {
            return Err(CommitError::Broken("a batch needs a message".into()));
        }
        let last = |subject: &str| self.last.get(subject).copied().unwrap_or_default();
        let fits = batch.expected_end.is_none_or(|expected| expected == self.end())
            && batch.messages.iter().all(|message| {
                message.expected.is_none_or(|expected| expected == last(&message.subject))
            });
        if !fits {
            return Err(CommitError::Fenced);
        }
        for message in batch.messages.iter().take(stored) {
            let sequence = self.end().next();
            self.last.insert(message.subject.clone(), sequence);
            let owned = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
            self.entries.push(Entry {
                sequence,
                subject: message.subject.clone(),
                time: now,
                headers: message.headers.iter().map(owned).collect(),
                payload: message.payload.clone(),
            });
        }
        Ok(batch.committed_at(self.end()))
    }

    /// One more attempt goes by: what is late comes closer, and some of it arrives.
    fn pass(&mut self, now: Timestamp) {
        let late = std::mem::take(&mut self.late);
        for (attempts, batch) in late {
            match attempts.checked_sub(1) {
                Some(attempts) => self.late.push((attempts, batch)),
                None => drop(self.append(&batch, now)),
            }
        }
    }
}

impl Log for ModelLog {
    type Tail = ModelTail;

    async fn follow(&self, filter: &str, after: Sequence) -> Result<ModelTail, ReadError> {
        Ok(ModelTail {
            log: self.clone(),
            grown: self.grown.subscribe(),
            filter: filter.to_owned(),
            after,
        })
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>, ReadError> {
        let stream = self.stream();
        Ok(stream.entries.iter().rev().find(|entry| entry.subject == subject).cloned())
    }

    async fn end(&self) -> Result<Sequence, ReadError> {
        Ok(self.stream().end())
    }

    async fn before(&self, moment: Timestamp) -> Result<Sequence, ReadError> {
        let stream = self.stream();
        let earlier = stream.entries.iter().take_while(|entry| entry.time < moment);
        Ok(earlier.last().map_or(Sequence::START, |entry| entry.sequence))
    }

    async fn commit(&self, batch: &Batch) -> Result<Committed, CommitError> {
        // A commit takes a while: whoever waits lets others go on.
        tokio::task::yield_now().await;
        let now = self.clock.now();
        let lost = || CommitError::Unknown("no answer".into());
        let mut stream = self.stream();
        stream.pass(now);
        let answer = match self.faults.take() {
            Fault::None => stream.append(batch, now),
            Fault::AnswerLost => {
                drop(stream.append(batch, now));
                Err(lost())
            }
            Fault::RequestLost => Err(lost()),
            Fault::Late(attempts) => {
                stream.late.push((attempts, batch.clone()));
                Err(lost())
            }
            Fault::Torn(stored) => {
                drop(stream.append_part(batch, stored, now));
                Err(lost())
            }
            Fault::Busy => Err(CommitError::Busy { retry_after: BUSY_PAUSE }),
        };
        self.announce(&stream);
        answer
    }
}

/// A reader of a [`ModelLog`].
#[derive(Debug)]
pub struct ModelTail {
    log: ModelLog,
    grown: watch::Receiver<u64>,
    filter: String,
    after: Sequence,
}

impl ModelTail {
    fn unread(&self, limit: usize) -> Vec<Entry> {
        let stream = self.log.stream();
        let from = stream.entries.partition_point(|entry| entry.sequence <= self.after);
        let unread = stream.entries.iter().skip(from);
        unread
            .filter(|entry| Subjects::matches(&self.filter, &entry.subject))
            .take(limit)
            .cloned()
            .collect()
    }
}

impl Tail for ModelTail {
    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        loop {
            let entries = self.unread(limit);
            if let Some(last) = entries.last() {
                self.after = last.sequence;
                return Ok(entries);
            }
            let gone = |error: watch::error::RecvError| ReadError::Broken(error.into());
            self.grown.changed().await.map_err(gone)?;
        }
    }

    fn remaining(&self) -> u64 {
        u64::try_from(self.unread(usize::MAX).len()).unwrap_or(u64::MAX)
    }
}
