//! Commands that travel together.
//!
//! What costs is the number of messages. Commands that come while others are under way leave in
//! one message, as many as there are; a lone command leaves at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{ASK_TIMEOUT, Client, Intake};
use crate::domain::{Command, CommandId, CommandKind, TraceParent};
use crate::port::Unanswered;
use crate::wire::{Outcome, OutcomeKind, Outgoing, kassa_type, write_commands};

/// Messages of one kind of command under way at once. A few keep the committer busy while others
/// are answered; many would be small ones again.
const MESSAGES_AT_ONCE: usize = 4;

/// Commands in one message. Below what the protocol allows: an order of many lines is large.
const COMMANDS_MAX: usize = 200;

/// Bytes after which a message is full enough, well below what one may have.
const LINES_MAX: usize = 400;

/// A command that waits to leave.
pub(super) struct Leaving {
    pub(super) id: CommandId,
    pub(super) command: Command,
    pub(super) trace: Option<TraceParent>,
    pub(super) answer: oneshot::Sender<Result<Outcome, Unanswered>>,
}

/// Bundles the commands of one kind that go one way.
#[derive(Clone)]
pub(super) struct Bundler(mpsc::Sender<Leaving>);

/// Commands that may wait to leave.
const WAITING: usize = 4_096;

impl Bundler {
    pub(super) fn start(client: Client, way: (CommandKind, Intake)) -> Self {
        let (sender, mut leaving) = mpsc::channel::<Leaving>(WAITING);
        let messages = Arc::new(Semaphore::new(MESSAGES_AT_ONCE));
        tokio::spawn(async move {
            let mut waiting: Vec<Leaving> = Vec::new();
            loop {
                if waiting.is_empty() && leaving.recv_many(&mut waiting, COMMANDS_MAX).await == 0 {
                    return;
                }
                // What comes while we wait for our turn leaves with the next message.
                let Ok(turn) = Arc::clone(&messages).acquire_owned().await else {
                    return;
                };
                let room = COMMANDS_MAX.saturating_sub(waiting.len());
                if 0 < room && !leaving.is_empty() {
                    leaving.recv_many(&mut waiting, room).await;
                }
                let rest = waiting.split_off(fitting(&waiting));
                let bundle = std::mem::replace(&mut waiting, rest);
                let client = client.clone();
                tokio::spawn(async move {
                    client.send_together(way, bundle).await;
                    drop(turn);
                });
            }
        });
        Self(sender)
    }

