//! A kept log is written into an empty stream, every message in its own place.
//!
//! Woken by whoever restores, wakes nobody. Run twice, it goes on where it was.

use std::time::Duration;

use crate::domain::Sequence;
use crate::port::{Batch, BoxError, CommitError, Entry, Log, Message, ReadError, Tail};
use crate::wire::headers;

/// Messages of one batch: half of what the server allows.
const BATCH_MESSAGES: usize = 500;

/// Bytes of one batch, which the server stages in memory. Far below what it takes at once.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Pause before a server that does not answer is looked at again.
const PAUSE: Duration = Duration::from_millis(250);

/// Headers that are kept. All others were the business of whoever stored the message first: what
/// it expected then must not be expected again.
const KEPT: &[&str] =
    &[headers::CONTENT_TYPE, headers::KASSA_TYPE, headers::KASSA_REPLY_TO, headers::TRACEPARENT];

/// Why a log was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// What is kept, or what is there, cannot be read.
    #[error("a log cannot be read")]
    Read(#[from] ReadError),
    /// The stream holds something else.
    #[error("the stream has another message at {sequence} than the backup")]
    Differs {
        /// Where.
        sequence: Sequence,
    },
    /// The stream ends behind the backup.
    #[error("the stream ends at {end}, the backup at {last}")]
    Beyond {
        /// The stream's end.
        end: Sequence,
        /// The backup's.
        last: Sequence,
    },
    /// The stream does not take it.
    #[error("the stream refuses the message at {sequence}")]
    Refused {
        /// Where.
        sequence: Sequence,
        /// Why.
        #[source]
        source: BoxError,
    },
}

/// Writes `kept`, which follows the sequence before its first message, into `log`; what is there
/// already is skipped. `progress` is told each sequence that is there.
///
/// # Errors
///
/// [`RestoreError`].
pub async fn restore<L: Log>(
    log: &L,
    mut kept: impl Tail,
    mut progress: impl FnMut(Sequence),
) -> Result<(), RestoreError> {
    let mut ahead: Option<Entry> = None;
    let mut end = log.end().await?;
    loop {
        let batch = portion(&mut kept, &mut ahead, end).await?;
        let Some(first) = batch.first().map(|entry| entry.sequence) else { return Ok(()) };
        if first != end.next() {
            return Err(RestoreError::Differs { sequence: end.next() });
        }
        end = store(log, &batch, end).await?;
        progress(end);
    }
}

/// The next messages behind `end` that fit into one batch.
async fn portion(
    kept: &mut impl Tail,
    ahead: &mut Option<Entry>,
    end: Sequence,
) -> Result<Vec<Entry>, RestoreError> {
    let (mut batch, mut bytes): (Vec<Entry>, usize) = (Vec::new(), 0);
    loop {
        if ahead.is_none() && 0 < kept.remaining() {
            *ahead = kept.next(1).await?.into_iter().next();
        }
        let Some(entry) = ahead.take() else { return Ok(batch) };
        if entry.sequence <= end {
            continue;
        }
        bytes = bytes.saturating_add(entry.payload.len());
        let full = BATCH_MESSAGES <= batch.len() || BATCH_BYTES < bytes;
        if full && !batch.is_empty() {
            *ahead = Some(entry);
            return Ok(batch);
        }
        batch.push(entry);
    }
}

/// Stores a batch behind `end`, all of it or, once somebody was silent, as much as is missing.
async fn store<L: Log>(
    log: &L,
    entries: &[Entry],
    mut end: Sequence,
) -> Result<Sequence, RestoreError> {
    loop {
        let missing = entries.iter().filter(|entry| end < entry.sequence);
        let messages: Vec<Message> = missing.map(message).collect();
        let count = u64::try_from(messages.len()).unwrap_or(u64::MAX);
        if count == 0 {
            return Ok(end);
        }
        let batch = Batch { expected_end: Some(end), ..Batch::of(messages) };
        match log.commit(&batch).await {
            Ok(committed) if committed.head == end.next() => return Ok(end.plus(count)),
            Ok(_) => return Err(RestoreError::Differs { sequence: end.next() }),
            Err(CommitError::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
            Err(CommitError::Broken(source)) => {
                return Err(RestoreError::Refused { sequence: end.next(), source });
            }
            // What was sent may be there, or come yet: it expects the same end as what is sent
            // now, so that one of the two is refused.
            Err(CommitError::Fenced | CommitError::Unknown(_)) => {
                tokio::time::sleep(PAUSE).await;
                end = log.end().await?;
                if entries.last().is_some_and(|last| last.sequence < end) {
                    return Err(RestoreError::Differs { sequence: end });
                }
            }
        }
    }
}

/// Checks that what a stream holds up to its end is what is kept: its last message is.
///
/// The messages before it are proved by the chain, once all are there.
///
/// # Errors
///
/// [`RestoreError`].
pub async fn is_begun<L: Log>(
    log: &L,
    mut kept: impl Tail,
    last: Sequence,
) -> Result<Sequence, RestoreError> {
    let end = log.end().await?;
    if last < end {
        return Err(RestoreError::Beyond { end, last });
    }
    if end == Sequence::START {
        return Ok(end);
    }
    let before = Sequence(end.0.saturating_sub(1));
    let there = log.follow(">", before).await?.next(1).await?.into_iter().next();
    while 0 < kept.remaining() {
        for entry in kept.next(256).await? {
            if entry.sequence == end {
                let same = there.as_ref().is_some_and(|there| {
                    there.subject == entry.subject && there.payload == entry.payload
                });
                return if same { Ok(end) } else { Err(RestoreError::Differs { sequence: end }) };
            }
        }
    }
    Err(RestoreError::Differs { sequence: end })
}

/// A message that is stored again, wherever the stream ends: published commands, which are decided
/// once under their ids.
#[must_use]
pub fn again(entry: &Entry) -> Batch {
    Batch::of(vec![message(entry)])
}

fn message(entry: &Entry) -> Message {
    let kept = KEPT.iter().filter_map(|name| Some((*name, entry.header(name)?.to_owned())));
    Message {
        subject: entry.subject.clone(),
        headers: kept.collect(),
        payload: entry.payload.clone(),
        ..Message::default()
    }
}

#[cfg(test)]
mod tests;
