//! A client for edge services: sends commands, and never answers what it does not know.

mod again;
mod bundle;
mod request;
mod watch;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures::StreamExt;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::codes;
use super::connect::Connection;
use crate::domain::{Command, CommandId, CommandKind, Source, TraceParent};
use crate::port::{Commands, CommitError, Unanswered};
use crate::telemetry::names::operation;
use crate::wire::{Encoding, Outcome, Outgoing, Subjects, headers, kassa_type, write_command};
use bundle::{Bundler, addressed};
use watch::Sending;

/// How long to wait for a requested command before it is published instead. Far above what a
/// commit takes, far below what a buyer waits.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait for the outcome of a published command.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the command stream may take to store a command.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends commands of one source to one market.
///
/// A command is requested first; when nobody answers, it is published, under the same id. It is
/// decided once, whatever was lost on the way.
#[derive(Clone)]
pub struct Client {
    connection: Connection,
    subjects: Arc<Subjects>,
    source: Source,
    encoding: Encoding,
    outcomes: Arc<Outcomes>,
    intake: Intake,
    /// One for each kind of command and each way in, when commands travel together.
    bundlers: Arc<HashMap<(CommandKind, Intake), Bundler>>,
}

/// How commands are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Intake {
    /// Requested; published when nobody answers.
    #[default]
    Ask,
    /// Published.
    Publish,
}

/// Outcomes of published commands that somebody waits for.
struct Outcomes {
    inbox: String,
    /// Counts messages. Each has a subject of its own for what comes back: an answer to a message
    /// that was given up must never be taken for the answer to a later one.
    messages: AtomicU64,
    waiting: Mutex<HashMap<String, oneshot::Sender<Message>>>,
    /// Ends the subscription, which would keep the connection open.
    _receiving: DropGuard,
}

#[derive(Deserialize)]
struct PubAck {
    #[serde(default)]
    seq: u64,
    error: Option<async_nats::jetstream::Error>,
}

impl Client {
    /// A client for the commands of `source`.
    ///
    /// # Errors
    ///
    /// [`Unanswered::Unknown`] when the connection is closed.
    pub async fn new(
        connection: &Connection,
        subjects: Subjects,
        source: Source,
    ) -> Result<Self, Unanswered> {
        let inbox = connection.client.new_inbox();
        let mut received = connection
            .client
            .subscribe(format!("{inbox}.*"))
            .await
            .map_err(|error| Unanswered::Unknown(error.into()))?;
        let dropped = CancellationToken::new();
        let _receiving = dropped.clone().drop_guard();
        let outcomes = Arc::new(Outcomes {
            inbox,
            messages: AtomicU64::new(0),
            waiting: Mutex::default(),
            _receiving,
        });
        let waited = Arc::downgrade(&outcomes);
        tokio::spawn(async move {
            while let Some(Some(message)) = dropped.run_until_cancelled(received.next()).await {
                // The client is gone: so is everybody who waited.
                let Some(outcomes) = waited.upgrade() else {
                    return;
                };
                let waiting = outcomes.waiting().remove(message.subject.as_str());
                if let Some(waiting) = waiting {
                    let _ = waiting.send(message);
                }
            }
        });
        Ok(Self {
            connection: connection.clone(),
            subjects: Arc::new(subjects),
            source,
            encoding: Encoding::MessagePack,
            outcomes,
            intake: Intake::Ask,
            bundlers: Arc::default(),
        })
    }

    /// The same client, sending in another way.
    #[must_use]
    pub fn with_intake(mut self, intake: Intake) -> Self {
        self.intake = intake;
        self
    }

    /// The same client, whose commands travel together: those that come while others are under
    /// way leave in one message. For edges with many buyers at once.
    #[must_use]
    pub fn bundled(mut self) -> Self {
        let ways = |kind| [(kind, Intake::Ask), (kind, Intake::Publish)];
        let start = |way| (way, Bundler::start(self.clone(), way));
        self.bundlers = Arc::new(CommandKind::ALL.into_iter().flat_map(ways).map(start).collect());
        self
    }

