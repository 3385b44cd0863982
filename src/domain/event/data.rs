//! What each event says.

use serde::{Deserialize, Serialize};

use crate::domain::payment::{AttemptRequest, DeclineClass};
use crate::domain::stock::StockDelta;
use crate::domain::{
    Amount, Currency, OrderId, OrderLine, PaymentResult, Price, Quantity, Refusal, Sku, Text,
    Timestamp, Token,
};

/// See [`super::Event::Opened`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Drawn anew for each opening, so that a committer that got no answer knows its own.
    pub nonce: Token,
    /// Version of the build that opened.
    pub build: Text,
}

/// See [`super::Event::SkuListed`].
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

/// See [`super::Event::SkuRepriced`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuRepriced {
    /// The SKU.
    pub sku: Sku,
    /// Units: minor units of the currency it is listed in.
    pub unit_price_minor: Price,
}

/// See [`super::Event::SkuDelisted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuDelisted {
    /// The SKU.
    pub sku: Sku,
}

/// See [`super::Event::StockReceived`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReceived {
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub quantity: Quantity,
    /// The delivery.
    pub reference: Token,
}

/// See [`super::Event::StockAdjusted`].
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

/// See [`super::Event::ShortageFound`].
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

/// See [`super::Event::OrderPlaced`].
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

/// See [`super::Event::OrderRejected`].
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

/// See [`super::Event::PaymentCaptured`].
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

/// See [`super::Event::PaymentFailed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFailed {
    /// The order.
    pub order_id: OrderId,
    /// The attempt that failed.
    pub attempt: u8,
    /// Who was asked.
    pub connector: Token,
    /// Who can do something about it.
    pub class: DeclineClass,
    /// The provider's reason code, or ours when it could not be asked.
    pub code: Token,
    /// The attempt that follows by itself; none when the buyer has to act first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// An attempt that is asked for now, and made later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Which attempt of its order.
    pub attempt: u8,
    /// What makes a repeated call the same payment at the provider.
    pub idempotency_key: Token,
    /// Not before this.
    #[serde(rename = "at_ms")]
    pub at: Timestamp,
}

/// See [`super::Event::PaymentUnknown`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentUnknown {
    /// The order.
    pub order_id: OrderId,
    /// The attempt.
    pub attempt: u8,
    /// Who was asked.
    pub connector: Token,
    /// When the stock goes back unless the answer has come; never earlier than before.
    #[serde(rename = "hold_until_ms")]
    pub hold_until: Timestamp,
}

/// See [`super::Event::PaymentRequested`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRequested {
    /// The order.
    pub order_id: OrderId,
    /// The attempt.
    pub payment: AttemptRequest,
    /// Units: minor units of `currency`.
    pub amount_minor: Amount,
    /// In which currency.
    pub currency: Currency,
    /// The provider's token for the means of payment.
    pub payment_method_token: Token,
}

/// See [`super::Event::PaymentAbandoned`].
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

/// See [`super::Event::PaymentNoted`].
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

/// See [`super::Event::OrderConfirmed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: OrderId,
    /// When its command arrived: every reader can tell how long it took.
    #[serde(rename = "asked_at_ms")]
    pub asked_at: Timestamp,
}

/// See [`super::Event::CancelRequested`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequested {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: Text,
}

/// See [`super::Event::HoldExpired`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldExpired {
    /// The order.
    pub order_id: OrderId,
    /// The deadline that passed.
    #[serde(rename = "hold_until_ms")]
    pub hold_until: Timestamp,
}

/// See [`super::Event::OrderCancelled`].
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

/// See [`super::Event::OrderFulfilled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFulfilled {
    /// The order.
    pub order_id: OrderId,
    /// The shipment it left with.
    pub shipment_ref: Token,
}

/// See [`super::Event::CommandRejected`].
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

/// See [`super::Event::AttentionRaised`].
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
    /// Nobody could say in time whether an order was paid.
    PaymentUnknown,
}

impl AttentionKind {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LatePayment => "late_payment",
            Self::AmountMismatch => "amount_mismatch",
            Self::DoubleCapture => "double_capture",
            Self::PaymentUnknown => "payment_unknown",
        }
    }
}
