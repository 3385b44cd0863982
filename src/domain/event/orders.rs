//! What the events of an order's life say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::payment::AttemptRequest;
use crate::domain::{
    Amount, Currency, LineUnits, OrderId, OrderLine, Quantity, Refusal, ReturnedLine, Sku, Text,
    Timestamp, Token,
};

/// See [`super::Event::OrderPlaced`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockHeld {
    /// The SKU.
    pub sku: Sku,
    /// The order.
    pub order_id: OrderId,
    /// Units.
    pub quantity: Quantity,
}

/// See [`super::Event::OrderConfirmed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: OrderId,
    /// When its command arrived: every reader can tell how long it took.
    #[serde(rename = "asked_at_ms")]
    pub asked_at: Timestamp,
}

/// See [`super::Event::CancelRequested`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelRequested {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: Text,
}

/// See [`super::Event::HoldExpired`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldExpired {
    /// The order.
    pub order_id: OrderId,
    /// The deadline that passed.
    #[serde(rename = "hold_until_ms")]
    pub hold_until: Timestamp,
}

/// See [`super::Event::OrderCancelled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: OrderId,
    /// What ended it.
    pub reason: CancelReason,
}

/// What ended an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The provider will not pay.
    PaymentDeclined,
    /// No money came before the deadline.
    HoldExpired,
    /// Somebody asked for it.
    Requested,
    /// Another amount was taken than was owed.
    AmountMismatch,
}

impl CancelReason {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentDeclined => "payment_declined",
            Self::HoldExpired => "hold_expired",
            Self::Requested => "requested",
            Self::AmountMismatch => "amount_mismatch",
        }
    }
}

/// See [`super::Event::OrderFulfilled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderFulfilled {
    /// The order.
    pub order_id: OrderId,
    /// The shipment it left with.
    pub shipment_ref: Token,
    /// What left; everything that had not left before when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineUnits>,
    /// Whether something of the order is still to leave.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// See [`super::Event::OrderReinstated`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderReinstated {
    /// The order.
    pub order_id: OrderId,
}

/// See [`super::Event::ReturnReceived`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnReceived {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub return_ref: Token,
    /// What came back, and what inspecting it said.
    pub lines: Vec<ReturnedLine>,
}
