//! Payments that are owed: asked for in the log, and not yet answered there.

use serde::{Deserialize, Serialize};

use crate::domain::{
    Amount, Currency, Event, OrderId, Recorded, Sequence, Timestamp, Token, TraceParent,
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
    /// Nothing more is owed for the order: the answer is in the log, or the order is off.
    Settled(OrderId),
}

/// What an event does to what is owed; nothing for most.
#[must_use]
pub fn change(sequence: Sequence, record: &Recorded) -> Option<OwedChange> {
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
                trace: record.trace.clone(),
                event_seq: sequence,
            })))
        }
        Event::PaymentCaptured(captured) => Some(OwedChange::Settled(captured.order_id)),
        Event::OrderCancelled(off) => Some(OwedChange::Settled(off.order_id)),
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
        | Event::PaymentAbandoned(_)
        | Event::PaymentNoted(_)
        | Event::OrderConfirmed(_)
        | Event::CancelRequested(_)
        | Event::HoldExpired(_)
        | Event::OrderFulfilled(_)
        | Event::CommandRejected(_)
        | Event::AttentionRaised(_) => None,
    }
}
