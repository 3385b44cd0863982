//! The beginning of a log that its server no longer has, kept somewhere else.

use std::fmt;

use super::log::{Entry, ReadError};
use crate::domain::{Sequence, Timestamp};

/// What somebody keeps of a log, from its first message on.
pub trait Older: fmt::Debug + Send + Sync + 'static {
    /// Reads the entries whose subject matches `filter`, after `after` and up to `to`, in order.
    ///
    /// # Errors
    ///
    /// See [`ReadError`]; `Broken` with a [`MissingLog`] when not all of it is there.
    fn read(
        &self,
        filter: &str,
        after: Sequence,
        to: Sequence,
    ) -> Result<Box<dyn OlderTail>, ReadError>;

    /// A place up to `to` before everything that was made at `moment` or later. There may be more
    /// behind it that was made before.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    fn before(&self, moment: Timestamp, to: Sequence) -> Result<Sequence, ReadError>;
}

/// A reader's place in it. It reads files: nobody waits for a server.
pub trait OlderTail: Send {
    /// At most `limit` entries; none at the end, and from then on.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError>;
}

/// A part of the log that is nowhere to be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sequences {first} to {last} of the log are neither on the server nor {looked}")]
pub struct MissingLog {
    /// The first that is missing.
    pub first: Sequence,
    /// The last.
    pub last: Sequence,
    /// Where else somebody looked.
    pub looked: String,
}
