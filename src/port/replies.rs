//! Commands as they come in, and telling their senders what became of them.

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::log::{BoxError, ReadError};
use crate::domain::market::Request;
use crate::domain::{Command, CommandId, Sequence, TraceParent};
use crate::wire::{Encoding, Outcome, Received};

/// A command that waits for its decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrived {
    /// What is asked. On the heap, because it is handed on several times.
    pub request: Box<Request>,
    /// Who wants to know what becomes of it.
    pub answer_to: Option<AnswerTo>,
    /// Whether it lies in the command stream. Published commands are decided in their order there:
    /// the position says that all before it are decided.
    pub published: bool,
}

/// Where an answer goes, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerTo {
    /// The subject.
    pub subject: String,
    /// The encoding of the command.
    pub encoding: Encoding,
    /// Which part of the answer it is, when the message held several commands.
    pub part: Option<Part>,
    /// The trace of the command as it came; the answer names it.
    pub trace: Option<TraceParent>,
}

/// One of the answers to a message that held several commands: they go back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The message they came in. A sender may have two answers sent to one subject.
    pub came: Came,
    /// Which one, from 0.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

/// A message, as whoever read it tells it from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Came {
    /// Requested: a number that its reader gave it.
    Asked(u64),
    /// Published: its place in the command stream.
    Published(Sequence),
}

/// A way back to the senders.
///
/// An answer may be lost; whatever it said is in the log. It is never sent before that.
pub trait Replies: Send + Sync + 'static {
    /// Sends answers, in no order.
    fn send(&self, answers: Vec<(AnswerTo, Outcome)>);
}

impl Arrived {
    /// The commands of one message, each with its part of the way back.
    #[must_use]
    pub fn all(received: Received, came: Came, to: Option<(&str, Encoding)>) -> Vec<Self> {
        let Received { requests, several } = received;
        let of = requests.len();
        let arrived = requests.into_iter().enumerate().map(|(index, request)| Self {
            published: matches!(came, Came::Published(_)),
            answer_to: to.map(|(subject, encoding)| AnswerTo {
                subject: subject.to_owned(),
                encoding,
                part: several.then_some(Part { came, index, of }),
                trace: request.trace.clone(),
            }),
            request: Box::new(request),
        });
        arrived.collect()
    }
}

/// Requested commands: only the active committer serves them.
pub trait Asks: Clone + Send + Sync + 'static {
    /// Reads requested commands into `arrived` until `stop`, then what has arrived by then.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    fn serve(
        &self,
        arrived: mpsc::Sender<Arrived>,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<(), ReadError>> + Send;
}

/// A way to send commands.
pub trait Commands: Clone + Send + Sync + 'static {
    /// Sends a command and waits for what becomes of it. Sent again under the same id, it is the
    /// same command.
    ///
    /// # Errors
    ///
    /// See [`Unanswered`].
    fn send(
        &self,
        id: CommandId,
        command: &Command,
        trace: Option<&TraceParent>,
    ) -> impl Future<Output = Result<Outcome, Unanswered>> + Send;
}

/// Why nothing is known about a command, told apart by what its sender can do.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// It is stored and will be decided; the outcome did not come in time.
    #[error("accepted as command {command_seq}, not decided yet")]
    Accepted {
        /// Its place in the command stream.
        command_seq: u64,
    },
    /// It was not taken in: too much is waiting. Send it again after the pause.
    #[error("too many commands are waiting")]
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// It may have been decided, or not. Send it again, with the same ids: it is decided once.
    #[error("it is not known whether the command was taken in")]
    Unknown(#[source] BoxError),
    /// These credentials may not send it.
    #[error("these credentials may not use {subject}")]
    Denied {
        /// What was forbidden.
        subject: String,
    },
    /// It was certainly not taken in, and never will be as it is.
    #[error("the command cannot be sent")]
    Unsendable(#[source] BoxError),
}
