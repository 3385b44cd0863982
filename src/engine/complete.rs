//! The rest of a batch that was stored in part.

use tracing::warn;

use super::drive::Error;
use crate::domain::Sequence;
use crate::port::{Batch, CommitError, Log, Message, Tail};
use crate::wire::Subjects;

/// Has `messages` stand in the log, the first of them at `from`: what belongs behind the head of a
/// batch. True once they do; else it is to be looked at again.
///
/// A server with one copy writes the messages of a batch one after the other. One that dies between
/// them completes the batch when it starts again, if it still has it where it staged it. What is
/// missing expects the end of the stream: sent twice, by two of us or by a server that is at it, it
/// is stored once.
///
/// # Errors
///
/// See [`Error`]. A message of somebody else's in between is a defect: what belongs there has no
/// place any more.
pub async fn complete<L: Log>(
    log: &L,
    (messages, from): (&[Message], Sequence),
) -> Result<bool, Error> {
    let end = log.end().await?;
    let Some(there) = end.next().0.checked_sub(from.0) else {
        // The head is behind the end that this server knows of.
        return Ok(messages.is_empty());
    };
    let there = usize::try_from(there).unwrap_or(usize::MAX);
    let Some((stored, missing)) =
        messages.split_at_checked(there).filter(|(_, missing)| !missing.is_empty())
    else {
        return Ok(true);
    };
    if !is_as_stored(log, (stored, from), end).await? {
        return Ok(false);
    }
    warn!(at = from.0, missing = missing.len(), "a batch is stored in part; completing it");
    let rest = Batch { expected_end: Some(end), ..Batch::of(missing.to_vec()) };
    match log.commit(&rest).await {
        Ok(_) => Ok(true),
        Err(CommitError::Fenced | CommitError::Unknown(_)) => Ok(false),
        Err(CommitError::Busy { retry_after }) => {
            tokio::time::sleep(retry_after).await;
            Ok(false)
        }
        Err(CommitError::Broken(source)) => Err(Error::Refused(source)),
    }
}

/// Whether what stands from `from` to `end` is what was stored of the batch; no, while it cannot be
/// seen yet.
async fn is_as_stored<L: Log>(
    log: &L,
    (stored, from): (&[Message], Sequence),
    end: Sequence,
) -> Result<bool, Error> {
    if stored.is_empty() {
        return Ok(true);
    }
    let mut tail = log.follow(Subjects::everything(), Sequence(from.0.saturating_sub(1))).await?;
    let mut expected = stored.iter();
    let mut read = Sequence::START;
    while read < end && 0 < tail.remaining() {
        for entry in tail.next(stored.len()).await? {
            read = entry.sequence;
            let Some(message) = expected.next() else { return Ok(false) };
            if (&message.subject, &message.payload) != (&entry.subject, &entry.payload) {
                let why = format!("{} stands where {} has to be", entry.subject, message.subject);
                return Err(Error::defect(entry.sequence, why));
            }
        }
    }
    Ok(expected.next().is_none())
}
