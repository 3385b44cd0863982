//! A provider that is not there: seeded, with the moods of a real one.

mod moods;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::ledger::{ChargeLine, Ledger, LedgerError, LedgerLine, RefundLine};
use crate::domain::{PaymentResult, RefundResult, Timestamp, Token};
use crate::port::{
    Ask, BadWebhook, BoxError, Called, Charge, Clock, Gateway, GatewayError, GiveBack, Hint, News,
    Page, SystemClock,
};
use moods::{Mood, SHARES};

/// The moods of the provider. All zero: it is instant and says yes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Simulation {
    /// Two providers with one seed behave alike.
    pub seed: u64,
    /// How long a call takes at least.
    pub latency_min: Duration,
    /// How long a call takes at most.
    pub latency_max: Duration,
    /// Charges that are declined. Units: of 100,000.
    pub declined: u64,
    /// Codes for them, in turn.
    pub decline_codes: Vec<Token>,
    /// Calls that the provider does not take. Units: of 100,000.
    pub unavailable: u64,
    /// Calls that are carried out and whose answer is lost. Units: of 100,000.
    pub answer_lost: u64,
    /// No call is taken from this long after the first one, for so long.
    pub outage: Option<(Duration, Duration)>,
}

/// The simulated provider.
///
/// What a call comes to depends on the seed and its key alone, so a repeated call says the same
/// although nothing is remembered.
#[derive(Debug)]
pub struct SimulatedGateway {
    simulation: Simulation,
    ledger: Option<Mutex<Ledger>>,
    /// Without books: calls whose answer was lost or not final, which is all that anybody asks
    /// after.
    lost: Mutex<HashSet<Token>>,
    calls: AtomicU64,
    /// When it was called for the first time.
    begun: OnceLock<Instant>,
}

impl SimulatedGateway {
    /// A provider without books.
    #[must_use]
    pub fn new(simulation: Simulation) -> Self {
        let (lost, calls) = (Mutex::default(), AtomicU64::new(0));
        Self { simulation, ledger: None, lost, calls, begun: OnceLock::new() }
    }

