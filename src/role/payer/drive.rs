//! From what is owed to who pays it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;

use crate::view::owed::{Debt, Owed};
use crate::wire::RetryDue;

/// How long after its moment an attempt is made that no timer has told of. Timers fire a quarter
/// of a second late; what is silent for longer has been lost.
const OVERDUE: Duration = Duration::from_secs(2);

/// An attempt that is to be made.
pub(super) struct ToMake {
    pub(super) owed: Owed,
    /// Whether somebody may have called for it before: then money may have moved, whatever the
    /// provider answers now.
    pub(super) may_be_out: bool,
}

/// Hands attempts from the projection to the payer, and tells it which are no longer owed.
#[derive(Clone)]
pub struct Drive {
    signals: mpsc::UnboundedSender<Signal>,
    running: Arc<Mutex<HashMap<Debt, (What, CancellationToken)>>>,
}

/// Which attempt, and whether it is only looked up: its order is off.
type What = (u8, bool);

const fn what(owed: &Owed) -> What {
    (owed.attempt, owed.off)
}

/// What the payer is told.
pub(super) enum Signal {
    /// An attempt is owed.
    Owed(Box<ToMake>),
    /// A retry is due, says a timer.
    Due(RetryDue),
}

impl Drive {
    /// The way to a payer, and what comes to it.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Signal>) {
        // Unbounded, and still bounded: every attempt in it is an open order.
        let (signals, heard) = mpsc::unbounded_channel();
        (Self { signals, running: Arc::default() }, heard)
    }

    /// A way on which nobody pays.
    #[cfg(test)]
    pub(in crate::role) fn unheard() -> Self {
        Self::new().0
    }

    /// Says that a retry is due.
    pub(super) fn due(&self, due: RetryDue) {
        let _ = self.signals.send(Signal::Due(due));
    }

    /// Has an attempt made.
    pub(super) fn pay(&self, attempt: ToMake) {
        let (debt, what) = (attempt.owed.debt(), what(&attempt.owed));
        let before = self.running().insert(debt, (what, CancellationToken::new()));
        if let Some((_, before)) = before {
            before.cancel();
        }
        // Nobody takes it only while the process stops; it stays owed.
        let _ = self.signals.send(Signal::Owed(Box::new(attempt)));
    }

    /// Has nothing more done for it. A call that is out stays out: its result is recorded.
    pub(super) fn settled(&self, debt: Debt) {
        if let Some((_, token)) = self.running().remove(&debt) {
            token.cancel();
        }
    }

    /// Forgets what was owed: it is read again.
    pub(super) fn start_anew(&self) {
        for (_, (_, token)) in self.running().drain() {
            token.cancel();
        }
    }

    /// What ends an attempt; none when it is no longer owed.
    pub(super) fn token(&self, owed: &Owed) -> Option<CancellationToken> {
        let running = self.running();
        let (running, token) = running.get(&owed.debt())?;
        (*running == what(owed)).then(|| token.clone())
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Debt, (What, CancellationToken)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Attempts that wait for their moment.
pub(super) struct Waiting {
    /// See [`OVERDUE`], in a hurry.
    overdue: Duration,
    attempts: DelayQueue<Box<ToMake>>,
    by_debt: HashMap<Debt, (What, Key)>,
}

impl Waiting {
    pub(super) fn new(hurry: u32) -> Self {
        let overdue = OVERDUE / hurry.max(1);
        Self { overdue, attempts: DelayQueue::new(), by_debt: HashMap::new() }
    }

    /// Has an attempt wait for a timer, and not much longer than `wait`.
    pub(super) fn put(&mut self, attempt: Box<ToMake>, wait: Duration) {
        let (debt, what) = (attempt.owed.debt(), what(&attempt.owed));
        let key = self.attempts.insert(attempt, wait.saturating_add(self.overdue));
        if let Some((_, before)) = self.by_debt.insert(debt, (what, key)) {
            self.attempts.try_remove(&before);
        }
    }

    /// The attempt that a timer tells of; none when it does not wait any more.
    pub(super) fn due(&mut self, due: RetryDue) -> Option<Box<ToMake>> {
        let (waits, key) = self.by_debt.get(&due.debt)?;
        // A look is not what a timer is for.
        if *waits != (due.attempt, false) {
            return None;
        }
        let found = self.attempts.try_remove(key)?;
        self.by_debt.remove(&due.debt);
        Some(found.into_inner())
    }

    /// Waits for an attempt that no timer has told of; for ever when none waits.
    pub(super) async fn overdue(&mut self) -> Box<ToMake> {
        match self.attempts.next().await {
            Some(attempt) => {
                let attempt = attempt.into_inner();
                self.by_debt.remove(&attempt.owed.debt());
                attempt
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{T0, amount, currency, order, token};
    use crate::domain::{OrderId, Sequence};
    use crate::view::owed::Way;

    const PAUSE: Duration = Duration::from_secs(20);

    fn attempt(order_id: OrderId, attempt: u8) -> Box<ToMake> {
        let owed = Owed {
            order_id,
            attempt,
            idempotency_key: token(&format!("{order_id}-{attempt}")),
            amount_minor: amount(1_000),
            currency: currency("EUR"),
            way: Way::Charge { payment_method_token: token("tok_visa") },
            asked_at_ms: T0,
            key_made_at_ms: None,
            not_before_ms: Some(T0),
            off: false,
            trace: None,
            event_seq: Sequence(7),
        };
        Box::new(ToMake { owed, may_be_out: false })
    }

    fn due_of(n: u8, attempt: u8) -> RetryDue {
        RetryDue { debt: Debt::charge(order(n)), attempt }
    }

    fn made(found: Option<Box<ToMake>>) -> Option<(OrderId, u8)> {
        found.map(|found| (found.owed.order_id, found.owed.attempt))
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_fires_twice_makes_its_attempt_once() {
        let mut waiting = Waiting::new(1);
        waiting.put(attempt(order(1), 2), PAUSE);
        let due = due_of(1, 2);
        assert_eq!(made(waiting.due(due)), Some((order(1), 2)));
        assert_eq!(made(waiting.due(due)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_of_an_older_attempt_makes_nothing() {
        let mut waiting = Waiting::new(1);
        waiting.put(attempt(order(1), 2), PAUSE);
        waiting.put(attempt(order(1), 3), PAUSE);
        let due = |attempt| due_of(1, attempt);
        assert_eq!(made(waiting.due(due(2))), None);
        assert_eq!(made(waiting.due(due(3))), Some((order(1), 3)));
        assert_eq!(made(waiting.due(due_of(9, 2))), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_does_not_hurry_the_look_after_an_order_that_is_off() {
        let mut waiting = Waiting::new(1);
        let mut look = attempt(order(1), 2);
        look.owed.off = true;
        waiting.put(look, PAUSE);
        assert_eq!(made(waiting.due(due_of(1, 2))), None);
        assert_eq!(made(Some(waiting.overdue().await)), Some((order(1), 2)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_that_is_off_is_looked_up_and_not_charged() {
        let (drive, mut signals) = Drive::new();
        let charge = attempt(order(1), 1);
        let mut look = attempt(order(1), 1);
        look.owed.off = true;
        // Both before the payer has heard of the first.
        drive.pay(ToMake { owed: charge.owed.clone(), may_be_out: false });
        drive.pay(ToMake { owed: look.owed.clone(), may_be_out: false });
        let mut made = Vec::new();
        while let Ok(Signal::Owed(heard)) = signals.try_recv() {
            made.extend(drive.token(&heard.owed).map(|_| heard.owed.off));
        }
        assert_eq!(made, [true]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_never_fires_is_not_waited_for_long() {
        let (mut waiting, start) = (Waiting::new(1), tokio::time::Instant::now());
        waiting.put(attempt(order(1), 2), PAUSE);
        waiting.put(attempt(order(2), 2), PAUSE * 2);
        assert_eq!(made(Some(waiting.overdue().await)), Some((order(1), 2)));
        let waited = start.elapsed();
        assert!((PAUSE..PAUSE + OVERDUE * 2).contains(&waited), "{waited:?}");
        assert_eq!(made(waiting.due(due_of(1, 2))), None);
        assert_eq!(made(Some(waiting.overdue().await)), Some((order(2), 2)));
    }
}
