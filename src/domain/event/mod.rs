//! Facts. Never changed, never deleted.
//!
//! The shape of an event is for ever: a field may be added with a default, nothing else. A field
//! that changes its meaning is a new version, with an upcaster in `wire`.

mod market;
mod money;
mod orders;
mod shelf;

use schemars::JsonSchema;

use super::{CommandId, Fingerprint, OrderId, Sku, Source, TraceParent};

pub use market::{
    AttentionAction, AttentionKind, AttentionRaised, AttentionResolved, CommandRejected,
    FindingKind, FindingReported, Follows, ItemKind, Opened,
};
pub use money::{
    PaymentAbandoned, PaymentCaptured, PaymentFailed, PaymentNoted, PaymentRefunded,
    PaymentRequested, PaymentUnknown, RefundFailed, RefundNoted, RefundReason, RefundRequested,
    RefundUnknown, Retry,
};
pub use orders::{
    CancelReason, CancelRequested, HoldExpired, OrderCancelled, OrderConfirmed, OrderFulfilled,
    OrderPlaced, OrderReinstated, OrderRejected, ReturnReceived, StockHeld,
};
pub use shelf::{ShortageFound, SkuDelisted, SkuListed, SkuRepriced, StockAdjusted, StockReceived};

/// One event with what every event carries: its cause, and who asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What happened.
    pub event: Event,
    /// The command it came of; none for what the committer does by itself, and for commands whose
    /// id could not be read.
    pub cause: Option<CommandId>,
    /// Who sent the command.
    pub source: Source,
    /// What the command's body was; on the first event of a command only.
    pub body: Option<Fingerprint>,
    /// The trace the command came in, when somebody keeps it.
    pub trace: Option<TraceParent>,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
pub enum Event {
    /// A committer opened the market; what follows is written by it alone.
    Opened(Opened),
    /// A SKU is offered.
    SkuListed(SkuListed),
    /// A SKU costs something else from now on.
    SkuRepriced(SkuRepriced),
    /// A SKU is no longer offered.
    SkuDelisted(SkuDelisted),
    /// Units came in.
    StockReceived(StockReceived),
    /// A count or a correction changed how many units there are.
    StockAdjusted(StockAdjusted),
    /// Promised units turned out not to exist.
    ShortageFound(ShortageFound),
    /// An order was placed; its stock is reserved in the same commit.
    OrderPlaced(OrderPlaced),
    /// An order was refused for a business reason; its id is used up.
    OrderRejected(OrderRejected),
    /// Units were promised to an order.
    StockReserved(StockHeld),
    /// Promised units became the buyer's.
    StockDeducted(StockHeld),
    /// A promise was taken back.
    StockReleased(StockHeld),
    /// Units that were the buyer's are on the shelf again.
    StockReturned(StockHeld),
    /// The money is ours.
    PaymentCaptured(PaymentCaptured),
    /// An attempt failed, and it was not the last: another follows, or the buyer is asked.
    PaymentFailed(PaymentFailed),
    /// An attempt was made, and nobody can say what became of it.
    PaymentUnknown(PaymentUnknown),
    /// Another attempt is asked for, with what the buyer gave.
    PaymentRequested(PaymentRequested),
    /// No attempt will follow.
    PaymentAbandoned(PaymentAbandoned),
    /// News of a payment that changes nothing any more.
    PaymentNoted(PaymentNoted),
    /// Paid, and the goods are the buyer's.
    OrderConfirmed(OrderConfirmed),
    /// Somebody asked to call the order off.
    CancelRequested(CancelRequested),
    /// The deadline of a hold passed without money.
    HoldExpired(HoldExpired),
    /// The order is off.
    OrderCancelled(OrderCancelled),
    /// Goods have left: all that was still to leave, or some of it.
    OrderFulfilled(OrderFulfilled),
    /// An order that was off goes on: its money came late, and its goods are still there.
    OrderReinstated(OrderReinstated),
    /// Goods came back and were looked at.
    ReturnReceived(ReturnReceived),
    /// Money is to be given back.
    RefundRequested(RefundRequested),
    /// Money was given back.
    PaymentRefunded(PaymentRefunded),
    /// An attempt to give money back failed: another follows, or it is given up.
    RefundFailed(RefundFailed),
    /// An attempt to give money back was made, and nobody can say what became of it.
    RefundUnknown(RefundUnknown),
    /// News of a refund that changes nothing any more.
    RefundNoted(RefundNoted),
    /// A command was refused.
    CommandRejected(CommandRejected),
    /// Something that a human must look at.
    AttentionRaised(AttentionRaised),
    /// Whoever checks the shop found something that a human must look at.
    FindingReported(FindingReported),
    /// A human has looked at something, and said what is done about it.
    AttentionResolved(AttentionResolved),
}

