//! The loop.

use std::future::Future;
use std::pin::Pin;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::lease::MayNotLead;
use super::settle::{Settled, settle};
use crate::domain::Sequence;
use crate::port::{Batch, BoxError, CommitError, Committed, Log, ReadError};

/// What takes input and owes output.
pub trait Machine: Send {
    /// What it takes.
    type Input: Send;

    /// How much more it takes before the next batch has to go; zero for nothing.
    fn room(&self) -> usize;

    /// Folds input.
    ///
    /// # Errors
    ///
    /// [`Error`] when the input does not fit; nothing goes on then.
    fn take_in(
        &mut self,
        inputs: Vec<Self::Input>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The next batch, when one is due. The machine keeps it apart until it is told how it ended.
    ///
    /// `last` says that no more input will come: whatever is owed is due.
    ///
    /// # Errors
    ///
    /// [`Error`] when the batch cannot be built.
    fn draft(&mut self, last: bool) -> Result<Option<Batch>, Error>;

    /// The batch under way, if there is one, is on the wire: the time to work on the next.
    ///
    /// # Errors
    ///
    /// [`Error`] when what waits does not fit.
    fn meanwhile(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// When it wants to be asked again, whatever else happens.
    fn wake_at(&self) -> Option<Instant>;

    /// The moment it asked for has come.
    ///
    /// # Errors
    ///
    /// [`Error`] when what is due does not fit.
    fn wake(&mut self) -> Result<(), Error>;

    /// The batch under way is in the log.
    ///
    /// # Errors
    ///
    /// [`Error`] when it stands somewhere else than it must.
    fn committed(&mut self, committed: Committed) -> Result<(), Error>;

    /// A batch that can only stand where the one under way would stand, and that nobody else can
    /// write: once it is in the log, the other can never be.
    ///
    /// # Errors
    ///
    /// [`Error`] when the batch cannot be built.
    fn claim(&self) -> Result<Batch, Error>;

    /// The sequence of the last head it knows.
    fn fence(&self) -> Sequence;
}

/// Where input comes from.
pub trait Source: Send {
    /// What comes.
    type Input: Send;

    /// Waits for input and takes what is there, at most `limit`; none when no more will come.
    ///
    /// Cancel safe: what was not returned is returned by the next call.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    fn next(
        &mut self,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Vec<Self::Input>>, ReadError>> + Send;
}

/// How a run ended without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The input ended, and everything owed is in the log.
    Drained,
    /// It was told to stop where it stands.
    Aborted,
    /// Somebody else writes now.
    Superseded,
    /// The batch under way is not in the log and never will be: the state is ahead of the log.
    Lost,
}

/// Why nothing goes on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Trying again may help: the server is away.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// These credentials may not act.
    #[error(transparent)]
    Denied(#[from] MayNotLead),
    /// The server refuses what it is sent.
    #[error("the log refuses the commit")]
    Refused(#[source] BoxError),
    /// The log and this build do not agree. Somebody has to look.
    #[error("at sequence {sequence} of the log")]
    Defect {
        /// Where.
        sequence: Sequence,
        /// What.
        #[source]
        source: BoxError,
    },
}

impl Error {
    /// A disagreement at `sequence`.
    pub fn defect(sequence: Sequence, source: impl Into<BoxError>) -> Self {
        Self::Defect { sequence, source: source.into() }
    }
}

type Flight<'a> =
    Pin<Box<dyn Future<Output = (Batch, Result<Committed, CommitError>)> + Send + 'a>>;

/// Drives a machine until its input ends, it is told to stop, or somebody else writes.
///
/// One batch is in flight at a time. While it is, input is folded on: what arrives during a commit
/// is the next one, and no timer decides the size of a batch.
///
/// # Errors
///
/// See [`Error`].
pub async fn drive<M, S, L>(
    machine: &mut M,
    source: &mut S,
    log: &L,
    abort: &CancellationToken,
) -> Result<Ended, Error>
where
    M: Machine,
    S: Source<Input = M::Input>,
    L: Log,
{
    let mut flight: Option<Flight<'_>> = None;
    let mut open = true;
    let mut asked = true;
    loop {
        if flight.is_none() {
            match machine.draft(!open)? {
                Some(batch) => {
                    flight = Some(send(log, batch));
                    asked = false;
                }
                None if open => {}
                None => return Ok(Ended::Drained),
            }
        }
        let room = machine.room();
        tokio::select! {
            biased;
            () = abort.cancelled() => return Ok(Ended::Aborted),
            (batch, answer) = landing(&mut flight) => {
                flight = None;
                match answer {
                    Ok(committed) => machine.committed(committed)?,
                    Err(CommitError::Fenced) => return Ok(Ended::Superseded),
                    Err(CommitError::Busy { retry_after }) => {
                        // Nothing is stored, so the same bytes may go again.
                        tokio::time::sleep(retry_after).await;
                        flight = Some(send(log, batch));
                    }
                    Err(CommitError::Broken(source)) => return Err(Error::Refused(source)),
                    Err(CommitError::Unknown(_)) => {
                        let (claim, fence) = (machine.claim()?, machine.fence());
                        match settle(log, &batch, &claim, fence, abort).await? {
                            Settled::Happened(committed) => machine.committed(committed)?,
                            Settled::Never => return Ok(Ended::Lost),
                            Settled::Superseded => return Ok(Ended::Superseded),
                            Settled::Aborted => return Ok(Ended::Aborted),
                        }
                    }
                }
            }
            // Asked after the flight, which has sent its bytes when it is first asked.
            () = std::future::ready(()), if !asked => {
                asked = true;
                machine.meanwhile()?;
            }
            inputs = source.next(room), if open && 0 < room => match inputs? {
                Some(inputs) => machine.take_in(inputs).await?,
                None => open = false,
            },
            () = until(machine.wake_at()) => machine.wake()?,
        }
    }
}

fn send<L: Log>(log: &L, batch: Batch) -> Flight<'_> {
    Box::pin(async move {
        let answer = log.commit(&batch).await;
        (batch, answer)
    })
}

/// Waits for the batch under way; for ever when there is none.
async fn landing(flight: &mut Option<Flight<'_>>) -> (Batch, Result<Committed, CommitError>) {
    match flight {
        Some(flight) => flight.await,
        None => std::future::pending().await,
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
