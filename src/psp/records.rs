//! What the provider remembers, and the lines in which it writes that down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decline::Decline;

/// Names and values that the caller attached.
pub(super) type Metadata = BTreeMap<String, String>;

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    Succeeded,
    Canceled,
}

impl IntentStatus {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }
}

/// A payment. Units: minor units of `currency`, milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) amount: u64,
    pub(super) amount_received: u64,
    pub(super) currency: String,
    pub(super) status: IntentStatus,
    pub(super) payment_method: Option<String>,
    pub(super) payment_method_types: Vec<String>,
    pub(super) description: Option<String>,
    pub(super) metadata: Metadata,
    pub(super) created_ms: u64,
    pub(super) canceled_ms: Option<u64>,
    pub(super) cancellation_reason: Option<String>,
    pub(super) last_error: Option<Decline>,
    pub(super) latest_charge: Option<String>,
}

/// Where a charge or a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Settlement {
    Pending,
    Succeeded,
    Failed,
}

impl Settlement {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// One attempt at a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) intent: String,
    pub(super) amount: u64,
    pub(super) amount_refunded: u64,
    pub(super) currency: String,
    pub(super) status: Settlement,
    pub(super) payment_method: String,
    pub(super) failure: Option<Decline>,
    pub(super) description: Option<String>,
    pub(super) metadata: Metadata,
    pub(super) created_ms: u64,
}

/// Money on its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) intent: String,
    pub(super) charge: String,
    pub(super) amount: u64,
    pub(super) currency: String,
    pub(super) status: Settlement,
    pub(super) failure_reason: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) metadata: Metadata,
    pub(super) created_ms: u64,
    /// Said to have succeeded, and will fail.
    pub(super) fails_later: bool,
}

/// Something that is not at its end yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Intent(String),
    Refund(String),
}

impl Open {
    pub(super) fn of_intent(intent: &Intent) -> Option<Self> {
        (intent.status == IntentStatus::Processing).then(|| Self::Intent(intent.id.clone()))
    }

    pub(super) fn of_refund(refund: &Refund) -> Option<Self> {
        let open = match refund.status {
            Settlement::Pending => true,
            Settlement::Succeeded => refund.fails_later,
            Settlement::Failed => false,
        };
        open.then(|| Self::Refund(refund.id.clone()))
    }
}

/// What a line of the ledger is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// A payment was made known; no money was asked for.
    Created,
    /// Money came.
    Capture,
    /// It did not.
    Decline,
    /// It may come later.
    Processing,
    /// The customer has to do something.
    Action,
    /// The payment was called off.
    Canceled,
    /// Money went back.
    Refund,
    /// It will go back.
    RefundPending,
    /// It did not, or came back again.
    RefundFailed,
    /// Nothing came of it; only the answer is kept.
    Refused,
}

/// Something that happened, told to whoever listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EventName {
    pub(super) id: String,
    /// For example `payment_intent.succeeded`.
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// The answer that is given again for the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    /// Which endpoint was called.
    pub(super) endpoint: String,
    /// What it was called with.
    pub(super) fingerprint: String,
    pub(super) status: u16,
    pub(super) body: String,
    /// Which request it was.
    pub(super) request: String,
}

/// One line of the ledger: a change, everything it changed, and the answer, so that none of them
/// is ever there without the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) what: What,
    /// The payment or the refund; empty when nothing came of the call.
    pub(super) id: String,
    pub(super) at_ms: u64,
    /// The idempotency key of the call.
    pub(super) key: Option<String>,
    /// Units: minor units of `currency`.
    pub(super) amount: u64,
    pub(super) currency: String,
    /// Why it was declined, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    pub(super) metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) intent: Option<Intent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) charge: Option<Charge>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refund: Option<Refund>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<EventName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) saved: Option<Saved>,
}

impl Line {
    /// A line about a payment.
    pub(super) fn of_intent(
        what: What,
        at_ms: u64,
        intent: Intent,
        charge: Option<Charge>,
    ) -> Self {
        let amount = match what {
            What::Capture => intent.amount_received,
            What::Created
            | What::Decline
            | What::Processing
            | What::Action
            | What::Canceled
            | What::Refund
            | What::RefundPending
            | What::RefundFailed
            | What::Refused => intent.amount,
        };
        let code = intent.last_error.as_ref().map(|decline| decline.reason().to_owned());
        Self {
            what,
            id: intent.id.clone(),
            at_ms,
            key: None,
            amount,
            currency: intent.currency.clone(),
            code: code.filter(|_| matches!(what, What::Decline)),
            metadata: intent.metadata.clone(),
            intent: Some(intent),
            charge,
            refund: None,
            events: Vec::new(),
            saved: None,
        }
    }

    /// A line about a refund.
    pub(super) fn of_refund(what: What, at_ms: u64, refund: Refund, charge: Charge) -> Self {
        Self {
            what,
            id: refund.id.clone(),
            at_ms,
            key: None,
            amount: refund.amount,
            currency: refund.currency.clone(),
            code: refund.failure_reason.clone(),
            metadata: refund.metadata.clone(),
            intent: None,
            charge: Some(charge),
            refund: Some(refund),
            events: Vec::new(),
            saved: None,
        }
    }

    /// A line that only keeps an answer.
    pub(super) fn of_answer(at_ms: u64) -> Self {
        Self {
            what: What::Refused,
            id: String::new(),
            at_ms,
            key: None,
            amount: 0,
            currency: String::new(),
            code: None,
            metadata: Metadata::new(),
            intent: None,
            charge: None,
            refund: None,
            events: Vec::new(),
            saved: None,
        }
    }

    /// Which event tells it, if one does.
    pub(super) const fn told_as(&self) -> &'static [&'static str] {
        match self.what {
            What::Capture => &["payment_intent.succeeded"],
            What::Decline => &["payment_intent.payment_failed"],
            What::Processing => &["payment_intent.processing"],
            What::Action => &["payment_intent.requires_action"],
            What::Canceled => &["payment_intent.canceled"],
            What::Created => &["payment_intent.created"],
            What::Refund => &["charge.refunded", "refund.updated"],
            What::RefundPending => &["refund.created"],
            What::RefundFailed => &["refund.updated", "refund.failed"],
            What::Refused => &[],
        }
    }
}
