//! A provider that is not there: seeded, with the moods of a real one.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::ledger::{Ledger, LedgerError, LedgerLine};
use crate::domain::{PaymentResult, Token};
use crate::port::{Charge, Gateway, GatewayError, GatewayWord};

/// A token that begins so is declined with the code behind it: `decline_lost_card`. With a number
/// before the code only so many attempts are: `decline_2x_do_not_honor`.
const DECLINE: &str = "decline_";

/// A token that begins so finds nobody there, for so many attempts: `away_1x`.
const AWAY: &str = "away_";

/// A token that begins so is charged, and its first answer lost, for so many attempts: `silent_1x`.
const SILENT: &str = "silent_";

/// What share of a hundred thousand a mood has.
const SHARES: u64 = 100_000;

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
}

/// The simulated provider.
///
/// What a charge comes to depends on the seed and its key alone, so a repeated call says the same
/// although nothing is remembered.
#[derive(Debug)]
pub struct SimulatedGateway {
    simulation: Simulation,
    ledger: Option<Mutex<Ledger>>,
    /// Without books: charges whose answer was lost, which is all that anybody asks after.
    lost: Mutex<HashSet<Token>>,
    calls: AtomicU64,
}

impl SimulatedGateway {
    /// A provider without books.
    #[must_use]
    pub fn new(simulation: Simulation) -> Self {
        Self { simulation, ledger: None, lost: Mutex::default(), calls: AtomicU64::new(0) }
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
        Ok(Self { simulation, ledger, lost: Mutex::default(), calls: AtomicU64::new(0) })
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

    fn word(&self, charge: &Charge) -> Result<GatewayWord, GatewayError> {
        let key = charge.idempotency_key.as_str();
        let no_token = |error: crate::domain::InvalidToken| GatewayError::Unavailable(error.into());
        let method = charge.payment_method_token.as_str();
        if let Some(rest) = method.strip_prefix(DECLINE) {
            let (attempts, code) = counted(rest);
            if charge.attempt <= attempts {
                return Ok(PaymentResult::Declined { code: code.parse().map_err(no_token)? });
            }
        }
        if let Some(rest) = method.strip_prefix(AWAY)
            && charge.attempt <= counted(rest).0
        {
            return Err(GatewayError::Unavailable("nobody is there".into()));
        }
        if self.happens(self.simulation.declined, "declined", key.as_bytes()) {
            let codes = &self.simulation.decline_codes;
            let count = u64::try_from(codes.len()).unwrap_or(u64::MAX);
            let pick = self.draw("code", key.as_bytes()).checked_rem(count).unwrap_or(0);
            let code = usize::try_from(pick).ok().and_then(|pick| codes.get(pick)).cloned();
            let code = code.map_or_else(|| "generic_decline".parse(), Ok).map_err(no_token)?;
            return Ok(PaymentResult::Declined { code });
        }
        let provider_ref = format!("sim_{:016x}", self.draw("ref", key.as_bytes()));
        Ok(PaymentResult::Captured {
            amount_minor: charge.amount,
            currency: charge.currency,
            provider_ref: provider_ref.parse().map_err(no_token)?,
        })
    }

    /// Whether the answer of a call is lost: by chance, or because its token says so.
    fn loses_answer(&self, charge: &Charge, call: &[u8]) -> bool {
        let method = charge.payment_method_token.as_str();
        let silent = method.strip_prefix(SILENT).map_or(0, |rest| counted(rest).0);
        let heard = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        // The first call of each key only: who asks again is told.
        let first = !heard.contains(&charge.idempotency_key);
        (first && charge.attempt <= silent)
            || self.happens(self.simulation.answer_lost, "answer_lost", call)
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
}

/// How many attempts a test token is about, and what it says of them; all when it has no number.
fn counted(rest: &str) -> (u8, &str) {
    let (count, what) = rest.split_once('_').unwrap_or((rest, ""));
    match count.strip_suffix('x').and_then(|count| count.parse().ok()) {
        Some(count) => (count, what),
        None => (u8::MAX, rest),
    }
}

impl Gateway for SimulatedGateway {
    fn connector(&self) -> Token {
        Token::SIMULATED
    }

    async fn charge(&self, charge: &Charge) -> Result<GatewayWord, GatewayError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        self.take_time(&call).await;
        if self.happens(self.simulation.unavailable, "unavailable", &call) {
            return Err(GatewayError::Unavailable("simulated outage".into()));
        }
        let result = self.word(charge)?;
        if let Some(ledger) = &self.ledger {
            let line = LedgerLine {
                idempotency_key: charge.idempotency_key.clone(),
                order_id: charge.order_id,
                attempt: charge.attempt,
                amount_minor: charge.amount,
                currency: charge.currency,
                result: result.clone(),
            };
            let booked = ledger.lock().unwrap_or_else(PoisonError::into_inner).book(&line);
            // It may stand in the books all the same.
            booked.map_err(|error| GatewayError::Unknown(error.into()))?;
        }
        if self.loses_answer(charge, &call) {
            self.lost
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(charge.idempotency_key.clone());
            return Err(GatewayError::Unknown("simulated loss of the answer".into()));
        }
        Ok(result)
    }

    async fn find(&self, charge: &Charge) -> Result<Option<GatewayWord>, GatewayError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        self.take_time(&call).await;
        if self.happens(self.simulation.unavailable, "unavailable", &call) {
            return Err(GatewayError::Unavailable("simulated outage".into()));
        }
        let key = &charge.idempotency_key;
        let known = match &self.ledger {
            Some(ledger) => ledger.lock().unwrap_or_else(PoisonError::into_inner).knows(key),
            None => self.lost.lock().unwrap_or_else(PoisonError::into_inner).contains(key),
        };
        known.then(|| self.word(charge)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Amount, Currency};

    fn charge(key: &str, token: &str) -> Charge {
        Charge {
            order_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            attempt: 1,
            idempotency_key: key.parse().unwrap(),
            amount: Amount::new(1_250).unwrap(),
            currency: Currency::from_code("EUR").unwrap(),
            payment_method_token: token.parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn one_key_is_one_charge_however_often_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.jsonl");
        let moods = Simulation { answer_lost: SHARES / 2, ..Simulation::default() };
        for _ in 0..2 {
            // Also after a restart of the provider.
            let gateway = SimulatedGateway::with_ledger(moods.clone(), &file).unwrap();
            for _ in 0..10 {
                let _ = gateway.charge(&charge("k1", "tok_visa")).await;
            }
        }
        let lines = std::fs::read_to_string(&file).unwrap();
        assert_eq!(lines.lines().count(), 1, "{lines}");
    }

    #[tokio::test]
    async fn a_provider_with_the_same_seed_says_the_same() {
        let moods = Simulation { seed: 7, declined: SHARES / 2, ..Simulation::default() };
        let (one, other) = (SimulatedGateway::new(moods.clone()), SimulatedGateway::new(moods));
        let mut declined = 0;
        for key in 0..100 {
            let charge = charge(&format!("k{key}"), "tok_visa");
            let word = one.charge(&charge).await.unwrap();
            assert_eq!(word, other.charge(&charge).await.unwrap());
            declined += u32::from(matches!(word, PaymentResult::Declined { .. }));
        }
        assert!((30..70).contains(&declined), "{declined}");
    }

    #[tokio::test]
    async fn a_test_token_may_be_about_the_first_attempts_only() {
        let gateway = SimulatedGateway::new(Simulation::default());
        let mut declined = charge("k", "decline_2x_do_not_honor");
        let mut away = charge("k", "away_2x");
        for attempt in 1..=3 {
            (declined.attempt, away.attempt) = (attempt, attempt);
            let word = gateway.charge(&declined).await.unwrap();
            let is_captured = matches!(word, PaymentResult::Captured { .. });
            assert_eq!(is_captured, 2 < attempt, "attempt {attempt}: {word:?}");
            assert_eq!(gateway.charge(&away).await.is_ok(), 2 < attempt, "attempt {attempt}");
        }
    }

    #[tokio::test]
    async fn a_test_token_is_declined_with_its_code() {
        let gateway = SimulatedGateway::new(Simulation::default());
        let word = gateway.charge(&charge("k", "decline_lost_card")).await.unwrap();
        assert_eq!(word, PaymentResult::Declined { code: "lost_card".parse().unwrap() });
    }
}
