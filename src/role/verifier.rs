//! Proving the log while it grows: whatever may not be in it is told at once.
//!
//! The books are kept in memory, so a start reads the log from its first message, at a pace that
//! leaves the server to those who sell. What was found is told again then: a log does not heal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::follow::PAUSE;
use super::let_go::let_go;
use crate::domain::verify::Violation;
use crate::domain::{Command, CommandId, FindingKind, ReportFinding, Sequence, Text, Token};
use crate::engine::{Candidate, stored};
use crate::port::{Clock, Commands, Entry, Lease, Log, ReadError, Tail, Unanswered, new_uuid};
use crate::telemetry;
use crate::wire::{Subjects, Verifier};

/// Messages that are taken at once. A commit has hundreds of events.
const READ_AT_ONCE: usize = 16;

/// How many times as long as the work each pause is, while there is more to read: it never takes
/// more than a quarter of one core from those who sell.
const GENTLE: u32 = 3;

/// Time between two findings: a defect that breaks every commit is one matter, not thousands.
const QUIET: Duration = Duration::from_secs(60);

/// The world a verifier lives in.
#[derive(Clone)]
pub struct Ports<L, K, R, C> {
    /// The log.
    pub events: L,
    /// Who may be active: one of a market is enough.
    pub candidate: Candidate<K>,
    /// Where findings are sent.
    pub commands: R,
    /// The time.
    pub clock: C,
}

/// What was found and told so far.
struct Audit {
    /// Shared with the thread that enters what was read: books of millions of orders grow and are
    /// swept in steps of a second, in which no task of the process would have its turn.
    verifier: Arc<Mutex<Verifier>>,
    /// The work of that thread, while there is any. It goes on when nobody waits for it.
    entering: Option<JoinHandle<()>>,
    oversold: u64,
    violations: u64,
    /// The first violation that nobody has been told of.
    untold: Option<Violation>,
    told_at: Option<Instant>,
}

/// Verifies the log and what is added to it, until `stop`.
///
/// # Errors
///
/// [`ReadError::Broken`]; a server that is away is waited for.
pub async fn watch<L: Log, K: Lease, R: Commands, C: Clock>(
    ports: &Ports<L, K, R, C>,
    subjects: &Subjects,
    stop: &CancellationToken,
) -> Result<(), ReadError> {
    let mut audit = Audit::new(subjects);
    let watched = watch_on(ports, subjects, &mut audit, stop).await;
    let_go(audit);
    watched
}

