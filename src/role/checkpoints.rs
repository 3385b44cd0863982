//! Signing the end of the log from time to time, for whoever keeps it elsewhere.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::domain::Timestamp;
use crate::port::{BoxError, Clock, Log, ReadError};
use crate::wire::{Chain, Commit, Hash, Head, SignedHead, SigningKey, Subjects, UnreadCommit};

/// Why the end of a log cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// Its last commit cannot be understood.
    #[error(transparent)]
    Commit(#[from] UnreadCommit),
}

/// Signs the last commit of a log; nothing while there is none.
///
/// # Errors
///
/// See [`SignError`].
pub async fn sign<L: Log>(
    (log, subjects): (&L, &Subjects),
    key: &SigningKey,
    now: Timestamp,
) -> Result<Option<SignedHead>, SignError> {
    let Some(last) = log.last(&subjects.commit()).await? else { return Ok(None) };
    let commit = Commit::decode_at(last.sequence, &last.payload)?;
    let chain = Chain::after(&commit.head, Hash::of(&last.payload), last.sequence, 0);
    Ok(Some(key.sign(Head::of(subjects.market().clone(), &chain, now))))
}

/// Signs the last commit at once and then every so often, as long as there are new ones, and has
/// each head put away. What cannot be put away is tried again the next time.
///
/// # Errors
///
/// See [`SignError`]; a server that is away is waited for.
pub async fn keep<L: Log, C: Clock>(
    log: (&L, &Subjects),
    (key, every): (&SigningKey, Duration),
    clock: &C,
    mut put: impl FnMut(&SignedHead) -> Result<(), BoxError>,
    stop: &CancellationToken,
) -> Result<(), SignError> {
    let mut number = 0;
    loop {
        match sign(log, key, clock.now()).await {
            Ok(Some(signed)) if number < signed.head.number => match put(&signed) {
                Ok(()) => {
                    number = signed.head.number;
                    info!(commit = number, sequence = signed.head.sequence.0, "signed");
                }
                Err(error) => warn!(%error, "a signed head could not be put away"),
            },
            Ok(_) => {}
            Err(SignError::Read(ReadError::Unavailable(cause))) => {
                warn!(%cause, "the server is away, nothing is signed");
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(every) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::busy_shop;
    use crate::port::model::ModelClock;
    use crate::role::testing::logged_on;

    #[tokio::test(start_paused = true)]
    async fn every_new_end_of_the_log_is_signed_once_and_a_full_disk_costs_none() {
        let subjects = Subjects::of("main".parse().unwrap());
        let log = logged_on(&busy_shop(1), &subjects.commit()).await;
        let (key, stop) = (SigningKey::of_secret([1; 32]).unwrap(), CancellationToken::new());
        let clock = ModelClock::at(Timestamp(5));
        let (mut tried, mut kept) = (0, Vec::new());
        let put = |signed: &SignedHead| {
            tried += 1;
            if tried == 1 {
                return Err("no space left on device".into());
            }
            kept.push(signed.clone());
            if tried == 2 {
                stop.cancel();
            }
            Ok(())
        };
        let every = Duration::from_secs(60);
        keep((&log, &subjects), (&key, every), &clock, put, &stop).await.unwrap();
        let [signed] = kept.as_slice() else { panic!("{kept:?}") };
        let head = signed.check(subjects.market(), &[key.public().unwrap()]).unwrap();
        let last = log.last(&subjects.commit()).await.unwrap().unwrap();
        assert_eq!(head.sequence, last.sequence);
        assert!(head.is_of(Hash::of(&last.payload)));
    }
}
