//! A provider with every fault that one can have, and books that are always right.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use super::FINAL_AFTER;
use crate::domain::fixtures::{amount, token};
use crate::domain::{Currency, OrderId, PaymentResult, RefundResult, Timestamp, Token};
use crate::port::testing::Dice;
use crate::port::{
    Ask, BadWebhook, Called, Charge, Gateway, GatewayError, GiveBack, Hint, News, Page,
};

/// Codes of every class but those after which nothing more happens.
const CODES: [&str; 5] =
    ["processing_error", "do_not_honor", "insufficient_funds", "lost_card", "strange"];

/// What becomes of what one key was called for.
#[derive(Clone, Debug)]
enum Fate {
    /// It is carried out, or declined, at that moment: maybe long after the call.
    At(Instant, Result<(), Token>),
    /// The provider failed, and will say so under this key; whether it was carried out.
    Burnt(bool),
}

#[derive(Clone, Debug)]
struct Deed {
    name: Token,
    order_id: OrderId,
    number: u16,
    attempt: u8,
    minor: u64,
    currency: Currency,
    fate: Fate,
    /// It is called processing until it is over.
    open: bool,
    calls: u32,
}

/// What of it is in the books now.
enum Stands {
    Nothing,
    Open,
    Done,
    Declined(Token),
}

impl Deed {
    fn stands(&self) -> Stands {
        match &self.fate {
            Fate::At(when, _) if Instant::now() < *when => {
                if self.open {
                    Stands::Open
                } else {
                    Stands::Nothing
                }
            }
            Fate::At(_, Ok(())) | Fate::Burnt(true) => Stands::Done,
            Fate::At(_, Err(code)) => Stands::Declined(code.clone()),
            Fate::Burnt(false) => Stands::Nothing,
        }
    }
}

#[derive(Debug, Default)]
struct Books {
    charges: BTreeMap<Token, Deed>,
    refunds: BTreeMap<Token, Deed>,
}

/// The provider.
pub(super) struct Bank {
    dice: Mutex<Dice>,
    books: Mutex<Books>,
}

/// Money of one order by the provider's books. Units: minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Balance {
    pub(super) captured: u64,
    pub(super) refunded: u64,
    /// Keys under which money was asked for.
    pub(super) keys: usize,
}

impl Bank {
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Mutex::new(Dice::new(seed)), books: Mutex::default() }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    fn chance(&self, percent: usize) -> bool {
        self.dice.lock().unwrap().chance(percent)
    }

    fn below(&self, limit: usize) -> usize {
        self.dice.lock().unwrap().below(limit)
    }

    fn seconds(&self, limit: usize) -> Duration {
        Duration::from_secs(u64::try_from(self.below(limit)).unwrap())
    }

    /// Takes a call, or not; most are quick, some take longer than anybody waits.
    async fn taken(&self) -> Result<(), GatewayError> {
        match self.below(20) {
            0 => return Err(GatewayError::Unavailable("429".into())),
            1 => return Err(GatewayError::Unreachable("refused".into())),
            _ => {}
        }
        let late = self.chance(5);
        tokio::time::sleep(if late { Duration::from_secs(12) } else { self.seconds(3) }).await;
        Ok(())
    }

    fn fate(&self) -> (Fate, bool) {
        let now = Instant::now();
        let bound = usize::try_from(FINAL_AFTER.as_secs()).unwrap() - 60;
        let code = || token(CODES[self.below(CODES.len())]);
        let says = || if self.chance(75) { Ok(()) } else { Err(code()) };
        match self.below(12) {
            // Long after the call, with nothing in the books before, or as an open one.
            0 | 1 => (Fate::At(now + self.seconds(bound), says()), false),
            2 | 3 => (Fate::At(now + self.seconds(bound), says()), true),
            4 => (Fate::Burnt(self.chance(50)), false),
            _ => (Fate::At(now, says()), false),
        }
    }

    /// The answer to a call, or to one that is repeated.
    fn answer(&self, deed: &Deed) -> Result<Result<(), Token>, GatewayError> {
        let name = deed.name.clone();
        match (&deed.fate, deed.stands()) {
            (Fate::Burnt(_), _) if deed.calls == 1 => Err(GatewayError::Unknown("500".into())),
            (Fate::Burnt(_), _) => Err(GatewayError::pending(Ask::ByKey, "500 again")),
            // It repeats what it said first.
            (_, _) if deed.open => Err(GatewayError::pending(Ask::ByName(name), "processing")),
            (_, Stands::Nothing | Stands::Open) => Err(GatewayError::Unknown("silence".into())),
            _ if self.chance(15) => Err(GatewayError::Unknown("lost".into())),
            (_, Stands::Done) => Ok(Ok(())),
            (_, Stands::Declined(code)) => Ok(Err(code)),
        }
    }

    fn found(deed: &Deed) -> Result<Option<Result<(), Token>>, GatewayError> {
        match deed.stands() {
            Stands::Nothing => Ok(None),
            Stands::Open => {
                Err(GatewayError::pending(Ask::ByName(deed.name.clone()), "processing"))
            }
            Stands::Done => Ok(Some(Ok(()))),
            Stands::Declined(code) => Ok(Some(Err(code))),
        }
    }

    /// The money of each order.
    pub(super) fn balances(&self) -> BTreeMap<OrderId, Balance> {
        let books = self.books();
        let mut balances: BTreeMap<OrderId, Balance> = BTreeMap::new();
        let done = |deed: &&Deed| matches!(deed.stands(), Stands::Done);
        for deed in books.charges.values() {
            balances.entry(deed.order_id).or_default().keys += 1;
        }
        for deed in books.charges.values().filter(done) {
            balances.entry(deed.order_id).or_default().captured += deed.minor;
        }
        for deed in books.refunds.values().filter(done) {
            balances.entry(deed.order_id).or_default().refunded += deed.minor;
        }
        balances
    }

    /// The name of something that is in the books: what a webhook may be about.
    pub(super) fn hint(&self) -> Option<Token> {
        let books = self.books();
        let all: Vec<_> = books.charges.values().chain(books.refunds.values()).collect();
        (!all.is_empty()).then(|| all[self.below(all.len())].name.clone())
    }

    fn begin(&self, kind: &str, minor: u64, currency: Currency, key: &Token) -> Deed {
        let (fate, open) = self.fate();
        let name = token(&format!("{kind}-{key}"));
        let order_id = key.as_str()[..36].parse().unwrap();
        Deed { name, order_id, number: 0, attempt: 0, minor, currency, fate, open, calls: 0 }
    }
}

