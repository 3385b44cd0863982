//! One attempt: called for until there is an answer, and told until that is durable.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, warn};

use super::drive::ToMake;
use super::gate::{Gate, Pass};
use super::watch;
use super::word::{Call, Word};
use crate::domain::payment::DeclineClasses;
use crate::domain::{CommandId, Token, TraceParent};
use crate::port::{Clock, Commands, Gateway, GatewayError, Unanswered, new_uuid};
use crate::telemetry::{self, Waiter};
use crate::view::owed::{Owed, Way};

/// Pauses between two calls for one attempt that brought no answer.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Pauses between two calls for an attempt whose outcome is unknown; then a minute each.
const POLLS: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// What one call may take. A provider that has not answered by then has not said no: the same
/// call is made again, with the same key.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls of one attempt that a provider may turn away before the attempt has failed. It is the
/// retry's business to wait longer.
const TURNED_AWAY_MAX: u32 = 3;

/// How often a provider may say that it has never seen a call, before that is believed and money
/// is asked for anew: with the pauses between, most of a minute after the first time.
const UNSEEN_MAX: u32 = 4;

/// The same of an order that is off: nothing is asked for anew, and what comes to light later goes
/// back.
const UNSEEN_OFF_MAX: u32 = 1;

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

/// Pauses between calls.
type Pauses = std::array::IntoIter<Duration, 5>;

impl<G: Gateway, M: Commands, C: Clock> Attempt<G, M, C> {
    /// Calls until there is an answer, or until the provider has turned it away too often; then
    /// records that until it is durable.
    pub(super) async fn make(&self, attempt: ToMake, token: &CancellationToken) {
        let ToMake { owed, mut may_be_out } = attempt;
        let call = Call::of(&owed);
        let mut pauses = PAUSES.into_iter();
        let (mut calls, mut turned_away) = (0_u32, 0_u32);
        let (mut silent, mut astray, mut unseen) = (false, false, 0_u32);
        let unseen_max = if owed.off { UNSEEN_OFF_MAX } else { UNSEEN_MAX };
        // Until now, somebody else may have called for it.
        let mut last_call = self.clock.now();
        let mut unknown: Option<Waiter> = None;
        let word = loop {
            // Who may not repeat a call has been turned away as well: by us, for the provider's
            // sake.
            let answer = if let Some(problem) = self.is_not_ours(&owed) {
                Err(problem)
            } else if self.gate.may_repeat(calls == 0) || may_be_out || owed.off {
                let Some(pass) = self.pass(token).await else {
                    return;
                };
                calls = calls.saturating_add(1);
                let looks = self.looks_only(&owed);
                if !looks {
                    last_call = self.clock.now();
                }
                let quiet = self.clock.now().since(last_call);
                let answer = self.call(&owed, (&call, looks, quiet)).await;
                // A look that fails says little about charges.
                if !looks || answer.is_ok() {
                    pass.end(&answer);
                }
                answer
            } else {
                turned_away = TURNED_AWAY_MAX;
                Err(GatewayError::Unavailable("too many calls were repeated lately".into()))
            };
            match answer {
                // A few times may be too early to see it.
                Ok(word) if word.is_unseen() && unseen < unseen_max => {
                    if unseen == 0 {
                        pauses = POLLS.into_iter();
                    }
                    unseen = unseen.saturating_add(1);
                }
                Ok(word) => break word,
                Err(GatewayError::Unavailable(cause)) => {
                    debug!(order = %owed.order_id, %cause, "the provider is not available");
                    turned_away = turned_away.saturating_add(1);
                    // A key that was never out can be dropped for another one.
                    let gives_up = !may_be_out && !owed.off && TURNED_AWAY_MAX <= turned_away;
                    if gives_up && token.is_cancelled() {
                        return;
                    }
                    if gives_up {
                        break call.turned_away();
                    }
                }
                // Only a person can help. Nothing is the order's fault, so it waits.
                Err(GatewayError::Misconfigured(cause)) => {
                    debug!(order = %owed.order_id, %cause, "the connector is not configured");
                    if !astray {
                        astray = true;
                        pauses = POLLS.into_iter();
                    }
                }
                Err(GatewayError::Unknown(cause)) => {
                    debug!(order = %owed.order_id, %cause, "the outcome of a call is unknown");
                    may_be_out = true;
                    if unknown.is_none() {
                        let already = self.clock.now().since(owed.asked_at_ms);
                        unknown = telemetry::metrics().map(|m| m.unknown().begin(already));
                    }
                    if !silent && !owed.off {
                        silent = true;
                        pauses = POLLS.into_iter();
                        self.record(&owed, call.unknown(), token).await;
                    }
                }
            }
            if self.pause(&mut pauses, token).await.is_err() {
                return;
            }
        };
        self.record(&owed, word, token).await;
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
        owed.off || KEY_LIFE <= self.clock.now().since(owed.asked_at_ms)
    }

    /// One call, or one look.
    async fn call(
        &self,
        owed: &Owed,
        (call, looks, quiet): (&Call, bool, Duration),
    ) -> Result<Word, GatewayError> {
        if looks {
            let look = tokio::time::timeout(CALL_TIMEOUT, call.look(&*self.gateway, quiet)).await;
            let late = || GatewayError::Unavailable("it was not answered in time".into());
            return look.unwrap_or_else(|_| Err(late()));
        }
        let called = watch::Called::start(&self.connector, &owed.way);
        // A provider that is silent for too long may have moved the money all the same.
        let answer = tokio::time::timeout(CALL_TIMEOUT, call.make(&*self.gateway))
            .instrument(called.span())
            .await
            .unwrap_or_else(|_| Err(GatewayError::Unknown("it was not answered in time".into())));
        called.end((&self.connector, &self.classes), &answer);
        answer
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
        let pause = pauses.next().unwrap_or(POLLS[4]) / self.hurry;
        tokio::select! {
            () = token.cancelled() => Err(()),
            () = self.stop.cancelled() => Err(()),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }
}
