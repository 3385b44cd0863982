//! Facts. Never changed, never deleted.
//!
//! The shape of an event is for ever: a field may be added with a default, nothing else. A field
//! that changes its meaning is a new version, with an upcaster in `wire`.

use serde::{Deserialize, Serialize};

use super::payment::{AttemptRequest, DeclineClass};
use super::stock::StockDelta;
use super::{
    Amount, CommandId, Currency, Fingerprint, OrderId, OrderLine, PaymentResult, Price, Quantity,
    Refusal, Sku, Source, Text, Timestamp, Token, TraceParent,
};

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
#[derive(Clone, Debug, PartialEq)]
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
    /// The money is ours.
    PaymentCaptured(PaymentCaptured),
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
    /// The goods have left.
    OrderFulfilled(OrderFulfilled),
    /// A command was refused.
    CommandRejected(CommandRejected),
    /// Something that a human must look at.
    AttentionRaised(AttentionRaised),
}

/// See [`Event::Opened`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Drawn anew for each opening, so that a committer that got no answer knows its own.
    pub nonce: Token,
    /// Version of the build that opened.
    pub build: Text,
}

/// See [`Event::SkuListed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuListed {
    /// The SKU.
    pub sku: Sku,
    /// What a person calls it.
    pub name: Text,
    /// Units: minor units of `currency`.
    pub unit_price_minor: Price,
    /// The only currency it is sold in.
    pub currency: Currency,
    /// Units one order may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_order_max: Option<Quantity>,
}

/// See [`Event::SkuRepriced`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuRepriced {
    /// The SKU.
    pub sku: Sku,
    /// Units: minor units of the currency it is listed in.
    pub unit_price_minor: Price,
}

/// See [`Event::SkuDelisted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuDelisted {
    /// The SKU.
    pub sku: Sku,
}

/// See [`Event::StockReceived`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReceived {
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub quantity: Quantity,
    /// The delivery.
    pub reference: Token,
}

/// See [`Event::StockAdjusted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockAdjusted {
    /// The SKU.
    pub sku: Sku,
    /// Units found or lost; zero for a count that agreed.
    pub delta: StockDelta,
    /// Why.
    pub reason: Text,
    /// The paper it is on; none for a count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Token>,
}

/// See [`Event::ShortageFound`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortageFound {
    /// The SKU.
    pub sku: Sku,
    /// Promised units that do not exist.
    pub missing: u64,
    /// The open orders whose promises cannot all be kept, latest first: whoever came last is
    /// told first. At most [`ShortageFound::ORDERS_MAX`].
    pub orders: Vec<OrderId>,
}

impl ShortageFound {
    /// As many as a person works through; the view of the SKU has the rest.
    pub const ORDERS_MAX: usize = 100;
}

/// See [`Event::OrderPlaced`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// The order.
    pub order_id: OrderId,
    /// The buyer, by an opaque name.
    pub customer_ref: Token,
    /// What was bought, line by line as it was sent.
    pub lines: Vec<OrderLine>,
    /// The currency of every amount in it.
    pub currency: Currency,
    /// The sum over all lines. Units: minor units of `currency`.
    pub total_minor: Amount,
    /// The provider's token for the means of payment.
    pub payment_method_token: Token,
    /// The first attempt to take the money; none when there is nothing to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<AttemptRequest>,
    /// When the stock goes back unless money has come.
    #[serde(rename = "hold_until_ms")]
    pub hold_until: Timestamp,
    /// When the command arrived.
    #[serde(rename = "asked_at_ms")]
    pub asked_at: Timestamp,
}

/// See [`Event::OrderRejected`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRejected {
    /// The order.
    pub order_id: OrderId,
    /// Why, with the figures.
    pub refusal: Refusal,
    /// When the command arrived.
    #[serde(rename = "asked_at_ms")]
    pub asked_at: Timestamp,
}

/// Units of one SKU that one order holds, held or no longer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockHeld {
    /// The SKU.
    pub sku: Sku,
    /// The order.
    pub order_id: OrderId,
    /// Units.
    pub quantity: Quantity,
}

/// See [`Event::PaymentCaptured`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCaptured {
    /// The order.
    pub order_id: OrderId,
    /// Which attempt.
    pub attempt: u8,
    /// Who took it.
    pub connector: Token,
    /// How much. Units: minor units of `currency`.
    pub amount_minor: Amount,
    /// In which currency.
    pub currency: Currency,
    /// The provider's name for the payment.
    pub provider_ref: Token,
}

/// See [`Event::PaymentAbandoned`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAbandoned {
    /// The order.
    pub order_id: OrderId,
    /// The last attempt.
    pub attempt: u8,
    /// Who was asked.
    pub connector: Token,
    /// What kind of decline it was.
    pub class: DeclineClass,
    /// The provider's reason code.
    pub code: Token,
}

