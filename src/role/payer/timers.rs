//! Hearing that a retry is due.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::drive::Drive;
use crate::domain::Sequence;
use crate::port::{Log, ReadError, Tail};
use crate::wire::{Encoding, RetryDue};

/// Pause before the stream is looked at again. Meanwhile the payer makes what is overdue.
const PAUSE: Duration = Duration::from_secs(1);

/// Entries taken at once.
const AT_ONCE: usize = 256;

/// Hands on every timer of `subject` that fires from now on, until `stop`.
///
/// What fired before is not read: the payer makes what is overdue when it starts.
pub async fn hear_timers<L: Log>(
    timers: &L,
    subject: &str,
    drive: &Drive,
    stop: &CancellationToken,
) {
    let mut after = None;
    while !stop.is_cancelled() {
        let heard = tokio::select! {
            () = stop.cancelled() => return,
            heard = hear(timers, subject, drive, &mut after) => heard,
        };
        match heard {
            Err(ReadError::Broken(cause)) => warn!(%cause, "timers cannot be heard"),
            Err(cause) => debug!(%cause, "timers cannot be heard just now"),
            Ok(never) => match never {},
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn hear<L: Log>(
    timers: &L,
    subject: &str,
    drive: &Drive,
    after: &mut Option<Sequence>,
) -> Result<std::convert::Infallible, ReadError> {
    let from = match *after {
        Some(from) => from,
        None => timers.end().await?,
    };
    *after = Some(from);
    let mut tail = timers.follow(subject, from).await?;
    loop {
        for entry in tail.next(AT_ONCE).await? {
            *after = Some(entry.sequence);
            match Encoding::Json.read::<RetryDue>(&entry.payload) {
                Ok(due) => drive.due(due),
                Err(error) => warn!(subject = entry.subject, %error, "a timer cannot be read"),
            }
        }
    }
}
