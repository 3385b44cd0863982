//! One attempt: called for until there is an answer, and told until that is durable.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, warn};

use super::drive::ToMake;
use super::gate::{Gate, Pass};
use super::known::{Known, Next, PAUSES, Pauses, last_pause};
use super::watch;
use super::word::{Call, Word};
use crate::domain::payment::DeclineClasses;
use crate::domain::{CommandId, Token, TraceParent};
use crate::port::{Ask, Called, Clock, Commands, Gateway, GatewayError, Unanswered, new_uuid};
use crate::telemetry;
use crate::view::owed::{Owed, Way};

/// What one call may take. A provider that has not answered by then has not said no: the same
/// call is made again, with the same key.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a provider may say that it has never seen a call, before that is believed and money
/// is asked for anew: with the pauses between, most of a minute after the first time.
const UNSEEN_MAX: u32 = 4;

/// How old a key may become. Providers remember them for a day; a key that is forgotten would be
/// another payment.
const KEY_LIFE: Duration = Duration::from_secs(23 * 60 * 60);

/// What an attempt needs from its payer.
pub(super) struct Attempt<G, M, C> {
    pub(super) gateway: Arc<G>,
    pub(super) connector: Token,
    pub(super) commands: M,
    pub(super) clock: C,
    pub(super) classes: Arc<DeclineClasses>,
    /// Passed for each call, not for an attempt that waits for its next one.
    pub(super) gate: Arc<Gate>,
    pub(super) hurry: u32,
    pub(super) stop: CancellationToken,
}

impl<G: Gateway, M: Commands, C: Clock> Attempt<G, M, C> {
    /// Calls until there is an answer, or until the provider has turned it away too often; then
    /// records that until it is durable.
    pub(super) async fn make(&self, attempt: ToMake, token: &CancellationToken) {
        let ToMake { owed, may_be_out } = attempt;
        let call = Call::of(&owed);
        let mut known = Known::new(may_be_out, self.clock.now());
        let mut unknown = None;
        let word = loop {
            let Some(answer) = self.ask((&owed, &call), &mut known, token).await else {
                return;
            };
            match answer {
                Ok(word) if word.is_unseen() && !self.is_believed(&owed, &mut known) => {}
                Ok(word) => break word,
                Err(error) => {
                    debug!(order = %owed.order_id, error = ?error, "no answer yet");
                    match known.follow(error, self.gate.has_answered()) {
                        Next::Wait => {}
                        // An order that is off is asked after for as long as it takes.
                        Next::Fail | Next::Tell if owed.off => {}
                        Next::Fail if token.is_cancelled() => return,
                        Next::Fail => break call.turned_away(),
                        Next::Tell => {
                            let already = self.clock.now().since(owed.asked_at_ms);
                            unknown = telemetry::metrics().map(|m| m.unknown().begin(already));
                            self.record(&owed, call.unknown(), token).await;
                        }
                    }
                }
            }
            if self.pause(&mut known.pauses, token).await.is_err() {
                return;
            }
        };
        drop(unknown);
        self.record(&owed, word, token).await;
    }

    /// One call or one look, once there is leave for it; none when the attempt is over.
    async fn ask(
        &self,
        (owed, call): (&Owed, &Call),
        known: &mut Known,
        token: &CancellationToken,
    ) -> Option<Result<Word, GatewayError>> {
        if let Some(problem) = self.is_not_ours(owed) {
            return Some(Err(problem));
        }
        // Who may not repeat a call has been turned away: by us, for the provider's sake.
        if !(self.gate.may_repeat(known.calls == 0) || known.may_be_out || owed.off) {
            known.is_turned_away();
            let why = "too many calls were repeated lately";
            return Some(Err(GatewayError::Unavailable(why.into())));
        }
        let pass = self.pass(token).await?;
        known.calls = known.calls.saturating_add(1);
        let mut ask = known.ask.clone();
        if ask == Ask::Again && self.looks_only(owed) {
            ask = Ask::ByKey;
        }
        if ask == Ask::Again {
            known.called(self.clock.now());
            let answer = self.call(owed, call).await;
            pass.end(&answer);
            return Some(answer);
        }
        let called = known.when(owed.key_made_at(), self.hurry);
        let answer = self.look(call, (&ask, called)).await;
        // A look that fails says little about charges.
        if answer.as_ref().err().is_none_or(|error| !error.is_of_all()) {
            pass.end(&answer);
        }
        Some(answer)
    }

