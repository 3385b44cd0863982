//! One reader for all followers of a process: a commit is read and decoded once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use crate::domain::Sequence;
use crate::engine::{Input, Source, stands};
use crate::port::{Entry, Log, ReadError, Tail};
use crate::wire::{Commit, Hash, Reflected};

/// Events that are kept for followers that are a little behind. About 20 MiB; whoever is further
/// behind reads for itself until it is not.
const EVENTS_KEPT: usize = 30_000;

/// Commits taken from the reader at once.
const READ_AT_ONCE: usize = 64;

/// The last commits of a log, for every follower of the process.
#[derive(Clone)]
pub struct Hub<L> {
    log: L,
    subject: String,
    shared: Arc<Shared>,
    /// The reader ends with the last clone.
    _reader: Arc<DropGuard>,
}

struct Shared {
    ring: Mutex<Ring>,
    grown: watch::Sender<()>,
}

#[derive(Default)]
struct Ring {
    /// Every commit after this one, and up to the last, is here.
    base: Option<Sequence>,
    commits: VecDeque<Input>,
    events: usize,
}

impl<L: Log> Hub<L> {
    /// Starts reading the commits of `log` from its end.
    pub fn start(log: L, subject: String) -> Self {
        let shared = Arc::new(Shared { ring: Mutex::default(), grown: watch::Sender::new(()) });
        let stop = CancellationToken::new();
        let reader = (log.clone(), subject.clone(), Arc::clone(&shared), stop.clone());
        tokio::spawn(async move {
            let (log, subject, shared, stop) = reader;
            tokio::select! {
                () = stop.cancelled() => {}
                Err(error) = read(&log, &subject, &shared) => {
                    // Followers read for themselves, and meet the same obstacle.
                    warn!(%error, "the shared reader has ended");
                    shared.ring().base = None;
                    shared.grown.send_replace(());
                }
            }
        });
        Self { log, subject, shared, _reader: Arc::new(stop.drop_guard()) }
    }

    /// A reader of the commits after `after`, until `stop`.
    #[must_use]
    pub fn follow(&self, after: Sequence, stop: CancellationToken) -> Follow<L> {
        let grown = self.shared.grown.subscribe();
        Follow { hub: self.clone(), grown, own: None, after, stop }
    }

    /// The last commit. The log goes on behind it, with the ledger entries of the same batch.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn last(&self) -> Result<Sequence, ReadError> {
        let last = self.log.last(&self.subject).await?;
        Ok(last.map_or(Sequence::START, |commit| commit.sequence))
    }

    /// The subject of commits.
    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether the log holds a commit that somebody has reflected.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn holds(&self, reflected: &Reflected) -> Result<bool, ReadError> {
        let is = |hash: Hash| hash.to_string() == reflected.hash;
        stands(&self.log, &self.subject, reflected.sequence, is).await
    }

    /// The log.
    #[must_use]
    pub const fn log(&self) -> &L {
        &self.log
    }
}

impl Shared {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read<L: Log>(log: &L, subject: &str, shared: &Shared) -> Result<(), ReadError> {
    let end = log.end().await?;
    let mut tail = log.follow(subject, end).await?;
    shared.ring().base = Some(end);
    shared.grown.send_replace(());
    loop {
        let inputs = decode(tail.next(READ_AT_ONCE).await?, tail.remaining())?;
        shared.ring().extend(inputs);
        shared.grown.send_replace(());
    }
}

impl Ring {
    fn extend(&mut self, inputs: Vec<Input>) {
        for input in inputs {
            self.events = self.events.saturating_add(input.commit.events.len());
            self.commits.push_back(input);
        }
        while EVENTS_KEPT < self.events {
            let Some(oldest) = self.commits.pop_front() else {
                return;
            };
            self.events = self.events.saturating_sub(oldest.commit.events.len());
            self.base = Some(oldest.sequence);
        }
    }

    /// What comes after `after`; none when that is no longer here.
    fn after(&self, after: Sequence, limit: usize) -> Option<Vec<Input>> {
        self.base.filter(|base| *base <= after)?;
        let from = self.commits.partition_point(|input| input.sequence <= after);
        Some(self.commits.iter().skip(from).take(limit).cloned().collect())
    }
}

/// A follower's place in the log.
pub struct Follow<L: Log> {
    hub: Hub<L>,
    grown: watch::Receiver<()>,
    /// A reader of our own, while we are too far behind for the shared one.
    own: Option<L::Tail>,
    after: Sequence,
    stop: CancellationToken,
}

impl<L: Log> Follow<L> {
    async fn read(&mut self, limit: usize) -> Result<Vec<Input>, ReadError> {
        loop {
            self.grown.mark_unchanged();
            let shared = self.hub.shared.ring().after(self.after, limit);
            let inputs = match shared {
                Some(inputs) if inputs.is_empty() => {
                    self.own = None;
                    let gone = |error: watch::error::RecvError| ReadError::Broken(error.into());
                    self.grown.changed().await.map_err(gone)?;
                    continue;
                }
                Some(inputs) => {
                    self.own = None;
                    inputs
                }
                None => self.read_alone(limit).await?,
            };
            self.after = inputs.last().map_or(self.after, |input| input.sequence);
            return Ok(inputs);
        }
    }

    async fn read_alone(&mut self, limit: usize) -> Result<Vec<Input>, ReadError> {
        if self.own.is_none() {
            self.own = Some(self.hub.log.follow(&self.hub.subject, self.after).await?);
        }
        let Some(tail) = &mut self.own else {
            return Ok(Vec::new());
        };
        tokio::select! {
            entries = tail.next(limit) => decode(entries?, tail.remaining()),
            // The shared reader may have come to where we are.
            _ = self.grown.changed(), if tail.remaining() == 0 => Ok(Vec::new()),
        }
    }
}

impl<L: Log> Source for Follow<L> {
    type Input = Input;

    async fn next(&mut self, limit: usize) -> Result<Option<Vec<Input>>, ReadError> {
        let stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(None),
            inputs = self.read(limit) => inputs.map(Some),
        }
    }
}

/// Decodes entries; of those read together, only the last may be the last there is.
fn decode(entries: Vec<Entry>, remaining: u64) -> Result<Vec<Input>, ReadError> {
    let mut later = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    let mut inputs = Vec::with_capacity(entries.len());
    for entry in entries {
        let commit = Commit::decode_at(entry.sequence, &entry.payload)
            .map_err(|error| ReadError::Broken(error.into()))?;
        later = later.saturating_sub(1);
        inputs.push(Input {
            sequence: entry.sequence,
            hash: Hash::of(&entry.payload),
            commit: Arc::new(commit),
            remaining: remaining.saturating_add(later),
        });
    }
    Ok(inputs)
}
