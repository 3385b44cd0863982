//! The circuit breaker of one connector: no call knows whether the provider is there, all of them
//! together do.
//!
//! Pure: time is handed in. [`super::gate::Gate`] makes calls wait for it.

use std::time::Duration;

use tokio::time::Instant;

/// Calls in a row that must fail before the provider is taken to be away. A single one says
/// nothing; ten in a row are no chance even when half of all calls fail (one in a thousand).
const FAILURES: u32 = 10;

/// Calls that may be out at once at first. Whoever starts at a shop in which much is overdue does
/// not begin with all of it; six answers later all may go out.
const START: usize = 16;

/// The first pause before a provider that is away is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause: what a provider that is back waits for its orders at most.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// What a first call adds to the budget of repeated ones, and what a repeated one takes: one
/// repetition for five first calls, so that repeating never multiplies what a provider that
/// struggles has to bear.
const EARNED: u32 = 1;
const SPENT: u32 = 5;

/// What the budget holds at first and at most: a hundred repetitions.
const BUDGET_MAX: u32 = 100 * SPENT;

/// Whether calls go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CircuitState {
    /// They do.
    Closed,
    /// None does: the provider is away.
    Open,
    /// A few do, and more with each that succeeds.
    HalfOpen,
}

impl CircuitState {
    /// The name that people and metrics read.
    #[must_use]
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What a call may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Go out.
    Go,
    /// Wait until then.
    WaitUntil(Instant),
    /// Wait until another one is back.
    WaitForRoom,
}

/// The calls to one provider.
#[derive(Debug)]
pub(super) struct Circuit {
    /// Calls that may be out at once when all is well.
    most: usize,
    /// Calls that may be out now: few at first, 1 after an outage, doubled by each that succeeds. A
    /// thousand orders that waited do not come all at once.
    limit: usize,
    out: usize,
    /// Whether any call was ever answered.
    answered: bool,
    /// A provider that was away is being tried.
    trying: bool,
    /// Failures since the last success.
    failures: u32,
    open_until: Option<Instant>,
    pause: Duration,
    /// Pauses are divided by it.
    hurry: u32,
    budget: u32,
}

impl Circuit {
    pub(super) fn new(most: usize, hurry: u32) -> Self {
        let hurry = hurry.max(1);
        Self {
            most,
            limit: START.min(most),
            out: 0,
            answered: false,
            trying: false,
            failures: 0,
            open_until: None,
            pause: PAUSE / hurry,
            hurry,
            budget: BUDGET_MAX,
        }
    }

    pub(super) const fn state(&self) -> CircuitState {
        match self.open_until {
            Some(_) => CircuitState::Open,
            None if self.trying => CircuitState::HalfOpen,
            None => CircuitState::Closed,
        }
    }

    /// Asks for leave to call.
    pub(super) fn ask(&mut self, now: Instant) -> Leave {
        match self.open_until {
            Some(until) if now < until => return Leave::WaitUntil(until),
            Some(_) => {
                self.open_until = None;
                self.trying = true;
                self.limit = 1;
            }
            None => {}
        }
        if self.limit <= self.out {
            return Leave::WaitForRoom;
        }
        self.out = self.out.saturating_add(1);
        Leave::Go
    }

    /// Whether it is worth asking: another call may go out, or has to be told when.
    pub(super) const fn has_room(&self) -> bool {
        self.out < self.limit
    }

    /// A call ended without any word: it was given up before it went out.
    pub(super) const fn back(&mut self) {
        self.out = self.out.saturating_sub(1);
    }

    /// Whether the provider was ever heard.
    pub(super) const fn has_answered(&self) -> bool {
        self.answered
    }

    /// The provider answered, whatever it said.
    pub(super) fn succeeded(&mut self) {
        self.back();
        self.failures = 0;
        self.answered = true;
        // What was out when the provider went away says nothing about now.
        if self.open_until.is_none() {
            self.pause = PAUSE / self.hurry;
            self.limit = self.limit.saturating_mul(2).min(self.most);
            self.trying &= self.limit < self.most;
        }
    }

