//! Verifying a log from its first message to its end.

use crate::domain::Sequence;
use crate::port::{Entry, Log, ReadError, Tail};
use crate::wire::{Stored, Subjects, Verified, Verifier, headers};

/// Messages taken from a stream at once. A commit has hundreds of events, and whoever waits for
/// this task waits for all of them.
const READ_AT_ONCE: usize = 256;

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
    progress: impl FnMut(Progress),
) -> Result<Verified, ReadError> {
    let mut verifier = Verifier::new(subjects.clone());
    read_log(log, &mut verifier, progress).await?;
    Ok(verifier.finish())
}

/// Checks a log like [`verify_log`], and then that every published command that is still stored
/// and counted as decided has its outcome in it.
///
/// # Errors
///
/// See [`ReadError`].
pub async fn verify_log_and_commands<L: Log>(
    streams: (&L, &L),
    subjects: &Subjects,
    progress: impl FnMut(Progress),
) -> Result<Verified, ReadError> {
    prove(Verifier::with_commands(subjects.clone()), streams, progress).await
}

/// The same by a verifier of the caller's, made with [`Verifier::with_commands`].
///
/// # Errors
///
/// See [`ReadError`].
pub async fn prove<L: Log>(
    mut verifier: Verifier,
    (log, commands): (&L, &L),
    progress: impl FnMut(Progress),
) -> Result<Verified, ReadError> {
    let every_command = verifier.subjects().every_command();
    read_log(log, &mut verifier, progress).await?;
    let end = commands.end().await?;
    let mut tail = commands.follow(&every_command, Sequence::START).await?;
    let mut sequence = Sequence::START;
    while sequence < end && 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await? {
            sequence = entry.sequence;
            verifier.take_command(&entry.as_command());
        }
    }
    verifier.close_commands();
    Ok(verifier.finish())
}

/// Checks every message of a whole log that somebody kept, up to `end`.
///
/// # Errors
///
/// See [`ReadError`].
pub async fn verify_kept<T: Tail>(
    tail: T,
    end: Sequence,
    subjects: &Subjects,
    progress: impl FnMut(Progress),
) -> Result<Verified, ReadError> {
    prove_kept(Verifier::new(subjects.clone()), (tail, end), progress).await
}

/// The same by a verifier of the caller's.
///
/// # Errors
///
/// See [`ReadError`].
pub async fn prove_kept<T: Tail>(
    mut verifier: Verifier,
    (mut tail, end): (T, Sequence),
    mut progress: impl FnMut(Progress),
) -> Result<Verified, ReadError> {
    while 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await? {
            verifier.take(&stored(&entry));
        }
        progress(Progress { sequence: verifier.end(), end, events: verifier.events() });
    }
    verifier.close(end);
    Ok(verifier.finish())
}

/// An entry of the log, as the verifier takes it.
#[must_use]
pub fn stored(entry: &Entry) -> Stored<'_> {
    Stored {
        sequence: entry.sequence,
        subject: &entry.subject,
        kassa_type: entry.header(headers::KASSA_TYPE),
        payload: &entry.payload,
    }
}

async fn read_log<L: Log>(
    log: &L,
    verifier: &mut Verifier,
    mut progress: impl FnMut(Progress),
) -> Result<(), ReadError> {
    let mut end = log.end().await?;
    loop {
        let begun = verifier.end();
        // Whatever is in the stream is looked at, on our subjects or not.
        let mut tail = log.follow(Subjects::everything(), begun).await?;
        // A log that grows is verified up to the end of a commit. Messages at the very end may
        // have been deleted: nobody waits for those.
        while 0 < tail.remaining() && (verifier.end() < end || verifier.owes_entries()) {
            for entry in tail.next(READ_AT_ONCE).await? {
                verifier.take(&stored(&entry));
            }
            end = end.max(verifier.end());
            progress(Progress { sequence: verifier.end(), end, events: verifier.events() });
        }
        // The last commit may have been read while its entries were being stored.
        let grown = log.end().await?;
        if !verifier.owes_entries() || verifier.end() == begun || grown <= end {
            verifier.close(end);
            return Ok(());
        }
        end = grown;
    }
}
