//! A JetStream stream as a [`Log`].

use std::sync::Arc;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::batch::BatchPublisher;
use super::codes;
use super::connect::Connection;
use super::tail::JsTail;
use crate::domain::{Sequence, Timestamp};
use crate::port::{Batch, CommitError, Committed, Entry, Log, ReadError};

/// One stream of a server.
#[derive(Clone, Debug)]
pub struct JsLog {
    connection: Connection,
    stream: String,
    publisher: Arc<Mutex<BatchPublisher>>,
}

#[derive(Serialize)]
struct NoArguments {}

#[derive(Deserialize)]
struct StreamInfo {
    state: StreamState,
}

#[derive(Deserialize)]
struct StreamState {
    last_seq: u64,
}

impl JsLog {
    /// The stream of that name. Whether it exists is found out by using it.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unavailable`] when the connection is closed.
    pub async fn open(connection: &Connection, stream: String) -> Result<Self, ReadError> {
        let publisher = BatchPublisher::new(connection)
            .await
            .map_err(|error| ReadError::Unavailable(error.into()))?;
        let publisher = Arc::new(Mutex::new(publisher));
        Ok(Self { connection: connection.clone(), stream, publisher })
    }

    /// The entry at a sequence; none when there is none.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn entry(&self, sequence: Sequence) -> Result<Option<Entry>, ReadError> {
        let stream = self.connection.jetstream.get_stream_no_info(&self.stream).await;
        let stream = stream.map_err(|error| ReadError::Unavailable(error.into()))?;
        let last = stream.get_raw_message(sequence.0).await.map(entry_of);
        self.found(last)
    }

    /// Tells what is not there from what cannot be read.
    fn found(
        &self,
        read: Result<Entry, async_nats::error::Error<LastRawMessageErrorKind>>,
    ) -> Result<Option<Entry>, ReadError> {
        let error = match read {
            Ok(entry) => return Ok(Some(entry)),
            Err(error) => error,
        };
        match error.kind() {
            LastRawMessageErrorKind::NoMessageFound => Ok(None),
            LastRawMessageErrorKind::JetStream(refusal) => {
                match codes::number(refusal.error_code()) {
                    codes::NO_MESSAGE => Ok(None),
                    codes::STREAM_NOT_FOUND => Err(missing(&self.stream)),
                    _ => Err(ReadError::Unavailable(error.into())),
                }
            }
            LastRawMessageErrorKind::InvalidSubject => Err(ReadError::Broken(error.into())),
            LastRawMessageErrorKind::Other => Err(ReadError::Unavailable(error.into())),
        }
    }

    /// The stream's name.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }
}

impl Log for JsLog {
    type Tail = JsTail;

    async fn follow(&self, filter: &str, after: Sequence) -> Result<JsTail, ReadError> {
        let connection = (self.connection.jetstream.clone(), self.connection.losses());
        JsTail::open(connection, self.stream.clone(), filter.to_owned(), after).await
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>, ReadError> {
        let stream = self.connection.jetstream.get_stream_no_info(&self.stream).await;
        let stream = stream.map_err(|error| ReadError::Unavailable(error.into()))?;
        self.found(stream.get_last_raw_message_by_subject(subject).await.map(entry_of))
    }

    async fn end(&self) -> Result<Sequence, ReadError> {
        let function = format!("STREAM.INFO.{}", self.stream);
        let info: StreamInfo = super::api::call(&self.connection, &function, &NoArguments {})
            .await
            .map_err(|error| error.into_read_error(&self.stream))?;
        Ok(Sequence(info.state.last_seq))
    }

    async fn before(&self, moment: Timestamp) -> Result<Sequence, ReadError> {
        // A reader that starts at a moment is told which message comes before it.
        super::tail::before(&self.connection.jetstream, &self.stream, moment).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Committed, CommitError> {
        self.publisher.lock().await.publish(batch).await
    }
}

pub(super) fn missing(stream: &str) -> ReadError {
    let why = format!("there is no stream {stream}: run `kassa streams apply`");
    ReadError::Broken(why.into())
}

fn entry_of(message: StreamMessage) -> Entry {
    Entry {
        sequence: Sequence(message.sequence),
        subject: message.subject.to_string(),
        time: millis(message.time),
        headers: super::tail::pairs(&message.headers),
        payload: message.payload,
    }
}

/// A server's time as ours.
pub(super) fn millis(time: async_nats::datetime::DateTime) -> Timestamp {
    let nanos = time.unix_timestamp_nanos();
    Timestamp(u64::try_from(nanos / 1_000_000).unwrap_or(0))
}
