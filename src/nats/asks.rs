//! Requested commands: a subscription that only the active committer has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::connect::Connection;
use super::replies::NatsReplies;
use crate::domain::{Timestamp, TraceParent};
use crate::port::{Arrived, Asks, Came, Clock, ReadError, Replies};
use crate::telemetry;
use crate::wire::{Arrival, Encoding, Outcome, Subjects, headers, read_commands};

/// Messages read before the loop looks around again.
const CHUNK: usize = 256;

/// What a full system asks for: a few commits' time.
const RETRY_AFTER_MS: u64 = 50;

/// The requested commands of one market.
#[derive(Clone)]
pub struct NatsAsks<C> {
    connection: Connection,
    subjects: Subjects,
    clock: C,
    replies: NatsReplies,
    /// Counts messages, for as long as their answers are gathered.
    messages: Arc<AtomicU64>,
}

impl<C: Clock> NatsAsks<C> {
    /// The requested commands of the market of `subjects`.
    pub fn new(connection: Connection, subjects: Subjects, clock: C, replies: NatsReplies) -> Self {
        Self { connection, subjects, clock, replies, messages: Arc::default() }
    }

    /// Hands on what has come; false when nobody takes it any more.
    fn hand_on(&self, chunk: Vec<async_nats::Message>, arrived: &mpsc::Sender<Arrived>) -> bool {
        let now = self.clock.now();
        let mut busy = Vec::new();
        for message in chunk {
            let came = Came::Asked(self.messages.fetch_add(1, Ordering::Relaxed));
            for asked in read_ask(&message, &self.subjects, (now, came)) {
                match arrived.try_send(asked) {
                    Ok(()) => {}
                    Err(TrySendError::Full(asked)) => {
                        let outcome = Outcome::busy(asked.request.id, RETRY_AFTER_MS);
                        busy.extend(asked.answer_to.map(|to| (to, outcome)));
                    }
                    Err(TrySendError::Closed(_)) => return false,
                }
            }
        }
        if !busy.is_empty() {
            warn!(refused = busy.len(), "too many commands are waiting");
            self.replies.send(busy);
        }
        true
    }
}

impl<C: Clock> Asks for NatsAsks<C> {
    async fn serve(
        &self,
        arrived: mpsc::Sender<Arrived>,
        stop: CancellationToken,
    ) -> Result<(), ReadError> {
        let client = &self.connection.client;
        let mut subscription = client
            .subscribe(self.subjects.every_ask())
            .await
            .map_err(|error| ReadError::Unavailable(error.into()))?;
        // Whoever asks from now on has to reach us.
        self.connection.flush().await;
        let mut chunks = (&mut subscription).ready_chunks(CHUNK);
        let mut stopping = false;
        loop {
            let chunk = tokio::select! {
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    // What has arrived is still decided; what comes from now on finds nobody, and
                    // its sender publishes it instead.
                    if chunks.get_mut().drain().await.is_err() {
                        return Ok(());
                    }
                    continue;
                }
                chunk = chunks.next() => chunk,
            };
            let Some(chunk) = chunk else { return Ok(()) };
            if !self.hand_on(chunk, &arrived) {
                return Ok(());
            }
            // A subscription that is always full must not keep the thread for itself.
            tokio::task::yield_now().await;
        }
    }
}

fn read_ask(
    message: &async_nats::Message,
    subjects: &Subjects,
    (now, came): (Timestamp, Came),
) -> Vec<Arrived> {
    let header =
        |name: &str| message.headers.as_ref()?.get(name).map(async_nats::HeaderValue::as_str);
    let content_type = header(headers::CONTENT_TYPE);
    let arrival = Arrival {
        subject: message.subject.as_str(),
        content_type,
        kassa_type: header(headers::KASSA_TYPE),
        reply_to: None,
        traceparent: traceparent(message),
        payload: &message.payload,
        asked_at: now,
        command_seq: None,
    };
    // Whoever announced no encoding, or an unknown one, can at least read text.
    let encoding = content_type.and_then(Encoding::from_content_type).unwrap_or(Encoding::Json);
    let to = message.reply.as_ref().map(|reply| (reply.as_str(), encoding));
    Arrived::all(read_commands(&arrival, subjects), came, to)
}

/// The message's trace; what is malformed is said and ignored.
fn traceparent(message: &async_nats::Message) -> Option<&str> {
    let headers = message.headers.as_ref()?;
    let values = headers.iter().filter_map(|(name, values)| {
        let value = values.first().map(async_nats::HeaderValue::as_str)?;
        Some((AsRef::<str>::as_ref(name), value))
    });
    let found = telemetry::find(values)?;
    if TraceParent::parse(found).is_none() {
        telemetry::note_malformed(message.subject.as_str());
    }
    Some(found)
}
