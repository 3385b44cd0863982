//! A stream that is read from a position and appended to in atomic, fenced batches.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::domain::{Sequence, Timestamp};
use crate::wire::{Arrival, headers};

/// Whatever went wrong below.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A stream.
///
/// EVENTS is one, COMMANDS is one, and so is the bucket behind every view: a view's key is a
/// subject, its value the last message on it.
pub trait Log: Clone + Send + Sync + 'static {
    /// What reads it in order.
    type Tail: Tail;

    /// Reads the entries whose subject matches `filter`, after `after`, in order, for ever; never
    /// skips, never repeats.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    fn follow(
        &self,
        filter: &str,
        after: Sequence,
    ) -> impl Future<Output = Result<Self::Tail, ReadError>> + Send;

    /// The last entry on a subject.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    fn last(&self, subject: &str) -> impl Future<Output = Result<Option<Entry>, ReadError>> + Send;

    /// The sequence of the last entry on any subject.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    fn end(&self) -> impl Future<Output = Result<Sequence, ReadError>> + Send;

    /// The last entry made before `moment`: whoever follows from it sees all later ones.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    fn before(&self, moment: Timestamp)
    -> impl Future<Output = Result<Sequence, ReadError>> + Send;

    /// Appends the whole batch, or nothing.
    ///
    /// Invariant: the messages stand one behind the other.
    ///
    /// # Errors
    ///
    /// See [`CommitError`]. After `Unknown` only a later batch on the same subject, with an
    /// expectation, decides what happened.
    fn commit(&self, batch: &Batch) -> impl Future<Output = Result<Committed, CommitError>> + Send;
}

/// A reader's place in a stream.
pub trait Tail: Send + 'static {
    /// Waits for entries, and takes what is there: at least one, at most `limit`.
    ///
    /// Cancel safe: what was not returned is returned by the next call.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    fn next(&mut self, limit: usize) -> impl Future<Output = Result<Vec<Entry>, ReadError>> + Send;

    /// How many matching entries were still to come, as far as is known. Zero means that the
    /// reader had reached the end.
    fn remaining(&self) -> u64;
}

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub sequence: Sequence,
    /// Its subject.
    pub subject: String,
    /// When it was stored.
    pub time: Timestamp,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its payload.
    pub payload: Bytes,
}

impl Entry {
    /// The value of a header, spelled exactly so.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The entry as a published command that arrived.
    #[must_use]
    pub fn as_command(&self) -> Arrival<'_> {
        let mut found = self.headers.iter();
        let trace = found.find(|(name, _)| name.eq_ignore_ascii_case(headers::TRACEPARENT));
        Arrival {
            subject: &self.subject,
            content_type: self.header(headers::CONTENT_TYPE),
            kassa_type: self.header(headers::KASSA_TYPE),
            reply_to: self.header(headers::KASSA_REPLY_TO),
            traceparent: trace.map(|(_, value)| value.as_str()),
            payload: &self.payload,
            asked_at: self.time,
            command_seq: Some(self.sequence),
        }
    }
}

/// A message to be appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its subject.
    pub subject: String,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its payload.
    pub payload: Bytes,
    /// The last sequence on its subject, as far as the writer knows. It is a claim, not an option:
    /// [`Sequence::START`] claims that nobody ever wrote there. None claims nothing.
    pub expected: Option<Sequence>,
    /// Units: seconds. How long it is kept; none for as long as its stream keeps it. A model keeps
    /// everything.
    pub kept_s: Option<u64>,
}

/// What is appended together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The messages. A subject occurs once with an expectation at most.
    pub messages: Vec<Message>,
    /// Which of them is the head, which carries the fence.
    pub head: Head,
    /// The last sequence of the whole stream, as far as the writer knows. With it, the places of
    /// all messages are known before they are sent.
    pub expected_end: Option<Sequence>,
}

/// Where the head of a batch stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Head {
    /// Before what follows from it: whoever has it can tell what must stand behind it.
    #[default]
    First,
    /// Behind what it speaks of: whoever has it has that too.
    Last,
}

impl Batch {
    /// Messages of which the first is the head, wherever the stream ends.
    #[must_use]
    pub const fn of(messages: Vec<Message>) -> Self {
        Self { messages, head: Head::First, expected_end: None }
    }

    /// The message that carries the fence.
    #[must_use]
    pub fn head(&self) -> Option<&Message> {
        match self.head {
            Head::First => self.messages.first(),
            Head::Last => self.messages.last(),
        }
    }

    /// How many messages.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::try_from(self.messages.len()).unwrap_or(u64::MAX)
    }

    /// The same batch, in a stream in which its last message stands at `last`.
    #[must_use]
    pub fn committed_at(&self, last: Sequence) -> Committed {
        let behind_first = self.count().saturating_sub(1);
        Committed {
            head: match self.head {
                Head::First => Sequence(last.0.saturating_sub(behind_first)),
                Head::Last => last,
            },
        }
    }
}

/// A batch that is in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where its head stands; the others stand beside it without a gap.
    pub head: Sequence,
}

/// Why a batch was not acknowledged, told apart by what its writer must do next.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody else wrote since we last looked: we are not the writer any more.
    #[error("another writer has committed")]
    Fenced,
    /// Nothing was stored and nothing will be; try again after the pause.
    #[error("the server is busy")]
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// No answer, or one that proves nothing. It may be there, it may still arrive.
    #[error("the outcome of the commit is unknown")]
    Unknown(#[source] BoxError),
    /// It will not work however often it is tried: a defect or a misconfiguration.
    #[error("the server refuses the commit for good")]
    Broken(#[source] BoxError),
}

/// Why nothing could be read, told apart by what the reader must do next.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Try again: the server is away, or changing its leader.
    #[error("the stream cannot be read just now")]
    Unavailable(#[source] BoxError),
    /// It will not work however often it is tried.
    #[error("the stream cannot be read")]
    Broken(#[source] BoxError),
}
