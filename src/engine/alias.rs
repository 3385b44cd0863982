//! Aliases: which bucket each view is read from, and how it is put in the place of another.

use std::time::Duration;

use crate::domain::{Sequence, Timestamp};
use crate::port::{Batch, BoxError, CommitError, Log, Message, ReadError, Tail};
use crate::wire::{Alias, Building, Subjects};

/// Pause before a claim that got no answer is made again. The server was given time to answer
/// before it.
const PAUSE: Duration = Duration::from_millis(250);

/// The aliases of a market.
#[derive(Clone, Debug)]
pub struct Aliases<L> {
    log: L,
    subjects: Subjects,
}

/// Where a view is read from now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The bucket.
    pub alias: Alias,
    /// Where that is said: the fence of whoever says something else.
    said: Sequence,
}

/// What tells that a view is read from somewhere else.
pub struct Moves<T> {
    tail: T,
    from: String,
}

impl<T: Tail> Moves<T> {
    /// Waits until it is. Cancel safe.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn away(&mut self) -> Result<(), ReadError> {
        loop {
            for entry in self.tail.next(1).await? {
                let alias = Alias::decode(&entry.payload);
                let alias = alias.map_err(|error| ReadError::Broken(error.into()))?;
                if alias.bucket != self.from {
                    return Ok(());
                }
            }
        }
    }
}

/// Why a view was not put in the place of another.
#[derive(Debug, thiserror::Error)]
pub enum PointError {
    /// Somebody else did, meanwhile.
    #[error("the view was put elsewhere meanwhile")]
    Moved,
    /// The alias cannot be read or written.
    #[error("the alias")]
    Failed(#[source] BoxError),
}

impl<L: Log> Aliases<L> {
    /// The aliases of a market, in the stream behind their bucket.
    pub const fn new(log: L, subjects: Subjects) -> Self {
        Self { log, subjects }
    }

    fn subject(&self, view: &str) -> String {
        Subjects::bucket_key(&self.subjects.aliases(), view)
    }

    /// Where a view is read from.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn live(&self, view: &str) -> Result<Live, ReadError> {
        let Some(entry) = self.log.last(&self.subject(view)).await? else {
            let bucket = self.subjects.generation(view, 1);
            let alias = Alias { generation: 1, bucket, at_ms: Timestamp::default() };
            return Ok(Live { alias, said: Sequence::START });
        };
        let alias = Alias::decode(&entry.payload);
        let alias = alias.map_err(|error| ReadError::Broken(error.into()))?;
        Ok(Live { alias, said: entry.sequence })
    }

    fn building_subject(&self, view: &str) -> String {
        format!("{}.building", self.subject(view))
    }

    /// What is in the bucket of a view that is not read, as far as anybody has said.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn building(&self, view: &str) -> Result<Option<Building>, ReadError> {
        let Some(entry) = self.log.last(&self.building_subject(view)).await? else {
            return Ok(None);
        };
        let building = Building::decode(&entry.payload);
        building.map(Some).map_err(|error| ReadError::Broken(error.into()))
    }

    /// Says what is in it. One at a time works on a view, so nothing is expected.
    ///
    /// # Errors
    ///
    /// [`PointError::Failed`].
    pub async fn note(&self, view: &str, building: &Building) -> Result<(), PointError> {
        let failed = |error: BoxError| PointError::Failed(error);
        let payload = building.encode().map_err(|error| failed(error.into()))?;
        let message =
            Message { subject: self.building_subject(view), payload, ..Message::default() };
        let batch = Batch::of(vec![message]);
        loop {
            match self.log.commit(&batch).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
                Err(CommitError::Unknown(_)) => tokio::time::sleep(PAUSE).await,
                Err(CommitError::Fenced) => return Err(PointError::Moved),
                Err(CommitError::Broken(source)) => return Err(failed(source)),
            }
        }
    }

    /// The moves of a view away from where it is read now.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn moves(&self, view: &str, live: &Live) -> Result<Moves<L::Tail>, ReadError> {
        let tail = self.log.follow(&self.subject(view), live.said).await?;
        Ok(Moves { tail, from: live.alias.bucket.clone() })
    }

    /// Has the view read from another generation from now on.
    ///
    /// # Errors
    ///
    /// [`PointError`].
    pub async fn point(
        &self,
        view: &str,
        (live, generation): (&Live, u32),
        now: Timestamp,
    ) -> Result<(), PointError> {
        let failed = |error: BoxError| PointError::Failed(error);
        let bucket = self.subjects.generation(view, generation);
        let alias = Alias { generation, bucket, at_ms: now };
        let payload = alias.encode().map_err(|error| failed(error.into()))?;
        let expected = Some(live.said);
        let message =
            Message { subject: self.subject(view), payload, expected, ..Message::default() };
        let batch = Batch::of(vec![message]);
        loop {
            match self.log.commit(&batch).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
                // Whether it was us: the one who says so at the same moment says the same.
                Err(CommitError::Fenced) => {
                    let now = self.live(view).await.map_err(|error| failed(error.into()))?;
                    return if now.alias == alias { Ok(()) } else { Err(PointError::Moved) };
                }
                // The same claim again: it is there, it is refused, or it is made now.
                Err(CommitError::Unknown(_)) => tokio::time::sleep(PAUSE).await,
                Err(CommitError::Broken(source)) => return Err(failed(source)),
            }
        }
    }
}
