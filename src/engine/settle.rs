//! What became of a batch that nobody answered for.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::complete::complete;
use super::drive::Error;
use crate::domain::Sequence;
use crate::port::{Batch, CommitError, Committed, Entry, Head, Log, ReadError};

/// The truth about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is in the log.
    Happened(Committed),
    /// It is not in the log and never can be: what it expects is no longer so.
    Never,
    /// Somebody else writes now, so it never can be either.
    Superseded,
    /// Nobody waits for the answer any more.
    Aborted,
}

/// Pauses between two looks at a server that does not answer. An election takes 4 to 9 s; a
/// freeze should end soon after it does.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
];

/// Finds out what became of `batch`, which expected `fence` on its head's subject.
///
/// Silence proves nothing: the batch may still arrive. So `claim` is written to the same place,
/// with the same expectation. Whichever of the two is found there, the other never will be.
///
/// # Errors
///
/// See [`Error`]; a server that is away is waited for.
pub async fn settle<L: Log>(
    log: &L,
    batch: &Batch,
    claim: &Batch,
    fence: Sequence,
    abort: &CancellationToken,
) -> Result<Settled, Error> {
    let subject = batch.head().map(|head| head.subject.as_str()).unwrap_or_default();
    // Until it is settled nothing is decided, and people should not have to guess why.
    warn!(subject, "no answer to a write; finding out what became of it");
    let settled = find_out(log, (batch, claim), fence, abort).await;
    match &settled {
        Ok(settled) => info!(subject, ?settled, "it is known what became of the write"),
        Err(error) => warn!(subject, %error, "what became of the write was not found out"),
    }
    settled
}

async fn find_out<L: Log>(
    log: &L,
    (batch, claim): (&Batch, &Batch),
    fence: Sequence,
    abort: &CancellationToken,
) -> Result<Settled, Error> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let subject = batch.head().map(|head| head.subject.as_str()).unwrap_or_default();
        match log.last(subject).await {
            Ok(last) => {
                match recognise(last, batch, claim, fence) {
                    Some(settled) if is_whole(log, batch, &settled).await? => return Ok(settled),
                    Some(_) => {}
                    None => match log.commit(claim).await {
                        Ok(committed) => return Ok(claimed(batch, claim, committed)),
                        Err(CommitError::Fenced) if is_shut_out(log, batch, fence).await? => {
                            return Ok(Settled::Never);
                        }
                        // Something is there by now, or on its way: look again.
                        Err(CommitError::Fenced | CommitError::Unknown(_)) => {}
                        Err(CommitError::Busy { retry_after }) => {
                            tokio::time::sleep(retry_after).await
                        }
                        Err(CommitError::Broken(source)) => return Err(Error::Refused(source)),
                    },
                }
            }
            Err(ReadError::Unavailable(_)) => {}
            Err(error @ ReadError::Broken(_)) => return Err(error.into()),
        }
        let pause = pauses.next().unwrap_or(PAUSES[3]);
        tokio::select! {
            () = abort.cancelled() => return Ok(Settled::Aborted),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Whether a message that is no head stands where `batch` was to stand. No committer wrote it;
/// neither the batch nor a claim to its place can ever be stored then.
///
/// The end is read before the head: a head that is still the fence afterwards is not what ended
/// there. That the claim was refused proves nothing by itself, on three nodes a batch that is under
/// way refuses it too. Should an old leader say so wrongly, whoever goes on reads the log anew and
/// has to write a claim of its own first.
async fn is_shut_out<L: Log>(log: &L, batch: &Batch, fence: Sequence) -> Result<bool, Error> {
    let Some(expected) = batch.expected_end else { return Ok(false) };
    let subject = batch.head().map(|head| head.subject.as_str()).unwrap_or_default();
    let read = async {
        let end = log.end().await?;
        let head = log.last(subject).await?.map_or(Sequence::START, |head| head.sequence);
        Ok(expected < end && head == fence)
    };
    match read.await {
        Err(ReadError::Unavailable(_)) => Ok(false),
        read => Ok(read?),
    }
}

/// What a claim that was written means: a batch that claims for itself has happened.
fn claimed(batch: &Batch, claim: &Batch, committed: Committed) -> Settled {
    let same = batch.head().map(|head| &head.payload) == claim.head().map(|head| &head.payload);
    if same { Settled::Happened(committed) } else { Settled::Never }
}

/// Whether all of a batch that has happened is there.
async fn is_whole<L: Log>(log: &L, batch: &Batch, settled: &Settled) -> Result<bool, Error> {
    let rest = batch.messages.get(1..).unwrap_or_default();
    match (settled, batch.head) {
        (Settled::Happened(committed), Head::First) if !rest.is_empty() => {
            match complete(log, (rest, committed.head.next())).await {
                Err(Error::Read(ReadError::Unavailable(_))) => Ok(false),
                whole => whole,
            }
        }
        // What the head stands behind is there.
        _ => Ok(true),
    }
}

/// Whose the last head is; none while it is still the one that both expect.
fn recognise(
    last: Option<Entry>,
    batch: &Batch,
    claim: &Batch,
    fence: Sequence,
) -> Option<Settled> {
    let last = last.filter(|last| last.sequence != fence)?;
    let is = |batch: &Batch| batch.head().is_some_and(|head| head.payload == last.payload);
    if is(batch) {
        return Some(Settled::Happened(Committed { head: last.sequence }));
    }
    Some(if is(claim) { Settled::Never } else { Settled::Superseded })
}
