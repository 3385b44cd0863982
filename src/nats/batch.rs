//! Publishing a batch: all of it, or nothing (ADR-50).

use std::time::Duration;

use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
    NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_TTL,
};
use async_nats::{Client, HeaderMap, HeaderValue, StatusCode, Subscriber};
use futures::StreamExt;
use serde::Deserialize;
use tokio::sync::watch;

use super::api::ApiError;
use super::codes;
use super::connect::Connection;
use crate::domain::Sequence;
use crate::port::{Batch, BoxError, CommitError, Committed, Message};

/// How long a commit may take. A healthy one takes milliseconds, an election seconds; waiting
/// longer than this finds nothing out.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Publishes batches, one at a time.
#[derive(Debug)]
pub(super) struct BatchPublisher {
    client: Client,
    losses: watch::Receiver<u64>,
    violations: watch::Receiver<String>,
    /// Answers come here; a late one is told by its subject and thrown away.
    answers: Subscriber,
    inbox: String,
    /// Names this publisher in batch ids.
    name: String,
    sent: u64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    count: u64,
    error: Option<async_nats::jetstream::Error>,
}

impl BatchPublisher {
    pub(super) async fn new(connection: &Connection) -> Result<Self, async_nats::SubscribeError> {
        let (losses, violations) = (connection.losses(), connection.violations());
        let client = connection.client.clone();
        let inbox = client.new_inbox();
        let answers = client.subscribe(format!("{inbox}.*")).await?;
        let name = inbox.rsplit('.').next().unwrap_or_default().to_owned();
        Ok(Self { client, losses, violations, answers, inbox, name, sent: 0 })
    }

    /// Sends a batch and waits for its answer. The stream begins with `first`: of what is before
    /// it knows nothing.
    pub(super) async fn publish(
        &mut self,
        batch: &Batch,
        first: Sequence,
    ) -> Result<Committed, CommitError> {
        self.sent = self.sent.saturating_add(1);
        self.losses.mark_unchanged();
        self.violations.mark_unchanged();
        let reply = format!("{}.{}", self.inbox, self.sent);
        let id = format!("{}-{}", self.name, self.sent);
        let mut headers = headers_of(batch, (&id, first));
        let count = batch.messages.len();
        for (message, headers) in
            batch.messages.iter().take(count.saturating_sub(1)).zip(&mut headers)
        {
            self.client
                .publish_with_headers(message.subject.clone(), headers, message.payload.clone())
                .await
                .map_err(|error| CommitError::Unknown(error.into()))?;
        }
        let (Some(last), Some(headers)) = (batch.messages.last(), headers.next()) else {
            return Err(CommitError::Broken("a batch needs a message".into()));
        };
        let (subject, payload) = (last.subject.clone(), last.payload.clone());
        let sent = if headers.is_empty() {
            self.client.publish_with_reply(subject, reply.clone(), payload).await
        } else {
            let reply = reply.clone();
            self.client.publish_with_reply_and_headers(subject, reply, headers, payload).await
        };
        sent.map_err(|error| CommitError::Unknown(error.into()))?;
        let answer = self.answer(&reply, batch).await?;
        read_answer(&answer, batch)
    }

    /// Waits for the answer to the batch just sent, and for nothing longer than makes sense.
    async fn answer(
        &mut self,
        reply: &str,
        batch: &Batch,
    ) -> Result<async_nats::Message, CommitError> {
        let unknown = |why: &str| CommitError::Unknown(BoxError::from(why));
        let (answers, losses) = (&mut self.answers, &mut self.losses);
        let violations = &mut self.violations;
        let answer = async {
            loop {
                let message = answers.next().await?;
                if message.subject.as_str() == reply {
                    return Some(message);
                }
            }
        };
        tokio::select! {
            answer = answer => answer.ok_or_else(|| unknown("the connection is closed")),
            // The server answers a forbidden message with an error on the connection, and its
            // sender with nothing. A batch that lacks it is never stored.
            subject = forbidden(violations, batch) => {
                Err(CommitError::Broken(ApiError::Denied { subject }.into()))
            }
            // What was sent may be stored, and its answer will never come.
            _ = losses.changed() => Err(unknown("the connection was lost")),
            () = tokio::time::sleep(COMMIT_TIMEOUT) => Err(unknown("no answer in time")),
        }
    }
}

/// Waits until the server says that a subject of the batch may not be used.
async fn forbidden(violations: &mut watch::Receiver<String>, batch: &Batch) -> String {
    loop {
        if violations.changed().await.is_err() {
            return std::future::pending().await;
        }
        let violation = violations.borrow_and_update();
        let mut subjects = batch.messages.iter().map(|message| &message.subject);
        if let Some(subject) = subjects.find(|subject| names(&violation, subject)) {
            return subject.clone();
        }
    }
}

/// Whether a violation is about this subject: the server writes it in quotation marks.
fn names(violation: &str, subject: &str) -> bool {
    violation.contains(&format!("\"{subject}\""))
}

/// The headers of each message, in order.
fn headers_of<'a>(
    batch: &'a Batch,
    (id, first): (&'a str, Sequence),
) -> impl Iterator<Item = HeaderMap> + 'a {
    let count = batch.messages.len();
    batch.messages.iter().enumerate().map(move |(index, message)| {
        let mut headers = own_headers(message, first);
        if let Some(end) = batch.expected_end.filter(|_| index == 0) {
            headers.insert(NATS_EXPECTED_LAST_SEQUENCE, HeaderValue::from(end.0));
        }
        if count == 1 {
            // A batch of one is a plain publish: the server stages batches, and that costs.
            return headers;
        }
        let place = index.saturating_add(1);
        headers.insert(NATS_BATCH_ID, id);
        headers.insert(NATS_BATCH_SEQUENCE, HeaderValue::from(place));
        if place == count {
            headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
        }
        headers
    })
}

fn own_headers(message: &Message, first: Sequence) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &message.headers {
        headers.insert(*name, value.as_str());
    }
    if let Some(seconds) = message.kept_s {
        headers.insert(NATS_MESSAGE_TTL, format!("{seconds}s"));
    }
    if let Some(expected) = message.expected {
        let expected = if expected < first { Sequence::START } else { expected };
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, HeaderValue::from(expected.0));
    }
    headers
}

fn read_answer(message: &async_nats::Message, batch: &Batch) -> Result<Committed, CommitError> {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        // No stream takes this subject, or its stream has no leader: the next look will tell.
        return Err(CommitError::Unknown("nobody answers for this subject".into()));
    }
    let answer: Answer = serde_json::from_slice(&message.payload)
        .map_err(|error| CommitError::Unknown(error.into()))?;
    if let Some(error) = answer.error {
        let code = codes::number(error.error_code());
        return Err(codes::classify(Some(code), error.into()));
    }
    let count = batch.count();
    if 1 < count && answer.count != count {
        let why = format!("{} of {count} messages were stored", answer.count);
        return Err(CommitError::Broken(why.into()));
    }
    Ok(batch.committed_at(Sequence(answer.seq)))
}
