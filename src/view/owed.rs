//! What the provider is owed a call for: asked for in the log, and not yet answered there.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{
    Amount, Currency, Event, OrderId, PaymentResult, Recorded, RefundResult, Retry, Sequence,
    Timestamp, Token, TraceParent,
};

/// One attempt that somebody has to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Owed {
    /// The order.
    pub order_id: OrderId,
    /// Which attempt.
    pub attempt: u8,
    /// What makes a repeated call the same one.
    pub idempotency_key: Token,
    /// Units: minor units of `currency`.
    pub amount_minor: Amount,
    /// In which currency.
    pub currency: Currency,
    /// Which way the money goes.
    #[serde(flatten)]
    pub way: Way,
    /// When the money was asked for: by the first attempt.
    pub asked_at_ms: Timestamp,
    /// When this attempt's key was made; with the first attempt when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_made_at_ms: Option<Timestamp>,
    /// Not before this; at once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<Timestamp>,
    /// The order is off, or paid: nothing is charged for it any more, and what was charged is
    /// found out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
    /// The trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
    /// The commit that asked for it.
    pub event_seq: Sequence,
}

/// Which way money goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Way {
    /// To us.
    Charge {
        /// What to charge.
        payment_method_token: Token,
    },
    /// Back to the buyer.
    Refund {
        /// Which refund of the order.
        refund: u16,
        /// Who took it.
        connector: Token,
        /// The provider's name for the payment it is taken from.
        capture_ref: Token,
    },
}

/// What is owed a call: the money of an order, or one of its refunds.
///
/// Shape: the order's id, and for a refund `-r` and its number behind it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Debt {
    /// The order.
    pub order_id: OrderId,
    /// Which refund of it; none when money is to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<u16>,
}

impl Debt {
    /// The money of an order.
    #[must_use]
    pub const fn charge(order_id: OrderId) -> Self {
        Self { order_id, refund: None }
    }

    /// A refund of an order.
    #[must_use]
    pub const fn refund(order_id: OrderId, refund: u16) -> Self {
        Self { order_id, refund: Some(refund) }
    }
}

impl fmt::Display for Debt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.refund {
            None => write!(f, "{}", self.order_id),
            Some(refund) => write!(f, "{}-r{refund}", self.order_id),
        }
    }
}

impl Owed {
    /// When its key was made: no call under it is older.
    #[must_use]
    pub fn key_made_at(&self) -> Timestamp {
        self.key_made_at_ms.unwrap_or(self.asked_at_ms)
    }

    /// What it is an attempt at.
    #[must_use]
    pub const fn debt(&self) -> Debt {
        match self.way {
            Way::Charge { .. } => Debt::charge(self.order_id),
            Way::Refund { refund, .. } => Debt::refund(self.order_id, refund),
        }
    }
}

/// What an event does to what is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwedChange {
    /// An attempt is asked for.
    Asked(Box<Owed>),
    /// The attempt before failed, and this one follows it.
    Again(Debt, Retry),
    /// Nothing is owed now: the answer is in the log, or somebody is asked.
    Settled(Debt),
    /// The order is paid, by this attempt. Another that was asked for may have been charged.
    Paid(OrderId, u8),
    /// The order is off. What was asked for may have been charged.
    Off(OrderId),
    /// What became of this attempt is in the log.
    Told(Debt, u8),
}

