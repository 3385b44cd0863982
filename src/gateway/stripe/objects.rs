//! The provider's objects, as far as we read them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::amount::from_provider;
use crate::domain::{Amount, Currency, OrderId, Timestamp, Token};

/// What we write on every object of ours, and find it by.
pub(super) mod field {
    /// The order.
    pub(crate) const ORDER: &str = "kassa_order";
    /// Which attempt.
    pub(crate) const ATTEMPT: &str = "kassa_attempt";
    /// The attempt's idempotency key.
    pub(crate) const KEY: &str = "kassa_key";
    /// Which refund of the order.
    pub(crate) const REFUND: &str = "kassa_refund";
}

pub(super) type Metadata = BTreeMap<String, String>;

/// A payment.
#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: String,
    /// None is not nothing: it is not known.
    #[serde(default)]
    pub(super) amount_received: Option<u64>,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) created: u64,
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) last_payment_error: Option<Problem>,
}

/// A refund.
#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) status: Option<String>,
    pub(super) amount: u64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) created: u64,
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) failure_reason: Option<String>,
}

/// What the account holds: asked for to see whether it is ours.
#[derive(Debug, Deserialize)]
pub(super) struct Balance {
    pub(super) object: String,
}

/// What went wrong, in the provider's words.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Problem {
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) decline_code: Option<String>,
    #[serde(default)]
    pub(super) advice_code: Option<String>,
    #[serde(default)]
    pub(super) param: Option<String>,
}

/// An answer that is an error.
#[derive(Debug, Deserialize)]
pub(super) struct Failed {
    pub(super) error: Problem,
}

/// A part of a list, or of what a search found.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// Anything with an id and the words we wrote on it.
pub(super) trait Ours {
    fn metadata(&self) -> &Metadata;

    fn id(&self) -> &str;

    /// The order it is for; none when it is not ours.
    fn order(&self) -> Option<OrderId> {
        self.number(field::ORDER)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.metadata().get(name)?.parse().ok()
    }

    fn has_key(&self, key: &Token) -> bool {
        self.metadata().get(field::KEY).map(String::as_str) == Some(key.as_str())
    }
}

impl Ours for Intent {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn id(&self) -> &str {
        &self.id
    }
}

impl Ours for Refund {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// A sum in the provider's words as one of ours; none when it is none.
pub(super) fn sum(minor: u64, code: &str) -> Option<(Amount, Currency)> {
    let currency = Currency::from_code(&code.to_ascii_uppercase())?;
    Some((from_provider(minor, currency)?, currency))
}

/// A moment in the provider's seconds.
pub(super) const fn moment(seconds: u64) -> Timestamp {
    Timestamp(seconds.saturating_mul(1_000))
}