/// See [`Event::PaymentNoted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentNoted {
    /// The order.
    pub order_id: OrderId,
    /// Which attempt.
    pub attempt: u8,
    /// Who was asked.
    pub connector: Token,
    /// What they said.
    pub result: PaymentResult,
}

/// See [`Event::OrderConfirmed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: OrderId,
    /// When its command arrived: every reader can tell how long it took.
    #[serde(rename = "asked_at_ms")]
    pub asked_at: Timestamp,
}

/// See [`Event::CancelRequested`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequested {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: Text,
}

/// See [`Event::HoldExpired`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldExpired {
    /// The order.
    pub order_id: OrderId,
    /// The deadline that passed.
    #[serde(rename = "hold_until_ms")]
    pub hold_until: Timestamp,
}

/// See [`Event::OrderCancelled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: OrderId,
    /// What ended it.
    pub reason: CancelReason,
}

/// What ended an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The provider will not pay.
    PaymentDeclined,
    /// No money came before the deadline.
    HoldExpired,
    /// Somebody asked for it.
    Requested,
}

impl CancelReason {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentDeclined => "payment_declined",
            Self::HoldExpired => "hold_expired",
            Self::Requested => "requested",
        }
    }
}

/// See [`Event::OrderFulfilled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFulfilled {
    /// The order.
    pub order_id: OrderId,
    /// The shipment it left with.
    pub shipment_ref: Token,
}

/// See [`Event::CommandRejected`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRejected {
    /// The type that was announced; what of it could be read.
    #[serde(rename = "command_type")]
    pub kind: Text,
    /// Why.
    pub refusal: Refusal,
    /// Its sequence in the command stream, when it was published there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_seq: Option<u64>,
}

/// See [`Event::AttentionRaised`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttentionRaised {
    /// What it is about.
    pub kind: AttentionKind,
    /// The order it is about.
    pub order_id: OrderId,
    /// What a person needs to know.
    pub reason: Text,
}

/// What a human is asked to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionKind {
    /// Money came for an order that was off.
    LatePayment,
    /// Another amount was captured than was owed.
    AmountMismatch,
    /// One order was paid twice.
    DoubleCapture,
}

impl AttentionKind {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LatePayment => "late_payment",
            Self::AmountMismatch => "amount_mismatch",
            Self::DoubleCapture => "double_capture",
        }
    }
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
            Self::PaymentCaptured(_) => "payment_captured",
            Self::PaymentAbandoned(_) => "payment_abandoned",
            Self::PaymentNoted(_) => "payment_noted",
            Self::OrderConfirmed(_) => "order_confirmed",
            Self::CancelRequested(_) => "cancel_requested",
            Self::HoldExpired(_) => "hold_expired",
            Self::OrderCancelled(_) => "order_cancelled",
            Self::OrderFulfilled(_) => "order_fulfilled",
            Self::CommandRejected(_) => "command_rejected",
            Self::AttentionRaised(_) => "attention_raised",
        }
    }

    /// The order it is about, when it is about one.
    #[must_use]
    pub const fn order_id(&self) -> Option<OrderId> {
        match self {
            Self::OrderPlaced(e) => Some(e.order_id),
            Self::OrderRejected(e) => Some(e.order_id),
            Self::StockReserved(e) | Self::StockDeducted(e) | Self::StockReleased(e) => {
                Some(e.order_id)
            }
            Self::PaymentCaptured(e) => Some(e.order_id),
            Self::PaymentAbandoned(e) => Some(e.order_id),
            Self::PaymentNoted(e) => Some(e.order_id),
            Self::OrderConfirmed(e) => Some(e.order_id),
            Self::CancelRequested(e) => Some(e.order_id),
            Self::HoldExpired(e) => Some(e.order_id),
            Self::OrderCancelled(e) => Some(e.order_id),
            Self::OrderFulfilled(e) => Some(e.order_id),
            Self::AttentionRaised(e) => Some(e.order_id),
            Self::Opened(_)
            | Self::SkuListed(_)
            | Self::SkuRepriced(_)
            | Self::SkuDelisted(_)
            | Self::StockReceived(_)
            | Self::StockAdjusted(_)
            | Self::ShortageFound(_)
            | Self::CommandRejected(_) => None,
        }
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
            Self::StockReserved(e) | Self::StockDeducted(e) | Self::StockReleased(e) => {
                Some(&e.sku)
            }
            Self::Opened(_)
            | Self::OrderPlaced(_)
            | Self::OrderRejected(_)
            | Self::PaymentCaptured(_)
            | Self::PaymentAbandoned(_)
            | Self::PaymentNoted(_)
            | Self::OrderConfirmed(_)
            | Self::CancelRequested(_)
            | Self::HoldExpired(_)
            | Self::OrderCancelled(_)
            | Self::OrderFulfilled(_)
            | Self::CommandRejected(_)
            | Self::AttentionRaised(_) => None,
        }
    }
}
