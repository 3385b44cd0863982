//! Opening a market: from then on, whoever wrote before writes no more.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::machine::{commit_message, entry_message};
use super::state::read_to_end;
use crate::domain::{Event, Follows, Opened, Recorded, Source, Text, Timestamp, Token};
use crate::engine::{Error, Settled, complete, settle};
use crate::port::{Batch, Clock, CommitError, Log, Message, Tail, new_uuid};
use crate::wire::{Chain, CommitDraft, CommitHead, Snapshot, Subjects};

/// The commit that opens the market after `chain`, as the first of a next stream when it `follows`
/// the end of another one there.
pub(super) fn claim(
    chain: &Chain,
    subjects: &Subjects,
    now: Timestamp,
    follows: Option<&Follows>,
) -> Result<Batch, Error> {
    let defect = |source| Error::Defect { sequence: chain.next(), source };
    let nonce: Token = new_uuid(now)
        .simple()
        .to_string()
        .parse()
        .map_err(|error: crate::domain::InvalidToken| defect(error.into()))?;
    let build = Text::lossy(env!("CARGO_PKG_VERSION"));
    // Whoever was faster stands behind it by now.
    let follows = follows.filter(|follows| follows.last_seq == chain.end.0).cloned();
    let record = Recorded {
        event: Event::Opened(Opened { nonce, build, follows }),
        cause: None,
        source: Source::COMMITTER,
        body: None,
        trace: None,
    };
    let head = CommitHead {
        epoch: chain.epoch.saturating_add(1),
        number: chain.number.saturating_add(1),
        at: now.max(chain.at),
        position: chain.position,
        prev_hash: chain.hash,
    };
    let mut draft = CommitDraft::default();
    draft.push(&record).map_err(|error| defect(error.into()))?;
    let payload = draft.seal(&head).map_err(|error| defect(error.into()))?;
    let message = commit_message(subjects, payload, chain.head);
    Ok(Batch { expected_end: Some(chain.end), ..Batch::of(vec![message]) })
}

/// Reads the log to its end and opens the market there. Returns false when aborted.
///
/// # Errors
///
/// See [`Error`]; a server that is away is the caller's to wait for.
pub async fn open<L: Log>(
    events: &L,
    subjects: &Subjects,
    state: &mut Snapshot,
    clock: &impl Clock,
    abort: &CancellationToken,
) -> Result<bool, Error> {
    open_behind(events, subjects, state, (clock, None), abort).await
}

/// Like [`open`], in a next stream of the log: the commit says what it `follows`.
///
/// # Errors
///
/// See [`open`].
pub async fn open_behind<L: Log>(
    events: &L,
    subjects: &Subjects,
    state: &mut Snapshot,
    (clock, follows): (&impl Clock, Option<&Follows>),
    abort: &CancellationToken,
) -> Result<bool, Error> {
    loop {
        read_to_end(events, subjects, state).await?;
        if !complete_last(events, subjects, state).await? {
            if abort.is_cancelled() {
                return Ok(false);
            }
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        note_strays(events, subjects, state).await?;
        let claim = claim(&state.chain, subjects, clock.now(), follows)?;
        let committed = match events.commit(&claim).await {
            Ok(committed) => committed,
            // There is more to read by now.
            Err(CommitError::Fenced) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(CommitError::Busy { retry_after }) => {
                tokio::time::sleep(retry_after).await;
                continue;
            }
            Err(CommitError::Broken(source)) => return Err(Error::Refused(source)),
            Err(CommitError::Unknown(_)) => {
                match settle(events, &claim, &claim, state.chain.head, abort).await? {
                    Settled::Happened(committed) => committed,
                    Settled::Aborted => return Ok(false),
                    Settled::Never | Settled::Superseded => continue,
                }
            }
        };
        let payload = claim.head().map(|head| head.payload.as_ref()).unwrap_or_default();
        let followed = state.follow(committed.head, payload);
        followed.map_err(|error| Error::defect(committed.head, error))?;
        return Ok(true);
    }
}

/// Pause before the log is read again after somebody else was faster.
const PAUSE: Duration = Duration::from_millis(20);

/// Has the ledger entries of the last commit stand in the log. True once they do.
async fn complete_last<L: Log>(
    events: &L,
    subjects: &Subjects,
    state: &Snapshot,
) -> Result<bool, Error> {
    if state.entries.is_empty() {
        return Ok(true);
    }
    let Chain { head, number, .. } = state.chain;
    let entry = |entry| entry_message(subjects, number, entry);
    let entries: Vec<Message> = state.entries.iter().map(entry).collect();
    complete(events, (&entries, head.next())).await
}

/// Learns of messages behind the last commit that no committer wrote, so that the next commit
/// expects the subjects as they are. They are reported by the verifier; they stop nobody.
async fn note_strays<L: Log>(
    events: &L,
    subjects: &Subjects,
    state: &mut Snapshot,
) -> Result<(), Error> {
    let end = events.end().await?;
    if end <= state.chain.end {
        return Ok(());
    }
    let mut tail = events.follow(&subjects.every_event(), state.chain.end).await?;
    while 0 < tail.remaining() {
        for entry in tail.next(usize::MAX).await? {
            if entry.subject == subjects.commit() {
                return Ok(());
            }
            warn!(
                sequence = entry.sequence.0,
                subject = entry.subject,
                "not a committer's message"
            );
            if let Some(sku) = subjects.sku_of(&entry.subject).and_then(|sku| sku.parse().ok()) {
                state.market.note_stray_entry(&sku, entry.sequence);
            }
            state.chain.end = entry.sequence;
        }
    }
    Ok(())
}
