//! The simulated provider's own books: an append-only file, for checking from outside.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::{Amount, Currency, OrderId, PaymentResult, RefundResult, Timestamp, Token};
use crate::port::{Moved, Movement};

/// One call that was carried out. There is one line for each idempotency key, however often it was
/// called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LedgerLine {
    /// Money was asked for.
    Charge(ChargeLine),
    /// Money was to go back.
    Refund(RefundLine),
}

/// See [`LedgerLine::Charge`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeLine {
    /// What makes the charge unique.
    pub idempotency_key: Token,
    /// The order it was for.
    pub order_id: OrderId,
    /// Which attempt of the order.
    pub attempt: u8,
    /// Units: minor units of `currency`.
    pub amount_minor: Amount,
    /// In which currency.
    pub currency: Currency,
    /// What came of it.
    pub result: PaymentResult,
    /// When.
    pub at_ms: Timestamp,
}

/// See [`LedgerLine::Refund`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundLine {
    /// What makes the refund unique.
    pub idempotency_key: Token,
    /// The order it was for.
    pub order_id: OrderId,
    /// Which refund of the order.
    pub refund: u16,
    /// Which attempt at it.
    pub attempt: u8,
    /// The payment it was taken from.
    pub capture_ref: Token,
    /// Units: minor units of `currency`.
    pub amount_minor: Amount,
    /// In which currency.
    pub currency: Currency,
    /// What came of it.
    pub result: RefundResult,
    /// When.
    pub at_ms: Timestamp,
}

impl LedgerLine {
    const fn key(&self) -> &Token {
        match self {
            Self::Charge(line) => &line.idempotency_key,
            Self::Refund(line) => &line.idempotency_key,
        }
    }

    /// The money that moved by it, when any did.
    #[must_use]
    pub fn moved(&self) -> Option<Moved> {
        match self {
            Self::Charge(line) => {
                let PaymentResult::Captured { amount_minor, currency, provider_ref } = &line.result
                else {
                    return None;
                };
                Some(Moved {
                    movement: Movement::Captured,
                    provider_ref: provider_ref.clone(),
                    order_id: Some(line.order_id),
                    amount: *amount_minor,
                    currency: *currency,
                    at: line.at_ms,
                })
            }
            Self::Refund(line) => {
                let RefundResult::Refunded { provider_ref } = &line.result else { return None };
                Some(Moved {
                    movement: Movement::Refunded,
                    provider_ref: provider_ref.clone(),
                    order_id: Some(line.order_id),
                    amount: line.amount_minor,
                    currency: line.currency,
                    at: line.at_ms,
                })
            }
        }
    }
}

/// The books cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the gateway's ledger {file}")]
pub struct LedgerError {
    file: PathBuf,
    #[source]
    source: std::io::Error,
}

/// The file, and which keys are in it.
#[derive(Debug)]
pub(super) struct Ledger {
    file: PathBuf,
    out: File,
    /// Hashes of keys: a provider remembers them, and this one for ever.
    known: HashSet<u64>,
}

impl Ledger {
    pub(super) fn open(file: &Path) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError { file: file.to_path_buf(), source };
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let out = OpenOptions::new().create(true).append(true).open(file).map_err(failed)?;
        let mut ledger = Self { file: file.to_path_buf(), out, known: HashSet::new() };
        for line in ledger.lines()? {
            ledger.known.insert(hash(line.key()));
        }
        Ok(ledger)
    }

    /// Whether a call was booked.
    pub(super) fn knows(&self, key: &Token) -> bool {
        self.known.contains(&hash(key))
    }

    /// Books a call, once.
    pub(super) fn book(&mut self, line: &LedgerLine) -> Result<(), LedgerError> {
        if !self.known.insert(hash(line.key())) {
            return Ok(());
        }
        let written =
            serde_json::to_vec(line).map_err(std::io::Error::from).and_then(|mut text| {
                text.push(b'\n');
                self.out.write_all(&text)
            });
        written.map_err(|source| LedgerError { file: self.file.clone(), source })
    }

    /// Every line, in the order in which they were booked.
    pub(super) fn lines(&self) -> Result<Vec<LedgerLine>, LedgerError> {
        let failed = |source| LedgerError { file: self.file.clone(), source };
        let mut lines = Vec::new();
        for line in BufReader::new(File::open(&self.file).map_err(failed)?).lines() {
            // A line that was cut by a crash was never answered.
            lines.extend(serde_json::from_str::<LedgerLine>(&line.map_err(failed)?));
        }
        Ok(lines)
    }
}

fn hash(key: &Token) -> u64 {
    let hash = blake3::hash(key.as_str().as_bytes());
    let mut short = [0; 8];
    for (to, from) in short.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    u64::from_le_bytes(short)
}
