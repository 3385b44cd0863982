//! A JetStream stream as a [`Log`], and the streams of a market's log as one.

use std::sync::Arc;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::aside::aside;
use super::batch::BatchPublisher;
use super::codes;
use super::connect::Connection;
use super::market_tail::MarketTail;
use super::segments::{Segment, Segments};
use super::tail::JsTail;
use crate::domain::{Sequence, Timestamp};
use crate::port::{Batch, CommitError, Committed, Entry, Log, Older, ReadError, Tail};
use crate::wire::Subjects;

/// One stream of a server, or all those that a market's log consists of.
#[derive(Clone, Debug)]
pub struct JsLog {
    connection: Connection,
    place: Place,
    publisher: Arc<Mutex<BatchPublisher>>,
}

#[derive(Clone, Debug)]
enum Place {
    Stream(String),
    Market(Arc<Segments>),
}

/// A reader's place in either.
pub enum LogTail {
    /// In a stream.
    Stream(Box<JsTail>),
    /// In the streams of a log.
    Market(Box<MarketTail>),
}

impl Tail for LogTail {
    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        match self {
            Self::Stream(tail) => tail.next(limit).await,
            Self::Market(tail) => tail.next(limit).await,
        }
    }

    fn remaining(&self) -> u64 {
        match self {
            Self::Stream(tail) => tail.remaining(),
            Self::Market(tail) => tail.remaining(),
        }
    }
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
        Self::at(connection, Place::Stream(stream)).await
    }

    /// A market's log, in however many streams it is, behind what was kept of it elsewhere.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unavailable`] when the connection is closed.
    pub async fn events(
        connection: &Connection,
        subjects: &Subjects,
        older: Option<Arc<dyn Older>>,
    ) -> Result<Self, ReadError> {
        let segments = Arc::new(Segments::of(connection, subjects, older));
        Self::at(connection, Place::Market(segments)).await
    }

    /// The stream's name; of a log, that of its first one.
    #[must_use]
    pub fn stream(&self) -> &str {
        match &self.place {
            Place::Stream(stream) => stream,
            Place::Market(segments) => &segments.name,
        }
    }

    async fn at(connection: &Connection, place: Place) -> Result<Self, ReadError> {
        let publisher = BatchPublisher::new(connection)
            .await
            .map_err(|error| ReadError::Unavailable(error.into()))?;
        let publisher = Arc::new(Mutex::new(publisher));
        Ok(Self { connection: connection.clone(), place, publisher })
    }

    /// The entry at a sequence; none when there is none.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn entry(&self, sequence: Sequence) -> Result<Option<Entry>, ReadError> {
        let segments = match &self.place {
            Place::Stream(stream) => return self.entry_of(stream, sequence).await,
            Place::Market(segments) => segments,
        };
        let known = segments.look().await?;
        if let Some(segment) = known.iter().rev().find(|segment| segment.first <= sequence) {
            return self.entry_of(&segment.stream, sequence).await;
        }
        let before = Sequence(sequence.0.saturating_sub(1));
        let older = segments.older(before, sequence)?;
        aside(move || {
            let mut tail = older.read(Subjects::everything(), before, sequence)?;
            Ok(tail.next(1)?.into_iter().next())
        })
        .await
    }

    async fn entry_of(&self, stream: &str, sequence: Sequence) -> Result<Option<Entry>, ReadError> {
        let found = self.connection.jetstream.get_stream_no_info(stream).await;
        let found = found.map_err(|error| ReadError::Unavailable(error.into()))?;
        told(stream, found.get_raw_message(sequence.0).await.map(entry_of))
    }

    async fn last_of(&self, stream: &str, subject: &str) -> Result<Option<Entry>, ReadError> {
        let found = self.connection.jetstream.get_stream_no_info(stream).await;
        let found = found.map_err(|error| ReadError::Unavailable(error.into()))?;
        told(stream, found.get_last_raw_message_by_subject(subject).await.map(entry_of))
    }

    async fn before_in(&self, stream: &str, moment: Timestamp) -> Result<Sequence, ReadError> {
        // A reader that starts at a moment is told which message comes before it.
        super::tail::before(&self.connection.jetstream, stream, moment).await
    }
}

impl Log for JsLog {
    type Tail = LogTail;

    async fn follow(&self, filter: &str, after: Sequence) -> Result<LogTail, ReadError> {
        match &self.place {
            Place::Stream(stream) => {
                let connection = (self.connection.jetstream.clone(), self.connection.losses());
                let tail = JsTail::open(connection, stream.clone(), filter.to_owned(), after);
                Ok(LogTail::Stream(Box::new(tail.await?)))
            }
            Place::Market(segments) => {
                let tail = MarketTail::open(Arc::clone(segments), filter, after).await?;
                Ok(LogTail::Market(Box::new(tail)))
            }
        }
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>, ReadError> {
        match &self.place {
            Place::Stream(stream) => self.last_of(stream, subject).await,
            Place::Market(segments) => {
                for Segment { stream, .. } in segments.look().await?.iter().rev() {
                    if let Some(last) = self.last_of(stream, subject).await? {
                        return Ok(Some(last));
                    }
                }
                Ok(None)
            }
        }
    }

    async fn end(&self) -> Result<Sequence, ReadError> {
        match &self.place {
            Place::Stream(stream) => {
                let function = format!("STREAM.INFO.{stream}");
                let info: StreamInfo =
                    super::api::call(&self.connection, &function, &NoArguments {})
                        .await
                        .map_err(|error| error.into_read_error(stream))?;
                Ok(Sequence(info.state.last_seq))
            }
            Place::Market(segments) => {
                let known = segments.look().await?;
                Ok(known.last().map_or(Sequence::START, |newest| newest.last))
            }
        }
    }

    async fn before(&self, moment: Timestamp) -> Result<Sequence, ReadError> {
        let segments = match &self.place {
            Place::Stream(stream) => return self.before_in(stream, moment).await,
            Place::Market(segments) => segments,
        };
        let mut before = Sequence::START;
        for Segment { stream, first, last, .. } in segments.look().await?.iter().rev() {
            before = self.before_in(stream, moment).await?.min(*last);
            if *first <= before {
                return Ok(before);
            }
            before = Sequence(first.0.saturating_sub(1));
        }
        match before {
            Sequence::START => Ok(before),
            to => {
                let older = segments.older(Sequence::START, to)?;
                aside(move || older.before(moment, to)).await
            }
        }
    }

    async fn commit(&self, batch: &Batch) -> Result<Committed, CommitError> {
        let first = match &self.place {
            Place::Stream(_) => Sequence::START,
            Place::Market(segments) => segments.first_written(),
        };
        self.publisher.lock().await.publish(batch, first).await
    }
}

/// Tells what is not there from what cannot be read.
fn told(
    stream: &str,
    read: Result<Entry, async_nats::error::Error<LastRawMessageErrorKind>>,
) -> Result<Option<Entry>, ReadError> {
    let error = match read {
        Ok(entry) => return Ok(Some(entry)),
        Err(error) => error,
    };
    match error.kind() {
        LastRawMessageErrorKind::NoMessageFound => Ok(None),
        LastRawMessageErrorKind::JetStream(refusal) => match codes::number(refusal.error_code()) {
            codes::NO_MESSAGE => Ok(None),
            codes::STREAM_NOT_FOUND => Err(missing(stream)),
            _ => Err(ReadError::Unavailable(error.into())),
        },
        LastRawMessageErrorKind::InvalidSubject => Err(ReadError::Broken(error.into())),
        LastRawMessageErrorKind::Other => Err(ReadError::Unavailable(error.into())),
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
