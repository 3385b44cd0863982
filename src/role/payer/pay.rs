//! The act of paying.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, warn};

use super::drive::{Drive, Signal, ToMake, Waiting};
use super::watch;
use crate::domain::payment::{DeclineClasses, RetrySchedule};
use crate::domain::{Command, CommandId, PaymentResult, RecordPayment, Token, TraceParent};
use crate::port::{Charge, Clock, Commands, Gateway, GatewayError, Unanswered, new_uuid};
use crate::telemetry;
use crate::view::owed::Owed;

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

/// How old a key may become. Providers remember them for a day; a key that is forgotten would be
/// another payment.
const KEY_LIFE: Duration = Duration::from_secs(23 * 60 * 60);

/// How a payer is to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payments {
    /// Calls under way at once.
    pub concurrency: usize,
}

impl Default for Payments {
    fn default() -> Self {
        // As many buyers as are promised to be served at once.
        Self { concurrency: 1_024 }
    }
}

/// Makes the attempts that are handed to it.
pub struct Payer<G, M, C> {
    gateway: Arc<G>,
    commands: M,
    clock: C,
    calls: Arc<Semaphore>,
    classes: Arc<DeclineClasses>,
    drive: Drive,
    signals: mpsc::UnboundedReceiver<Signal>,
}

impl<G: Gateway, M: Commands, C: Clock> Payer<G, M, C> {
    /// A payer that calls `gateway` and tells the committer through `commands`.
    pub fn new(
        gateway: Arc<G>,
        (commands, clock): (M, C),
        payments: Payments,
        classes: DeclineClasses,
    ) -> Self {
        let (drive, signals) = Drive::new();
        let calls = Arc::new(Semaphore::new(payments.concurrency));
        let classes = Arc::new(classes);
        Self { gateway, commands, clock, calls, classes, drive, signals }
    }

    /// The way to hand it attempts.
    #[must_use]
    pub fn drive(&self) -> Drive {
        self.drive.clone()
    }

    /// Pays until `stop`. Calls that are out are waited for as long as one may take.
    pub async fn run(mut self, stop: &CancellationToken) {
        let tasks = tokio_util::task::TaskTracker::new();
        let connector = self.gateway.connector();
        let mut waiting = Waiting::default();
        loop {
            let due = tokio::select! {
                () = stop.cancelled() => break,
                overdue = waiting.overdue() => Some(overdue),
                signal = self.signals.recv() => match signal {
                    None => break,
                    Some(Signal::Due(due)) => waiting.due(due),
                    Some(Signal::Owed(attempt)) => match self.wait(&attempt.owed) {
                        None => Some(attempt),
                        Some(wait) => {
                            waiting.put(attempt, wait);
                            None
                        }
                    },
                },
            };
            // What is no longer owed is not made, whoever tells of it.
            let Some((due, token)) =
                due.and_then(|due| self.drive.token(&due.owed).map(|token| (due, token)))
            else {
                continue;
            };
            let attempt = Attempt {
                gateway: Arc::clone(&self.gateway),
                connector: connector.clone(),
                commands: self.commands.clone(),
                clock: self.clock.clone(),
                classes: Arc::clone(&self.classes),
                calls: Arc::clone(&self.calls),
                stop: stop.clone(),
            };
            tasks.spawn(async move {
                let span = watch::payment(&due.owed, &attempt.connector);
                attempt.make(*due, &token).instrument(span).await;
            });
        }
        tasks.close();
        if tokio::time::timeout(CALL_TIMEOUT, tasks.wait()).await.is_err() {
            warn!("calls are still out; they are made again with the same keys");
        }
    }

    /// How long an attempt has to wait for its moment; none when that has come.
    fn wait(&self, owed: &Owed) -> Option<Duration> {
        if owed.off {
            // By then a call that may be out has ended.
            return Some(CALL_TIMEOUT);
        }
        let wait = owed.not_before_ms?.since(self.clock.now());
        // A clock that was set back must not make anybody wait for longer than a retry may.
        (!wait.is_zero()).then(|| wait.min(RetrySchedule::WINDOW))
    }
}

struct Attempt<G, M, C> {
    gateway: Arc<G>,
    connector: Token,
    commands: M,
    clock: C,
    classes: Arc<DeclineClasses>,
    /// Held while a call is out, not while an attempt waits for the next one.
    calls: Arc<Semaphore>,
    stop: CancellationToken,
}