impl Event {
    /// The name of its type on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Opened(_) => "opened",
            Self::SkuListed(_) => "sku_listed",
            Self::SkuRepriced(_) => "sku_repriced",
            Self::SkuDelisted(_) => "sku_delisted",
            Self::StockReceived(_) => "stock_received",
            Self::StockAdjusted(_) => "stock_adjusted",
            Self::ShortageFound(_) => "shortage_found",
            Self::OrderPlaced(_) => "order_placed",
            Self::OrderRejected(_) => "order_rejected",
            Self::StockReserved(_) => "stock_reserved",
            Self::StockDeducted(_) => "stock_deducted",
            Self::StockReleased(_) => "stock_released",
            Self::StockReturned(_) => "stock_returned",
            Self::PaymentCaptured(_) => "payment_captured",
            Self::PaymentFailed(_) => "payment_failed",
            Self::PaymentUnknown(_) => "payment_unknown",
            Self::PaymentRequested(_) => "payment_requested",
            Self::PaymentAbandoned(_) => "payment_abandoned",
            Self::PaymentNoted(_) => "payment_noted",
            Self::OrderConfirmed(_) => "order_confirmed",
            Self::CancelRequested(_) => "cancel_requested",
            Self::HoldExpired(_) => "hold_expired",
            Self::OrderCancelled(_) => "order_cancelled",
            Self::OrderFulfilled(_) => "order_fulfilled",
            Self::OrderReinstated(_) => "order_reinstated",
            Self::ReturnReceived(_) => "return_received",
            Self::RefundRequested(_) => "refund_requested",
            Self::PaymentRefunded(_) => "payment_refunded",
            Self::RefundFailed(_) => "refund_failed",
            Self::RefundUnknown(_) => "refund_unknown",
            Self::RefundNoted(_) => "refund_noted",
            Self::CommandRejected(_) => "command_rejected",
            Self::AttentionRaised(_) => "attention_raised",
            Self::FindingReported(_) => "finding_reported",
            Self::AttentionResolved(_) => "attention_resolved",
        }
    }

    /// The order it is about, when it is about one.
    #[must_use]
    pub const fn order_id(&self) -> Option<OrderId> {
        match self {
            Self::OrderPlaced(e) => Some(e.order_id),
            Self::OrderRejected(e) => Some(e.order_id),
            Self::StockReserved(e)
            | Self::StockDeducted(e)
            | Self::StockReleased(e)
            | Self::StockReturned(e) => Some(e.order_id),
            Self::PaymentCaptured(e) => Some(e.order_id),
            Self::PaymentFailed(e) => Some(e.order_id),
            Self::PaymentUnknown(e) => Some(e.order_id),
            Self::PaymentRequested(e) => Some(e.order_id),
            Self::PaymentAbandoned(e) => Some(e.order_id),
            Self::PaymentNoted(e) => Some(e.order_id),
            Self::OrderConfirmed(e) => Some(e.order_id),
            Self::CancelRequested(e) => Some(e.order_id),
            Self::HoldExpired(e) => Some(e.order_id),
            Self::OrderCancelled(e) => Some(e.order_id),
            Self::OrderFulfilled(e) => Some(e.order_id),
            Self::OrderReinstated(e) => Some(e.order_id),
            Self::ReturnReceived(e) => Some(e.order_id),
            Self::RefundRequested(e) => Some(e.order_id),
            Self::PaymentRefunded(e) => Some(e.order_id),
            Self::RefundFailed(e) => Some(e.order_id),
            Self::RefundUnknown(e) => Some(e.order_id),
            Self::RefundNoted(e) => Some(e.order_id),
            Self::AttentionRaised(e) => Some(e.order_id),
            Self::Opened(_)
            | Self::SkuListed(_)
            | Self::SkuRepriced(_)
            | Self::SkuDelisted(_)
            | Self::StockReceived(_)
            | Self::StockAdjusted(_)
            | Self::ShortageFound(_)
            | Self::CommandRejected(_)
            | Self::FindingReported(_)
            | Self::AttentionResolved(_) => None,
        }
    }

    /// The order it concerns: the one it is about, or one about which a person decided something.
    #[must_use]
    pub fn concerns(&self) -> Option<OrderId> {
        if let Self::AttentionResolved(resolved) = self {
            return resolved.order_id();
        }
        self.order_id()
    }

    /// The SKU it is about, when it is about one.
    #[must_use]
    pub const fn sku(&self) -> Option<&Sku> {
        match self {
            Self::SkuListed(e) => Some(&e.sku),
            Self::SkuRepriced(e) => Some(&e.sku),
            Self::SkuDelisted(e) => Some(&e.sku),
            Self::StockReceived(e) => Some(&e.sku),
            Self::StockAdjusted(e) => Some(&e.sku),
            Self::ShortageFound(e) => Some(&e.sku),
            Self::StockReserved(e)
            | Self::StockDeducted(e)
            | Self::StockReleased(e)
            | Self::StockReturned(e) => Some(&e.sku),
            Self::Opened(_)
            | Self::OrderPlaced(_)
            | Self::OrderRejected(_)
            | Self::PaymentCaptured(_)
            | Self::PaymentFailed(_)
            | Self::PaymentUnknown(_)
            | Self::PaymentRequested(_)
            | Self::PaymentAbandoned(_)
            | Self::PaymentNoted(_)
            | Self::OrderConfirmed(_)
            | Self::CancelRequested(_)
            | Self::HoldExpired(_)
            | Self::OrderCancelled(_)
            | Self::OrderFulfilled(_)
            | Self::OrderReinstated(_)
            | Self::ReturnReceived(_)
            | Self::RefundRequested(_)
            | Self::PaymentRefunded(_)
            | Self::RefundFailed(_)
            | Self::RefundUnknown(_)
            | Self::RefundNoted(_)
            | Self::CommandRejected(_)
            | Self::AttentionRaised(_)
            | Self::FindingReported(_)
            | Self::AttentionResolved(_) => None,
        }
    }
}
