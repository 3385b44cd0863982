//! The act of paying.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, warn};

use super::attempt::{Attempt, CALL_TIMEOUT};
use super::drive::{Drive, Signal, Waiting};
use super::gate::Gate;
use super::report::Reports;
use super::show::Shows;
use super::watch;
use crate::domain::payment::{DeclineClasses, RetrySchedule};
use crate::port::{Clock, Commands, Gateway};
use crate::view::owed::Owed;

/// How a payer is to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payments {
    /// Calls under way at once.
    pub concurrency: usize,
    /// Every pause is divided by it. 1, but where hours are rehearsed in minutes.
    pub hurry: u32,
}

impl Default for Payments {
    fn default() -> Self {
        // As many buyers as are promised to be served at once.
        Self { concurrency: 1_024, hurry: 1 }
    }
}

/// Makes the attempts that are handed to it.
pub struct Payer<G, M, C> {
    gateway: Arc<G>,
    commands: M,
    clock: C,
    gate: Arc<Gate>,
    classes: Arc<DeclineClasses>,
    hurry: u32,
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
        let gate = Arc::new(Gate::new(payments.concurrency, payments.hurry));
        let classes = Arc::new(classes);
        let hurry = payments.hurry.max(1);
        Self { gateway, commands, clock, gate, classes, hurry, drive, signals }
    }

    /// The way to hand it attempts.
    #[must_use]
    pub fn drive(&self) -> Drive {
        self.drive.clone()
    }

    /// What it shows of its provider, for whoever looks.
    #[must_use]
    pub fn shows(&self) -> Shows<C> {
        Shows::new(self.gateway.connector(), self.gate.watch(), self.clock.clone())
    }

    /// What it reports of its provider to the market.
    #[must_use]
    pub fn reports(&self) -> Reports<M, C>
    where
        M: Clone,
    {
        let ports = (self.commands.clone(), self.clock.clone());
        Reports::new(self.gateway.connector(), self.gate.watch(), ports)
    }

    /// Pays until `stop`. Calls that are out are waited for as long as one may take.
    pub async fn run(mut self, stop: &CancellationToken) {
        let tasks = tokio_util::task::TaskTracker::new();
        let connector = self.gateway.connector();
        let mut waiting = Waiting::new(self.hurry);
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
                gate: Arc::clone(&self.gate),
                hurry: self.hurry,
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
            return Some(CALL_TIMEOUT / self.hurry);
        }
        let wait = owed.not_before_ms?.since(self.clock.now());
        // A clock that was set back must not make anybody wait for longer than a retry may.
        (!wait.is_zero()).then(|| wait.min(RetrySchedule::WINDOW))
    }
}
