//! What a human must look at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::owed::Debt;
use crate::domain::{
    Address, AttentionResolved, Event, ItemKind, OrderId, PaymentResult, Recorded, Timestamp,
};

/// One item of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttentionItem {
    /// `poison`, `shortage`, `amount_mismatch`, `payment_unknown`, `refund_failed`,
    /// `refund_unknown`, `refund_mismatch`, `view_differs`, `log_violation` or
    /// `connector_misconfigured`; in older logs also `late_payment` and `double_capture`.
    pub kind: String,
    /// What it is about: an order, a refund of it (`-r` and its number behind the order), a SKU, a
    /// view, a connector, or the address of the event.
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
    /// Which attempt to take the money of an order, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u8>,
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
    /// `retry` or `discard`; `settled` when nobody had to do anything about it.
    pub action: String,
    /// Who decided it, or whose command settled it.
    pub by: String,
    /// Why, or the event that settled it.
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

    /// The item after an event that leaves nothing to do about it.
    #[must_use]
    pub fn settled(self, at: Address, made: Timestamp, record: &Recorded) -> Self {
        let resolution = Resolution {
            action: "settled".to_owned(),
            by: record.source.to_string(),
            reason: record.event.kind().to_owned(),
            at_ms: made,
            event_seq: at.sequence.0,
        };
        Self { resolved: Some(resolution), ..self }
    }
}

/// An order, or a refund of it.
fn about(order_id: OrderId, refund: Option<u16>) -> String {
    refund.map_or_else(|| order_id.to_string(), |refund| Debt::refund(order_id, refund).to_string())
}

/// Items that nobody has to look at any more once an event has happened, as kind and id; of an
/// attempt only when the item is of that one.
#[must_use]
pub fn settled_by(event: &Event) -> Vec<(ItemKind, String, Option<u8>)> {
    let payment =
        |order_id, attempt| vec![(ItemKind::PaymentUnknown, about(order_id, None), Some(attempt))];
    let refund = |kinds: &[ItemKind], order_id, refund| {
        kinds.iter().map(|kind| (*kind, about(order_id, Some(refund)), None)).collect()
    };
    if let Event::PaymentCaptured(e) = event {
        vec![
            // Whichever it was: the order is settled by it, one way or the other.
            (ItemKind::PaymentUnknown, about(e.order_id, None), None),
            // Whoever takes money is set up for it.
            (ItemKind::ConnectorMisconfigured, e.connector.to_string(), None),
        ]
    } else if let Event::PaymentNoted(e) = event
        && e.result != PaymentResult::Unknown
    {
        payment(e.order_id, e.attempt)
    } else if let Event::PaymentRefunded(e) = event {
        refund(&[ItemKind::RefundUnknown, ItemKind::RefundFailed], e.order_id, e.refund)
    } else if let Event::RefundFailed(e) = event {
        refund(&[ItemKind::RefundUnknown], e.order_id, e.refund)
    } else {
        Vec::new()
    }
}

/// The item an event raises; none for most.
#[must_use]
pub fn item(at: Address, made: Timestamp, record: &Recorded) -> Option<AttentionItem> {
    let (kind, id, reason) = match &record.event {
        Event::AttentionRaised(raised) => {
            let id = about(raised.order_id, raised.refund);
            (raised.kind.into(), id, raised.reason.to_string())
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
    let (mut command_seq, mut attempt) = (None, None);
    if let Event::CommandRejected(rejected) = &record.event {
        command_seq = rejected.command_seq;
    } else if let Event::AttentionRaised(raised) = &record.event {
        attempt = raised.attempt;
    }
    Some(AttentionItem {
        kind: kind.name().to_owned(),
        id,
        reason,
        source: record.source.to_string(),
        raised_at_ms: made,
        event_seq: at.sequence.0,
        event_index: at.index,
        attempt,
        command_seq,
        resolved: None,
    })
}
