//! Whether a committer may act at all, looked at before it opens the market.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::{Policy, Sequence, Timestamp};
use crate::engine::{Candidate, Error};
use crate::port::{Clock, Lease, LeaseError, Log, ReadError};

/// Why a committer gives up.
#[derive(Debug, thiserror::Error)]
pub enum CannotAct {
    /// What the engine met.
    #[error(transparent)]
    Engine(#[from] Error),
    /// What it writes could not be taken back, and would stand in the log for ever.
    #[error(
        "the clock of this machine is {} s {} the server's, at most {} s are allowed",
        .ours.apart(*.servers).as_secs(),
        if .servers < .ours { "ahead of" } else { "behind" },
        Policy::SKEW_MAX.as_secs()
    )]
    Clock {
        /// This machine's time.
        ours: Timestamp,
        /// The server's, at about the same moment.
        servers: Timestamp,
    },
    /// Commands would get places that are decided already, and be lost after they were confirmed.
    #[error("the command stream ends at {end}, and the log has decided commands up to {position}")]
    CommandsBehind {
        /// The stream's end.
        end: Sequence,
        /// The log's position in it.
        position: Sequence,
    },
    /// A task of ours has failed: a defect.
    #[error("the reader of commands has failed")]
    Reader(#[source] tokio::task::JoinError),
}

impl From<ReadError> for CannotAct {
    fn from(error: ReadError) -> Self {
        Error::from(error).into()
    }
}

/// How long an end that is too early is looked at again: an old leader of three goes on to answer
/// for up to 20 s.
const OLD_LEADER: Duration = Duration::from_secs(25);

/// Pause between two looks at it.
const LOOK: Duration = Duration::from_secs(1);

/// Holds this machine's clock against the time at which the server stored our lease.
pub(super) async fn check_clock<K: Lease>(
    candidate: &Candidate<K>,
    clock: &impl Clock,
) -> Result<(), CannotAct> {
    let written = candidate.lease.written(&candidate.key).await;
    let ours = clock.now();
    let servers = match written {
        Ok(servers) => servers,
        // Whoever keeps it finds that out as well; for us it is no proof.
        Err(error @ LeaseError::Taken) => return Err(ReadError::Unavailable(error.into()).into()),
        Err(LeaseError::Denied(cause) | LeaseError::Unavailable(cause)) => {
            return Err(ReadError::Unavailable(cause).into());
        }
    };
    if ours.apart(servers) <= Policy::SKEW_MAX {
        return Ok(());
    }
    Err(CannotAct::Clock { ours, servers })
}

/// Looks whether the command stream is the one the log speaks of. One that was deleted and made
/// anew, or lost its tail, gives new commands the places of old ones.
pub(super) async fn check_commands<L: Log>(
    commands: &L,
    position: Sequence,
    abort: &CancellationToken,
) -> Result<(), CannotAct> {
    let given_up = Instant::now() + OLD_LEADER;
    loop {
        let end = commands.end().await?;
        if position <= end || abort.is_cancelled() {
            return Ok(());
        }
        if given_up <= Instant::now() {
            return Err(CannotAct::CommandsBehind { end, position });
        }
        tokio::select! {
            () = abort.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