fn charged(deed: &Deed, said: Result<(), Token>) -> PaymentResult {
    match said {
        Ok(()) => PaymentResult::Captured {
            amount_minor: amount(deed.minor),
            currency: deed.currency,
            provider_ref: deed.name.clone(),
        },
        Err(code) => PaymentResult::Declined { code },
    }
}

fn given_back(deed: &Deed, said: Result<(), Token>) -> RefundResult {
    match said {
        Ok(()) => RefundResult::Refunded { provider_ref: deed.name.clone() },
        Err(code) => RefundResult::Declined { code },
    }
}

impl Gateway for Bank {
    fn connector(&self) -> Token {
        Token::SIMULATED
    }

    fn final_after(&self) -> Duration {
        FINAL_AFTER
    }

    async fn charge(&self, charge: &Charge) -> Result<PaymentResult, GatewayError> {
        self.taken().await?;
        let key = &charge.idempotency_key;
        let new = || {
            let wrong = u64::from(self.chance(4));
            let minor = charge.amount.minor() + wrong;
            Deed { attempt: charge.attempt, ..self.begin("pay", minor, charge.currency, key) }
        };
        let mut books = self.books();
        let deed = books.charges.entry(key.clone()).or_insert_with(new);
        deed.calls += 1;
        Ok(charged(deed, self.answer(deed)?))
    }

    async fn find(
        &self,
        charge: &Charge,
        _: Called,
    ) -> Result<Option<PaymentResult>, GatewayError> {
        self.taken().await?;
        let books = self.books();
        let Some(deed) = books.charges.get(&charge.idempotency_key) else { return Ok(None) };
        Ok(Self::found(deed)?.map(|said| charged(deed, said)))
    }

    async fn refund(&self, refund: &GiveBack) -> Result<RefundResult, GatewayError> {
        self.taken().await?;
        let key = &refund.idempotency_key;
        let new = || Deed {
            number: refund.refund,
            attempt: refund.attempt,
            ..self.begin("re", refund.amount.minor(), refund.currency, key)
        };
        let mut books = self.books();
        let deed = books.refunds.entry(key.clone()).or_insert_with(new);
        deed.calls += 1;
        Ok(given_back(deed, self.answer(deed)?))
    }

    async fn find_refund(&self, refund: &GiveBack) -> Result<Option<RefundResult>, GatewayError> {
        self.taken().await?;
        let books = self.books();
        let Some(deed) = books.refunds.get(&refund.idempotency_key) else { return Ok(None) };
        Ok(Self::found(deed)?.map(|said| given_back(deed, said)))
    }

    async fn look_up(&self, name: &Token) -> Result<Option<News>, GatewayError> {
        self.taken().await?;
        let books = self.books();
        let named = |deed: &&Deed| deed.name == *name;
        if let Some(deed) = books.charges.values().find(named) {
            let (order_id, attempt) = (deed.order_id, deed.attempt);
            let result = Self::found(deed)?.map(|said| charged(deed, said));
            return Ok(result.map(|result| News::Charge { order_id, attempt, result }));
        }
        let Some(deed) = books.refunds.values().find(named) else { return Ok(None) };
        let (order_id, refund, attempt) = (deed.order_id, deed.number, deed.attempt);
        let result = Self::found(deed)?.map(|said| given_back(deed, said));
        Ok(result.map(|result| News::Refund { order_id, refund, attempt, result }))
    }

    async fn list(
        &self,
        _: Timestamp,
        _: Timestamp,
        _: Option<&str>,
    ) -> Result<Page, GatewayError> {
        Ok(Page::default())
    }

    fn hear(
        &self,
        _: &dyn Fn(&str) -> Option<String>,
        _: &[u8],
        _: Timestamp,
    ) -> Result<Hint, BadWebhook> {
        Err(BadWebhook::Unexpected)
    }

    async fn check(&self) -> Result<(), GatewayError> {
        Ok(())
    }
}
