//! Answers on their way back.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::warn;

use super::connect::Connection;
use crate::port::{AnswerTo, Part, Replies};
use crate::wire::{EncodingError, Outcome};

type Answers = Vec<(AnswerTo, Outcome)>;

/// How long the parts of an answer wait for the others. The rest is not coming then: its commands
/// were given up, and their sender sends them again.
const GATHER: Duration = Duration::from_secs(30);

/// Sends answers from a task of its own, so that the committer never waits for a socket.
#[derive(Clone, Debug)]
pub struct NatsReplies(mpsc::UnboundedSender<Answers>);

impl NatsReplies {
    /// Starts the task; it ends when the last clone is gone.
    #[must_use]
    pub fn start(connection: &Connection) -> Self {
        // Unbounded, and still bounded: a command is answered once, and only so many commands are
        // taken in.
        let (sender, mut receiver) = mpsc::unbounded_channel::<Answers>();
        let client = connection.client.clone();
        tokio::spawn(async move {
            let mut gathering = Gathering::default();
            while let Some(answers) = receiver.recv().await {
                for (to, outcome) in answers {
                    let payload = match to.part {
                        None => to.encoding.write(&outcome),
                        Some(part) => match gathering.add(&to.subject, part, outcome) {
                            Some(outcomes) => to.encoding.write(&outcomes),
                            None => continue,
                        },
                    };
                    send(&client, to.subject, payload).await;
                }
                gathering.forget_old();
            }
        });
        Self(sender)
    }
}

impl Replies for NatsReplies {
    fn send(&self, answers: Vec<(AnswerTo, Outcome)>) {
        // Nobody takes them only while the process stops; the outcomes are in the log.
        let _ = self.0.send(answers);
    }
}

async fn send(
    client: &async_nats::Client,
    subject: String,
    payload: Result<bytes::Bytes, EncodingError>,
) {
    let payload = match payload {
        Ok(payload) => payload,
        Err(error) => {
            warn!(%error, "an answer cannot be written");
            return;
        }
    };
    // No header: an answer is in the encoding of its command, and its reader knows which.
    if let Err(error) = client.publish(subject, payload).await {
        warn!(%error, "an answer was not sent");
    }
}

/// Answers to messages with several commands, until they are complete.
#[derive(Default)]
struct Gathering(HashMap<String, Gathered>);

struct Gathered {
    outcomes: Vec<Option<Outcome>>,
    missing: usize,
    since: Instant,
}

impl Gathering {
    /// Adds a part; gives all of them back when it was the last.
    fn add(&mut self, subject: &str, part: Part, outcome: Outcome) -> Option<Vec<Outcome>> {
        let gathered = self.0.entry(subject.to_owned()).or_insert_with(|| Gathered {
            outcomes: vec![None; part.of],
            missing: part.of,
            since: Instant::now(),
        });
        let place = gathered.outcomes.get_mut(part.index)?;
        if place.replace(outcome).is_none() {
            gathered.missing = gathered.missing.saturating_sub(1);
        }
        if 0 < gathered.missing {
            return None;
        }
        let gathered = self.0.remove(subject)?;
        Some(gathered.outcomes.into_iter().flatten().collect())
    }

    fn forget_old(&mut self) {
        if !self.0.is_empty() {
            self.0.retain(|_, gathered| gathered.since.elapsed() < GATHER);
        }
    }
}
