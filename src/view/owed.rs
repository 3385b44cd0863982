//! Payments that are owed: asked for in the log, and not yet answered there.

use serde::{Deserialize, Serialize};

use crate::domain::{
    Amount, Currency, Event, OrderId, PaymentResult, Recorded, Retry, Sequence, Timestamp, Token,
    TraceParent,
};

/// One attempt that somebody has to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// The order.
    pub order_id: OrderId,
    /// Which attempt.
    pub attempt: u8,
    /// What makes a repeated call the same payment.
    pub idempotency_key: Token,
    /// Units: minor units of `currency`.
    pub amount_minor: Amount,
    /// In which currency.
    pub currency: Currency,
    /// What to charge.
    pub payment_method_token: Token,
    /// When it was asked for.
    pub asked_at_ms: Timestamp,
    /// Not before this; at once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<Timestamp>,
    /// The order is off: nothing is charged for it any more, and what was charged is found out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
    /// The trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
    /// The commit that asked for it.
    pub event_seq: Sequence,
}

/// What an event does to what is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwedChange {
    /// An attempt is asked for.
    Asked(Box<Owed>),
    /// The attempt before failed, and this one follows it.
    Again(OrderId, Retry),
    /// Nothing is owed for the order now: the answer is in the log, or the buyer is asked.
    Settled(OrderId),
    /// The order is off. What was asked for may have been charged.
    Off(OrderId),
    /// What became of this attempt is in the log.
    Told(OrderId, u8),
}

/// What an event does to what is owed; nothing for most.
#[must_use]
pub fn change((sequence, made): (Sequence, Timestamp), record: &Recorded) -> Option<OwedChange> {
    match &record.event {
        Event::OrderPlaced(placed) => {
            let request = placed.payment.as_ref()?;
            Some(OwedChange::Asked(Box::new(Owed {
                order_id: placed.order_id,
                attempt: request.attempt,
                idempotency_key: request.idempotency_key.clone(),
                amount_minor: placed.total_minor,
                currency: placed.currency,
                payment_method_token: placed.payment_method_token.clone(),
                asked_at_ms: placed.asked_at,
                not_before_ms: None,
                off: false,
                trace: record.trace.clone(),
                event_seq: sequence,
            })))
        }
        Event::PaymentRequested(requested) => Some(OwedChange::Asked(Box::new(Owed {
            order_id: requested.order_id,
            attempt: requested.payment.attempt,
            idempotency_key: requested.payment.idempotency_key.clone(),
            amount_minor: requested.amount_minor,
            currency: requested.currency,
            payment_method_token: requested.payment_method_token.clone(),
            asked_at_ms: made,
            not_before_ms: None,
            off: false,
            trace: record.trace.clone(),
            event_seq: sequence,
        }))),
        Event::PaymentFailed(failed) => Some(match &failed.retry {
            Some(retry) => OwedChange::Again(failed.order_id, retry.clone()),
            None => OwedChange::Settled(failed.order_id),
        }),
        Event::PaymentCaptured(captured) => Some(OwedChange::Settled(captured.order_id)),
        Event::PaymentAbandoned(abandoned) => Some(OwedChange::Settled(abandoned.order_id)),
        Event::PaymentNoted(noted) => match noted.result {
            PaymentResult::Unknown => None,
            PaymentResult::Captured { .. }
            | PaymentResult::Declined { .. }
            | PaymentResult::Failed { .. } => Some(OwedChange::Told(noted.order_id, noted.attempt)),
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
        | Event::PaymentUnknown(_)
        | Event::OrderConfirmed(_)
        | Event::CancelRequested(_)
        | Event::HoldExpired(_)
        | Event::OrderFulfilled(_)
        | Event::CommandRejected(_)
        | Event::AttentionRaised(_) => None,
    }
}
