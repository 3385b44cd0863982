//! Where calls to a provider wait for their turn.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::circuit::{Circuit, CircuitState, Leave};
use crate::domain::{Timestamp, Token};
use crate::port::GatewayError;
use crate::telemetry;

/// How a payer gets on with its provider, for whoever looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorView {
    /// The provider.
    pub connector: Token,
    /// `closed` while calls go out, `open` while none does, `half_open` in between.
    pub circuit: String,
    /// Since when.
    pub since_ms: Timestamp,
    /// The last thing that went wrong with a call; none while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Lets calls out, as many as the provider bears.
#[derive(Debug)]
pub(super) struct Gate {
    circuit: Mutex<Circuit>,
    /// Somebody may go out, or should look again.
    room: Notify,
    shown: watch::Sender<Shown>,
}

/// The state of the circuit, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) state: CircuitState,
    pub(super) problem: Option<String>,
    /// Only a person can help, as far as anybody can tell.
    pub(super) is_astray: bool,
}

/// Leave to make one call. Whoever drops it has made none.
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    open: bool,
}

impl Gate {
    pub(super) fn new(most: usize, hurry: u32) -> Self {
        let shown = Shown { state: CircuitState::Closed, problem: None, is_astray: false };
        let circuit = Mutex::new(Circuit::new(most, hurry));
        Self { circuit, room: Notify::new(), shown: watch::Sender::new(shown) }
    }

    /// Waits for leave to call.
    pub(super) async fn enter(&self) -> Pass<'_> {
        loop {
            // Asked for before looking: what is freed in between is not missed.
            let room = self.room.notified();
            let leave = self.circuit().ask(Instant::now());
            self.show(None);
            match leave {
                Leave::Go => {
                    self.wake();
                    return Pass { gate: self, open: true };
                }
                Leave::WaitForRoom => room.await,
                Leave::WaitUntil(until) => tokio::select! {
                    () = room => {}
                    () = tokio::time::sleep_until(until) => {}
                },
            }
        }
    }

    /// Wakes one who waits, when there is room; that one wakes the next.
    fn wake(&self) {
        if self.circuit().has_room() {
            self.room.notify_one();
        }
    }

    /// Whether the provider has ever answered, since this began.
    pub(super) fn has_answered(&self) -> bool {
        self.circuit().has_answered()
    }

    /// Whether a call may be repeated; a first one always may.
    pub(super) fn may_repeat(&self, is_first: bool) -> bool {
        if is_first {
            self.circuit().earn();
            return true;
        }
        self.circuit().spend()
    }

    /// What is shown, and when it changes.
    pub(super) fn watch(&self) -> watch::Receiver<Shown> {
        self.shown.subscribe()
    }

    fn show(&self, problem: Option<&GatewayError>) {
        let (state, has_answered) = {
            let circuit = self.circuit();
            (circuit.state(), circuit.has_answered())
        };
        self.shown.send_if_modified(|shown| {
            if shown.state == state {
                return false;
            }
            shown.is_astray = match problem {
                Some(GatewayError::Misconfigured(_)) => true,
                // Nobody was ever met there: the address is as likely wrong.
                Some(GatewayError::Unreachable(_)) => !has_answered,
                Some(
                    GatewayError::Unavailable(_)
                    | GatewayError::Unknown(_)
                    | GatewayError::Pending { .. },
                ) => false,
                None => shown.is_astray && state != CircuitState::Closed,
            };
            shown.problem = match state {
                CircuitState::Closed => None,
                CircuitState::Open | CircuitState::HalfOpen => {
                    problem.map(said).or_else(|| shown.problem.take())
                }
            };
            let (problem, was) = (shown.problem.as_deref(), shown.state);
            match (was, state) {
                (CircuitState::Closed, _) => warn!(problem, "the provider is left alone"),
                (_, CircuitState::Closed) => info!("the provider is called as always"),
                (_, _) => debug!(problem, circuit = state.name(), "the provider is tried"),
            }
            shown.state = state;
            true
        });
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// Tells what came of the call.
    pub(super) fn end<T>(mut self, answer: &Result<T, GatewayError>) {
        self.open = false;
        // What is said of one order is an answer, whatever it says.
        let problem = answer.as_ref().err().filter(|error| error.is_of_all());
        match problem {
            None => self.gate.circuit().succeeded(),
            Some(error) => {
                let mut circuit = self.gate.circuit();
                let nobody = matches!(error, GatewayError::Unreachable(_));
                let at_once = matches!(error, GatewayError::Misconfigured(_))
                    || (nobody && !circuit.has_answered());
                circuit.failed(Instant::now(), at_once);
            }
        }
        self.gate.show(problem);
        self.gate.wake();
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.open {
            self.gate.circuit().back();
            self.gate.wake();
        }
    }
}

/// An error with its causes, in one line.
fn said(error: &GatewayError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        text.push_str(": ");
        text.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    text
}

/// Sets the gauge of a connector's circuit.
pub(super) fn measure(connector: &Token, state: CircuitState) {
    if let Some(metrics) = telemetry::metrics() {
        let degree = match state {
            CircuitState::Closed => 0,
            CircuitState::HalfOpen => 1,
            CircuitState::Open => 2,
        };
        metrics.circuit(connector.as_str(), degree);
    }
}
