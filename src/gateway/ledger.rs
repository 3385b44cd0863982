//! The simulated provider's own books: an append-only file, for checking from outside.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::{Amount, Currency, OrderId, PaymentResult, Token};

/// One charge. There is one line for each idempotency key, however often it was called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerLine {
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
        let out = OpenOptions::new().create(true).append(true).read(true).open(file);
        let out = out.map_err(failed)?;
        let mut known = HashSet::new();
        for line in BufReader::new(&out).lines() {
            // A line that was cut by a crash was never answered.
            let line: Result<LedgerLine, _> = serde_json::from_str(&line.map_err(failed)?);
            known.extend(line.ok().map(|line| hash(&line.idempotency_key)));
        }
        Ok(Self { file: file.to_path_buf(), out, known })
    }

    /// Whether a charge was booked.
    pub(super) fn knows(&self, key: &Token) -> bool {
        self.known.contains(&hash(key))
    }

    /// Books a charge, once.
    pub(super) fn book(&mut self, line: &LedgerLine) -> Result<(), LedgerError> {
        if !self.known.insert(hash(&line.idempotency_key)) {
            return Ok(());
        }
        let written =
            serde_json::to_vec(line).map_err(std::io::Error::from).and_then(|mut text| {
                text.push(b'\n');
                self.out.write_all(&text)
            });
        written.map_err(|source| LedgerError { file: self.file.clone(), source })
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