impl<G: Gateway, M: Commands, C: Clock> Attempt<G, M, C> {
    /// Calls until there is an answer, or until the provider has turned it away too often; then
    /// records that until it is durable.
    async fn make(&self, attempt: ToMake, token: &CancellationToken) {
        let ToMake { owed, mut may_be_out } = attempt;
        let charge = Charge {
            order_id: owed.order_id,
            attempt: owed.attempt,
            idempotency_key: owed.idempotency_key.clone(),
            amount: owed.amount_minor,
            currency: owed.currency,
            payment_method_token: owed.payment_method_token.clone(),
        };
        let mut pauses = PAUSES.into_iter();
        let mut turned_away = 0_u32;
        let (mut silent, mut unseen) = (false, false);
        let result = loop {
            let Some(permit) = self.permit(token).await else {
                return;
            };
            let answer = self.call(&owed, &charge).await;
            drop(permit);
            match answer {
                // Once may be too early to see it.
                Ok(PaymentResult::Failed { code }) if code == Token::NEVER_CHARGED && !unseen => {
                    unseen = true;
                    pauses = POLLS.into_iter();
                }
                Ok(result) => break result,
                Err(GatewayError::Unavailable(cause)) => {
                    debug!(order = %owed.order_id, %cause, "the provider is not available");
                    turned_away = turned_away.saturating_add(1);
                    // A key that was never out can be dropped for another one.
                    let gives_up = !may_be_out && !owed.off && TURNED_AWAY_MAX <= turned_away;
                    if gives_up && token.is_cancelled() {
                        return;
                    }
                    if gives_up {
                        break PaymentResult::Failed { code: Token::GATEWAY_UNAVAILABLE };
                    }
                }
                // Only a person can help. Nothing is the order's fault, so it waits.
                Err(GatewayError::Misconfigured(cause)) => {
                    warn!(order = %owed.order_id, %cause, "the connector is not configured");
                    pauses = POLLS.into_iter();
                }
                Err(GatewayError::Unknown(cause)) => {
                    warn!(order = %owed.order_id, %cause, "the outcome of a charge is unknown");
                    may_be_out = true;
                    if !silent && !owed.off {
                        silent = true;
                        pauses = POLLS.into_iter();
                        self.record(&owed, PaymentResult::Unknown, token).await;
                    }
                }
            }
            if self.pause(&mut pauses, token).await.is_err() {
                return;
            }
        };
        self.record(&owed, result, token).await;
    }

    /// Leave to call; none when the attempt is over.
    async fn permit(&self, token: &CancellationToken) -> Option<SemaphorePermit<'_>> {
        tokio::select! {
            biased;
            () = token.cancelled() => None,
            () = self.stop.cancelled() => None,
            permit = self.calls.acquire() => permit.ok(),
        }
    }

    /// One call; or one look, when the order is off and nothing may be charged any more, or when
    /// the provider may have forgotten the key.
    async fn call(&self, owed: &Owed, charge: &Charge) -> Result<PaymentResult, GatewayError> {
        let is_old = KEY_LIFE <= self.clock.now().since(owed.asked_at_ms);
        if !owed.off && !is_old {
            return self.charge(charge).await;
        }
        let look = tokio::time::timeout(CALL_TIMEOUT, self.gateway.find(charge)).await;
        match look {
            Ok(Ok(Some(result))) => Ok(result),
            Ok(Ok(None)) => Ok(PaymentResult::Failed { code: Token::NEVER_CHARGED }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(GatewayError::Unavailable("it was not answered in time".into())),
        }
    }

    /// One call. A provider that is silent for too long may have taken the money all the same.
    async fn charge(&self, charge: &Charge) -> Result<PaymentResult, GatewayError> {
        let call = watch::Call::start(&self.connector);
        let answer = tokio::time::timeout(CALL_TIMEOUT, self.gateway.charge(charge))
            .instrument(call.span())
            .await
            .unwrap_or_else(|_| Err(GatewayError::Unknown("it was not answered in time".into())))
            .and_then(said);
        call.end((&self.connector, &self.classes), &answer);
        answer
    }

    /// Tells the committer. The order may be off by now: money that came is recorded all the same.
    async fn record(&self, owed: &Owed, result: PaymentResult, token: &CancellationToken) {
        let Ok(id) = CommandId::try_from(new_uuid(self.clock.now())) else {
            return;
        };
        let captured = matches!(result, PaymentResult::Captured { .. });
        let command = Command::RecordPayment(RecordPayment {
            order_id: owed.order_id,
            attempt: owed.attempt,
            connector: self.connector.clone(),
            result,
        });
        // What is recorded is the child of this attempt, in the order's trace.
        let ours = telemetry::current().and_then(|trace| TraceParent::parse(&trace));
        let trace = ours.as_ref().or(owed.trace.as_ref());
        let mut pauses = PAUSES.into_iter();
        let never = CancellationToken::new();
        loop {
            match self.commands.send(id, &command, trace).await {
                Ok(outcome) => {
                    if let Some(refusal) = outcome.refusal {
                        warn!(order = %owed.order_id, %refusal, "a payment was not recorded");
                    }
                    return;
                }
                // It will be decided; what it leads to is read from the log.
                Err(Unanswered::Accepted { .. }) => return,
                Err(Unanswered::Unsendable(cause)) => {
                    warn!(order = %owed.order_id, %cause, "a payment cannot be recorded");
                    return;
                }
                Err(Unanswered::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
                Err(Unanswered::Unknown(cause)) => {
                    debug!(order = %owed.order_id, %cause, "recording a payment again");
                }
            }
            // A decline for an order that is off is of no use; money is.
            let token = if captured { &never } else { token };
            if self.pause(&mut pauses, token).await.is_err() {
                return;
            }
        }
    }

    async fn pause(
        &self,
        pauses: &mut std::array::IntoIter<Duration, 5>,
        token: &CancellationToken,
    ) -> Result<(), ()> {
        let pause = pauses.next().unwrap_or(POLLS[4]);
        tokio::select! {
            () = token.cancelled() => Err(()),
            () = self.stop.cancelled() => Err(()),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }
}

/// A provider that says it does not know has not answered.
fn said(result: PaymentResult) -> Result<PaymentResult, GatewayError> {
    match result {
        PaymentResult::Unknown => Err(GatewayError::Unknown("the provider does not know".into())),
        PaymentResult::Captured { .. }
        | PaymentResult::Declined { .. }
        | PaymentResult::Failed { .. } => Ok(result),
    }
}