    pub(super) async fn send(
        &self,
        id: CommandId,
        command: Command,
        trace: Option<TraceParent>,
    ) -> Result<Outcome, Unanswered> {
        let (answer, answered) = oneshot::channel();
        let gone = || Unanswered::Unknown("the client is closed".into());
        let leaving = Leaving { id, command, trace, answer };
        self.0.send(leaving).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// How many of the waiting commands fit into one message; one at least.
fn fitting(waiting: &[Leaving]) -> usize {
    let mut lines = 0_usize;
    let fit = waiting.iter().take_while(|leaving| {
        lines = lines.saturating_add(match &leaving.command {
            Command::PlaceOrder(place) => place.lines.len(),
            Command::ReturnLines(back) => back.lines.len(),
            Command::FulfilOrder(fulfil) => fulfil.lines.as_ref().map_or(1, Vec::len),
            Command::ListSku(_)
            | Command::RepriceSku(_)
            | Command::DelistSku(_)
            | Command::ReceiveStock(_)
            | Command::AdjustStock(_)
            | Command::CountStock(_)
            | Command::RecordPayment(_)
            | Command::ChangePaymentMethod(_)
            | Command::CancelOrder(_)
            | Command::RefundOrder(_)
            | Command::RecordRefund(_)
            | Command::ReportFinding(_)
            | Command::ResolveAttention(_) => 1,
        });
        lines <= LINES_MAX
    });
    fit.count().max(1)
}

impl Client {
    /// Sends several commands of one kind in one message, and answers each of them.
    async fn send_together(&self, way: (CommandKind, Intake), bundle: Vec<Leaving>) {
        match self.send_all(way, &bundle).await {
            Ok(Some(outcomes)) => tell(bundle, outcomes),
            // One of them spoils the message for all; alone, each is decided by itself.
            Ok(None) => {
                for Leaving { id, command, trace, answer } in bundle {
                    let _ = answer.send(self.send_alone(way.1, (id, &command), trace).await);
                }
            }
            Err(error) => {
                for leaving in bundle {
                    let _ = leaving.answer.send(Err(for_each(&error)));
                }
            }
        }
    }

    async fn send_alone(
        &self,
        intake: Intake,
        (id, command): (CommandId, &Command),
        trace: Option<TraceParent>,
    ) -> Result<Outcome, Unanswered> {
        match intake {
            Intake::Ask => self.ask_alone(id, command, trace.as_ref()).await,
            Intake::Publish => self.publish_and_wait(id, command, trace.as_ref()).await,
        }
    }

    /// The outcomes of all; none when the message was refused as a whole.
    async fn send_all(
        &self,
        (kind, intake): (CommandKind, Intake),
        bundle: &[Leaving],
    ) -> Result<Option<Vec<Outcome>>, Unanswered> {
        let outgoing: Vec<Outgoing<'_>> = bundle
            .iter()
            .map(|leaving| Outgoing {
                id: leaving.id,
                command: &leaving.command,
                trace: leaving.trace.as_ref(),
            })
            .collect();
        let payload = write_commands(&outgoing, self.encoding)
            .map_err(|error| Unanswered::Unsendable(error.into()))?;
        let headers = self.headers(kassa_type(kind), None);
        let reply = match intake {
            Intake::Publish => self.publish_message(kind, payload, headers).await?,
            Intake::Ask => {
                let subject = self.subjects.ask(&self.source, kind);
                self.request(subject, payload, headers, ASK_TIMEOUT).await?
            }
        };
        let read = self.encoding.read::<Vec<Outcome>>(&reply.payload);
        let outcomes = match read {
            Ok(outcomes) => outcomes,
            Err(_) if self.read(&reply).is_ok() => return Ok(None),
            Err(error) => return Err(Unanswered::Unknown(error.into())),
        };
        if outcomes.len() != bundle.len() {
            return Err(Unanswered::Unknown("not every command was answered".into()));
        }
        Ok(Some(outcomes))
    }
}

/// What a message without an outcome means for each command in it.
fn for_each(error: &Unanswered) -> Unanswered {
    match error {
        Unanswered::Accepted { command_seq } => Unanswered::Accepted { command_seq: *command_seq },
        Unanswered::Busy { retry_after } => Unanswered::Busy { retry_after: *retry_after },
        Unanswered::Denied { subject } => Unanswered::Denied { subject: subject.clone() },
        Unanswered::Unsendable(cause) => Unanswered::Unsendable(cause.to_string().into()),
        Unanswered::Unknown(cause) => Unanswered::Unknown(cause.to_string().into()),
    }
}

/// Tells each sender its own outcome.
fn tell(bundle: Vec<Leaving>, outcomes: Vec<Outcome>) {
    for (leaving, outcome) in bundle.into_iter().zip(outcomes) {
        // Whoever no longer waits knows that it is not known.
        let _ = leaving.answer.send(addressed(leaving.id, outcome));
    }
}

/// An outcome, as whoever sent `id` may hear it: another's tells nothing about this command.
pub(super) fn addressed(id: CommandId, outcome: Outcome) -> Result<Outcome, Unanswered> {
    // It names nobody only when it answers a message that could not be read.
    if outcome.command_id.is_some_and(|named| named != id) {
        return Err(Unanswered::Unknown("the answer is another command's".into()));
    }
    busy_or(outcome)
}

/// A busy answer is no outcome.
fn busy_or(outcome: Outcome) -> Result<Outcome, Unanswered> {
    if outcome.result != OutcomeKind::Busy {
        return Ok(outcome);
    }
    let retry_after = Duration::from_millis(outcome.retry_after_ms.unwrap_or(50));
    Err(Unanswered::Busy { retry_after })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{T0, cancel, command_made, order};
    use crate::domain::market::Intent;
    use crate::domain::{Address, Sequence};

    fn decided(id: CommandId) -> Outcome {
        let at = Address::new(Sequence(7), 0);
        Outcome::decided(Some(id), OutcomeKind::Accepted, at, None)
    }

    /// What the senders of `bundle` are told when these outcomes come back.
    fn told(bundle: &[CommandId], outcomes: Vec<Outcome>) -> Vec<Result<Outcome, Unanswered>> {
        let Intent::Command(command) = cancel(order(1)).intent else { unreachable!() };
        let (leaving, answers): (Vec<_>, Vec<_>) = bundle
            .iter()
            .map(|id| {
                let (answer, answered) = oneshot::channel();
                (Leaving { id: *id, command: command.clone(), trace: None, answer }, answered)
            })
            .unzip();
        tell(leaving, outcomes);
        answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect()
    }

    #[test]
    fn nobody_is_told_the_outcome_of_somebody_else() {
        let [anna, ben, cleo] = [1, 2, 3].map(|who| command_made(T0, who));
        let told_own = told(&[anna, ben], vec![decided(anna), decided(ben)]);
        assert!(matches!(&told_own[..], [Ok(a), Ok(b)]
            if a.command_id == Some(anna) && b.command_id == Some(ben)));
        let swapped = told(&[anna, ben], vec![decided(ben), decided(anna)]);
        assert!(matches!(swapped[..], [Err(Unanswered::Unknown(_)), Err(Unanswered::Unknown(_))]));
        // The answer to a message that was given up: its first sender is the same.
        let late = told(&[anna, cleo], vec![decided(anna), decided(ben)]);
        assert!(matches!(late[..], [Ok(_), Err(Unanswered::Unknown(_))]), "{late:?}");
    }
}
