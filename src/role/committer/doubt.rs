//! A log that counts the commits nobody answered for.

use crate::domain::{Sequence, Timestamp};
use crate::port::{Batch, CommitError, Committed, Entry, Log, ReadError};
use crate::telemetry;

/// The same log; what is in doubt is counted on its way to whoever settles it.
#[derive(Clone)]
pub(super) struct Doubtful<L>(pub(super) L);

impl<L: Log> Log for Doubtful<L> {
    type Tail = L::Tail;

    async fn follow(&self, filter: &str, after: Sequence) -> Result<L::Tail, ReadError> {
        self.0.follow(filter, after).await
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>, ReadError> {
        self.0.last(subject).await
    }

    async fn end(&self) -> Result<Sequence, ReadError> {
        self.0.end().await
    }

    async fn before(&self, moment: Timestamp) -> Result<Sequence, ReadError> {
        self.0.before(moment).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Committed, CommitError> {
        let answer = self.0.commit(batch).await;
        if let (Err(CommitError::Unknown(_)), Some(metrics)) = (&answer, telemetry::metrics()) {
            metrics.ambiguous();
        }
        answer
    }
}
