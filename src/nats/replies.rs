//! Answers on their way back.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::warn;

use super::connect::Connection;
use crate::domain::TraceParent;
use crate::port::{AnswerTo, Came, Part, Replies};
use crate::wire::{EncodingError, Outcome, headers};

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
                for (mut to, outcome) in answers {
                    let payload = match to.part {
                        None => to.encoding.write(&outcome),
                        Some(part) => match gathering.add(&to, part, outcome) {
                            Some(gathered) => {
                                to.trace = gathered.trace;
                                to.encoding.write(&gathered.outcomes)
                            }
                            None => continue,
                        },
                    };
                    send(&client, to, payload).await;
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
    to: AnswerTo,
    payload: Result<bytes::Bytes, EncodingError>,
) {
    let payload = match payload {
        Ok(payload) => payload,
        Err(error) => {
            warn!(%error, "an answer cannot be written");
            return;
        }
    };
    // No header but the trace: an answer is in the encoding of its command, and its reader knows
    // which.
    let sent = match to.trace {
        None => client.publish(to.subject, payload).await,
        Some(trace) => {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert(headers::TRACEPARENT, trace.as_str());
            client.publish_with_headers(to.subject, headers, payload).await
        }
    };
    if let Err(error) = sent {
        warn!(%error, "an answer was not sent");
    }
}

/// Answers to messages with several commands, until they are complete: by where they go and by
/// what they answer, for a sender may name one subject for all its messages.
#[derive(Default)]
struct Gathering(HashMap<(String, Came), Gathered>);

struct Gathered {
    outcomes: Vec<Option<Outcome>>,
    missing: usize,
    since: Instant,
    /// The trace of all commands; none when they are not of one.
    trace: Option<TraceParent>,
}

/// Answers that are complete.
#[derive(Debug, PartialEq)]
struct Complete {
    outcomes: Vec<Outcome>,
    trace: Option<TraceParent>,
}

impl Gathering {
    /// Adds a part; gives all of them back when it was the last.
    fn add(&mut self, to: &AnswerTo, part: Part, outcome: Outcome) -> Option<Complete> {
        let message = (to.subject.clone(), part.came);
        let gathered = self.0.entry(message.clone()).or_insert_with(|| Gathered {
            outcomes: vec![None; part.of],
            missing: part.of,
            since: Instant::now(),
            trace: to.trace.clone(),
        });
        if gathered.trace != to.trace {
            gathered.trace = None;
        }
        let place = gathered.outcomes.get_mut(part.index)?;
        if place.replace(outcome).is_none() {
            gathered.missing = gathered.missing.saturating_sub(1);
        }
        if 0 < gathered.missing {
            return None;
        }
        let Gathered { outcomes, trace, .. } = self.0.remove(&message)?;
        Some(Complete { outcomes: outcomes.into_iter().flatten().collect(), trace })
    }

    fn forget_old(&mut self) {
        if !self.0.is_empty() {
            self.0.retain(|_, gathered| gathered.since.elapsed() < GATHER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Sequence;
    use crate::wire::Encoding;

    fn to(index: usize, trace: Option<&str>) -> (AnswerTo, Part) {
        part(Part { came: Came::Asked(1), index, of: 2 }, trace)
    }

    fn part(part: Part, trace: Option<&str>) -> (AnswerTo, Part) {
        let to = AnswerTo {
            subject: "_INBOX.a".to_owned(),
            encoding: Encoding::Json,
            part: Some(part),
            trace: trace.and_then(TraceParent::parse),
        };
        (to, part)
    }

    fn gather(first: Option<&str>, second: Option<&str>) -> Complete {
        let mut gathering = Gathering::default();
        let busy = || Outcome::busy(None, 50);
        let (to_second, part) = to(1, second);
        assert_eq!(gathering.add(&to_second, part, busy()), None);
        let (to_first, part) = to(0, first);
        gathering.add(&to_first, part, busy()).unwrap()
    }

    #[test]
    fn one_answer_to_several_commands_names_their_trace_when_it_is_one() {
        let one = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let other = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01";
        let trace = |first, second| gather(first, second).trace;
        assert_eq!(trace(Some(one), Some(one)), TraceParent::parse(one));
        assert_eq!(trace(Some(one), Some(other)), None);
        assert_eq!(trace(None, Some(one)), None);
        assert_eq!(trace(None, None), None);
    }
    /// Two arrays of one sender that wants all its answers on one subject.
    #[test]
    fn answers_to_two_messages_on_one_subject_are_told_apart() {
        use Came::{Asked, Published};
        let rows = [
            ("of one length", (Asked(1), 2), (Asked(2), 2)),
            ("of two lengths", (Asked(1), 2), (Asked(2), 3)),
            ("asked and published", (Asked(1), 2), (Published(Sequence(1)), 2)),
        ];
        for (name, one, other) in rows {
            let mut gathering = Gathering::default();
            let mut complete = Vec::new();
            // They are decided in turns.
            for index in 0..3 {
                for (came, of) in [one, other].into_iter().filter(|(_, of)| index < *of) {
                    let (to, part) = part(Part { came, index, of }, None);
                    let pause = u64::try_from(index).unwrap() + if came == one.0 { 10 } else { 20 };
                    complete.extend(gathering.add(&to, part, Outcome::busy(None, pause)));
                }
            }
            let told = complete.iter().map(|answer| {
                let pauses = answer.outcomes.iter().map(|outcome| outcome.retry_after_ms.unwrap());
                pauses.collect::<Vec<_>>()
            });
            let want = [(10, one.1), (20, other.1)]
                .map(|(from, of)| (from..).take(of).collect::<Vec<u64>>());
            assert_eq!(told.collect::<Vec<_>>(), want, "{name}");
            assert!(gathering.0.is_empty(), "{name}");
        }
    }
}
