//! Reading a stream in order, for ever.
//!
//! An ephemeral pull consumer without acknowledgements, made anew from the last entry whenever
//! something is off: a gap, a missed heartbeat, a lost consumer. The client's own ordered
//! consumer does the same, but starts from the very first message when it is lost before its
//! first one.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull::{self, MessagesError};
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};
use async_nats::jetstream::{Context, Message};
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::codes;
use super::left_out::Leader;
use super::log::{millis, missing};
use crate::domain::{Sequence, Timestamp};
use crate::port::{Entry, ReadError, Tail};

/// Messages asked for at once. The client asks again at half of it.
const PULL_MESSAGES: usize = 4_096;
/// Bytes asked for at once: some twenty of the largest commits. Bounds what a slow reader holds.
const PULL_BYTES: usize = 8 * 1024 * 1024;
/// How long a pull stays open when nothing comes.
const PULL_EXPIRES: Duration = Duration::from_secs(10);
/// Two of these without a sign of life, and the consumer is made anew.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long the server keeps a consumer that nobody reads.
const INACTIVE: Duration = Duration::from_secs(30);
/// Pause before another attempt to make a consumer. Elections take seconds.
const PAUSE: Duration = Duration::from_millis(250);

/// How long a reader waits in silence before it asks what the server has sent it. A message that
/// was lost on the way leaves no gap while nothing follows it.
const DOUBT: Duration = Duration::from_secs(5);

/// A reader's place in a stream.
pub struct JsTail {
    context: Context,
    /// Tells when the connection is lost, and with it whatever was on its way.
    losses: watch::Receiver<u64>,
    stream: String,
    filter: String,
    after: Sequence,
    reader: Option<Reader>,
    /// Entries that were delivered and not handed on.
    held: Vec<Entry>,
    /// The last entry that was handed on.
    handed_on: Sequence,
    /// Whether the stream may have copies, and the consumer read one that is behind.
    replicated: bool,
    /// The last entry to come, as far as its leader knew when the consumer was made.
    end: Sequence,
    /// Counts the consumer's deliveries: a gap means that some were lost on the way.
    delivered: u64,
    remaining: u64,
    /// Whether the last call took as much as it may: then there may be more.
    has_more: bool,
}

/// A consumer, and what comes of it.
struct Reader {
    consumer: Consumer<pull::Config>,
    messages: pull::Stream,
}

impl JsTail {
    pub(super) async fn open(
        (context, losses): (Context, watch::Receiver<u64>),
        stream: String,
        filter: String,
        after: Sequence,
    ) -> Result<Self, ReadError> {
        let mut tail = Self {
            context,
            losses,
            stream,
            filter,
            after,
            reader: None,
            held: Vec::new(),
            handed_on: after,
            replicated: false,
            end: Sequence::START,
            delivered: 0,
            remaining: 0,
            has_more: false,
        };
        tail.connect().await?;
        Ok(tail)
    }

    /// Makes a consumer that starts right after the last entry that was read.
    async fn connect(&mut self) -> Result<(), ReadError> {
        self.losses.mark_unchanged();
        let start_sequence = self.after.next().0;
        let policy = DeliverPolicy::ByStartSequence { start_sequence };
        let consumer = consumer(&self.context, &self.stream, &self.filter, policy).await?;
        let info = consumer.cached_info();
        self.remaining = info.num_pending;
        self.delivered = 0;
        // A server that is alone names no cluster.
        self.replicated = info.cluster.as_ref().is_some_and(|cluster| cluster.name.is_some());
        if self.replicated {
            self.end = Box::pin(self.leader().end()).await?;
        }
        let messages = consumer
            .stream()
            .max_messages_per_batch(PULL_MESSAGES)
            .max_bytes_per_batch(PULL_BYTES)
            .expires(PULL_EXPIRES)
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(|error| ReadError::Unavailable(error.into()))?;
        self.reader = Some(Reader { consumer, messages });
        Ok(())
    }