async fn watch_on<L: Log, K: Lease, R: Commands, C: Clock>(
    ports: &Ports<L, K, R, C>,
    subjects: &Subjects,
    audit: &mut Audit,
    stop: &CancellationToken,
) -> Result<(), ReadError> {
    loop {
        let revision = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            revision = ports.candidate.acquire() => {
                revision.map_err(|denied| ReadError::Broken(denied.into()))?
            }
        };
        let (done, abort) = (CancellationToken::new(), CancellationToken::new());
        let active = async {
            let ended = tokio::select! {
                () = stop.cancelled() => Ok(()),
                () = abort.cancelled() => Ok(()),
                ended = follow(ports, subjects, audit) => ended,
            };
            done.cancel();
            ended
        };
        let keep = ports.candidate.keep(revision, &done, &abort);
        let (ended, ()) = tokio::join!(active, keep);
        match ended {
            Ok(()) if stop.is_cancelled() => return Ok(()),
            Ok(()) => warn!("the lease of the verifier was lost"),
            Err(ReadError::Unavailable(cause)) => warn!(%cause, "the server is away"),
            Err(broken @ ReadError::Broken(_)) => return Err(broken),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Goes on where the audit is. Returns only when the log cannot be read.
async fn follow<L: Log, K: Lease, R: Commands, C: Clock>(
    ports: &Ports<L, K, R, C>,
    subjects: &Subjects,
    audit: &mut Audit,
) -> Result<(), ReadError> {
    audit.entered().await?;
    let mut verified = audit.verifier().end();
    if ports.events.end().await? < verified {
        warn!("the log is shorter than what was verified of it; it is verified anew");
        let_go(std::mem::replace(audit, Audit::new(subjects)));
        verified = Sequence::START;
    }
    // Whoever lost the lease may not have looked at what it entered last.
    audit.look();
    info!(from = verified.next().0, "verifying");
    let mut tail = ports.events.follow(Subjects::everything(), verified).await?;
    loop {
        let due = audit.due();
        let entries = tokio::select! {
            entries = tail.next(READ_AT_ONCE) => entries?,
            () = tokio::time::sleep(due.unwrap_or_default()), if due.is_some() => Vec::new(),
        };
        let begun = Instant::now();
        audit.enter(entries).await?;
        let took = begun.elapsed();
        audit.look();
        if audit.due() == Some(Duration::ZERO) {
            audit.tell(ports, subjects).await;
        }
        if 0 < tail.remaining() {
            tokio::time::sleep(took.saturating_mul(GENTLE)).await;
        }
    }
}

impl Audit {
    fn new(subjects: &Subjects) -> Self {
        if let Some(metrics) = telemetry::metrics() {
            metrics.audited(0, 0);
        }
        let verifier = Arc::new(Mutex::new(Verifier::new(subjects.clone())));
        Self { verifier, entering: None, oversold: 0, violations: 0, untold: None, told_at: None }
    }

    fn verifier(&self) -> MutexGuard<'_, Verifier> {
        self.verifier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters what was read.
    async fn enter(&mut self, entries: Vec<Entry>) -> Result<(), ReadError> {
        let verifier = Arc::clone(&self.verifier);
        self.entering = Some(spawn_blocking(move || {
            let mut verifier = verifier.lock().unwrap_or_else(PoisonError::into_inner);
            entries.iter().for_each(|entry| verifier.take(&stored(entry)));
        }));
        self.entered().await
    }

    /// Waits until everything that was read is entered.
    async fn entered(&mut self) -> Result<(), ReadError> {
        if let Some(entering) = &mut self.entering {
            let entered = entering.await;
            self.entering = None;
            entered.map_err(|error| ReadError::Broken(error.into()))?;
        }
        Ok(())
    }

    /// Looks at what the last messages have broken.
    fn look(&mut self) {
        let verifier = Arc::clone(&self.verifier);
        let verifier = verifier.lock().unwrap_or_else(PoisonError::into_inner);
        let (violations, all) = verifier.violations();
        let oversold = verifier.oversold();
        if all == self.violations && oversold == self.oversold {
            return;
        }
        let known = usize::try_from(self.violations).unwrap_or(usize::MAX);
        for violation in violations.iter().skip(known) {
            error!(%violation, "the log breaks a promise");
        }
        let first = violations.get(known).or(violations.last()).cloned();
        self.untold = self.untold.take().or(first);
        if let Some(metrics) = telemetry::metrics() {
            metrics.audited(
                all.saturating_sub(self.violations),
                oversold.saturating_sub(self.oversold),
            );
        }
        (self.violations, self.oversold) = (all, oversold);
    }

    /// How long until somebody has to be told; none when there is nothing to tell.
    fn due(&self) -> Option<Duration> {
        self.untold.as_ref()?;
        Some(self.told_at.map_or(Duration::ZERO, |told| QUIET.saturating_sub(told.elapsed())))
    }

    /// Has it put on the list of what needs a human. When nobody takes it in, again later.
    async fn tell<L, K, R: Commands, C: Clock>(
        &mut self,
        ports: &Ports<L, K, R, C>,
        subjects: &Subjects,
    ) {
        let Some(first) = &self.untold else { return };
        let (all, oversold) = (self.violations, self.oversold);
        let reason = format!("{first} ({all} violations, {oversold} units oversold)");
        let Ok(id) = CommandId::try_from(new_uuid(ports.clock.now())) else { return };
        let Ok(stream) = subjects.stream("EVENTS").parse::<Token>() else { return };
        let command = Command::ReportFinding(ReportFinding {
            kind: FindingKind::LogViolation,
            id: stream,
            reason: Text::lossy(&reason),
        });
        match ports.commands.send(id, &command, None).await {
            Ok(_) | Err(Unanswered::Accepted { .. } | Unanswered::Unsendable(_)) => {
                self.untold = None;
                self.told_at = Some(Instant::now());
            }
            Err(cause) => {
                warn!(%cause, "the market has not heard of it yet");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