    /// The same client, writing another encoding.
    #[must_use]
    pub const fn with_encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Requests a command: the reply is its durable outcome.
    ///
    /// # Errors
    ///
    /// [`Unanswered`]; `Unknown` says that it may have been decided.
    pub async fn ask(
        &self,
        id: CommandId,
        command: &Command,
        trace: Option<&TraceParent>,
    ) -> Result<Outcome, Unanswered> {
        let sending = Sending::start(operation::REQUEST, (id, command), trace);
        let answer = self.ask_alone(id, command, sending.trace()).await;
        sending.end(answer)
    }

    async fn ask_alone(
        &self,
        id: CommandId,
        command: &Command,
        trace: Option<&TraceParent>,
    ) -> Result<Outcome, Unanswered> {
        let (payload, headers) = self.message(id, command, trace)?;
        let subject = self.subjects.ask(&self.source, command.kind());
        let reply = self.request(subject, payload, headers, ASK_TIMEOUT).await?;
        addressed(id, self.read(&reply)?)
    }

    /// Publishes a command, and waits for its outcome as long as somebody seems to be deciding.
    ///
    /// # Errors
    ///
    /// [`Unanswered`]; `Accepted` says that it is stored and will be decided.
    pub async fn publish(
        &self,
        id: CommandId,
        command: &Command,
        trace: Option<&TraceParent>,
    ) -> Result<Outcome, Unanswered> {
        let sending = Sending::start(operation::PUBLISH, (id, command), trace);
        let answer = self.publish_and_wait(id, command, sending.trace()).await;
        sending.end(answer)
    }

    async fn publish_and_wait(
        &self,
        id: CommandId,
        command: &Command,
        trace: Option<&TraceParent>,
    ) -> Result<Outcome, Unanswered> {
        let (payload, headers) = self.message(id, command, trace)?;
        let message = self.publish_message(command.kind(), payload, headers).await?;
        addressed(id, self.read(&message)?)
    }

    /// Publishes a message, and waits for what comes back.
    async fn publish_message(
        &self,
        kind: CommandKind,
        payload: Bytes,
        mut headers: HeaderMap,
    ) -> Result<Message, Unanswered> {
        let (reply_to, outcome) = self.outcomes.expect();
        headers.insert(headers::KASSA_REPLY_TO, reply_to.subject.as_str());
        let subject = self.subjects.command(&self.source, kind);
        let deadline = Instant::now() + OUTCOME_TIMEOUT;
        let ack = self.request(subject, payload, headers, PUBLISH_TIMEOUT).await?;
        let command_seq = read_ack(&ack)?;
        match tokio::time::timeout_at(deadline, outcome).await {
            Ok(Ok(message)) => Ok(message),
            Ok(Err(_)) | Err(_) => Err(Unanswered::Accepted { command_seq }),
        }
    }

    /// Sends a command one way, with others when they travel together.
    async fn send_by(
        &self,
        intake: Intake,
        (id, command): (CommandId, &Command),
        trace: Option<&TraceParent>,
    ) -> Result<Outcome, Unanswered> {
        let Some(bundler) = self.bundlers.get(&(command.kind(), intake)) else {
            return match intake {
                Intake::Ask => self.ask(id, command, trace).await,
                Intake::Publish => Box::pin(self.publish(id, command, trace)).await,
            };
        };
        let operation = match intake {
            Intake::Ask => operation::REQUEST,
            Intake::Publish => operation::PUBLISH,
        };
        let sending = Sending::start(operation, (id, command), trace);
        let along = sending.trace().cloned();
        sending.end(bundler.send(id, command.clone(), along).await)
    }

    fn message(
        &self,
        id: CommandId,
        command: &Command,
        trace: Option<&TraceParent>,
    ) -> Result<(Bytes, HeaderMap), Unanswered> {
        // Alone in its message, a command's trace is the message's.
        let outgoing = Outgoing { id, command, trace: None };
        let payload = write_command(&outgoing, self.encoding)
            .map_err(|error| Unanswered::Unsendable(error.into()))?;
        Ok((payload, self.headers(kassa_type(command.kind()), trace)))
    }