    /// The consumer, made anew until the server lets us.
    async fn reader(&mut self) -> Result<(), ReadError> {
        while self.reader.is_none() {
            match self.connect().await {
                Ok(()) => {}
                Err(ReadError::Unavailable(error)) => {
                    debug!(stream = self.stream, %error, "cannot read yet");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error @ ReadError::Broken(_)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for the next delivery; none when the consumer has to be made anew.
    async fn delivery(&mut self) -> Result<Option<Result<Message, MessagesError>>, ReadError> {
        self.reader().await?;
        let Some(Reader { consumer, messages }) = &mut self.reader else {
            return Ok(None);
        };
        loop {
            tokio::select! {
                biased;
                _ = self.losses.changed() => return Ok(None),
                delivery = messages.next() => return Ok(delivery),
                () = tokio::time::sleep(DOUBT) => {}
            }
            // The server may be away; then there will be a sign of that.
            let info = consumer.get_info().await;
            if info.is_ok_and(|info| self.delivered < info.delivered.consumer_sequence) {
                warn!(stream = self.stream, "reading anew after a lost delivery");
                return Ok(None);
            }
        }
    }

    /// Takes one delivery; none when it does not continue what was read, and the consumer has to
    /// be made anew.
    fn accept(&mut self, delivery: Option<Result<Message, MessagesError>>) -> Option<Entry> {
        let message = match delivery? {
            Ok(message) => message,
            Err(error) => {
                warn!(stream = self.stream, %error, "reading anew after a broken delivery");
                return None;
            }
        };
        let info = message.info().ok()?;
        let (sequence, time) = (Sequence(info.stream_sequence), millis(info.published));
        if info.consumer_sequence != self.delivered.saturating_add(1) || sequence <= self.after {
            warn!(stream = self.stream, "reading anew after a gap");
            return None;
        }
        self.delivered = info.consumer_sequence;
        self.remaining = info.pending;
        self.after = sequence;
        let async_nats::Message { subject, headers, payload, .. } = message.message;
        let headers = headers.as_ref().map(pairs).unwrap_or_default();
        Some(Entry { sequence, subject: subject.to_string(), time, headers, payload })
    }
}

impl JsTail {
    fn leader(&self) -> Leader<'_> {
        Leader { context: &self.context, stream: &self.stream, filter: &self.filter }
    }

    /// Waits for deliveries and holds what is there: at least one, at most `limit`.
    async fn receive(&mut self, limit: usize) -> Result<(), ReadError> {
        if self.has_more {
            // Whoever folds a long log is never out of it: without a pause nobody else has a turn,
            // and the leases of a whole process expire.
            tokio::task::yield_now().await;
            self.has_more = false;
        }
        while self.held.is_empty() {
            let delivery = self.delivery().await?;
            let Some(first) = self.accept(delivery) else {
                self.reader = None;
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            self.held.push(first);
        }
        while self.held.len() < limit {
            // Outside the cooperative budget: with it, a full channel looks empty after some
            // fifty messages.
            let Some(reader) = self.reader.as_mut() else {
                break;
            };
            let ready = tokio::task::unconstrained(reader.messages.next()).now_or_never();
            let Some(delivery) = ready else { break };
            match self.accept(delivery) {
                Some(entry) => self.held.push(entry),
                None => self.reader = None,
            }
        }
        self.has_more = limit <= self.held.len();
        Ok(())
    }
}

impl Tail for JsTail {
    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        loop {
            // What an interrupted call received is still held.
            if self.held.is_empty() {
                self.receive(limit).await?;
            }
            if self.replicated {
                let leader =
                    Leader { context: &self.context, stream: &self.stream, filter: &self.filter };
                if let Some(good) = leader.left_out(self.handed_on, &self.held).await {
                    warn!(stream = self.stream, "reading anew, because something was left out");
                    self.held.truncate(good);
                    self.reader = None;
                    self.after = self.held.last().map_or(self.handed_on, |entry| entry.sequence);
                }
            }
            let rest = self.held.split_off(limit.min(self.held.len()));
            let entries = std::mem::replace(&mut self.held, rest);
            if let Some(last) = entries.last() {
                self.handed_on = last.sequence;
                return Ok(entries);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn remaining(&self) -> u64 {
        // A copy that is behind has no more to come, and its leader has.
        let more = u64::from(self.handed_on < self.end);
        let held = u64::try_from(self.held.len()).unwrap_or(u64::MAX);
        self.remaining.saturating_add(held).max(more)
    }
}

/// The last message before a moment.
pub(super) async fn before(
    context: &Context,
    stream: &str,
    moment: Timestamp,
) -> Result<Sequence, ReadError> {
    let nanos = i128::from(moment.0).saturating_mul(1_000_000);
    let start_time = async_nats::datetime::from_nanos(nanos).map_err(ReadError::Broken)?;
    let policy = DeliverPolicy::ByStartTime { start_time };
    let consumer = consumer(context, stream, ">", policy).await?;
    Ok(Sequence(consumer.cached_info().delivered.stream_sequence))
}

/// A consumer of one replica, without acknowledgements.
pub(super) async fn consumer(
    context: &Context,
    stream: &str,
    filter: &str,
    deliver_policy: DeliverPolicy,
) -> Result<Consumer<pull::Config>, ReadError> {
    let config = pull::Config {
        deliver_policy,
        ack_policy: AckPolicy::None,
        replay_policy: ReplayPolicy::Instant,
        filter_subject: filter.to_owned(),
        inactive_threshold: INACTIVE,
        num_replicas: 1,
        memory_storage: true,
        ..pull::Config::default()
    };
    context
        .create_consumer_on_stream(config, stream)
        .await
        .map_err(|error| read_error(error, stream))
}

fn read_error(error: ConsumerError, stream: &str) -> ReadError {
    match error.kind() {
        ConsumerErrorKind::JetStream(refusal) => match codes::number(refusal.error_code()) {
            codes::STREAM_NOT_FOUND => missing(stream),
            _ => ReadError::Unavailable(error.into()),
        },
        ConsumerErrorKind::InvalidConsumerType | ConsumerErrorKind::InvalidName => {
            ReadError::Broken(error.into())
        }
        ConsumerErrorKind::TimedOut | ConsumerErrorKind::Request | ConsumerErrorKind::Other => {
            ReadError::Unavailable(error.into())
        }
    }
}

/// Headers as pairs of text.
pub(super) fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut pairs = Vec::with_capacity(headers.len());
    for (name, values) in headers.iter() {
        pairs.extend(values.iter().map(|value| (name.to_string(), value.to_string())));
    }
    pairs
}