    /// Whether it is believed that the provider has never seen the call. A few times may be too
    /// early to see it; and of an order that is off nobody waits to know.
    fn is_believed(&self, owed: &Owed, known: &mut Known) -> bool {
        known.poll();
        if owed.off {
            return self.gateway.final_after() <= known.quiet(self.hurry);
        }
        known.unseen = known.unseen.saturating_add(1);
        UNSEEN_MAX < known.unseen
    }

    /// Leave to call; none when the attempt is over.
    async fn pass(&self, token: &CancellationToken) -> Option<Pass<'_>> {
        tokio::select! {
            biased;
            () = token.cancelled() => None,
            () = self.stop.cancelled() => None,
            pass = self.gate.enter() => Some(pass),
        }
    }

    /// Money that another provider took: nobody is called for it, and nobody else waits for it.
    fn is_not_ours(&self, owed: &Owed) -> Option<GatewayError> {
        let Way::Refund { connector, .. } = &owed.way else { return None };
        let problem =
            format!("{connector} took the money, this payer works with {}", self.connector);
        (*connector != self.connector).then(|| GatewayError::Misconfigured(problem.into()))
    }

    /// Whether nothing may be charged any more, or the provider may have forgotten the key.
    fn looks_only(&self, owed: &Owed) -> bool {
        owed.off || KEY_LIFE <= self.clock.now().since(owed.key_made_at())
    }

    /// One call. A provider that is silent for too long may have moved the money all the same.
    async fn call(&self, owed: &Owed, call: &Call) -> Result<Word, GatewayError> {
        let called = watch::Called::start(&self.connector, &owed.way);
        let answer = tokio::time::timeout(CALL_TIMEOUT, call.make(&*self.gateway))
            .instrument(called.span())
            .await
            .unwrap_or_else(|_| Err(GatewayError::Unknown("it was not answered in time".into())));
        called.end((&self.connector, &self.classes), &answer);
        answer
    }

    /// One look.
    async fn look(&self, call: &Call, how: (&Ask, Called)) -> Result<Word, GatewayError> {
        let look = tokio::time::timeout(CALL_TIMEOUT, call.look(&*self.gateway, how)).await;
        let late = || GatewayError::Unavailable("it was not answered in time".into());
        look.unwrap_or_else(|_| Err(late()))
    }

    /// Tells the committer. The order may be off by now: money that moved is recorded all the
    /// same.
    async fn record(&self, owed: &Owed, word: Word, token: &CancellationToken) {
        let Ok(id) = CommandId::try_from(new_uuid(self.clock.now())) else {
            return;
        };
        let moved = word.has_moved();
        let command = word.command(owed, self.connector.clone());
        // What is recorded is the child of this attempt, in the order's trace.
        let ours = telemetry::current().and_then(|trace| TraceParent::parse(&trace));
        let trace = ours.as_ref().or(owed.trace.as_ref());
        let mut pauses = PAUSES.into_iter();
        let never = CancellationToken::new();
        loop {
            match self.commands.send(id, &command, trace).await {
                Ok(outcome) => {
                    if let Some(refusal) = outcome.refusal {
                        warn!(order = %owed.order_id, %refusal, "a result was not recorded");
                    }
                    return;
                }
                // It will be decided; what it leads to is read from the log.
                Err(Unanswered::Accepted { .. }) => return,
                Err(Unanswered::Unsendable(cause)) => {
                    warn!(order = %owed.order_id, %cause, "a result cannot be recorded");
                    return;
                }
                Err(Unanswered::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
                Err(Unanswered::Unknown(cause)) => {
                    debug!(order = %owed.order_id, %cause, "recording a result again");
                }
                Err(Unanswered::Denied { subject }) => {
                    warn!(order = %owed.order_id, subject, "a result may not be recorded");
                }
            }
            // A decline for an order that is off is of no use; money is.
            let token = if moved { &never } else { token };
            if self.pause(&mut pauses, token).await.is_err() {
                return;
            }
        }
    }

    async fn pause(&self, pauses: &mut Pauses, token: &CancellationToken) -> Result<(), ()> {
        let pause = pauses.next().unwrap_or(last_pause()) / self.hurry;
        tokio::select! {
            () = token.cancelled() => Err(()),
            () = self.stop.cancelled() => Err(()),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }
}