    fn headers(&self, kassa_type: String, trace: Option<&TraceParent>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(headers::CONTENT_TYPE, self.encoding.content_type());
        headers.insert(headers::KASSA_TYPE, kassa_type);
        if let Some(trace) = trace {
            headers.insert(headers::TRACEPARENT, trace.as_str());
        }
        headers
    }

    fn read(&self, message: &Message) -> Result<Outcome, Unanswered> {
        self.encoding.read(&message.payload).map_err(|error| Unanswered::Unknown(error.into()))
    }
}

impl Commands for Client {
    async fn send(
        &self,
        id: CommandId,
        command: &Command,
        trace: Option<&TraceParent>,
    ) -> Result<Outcome, Unanswered> {
        if self.intake == Intake::Ask {
            match self.send_by(Intake::Ask, (id, command), trace).await {
                // Nobody answered, the answer was lost, or this sender may only publish: the same
                // command, stored this time.
                Err(Unanswered::Unknown(_) | Unanswered::Denied { .. }) => {}
                answered => return answered,
            }
        }
        // Apart: most commands never come here, and every sender would carry the room for it.
        Box::pin(self.send_by(Intake::Publish, (id, command), trace)).await
    }
}

/// A place where an outcome is waited for, until it is dropped.
struct ReplyTo {
    subject: String,
    outcomes: Arc<Outcomes>,
}

impl Drop for ReplyTo {
    fn drop(&mut self) {
        self.outcomes.waiting().remove(&self.subject);
    }
}

impl Outcomes {
    fn expect(self: &Arc<Self>) -> (ReplyTo, oneshot::Receiver<Message>) {
        let (sender, receiver) = oneshot::channel();
        let message = self.messages.fetch_add(1, Ordering::Relaxed);
        let subject = format!("{}.{message}", self.inbox);
        self.waiting().insert(subject.clone(), sender);
        (ReplyTo { subject, outcomes: Arc::clone(self) }, receiver)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Message>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a stored command.
fn read_ack(message: &Message) -> Result<u64, Unanswered> {
    let ack: PubAck = serde_json::from_slice(&message.payload)
        .map_err(|error| Unanswered::Unknown(error.into()))?;
    let Some(error) = ack.error else {
        return Ok(ack.seq);
    };
    match codes::classify(Some(codes::number(error.error_code())), error.into()) {
        CommitError::Busy { retry_after } => Err(Unanswered::Busy { retry_after }),
        CommitError::Broken(cause) => Err(Unanswered::Unsendable(cause)),
        CommitError::Unknown(cause) => Err(Unanswered::Unknown(cause)),
        CommitError::Fenced => Err(Unanswered::Unknown("the stream expects another".into())),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::nats::ConnectionOptions;

    /// As much of a server as it takes to connect to it; ends when the connection is closed.
    async fn serve(listener: TcpListener) -> std::io::Result<()> {
        let (stream, _): (TcpStream, _) = listener.accept().await?;
        let mut stream = BufReader::new(stream);
        let info = "INFO {\"server_id\":\"x\",\"version\":\"2.15.1\",\"headers\":true,\
                    \"max_payload\":1048576}\r\n";
        stream.write_all(info.as_bytes()).await?;
        let mut line = String::new();
        while 0 < stream.read_line(&mut line).await? {
            if line.starts_with("PING") {
                stream.write_all(b"PONG\r\n").await?;
            }
            line.clear();
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_client_that_is_gone_leaves_no_connection_behind() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(serve(listener));
        let options = ConnectionOptions { url, ..ConnectionOptions::default() };
        let connection = Connection::open(&options).await.unwrap();
        let subjects = Subjects::of("main".parse().unwrap());
        let client = Client::new(&connection, subjects, "edge".parse().unwrap()).await.unwrap();
        let client = client.bundled();

        drop((client, connection));

        let closed = tokio::time::timeout(Duration::from_secs(10), served).await;
        assert!(matches!(closed, Ok(Ok(Ok(())))), "{closed:?}");
    }
}