/// What an event does to what is owed; nothing for most.
#[must_use]
pub fn change((sequence, made): (Sequence, Timestamp), record: &Recorded) -> Option<OwedChange> {
    let asked = |owed: Owed| Some(OwedChange::Asked(Box::new(owed)));
    match &record.event {
        Event::OrderPlaced(placed) => {
            let request = placed.payment.as_ref()?;
            asked(Owed {
                order_id: placed.order_id,
                attempt: request.attempt,
                idempotency_key: request.idempotency_key.clone(),
                amount_minor: placed.total_minor,
                currency: placed.currency,
                way: Way::Charge { payment_method_token: placed.payment_method_token.clone() },
                asked_at_ms: placed.asked_at,
                key_made_at_ms: None,
                not_before_ms: None,
                off: false,
                trace: record.trace.clone(),
                event_seq: sequence,
            })
        }
        Event::PaymentRequested(requested) => asked(Owed {
            order_id: requested.order_id,
            attempt: requested.payment.attempt,
            idempotency_key: requested.payment.idempotency_key.clone(),
            amount_minor: requested.amount_minor,
            currency: requested.currency,
            way: Way::Charge { payment_method_token: requested.payment_method_token.clone() },
            asked_at_ms: made,
            key_made_at_ms: None,
            not_before_ms: None,
            off: false,
            trace: record.trace.clone(),
            event_seq: sequence,
        }),
        Event::RefundRequested(requested) => asked(Owed {
            order_id: requested.order_id,
            attempt: requested.payment.attempt,
            idempotency_key: requested.payment.idempotency_key.clone(),
            amount_minor: requested.amount_minor,
            currency: requested.currency,
            way: Way::Refund {
                refund: requested.refund,
                connector: requested.connector.clone(),
                capture_ref: requested.capture_ref.clone(),
            },
            asked_at_ms: made,
            key_made_at_ms: None,
            not_before_ms: None,
            off: false,
            trace: record.trace.clone(),
            event_seq: sequence,
        }),
        Event::PaymentFailed(failed) => {
            Some(again(Debt::charge(failed.order_id), failed.retry.as_ref()))
        }
        Event::RefundFailed(failed) => {
            Some(again(Debt::refund(failed.order_id, failed.refund), failed.retry.as_ref()))
        }
        Event::PaymentCaptured(e) => Some(OwedChange::Paid(e.order_id, e.attempt)),
        Event::PaymentAbandoned(e) => Some(OwedChange::Settled(Debt::charge(e.order_id))),
        Event::PaymentRefunded(e) => Some(OwedChange::Settled(Debt::refund(e.order_id, e.refund))),
        Event::PaymentNoted(noted) => match noted.result {
            PaymentResult::Unknown => None,
            PaymentResult::Captured { .. }
            | PaymentResult::Declined { .. }
            | PaymentResult::Failed { .. } => {
                Some(OwedChange::Told(Debt::charge(noted.order_id), noted.attempt))
            }
        },
        Event::RefundNoted(noted) => match noted.result {
            RefundResult::Unknown => None,
            RefundResult::Refunded { .. }
            | RefundResult::Declined { .. }
            | RefundResult::Failed { .. } => {
                Some(OwedChange::Told(Debt::refund(noted.order_id, noted.refund), noted.attempt))
            }
        },
        Event::OrderCancelled(off) => Some(OwedChange::Off(off.order_id)),
        Event::Opened(_)
        | Event::SkuListed(_)
        | Event::SkuRepriced(_)
        | Event::SkuDelisted(_)
        | Event::StockReceived(_)
        | Event::StockAdjusted(_)
        | Event::ShortageFound(_)
        | Event::OrderRejected(_)
        | Event::StockReserved(_)
        | Event::StockDeducted(_)
        | Event::StockReleased(_)
        | Event::StockReturned(_)
        | Event::PaymentUnknown(_)
        | Event::RefundUnknown(_)
        | Event::OrderConfirmed(_)
        | Event::CancelRequested(_)
        | Event::HoldExpired(_)
        | Event::OrderFulfilled(_)
        | Event::OrderReinstated(_)
        | Event::ReturnReceived(_)
        | Event::CommandRejected(_)
        | Event::AttentionRaised(_)
        | Event::FindingReported(_)
        | Event::AttentionResolved(_) => None,
    }
}

fn again(debt: Debt, retry: Option<&Retry>) -> OwedChange {
    retry.map_or(OwedChange::Settled(debt), |retry| OwedChange::Again(debt, retry.clone()))
}
