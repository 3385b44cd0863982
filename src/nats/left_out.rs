//! What a reader of a copy may have missed.
//!
//! A consumer reads the copy of the server it lives on. While that one catches up with its
//! leader, the consumer calls an end what is none, or leaves out a stretch and counts on as if
//! nothing were missing. So the leader says where the end is, and each jump has to be explained:
//! by the message itself, or else by the leader.

use std::time::Duration;

use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::RawMessageErrorKind;
use futures::{StreamExt, stream};

use super::codes;
use crate::domain::Sequence;
use crate::port::{BoxError, Entry, ReadError};

/// Jumps held against the leader at the same time.
const CHECKS_AT_ONCE: usize = 32;

/// Pause before a leader that does not answer is asked again. Elections take seconds.
const PAUSE: Duration = Duration::from_millis(250);

/// The server whose copy of a stream is the true one.
pub(super) struct Leader<'a> {
    pub(super) context: &'a Context,
    pub(super) stream: &'a str,
    /// What the reader asked for.
    pub(super) filter: &'a str,
}

impl Leader<'_> {
    /// The first of `entries`, which were read after `before`, that another one has to precede;
    /// none when all is well.
    pub(super) async fn left_out(&self, before: Sequence, entries: &[Entry]) -> Option<usize> {
        let mut before = before;
        let mut jumps = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if before.next() < entry.sequence && !self.follows(before, entry) {
                jumps.push((index, before.next(), entry.sequence));
            }
            before = entry.sequence;
        }
        let checks = jumps.into_iter().map(|(index, from, found)| async move {
            self.has_between(from, found).await.then_some(index)
        });
        let mut checks = stream::iter(checks).buffered(CHECKS_AT_ONCE);
        while let Some(left_out) = checks.next().await {
            if left_out.is_some() {
                return left_out;
            }
        }
        None
    }

    /// Where the last matching entry is.
    pub(super) async fn end(&self) -> Result<Sequence, ReadError> {
        let unavailable = |error: BoxError| ReadError::Unavailable(error);
        let stream = self.context.get_stream_no_info(self.stream).await;
        let stream = stream.map_err(|error| unavailable(error.into()))?;
        match stream.get_last_raw_message_by_subject(self.filter).await {
            Ok(message) => Ok(Sequence(message.sequence)),
            Err(error) if is_nothing(&error.kind()) => Ok(Sequence::START),
            Err(error) => Err(unavailable(error.into())),
        }
    }

    /// Whether the entry itself says that it is the next on its subject, and no other subject was
    /// asked for. The server held it against that when it stored it, and keeps what it held.
    fn follows(&self, before: Sequence, entry: &Entry) -> bool {
        let expected = entry.header(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE.as_ref());
        let expected = expected.and_then(|expected| expected.parse().ok()).map(Sequence);
        entry.subject == self.filter && expected.is_some_and(|expected| expected <= before)
    }

    /// Whether the leader has a matching entry from `from` on, and before `found`.
    async fn has_between(&self, from: Sequence, found: Sequence) -> bool {
        loop {
            if let Some(next) = self.next(from).await {
                return next.is_some_and(|next| next < found);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The first matching entry from `from` on; none at all when the leader does not answer.
    async fn next(&self, from: Sequence) -> Option<Option<Sequence>> {
        let stream = self.context.get_stream_no_info(self.stream).await.ok()?;
        match stream.get_first_raw_message_by_subject(self.filter, from.0).await {
            Ok(message) => Some(Some(Sequence(message.sequence))),
            Err(error) => is_nothing(&error.kind()).then_some(None),
        }
    }
}

/// Whether the leader says that it has no such message.
fn is_nothing(refusal: &RawMessageErrorKind) -> bool {
    match refusal {
        RawMessageErrorKind::NoMessageFound => true,
        RawMessageErrorKind::JetStream(refusal) => {
            codes::number(refusal.error_code()) == codes::NO_MESSAGE
        }
        RawMessageErrorKind::InvalidSubject | RawMessageErrorKind::Other => false,
    }
}