    /// A provider that keeps its books in `file`.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    pub fn with_ledger(
        simulation: Simulation,
        file: &std::path::Path,
    ) -> Result<Self, LedgerError> {
        let ledger = Some(Mutex::new(Ledger::open(file)?));
        Ok(Self { ledger, ..Self::new(simulation) })
    }

    /// A number that looks random and depends on the seed and `what` alone.
    fn draw(&self, mood: &str, what: &[u8]) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.simulation.seed.to_le_bytes());
        hasher.update(mood.as_bytes());
        hasher.update(what);
        let mut bytes = [0; 8];
        hasher.finalize_xof().fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn happens(&self, share: u64, mood: &str, what: &[u8]) -> bool {
        0 < share && self.draw(mood, what).checked_rem(SHARES).is_some_and(|drawn| drawn < share)
    }

    /// Takes a call, or not. What is returned names the call.
    async fn taken(&self) -> Result<[u8; 8], GatewayError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        self.take_time(&call).await;
        let since = self.begun.get_or_init(Instant::now).elapsed();
        let out = self.simulation.outage;
        if out.is_some_and(|(from, lasts)| from <= since && since < from.saturating_add(lasts))
            || self.happens(self.simulation.unavailable, "unavailable", &call)
        {
            return Err(GatewayError::Unavailable("simulated outage".into()));
        }
        Ok(call)
    }

    async fn take_time(&self, call: &[u8]) {
        let Simulation { latency_min, latency_max, .. } = self.simulation;
        if latency_max.is_zero() {
            return;
        }
        let span = latency_max.saturating_sub(latency_min);
        let millis = u64::try_from(span.as_millis()).unwrap_or(0).saturating_add(1);
        let more = self.draw("latency", call).checked_rem(millis).unwrap_or(0);
        tokio::time::sleep(latency_min + Duration::from_millis(more)).await;
    }

    fn charged(&self, charge: &Charge) -> Result<PaymentResult, GatewayError> {
        let key = charge.idempotency_key.as_str();
        let mood = Mood::of(charge.payment_method_token.as_str());
        match mood.decline(charge.attempt) {
            Some(code) => return Ok(PaymentResult::Declined { code: token(code)? }),
            None if mood.is_away(charge.attempt) => {
                return Err(GatewayError::Unavailable("nobody is there".into()));
            }
            None => {}
        }
        if self.happens(self.simulation.declined, "declined", key.as_bytes()) {
            let codes = &self.simulation.decline_codes;
            let count = u64::try_from(codes.len()).unwrap_or(u64::MAX);
            let pick = self.draw("code", key.as_bytes()).checked_rem(count).unwrap_or(0);
            let code = usize::try_from(pick).ok().and_then(|pick| codes.get(pick)).cloned();
            let code = code.map_or_else(|| token("generic_decline"), Ok)?;
            return Ok(PaymentResult::Declined { code });
        }
        let refund = Mood::of_refund(charge.payment_method_token.as_str());
        let provider_ref = format!("sim_{:016x}{refund}", self.draw("ref", key.as_bytes()));
        Ok(PaymentResult::Captured {
            amount_minor: charge.amount,
            currency: charge.currency,
            provider_ref: token(&provider_ref)?,
        })
    }

    fn refunded(&self, refund: &GiveBack) -> Result<RefundResult, GatewayError> {
        let key = refund.idempotency_key.as_str();
        let mood = Mood::in_reference(refund.capture_ref.as_str());
        match mood.decline(refund.attempt) {
            Some(code) => return Ok(RefundResult::Declined { code: token(code)? }),
            None if mood.is_away(refund.attempt) => {
                return Err(GatewayError::Unavailable("nobody is there".into()));
            }
            None => {}
        }
        let provider_ref = format!("simr_{:016x}", self.draw("ref", key.as_bytes()));
        Ok(RefundResult::Refunded { provider_ref: token(&provider_ref)? })
    }

    fn book(&self, line: impl FnOnce(Timestamp) -> LedgerLine) -> Result<(), GatewayError> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let booked = locked(ledger).book(&line(SystemClock.now()));
        // It may stand in the books all the same.
        booked.map_err(|error| GatewayError::Unknown(error.into()))
    }

    /// Loses the answer of a call: by chance, or because its token says so.
    fn answer(&self, (key, call): (&Token, &[u8]), is_silent: bool) -> Result<(), GatewayError> {
        let mut lost = locked(&self.lost);
        // The first call of each key only: who asks again is told.
        let silent = is_silent && !lost.contains(key);
        if silent || self.happens(self.simulation.answer_lost, "answer_lost", call) {
            lost.insert(key.clone());
            return Err(GatewayError::Unknown("simulated loss of the answer".into()));
        }
        Ok(())
    }

    fn knows(&self, key: &Token) -> bool {
        match &self.ledger {
            Some(ledger) => locked(ledger).knows(key),
            None => locked(&self.lost).contains(key),
        }
    }

    fn lines(&self) -> Result<Vec<LedgerLine>, GatewayError> {
        let Some(ledger) = &self.ledger else { return Ok(Vec::new()) };
        let lines = locked(ledger).lines();
        lines.map_err(|error| GatewayError::Unavailable(error.into()))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn token(text: &str) -> Result<Token, GatewayError> {
    text.parse().map_err(|error| GatewayError::Unavailable(BoxError::from(error)))
}

impl Gateway for SimulatedGateway {
    fn connector(&self) -> Token {
        Token::SIMULATED
    }

    fn final_after(&self) -> Duration {
        // A call that is given up ends there and then.
        Duration::ZERO
    }

    async fn charge(&self, charge: &Charge) -> Result<PaymentResult, GatewayError> {
        let call = self.taken().await?;
        let result = self.charged(charge)?;
        let key = &charge.idempotency_key;
        self.book(|at_ms| {
            LedgerLine::Charge(ChargeLine {
                idempotency_key: key.clone(),
                order_id: charge.order_id,
                attempt: charge.attempt,
                amount_minor: charge.amount,
                currency: charge.currency,
                result: result.clone(),
                at_ms,
            })
        })?;
        let mood = Mood::of(charge.payment_method_token.as_str());
        self.answer((key, &call), mood.is_silent(charge.attempt))?;
        if let PaymentResult::Captured { provider_ref, .. } = &result
            && mood.is_processing()
        {
            // Without books, whoever asks after it has to be known by the key.
            locked(&self.lost).insert(key.clone());
            let ask = Ask::ByName(provider_ref.clone());
            return Err(GatewayError::pending(ask, "it is processing"));
        }
        Ok(result)
    }

    async fn find(
        &self,
        charge: &Charge,
        _called: Called,
    ) -> Result<Option<PaymentResult>, GatewayError> {
        self.taken().await?;
        self.knows(&charge.idempotency_key).then(|| self.charged(charge)).transpose()
    }

    async fn refund(&self, refund: &GiveBack) -> Result<RefundResult, GatewayError> {
        let call = self.taken().await?;
        let result = self.refunded(refund)?;
        let key = &refund.idempotency_key;
        self.book(|at_ms| {
            LedgerLine::Refund(RefundLine {
                idempotency_key: key.clone(),
                order_id: refund.order_id,
                refund: refund.refund,
                attempt: refund.attempt,
                capture_ref: refund.capture_ref.clone(),
                amount_minor: refund.amount,
                currency: refund.currency,
                result: result.clone(),
                at_ms,
            })
        })?;
        let mood = Mood::in_reference(refund.capture_ref.as_str());
        self.answer((key, &call), mood.is_silent(refund.attempt))?;
        Ok(result)
    }

    async fn find_refund(&self, refund: &GiveBack) -> Result<Option<RefundResult>, GatewayError> {
        self.taken().await?;
        self.knows(&refund.idempotency_key).then(|| self.refunded(refund)).transpose()
    }

    async fn look_up(&self, provider_ref: &Token) -> Result<Option<News>, GatewayError> {
        self.taken().await?;
        let is_it = |line: &LedgerLine| {
            line.moved().is_some_and(|moved| moved.provider_ref == *provider_ref)
        };
        Ok(self.lines()?.into_iter().find(is_it).map(|line| match line {
            LedgerLine::Charge(line) => {
                News::Charge { order_id: line.order_id, attempt: line.attempt, result: line.result }
            }
            LedgerLine::Refund(line) => News::Refund {
                order_id: line.order_id,
                refund: line.refund,
                attempt: line.attempt,
                result: line.result,
            },
        }))
    }

    async fn list(
        &self,
        from: Timestamp,
        until: Timestamp,
        _after: Option<&str>,
    ) -> Result<Page, GatewayError> {
        self.taken().await?;
        let lines = self.lines()?.into_iter().filter_map(|line| line.moved());
        let within = lines.filter(|moved| from <= moved.at && moved.at < until);
        Ok(Page { lines: within.collect(), next: None })
    }

    fn hear(
        &self,
        _header: &dyn Fn(&str) -> Option<String>,
        _body: &[u8],
        _now: Timestamp,
    ) -> Result<Hint, BadWebhook> {
        Err(BadWebhook::Unexpected)
    }

    async fn check(&self) -> Result<(), GatewayError> {
        self.taken().await.map(drop)
    }
}