    /// The provider did not answer. `at_once` when one failure says it all.
    pub(super) fn failed(&mut self, now: Instant, at_once: bool) {
        self.back();
        self.failures = self.failures.saturating_add(1);
        if self.open_until.is_some() || !(at_once || self.trying || FAILURES <= self.failures) {
            return;
        }
        self.open_until = now.checked_add(self.pause);
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX / self.hurry);
        self.failures = 0;
    }

    /// A first call was made: others may be repeated for it.
    pub(super) fn earn(&mut self) {
        self.budget = self.budget.saturating_add(EARNED).min(BUDGET_MAX);
    }

    /// Whether a call may be repeated.
    pub(super) const fn spend(&mut self) -> bool {
        match self.budget.checked_sub(SPENT) {
            Some(left) => {
                self.budget = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A circuit through which calls have gone.
    fn warm(most: usize) -> Circuit {
        let (mut circuit, now) = (Circuit::new(most, 1), Instant::now());
        while circuit.limit < most {
            assert_eq!(circuit.ask(now), Leave::Go);
            circuit.succeeded();
        }
        circuit
    }

    #[test]
    fn whoever_begins_begins_with_a_few() {
        let (mut circuit, now) = (Circuit::new(1_000, 1), Instant::now());
        let mut together = Vec::new();
        for _ in 0..3 {
            let mut out = 0;
            while circuit.ask(now) == Leave::Go {
                out += 1;
            }
            together.push(out);
            circuit.succeeded();
            (1..out).for_each(|_| circuit.back());
        }
        assert_eq!(together, [16, 32, 64]);
        assert_eq!(circuit.state(), CircuitState::Closed, "nothing is wrong");
    }

    fn failing(circuit: &mut Circuit, now: Instant, times: u32) {
        for _ in 0..times {
            if circuit.ask(now) == Leave::Go {
                circuit.failed(now, false);
            }
        }
    }

    #[test]
    fn a_provider_that_fails_now_and_then_is_called_on() {
        let (mut circuit, now) = (Circuit::new(100, 1), Instant::now());
        for _ in 0..50 {
            failing(&mut circuit, now, FAILURES - 1);
            assert_eq!(circuit.ask(now), Leave::Go);
            circuit.succeeded();
        }
        assert_eq!(circuit.state(), CircuitState::Closed);
    }

    #[test]
    fn a_provider_that_is_away_is_left_alone_and_tried_by_one_call() {
        let (mut circuit, now) = (Circuit::new(100, 1), Instant::now());
        failing(&mut circuit, now, FAILURES);
        assert_eq!(circuit.state(), CircuitState::Open);
        assert_eq!(circuit.ask(now), Leave::WaitUntil(now + PAUSE));
        let later = now + PAUSE;
        assert_eq!(circuit.ask(later), Leave::Go);
        assert_eq!(circuit.ask(later), Leave::WaitForRoom, "one tries, the others wait");
    }

    #[test]
    fn each_try_that_fails_makes_the_next_pause_longer_up_to_a_bound() {
        let (mut circuit, mut now) = (Circuit::new(100, 1), Instant::now());
        failing(&mut circuit, now, FAILURES);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let Leave::WaitUntil(until) = circuit.ask(now) else { panic!("it is open") };
            pauses.push((until - now).as_secs());
            now = until;
            assert_eq!(circuit.ask(now), Leave::Go);
            circuit.failed(now, false);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 15, 15]);
    }

    #[test]
    fn a_provider_that_is_back_gets_its_orders_step_by_step() {
        let (mut circuit, now) = (Circuit::new(8, 1), Instant::now());
        failing(&mut circuit, now, FAILURES);
        let later = now + SECOND;
        let mut together = Vec::new();
        for _ in 0..5 {
            let mut out = 0;
            while circuit.ask(later) == Leave::Go {
                out += 1;
            }
            together.push(out);
            for _ in 0..out {
                circuit.succeeded();
            }
        }
        assert_eq!(together, [1, 2, 8, 8, 8]);
        assert_eq!(circuit.state(), CircuitState::Closed);
    }

    #[test]
    fn calls_that_were_out_when_it_opened_do_not_open_or_close_it_again() {
        let (mut circuit, now) = (warm(100), Instant::now());
        for _ in 0..50 {
            assert_eq!(circuit.ask(now), Leave::Go);
        }
        for _ in 0..40 {
            circuit.failed(now, false);
        }
        circuit.succeeded();
        assert_eq!(circuit.ask(now), Leave::WaitUntil(now + PAUSE));
    }

    #[test]
    fn wrong_credentials_open_it_at_once() {
        let (mut circuit, now) = (Circuit::new(100, 1), Instant::now());
        assert_eq!(circuit.ask(now), Leave::Go);
        circuit.failed(now, true);
        assert_eq!(circuit.state(), CircuitState::Open);
    }

    #[test]
    fn repeated_calls_stay_a_fifth_of_the_first_ones() {
        let mut circuit = Circuit::new(100, 1);
        let spent = (0..1_000).filter(|_| circuit.spend()).count();
        assert_eq!(spent, 100, "the reserve");
        let mut repeated = 0;
        for _ in 0..1_000 {
            circuit.earn();
            repeated += u32::from(circuit.spend());
        }
        assert_eq!(repeated, 200);
    }
}
