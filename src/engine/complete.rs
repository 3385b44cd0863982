//! The rest of a batch that was stored in part.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::drive::Error;
use crate::domain::Sequence;
use crate::port::{Batch, CommitError, Log, Message, ReadError};

/// Pause before the end of the stream is looked at again.
const PAUSE: Duration = Duration::from_millis(20);

/// Sees to it that `messages` stand in the log, the first of them at `from`: a batch, or what
/// belongs behind its head. Nobody else writes there but whoever does the same. False when aborted.
///
/// A server with one copy writes the messages of a batch one after the other. One that loses its
/// power between them completes the batch when it starts again, if it still has the batch where it
/// staged it. What is missing expects the end of the stream: sent twice, by us or by a server that
/// is at it, it is stored once.
///
/// # Errors
///
/// See [`Error`]; a server that is away is waited for.
pub async fn complete<L: Log>(
    log: &L,
    (messages, from): (&[Message], Sequence),
    abort: &CancellationToken,
) -> Result<bool, Error> {
    loop {
        let end = match log.end().await {
            Ok(end) => Some(end),
            Err(ReadError::Unavailable(_)) => None,
            Err(error @ ReadError::Broken(_)) => return Err(error.into()),
        };
        // An end before all of them is that of a server which is behind.
        if let Some(there) = end.and_then(|end| end.next().0.checked_sub(from.0)) {
            let there = usize::try_from(there).unwrap_or(usize::MAX);
            let missing = messages.get(there..).unwrap_or_default();
            if missing.is_empty() {
                return Ok(true);
            }
            warn!(at = from.0, missing = missing.len(), "a batch is stored in part; completing it");
            let rest = Batch { expected_end: end, ..Batch::of(missing.to_vec()) };
            match log.commit(&rest).await {
                Ok(_) => return Ok(true),
                Err(CommitError::Broken(source)) => return Err(Error::Refused(source)),
                Err(CommitError::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
                Err(CommitError::Fenced | CommitError::Unknown(_)) => {}
            }
        }
        tokio::select! {
            () = abort.cancelled() => return Ok(false),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
