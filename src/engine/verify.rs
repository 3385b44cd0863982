//! Verifying a log from its first message to its end.

use crate::domain::Sequence;
use crate::port::{Log, ReadError, Tail};
use crate::wire::{Subjects, Verified, Verifier};

/// Messages taken from the log at once.
const READ_AT_ONCE: usize = 1_024;

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last sequence that was read.
    pub sequence: Sequence,
    /// The end of the log when it began.
    pub end: Sequence,
    /// Events that were read.
    pub events: u64,
}

/// Checks every message of a log up to its end at this moment.
///
/// # Errors
///
/// See [`ReadError`]. A log in which something is wrong is no error: see
/// [`Verified::violations`].
pub async fn verify_log<L: Log>(
    log: &L,
    subjects: &Subjects,
    mut progress: impl FnMut(Progress),
) -> Result<Verified, ReadError> {
    let end = log.end().await?;
    let mut verifier = Verifier::new(subjects.clone());
    if Sequence::START < end {
        let mut tail = log.follow(">", Sequence::START).await?;
        let mut sequence = Sequence::START;
        while sequence < end {
            for entry in tail.next(READ_AT_ONCE).await? {
                // What came while we read is for the next time.
                if end < entry.sequence {
                    sequence = end;
                    break;
                }
                verifier.take(entry.sequence, &entry.subject, &entry.payload);
                sequence = entry.sequence;
            }
            progress(Progress { sequence, end, events: verifier.events() });
        }
    }
    Ok(verifier.finish())
}
