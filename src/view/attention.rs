//! What a human must look at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Address, AttentionResolved, Event, ItemKind, Recorded, Timestamp};

/// One item of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttentionItem {
    /// `poison`, `shortage`, `amount_mismatch`, `payment_unknown`, `refund_failed`,
    /// `refund_unknown`, `refund_mismatch`, `view_differs` or `log_violation`; in older logs also
    /// `late_payment` and `double_capture`.
    pub kind: String,
    /// What it is about: an order, a SKU, or the address of the event.
    pub id: String,
    /// What a person needs to know.
    pub reason: String,
    /// Who sent the command it came of.
    pub source: String,
    /// When.
    pub raised_at_ms: Timestamp,
    /// The commit that raised it.
    pub event_seq: u64,
    /// The event in it.
    pub event_index: u32,
    /// The place of the command in the command stream, when it is one that was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_seq: Option<u64>,
    /// What somebody did about it; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolution>,
}

/// What was done about an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resolution {
    /// `retry` or `discard`.
    pub action: String,
    /// Who decided it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at_ms: Timestamp,
    /// The commit that says so.
    pub event_seq: u64,
}

impl AttentionItem {
    /// The item after somebody did something about it.
    #[must_use]
    pub fn resolved(self, at: Address, made: Timestamp, resolved: &AttentionResolved) -> Self {
        let resolution = Resolution {
            action: resolved.action.name().to_owned(),
            by: resolved.by.to_string(),
            reason: resolved.reason.to_string(),
            at_ms: made,
            event_seq: at.sequence.0,
        };
        Self { resolved: Some(resolution), ..self }
    }
}

/// The item an event raises; none for most.
#[must_use]
pub fn item(at: Address, made: Timestamp, record: &Recorded) -> Option<AttentionItem> {
    let (kind, id, reason) = match &record.event {
        Event::AttentionRaised(raised) => {
            (raised.kind.into(), raised.order_id.to_string(), raised.reason.to_string())
        }
        Event::FindingReported(found) => {
            (found.kind.into(), found.id.to_string(), found.reason.to_string())
        }
        Event::ShortageFound(shortage) => {
            let orders: Vec<_> = shortage.orders.iter().map(ToString::to_string).collect();
            let reason = format!(
                "{} promised units do not exist; latest orders: {}",
                shortage.missing,
                orders.join(", ")
            );
            (ItemKind::Shortage, shortage.sku.to_string(), reason)
        }
        Event::CommandRejected(rejected) if rejected.refusal.is_poison() => {
            let id = format!("{}-{}", at.sequence, at.index);
            (ItemKind::Poison, id, format!("{}: {}", rejected.kind, rejected.refusal))
        }
        Event::CommandRejected(_)
        | Event::Opened(_)
        | Event::SkuListed(_)
        | Event::SkuRepriced(_)
        | Event::SkuDelisted(_)
        | Event::StockReceived(_)
        | Event::StockAdjusted(_)
        | Event::OrderPlaced(_)
        | Event::OrderRejected(_)
        | Event::StockReserved(_)
        | Event::StockDeducted(_)
        | Event::StockReleased(_)
        | Event::PaymentCaptured(_)
        | Event::PaymentFailed(_)
        | Event::PaymentUnknown(_)
        | Event::PaymentRequested(_)
        | Event::PaymentAbandoned(_)
        | Event::PaymentNoted(_)
        | Event::OrderConfirmed(_)
        | Event::CancelRequested(_)
        | Event::HoldExpired(_)
        | Event::OrderCancelled(_)
        | Event::OrderFulfilled(_)
        | Event::StockReturned(_)
        | Event::OrderReinstated(_)
        | Event::ReturnReceived(_)
        | Event::RefundRequested(_)
        | Event::PaymentRefunded(_)
        | Event::RefundFailed(_)
        | Event::RefundUnknown(_)
        | Event::RefundNoted(_)
        | Event::AttentionResolved(_) => return None,
    };
    let command_seq = if let Event::CommandRejected(rejected) = &record.event {
        rejected.command_seq
    } else {
        None
    };
    Some(AttentionItem {
        kind: kind.name().to_owned(),
        id,
        reason,
        source: record.source.to_string(),
        raised_at_ms: made,
        event_seq: at.sequence.0,
        event_index: at.index,
        command_seq,
        resolved: None,
    })
}
