//! What the events of an order's money say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::payment::{AttemptRequest, DeclineClass};
use crate::domain::{
    Amount, Currency, OrderId, PaymentResult, RefundResult, Text, Timestamp, Token,
};

/// See [`super::Event::PaymentCaptured`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Retry {
    /// Which attempt of its order.
    pub attempt: u8,
    /// What makes a repeated call the same payment at the provider.
    pub idempotency_key: Token,
    /// Not before this.
    #[serde(rename = "at_ms")]
    pub at: Timestamp,
    /// No retry of this means of payment is later than this. Absent in older logs, and for refunds,
    /// which nobody waits for.
    #[serde(rename = "until_ms", default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// See [`super::Event::PaymentUnknown`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// See [`super::Event::RefundRequested`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundRequested {
    /// The order.
    pub order_id: OrderId,
    /// Which refund of it, from 1.
    pub refund: u16,
    /// The first attempt at it.
    pub payment: AttemptRequest,
    /// Who took the money, and has to give it back.
    pub connector: Token,
    /// The provider's name for the payment it is taken from.
    pub capture_ref: Token,
    /// How much. Units: minor units of `currency`.
    pub amount_minor: Amount,
    /// In which currency.
    pub currency: Currency,
    /// What it is given back for.
    pub reason: RefundReason,
    /// What whoever asked for it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text>,
    /// The paper it is on, when somebody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Token>,
    /// The refund that failed and that this one is asked for instead of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<u16>,
    /// When a human is told that it has not been carried out. Absent in older logs.
    #[serde(rename = "attention_at_ms", default, skip_serializing_if = "Option::is_none")]
    pub attention_at: Option<Timestamp>,
}

/// What money is given back for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    /// Somebody asked for it.
    Requested,
    /// The order was called off after it was paid.
    Cancelled,
    /// The money came when the order was off.
    LatePayment,
    /// The order was paid before.
    DoubleCapture,
    /// Another amount was taken than was owed.
    AmountMismatch,
}

impl RefundReason {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Cancelled => "cancelled",
            Self::LatePayment => "late_payment",
            Self::DoubleCapture => "double_capture",
            Self::AmountMismatch => "amount_mismatch",
        }
    }
}

/// See [`super::Event::PaymentRefunded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentRefunded {
    /// The order.
    pub order_id: OrderId,
    /// Which refund of it.
    pub refund: u16,
    /// The attempt that did it.
    pub attempt: u8,
    /// Who gave it back.
    pub connector: Token,
    /// How much. Units: minor units of `currency`.
    pub amount_minor: Amount,
    /// In which currency.
    pub currency: Currency,
    /// The provider's name for the refund.
    pub provider_ref: Token,
}

/// See [`super::Event::RefundFailed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundFailed {
    /// The order.
    pub order_id: OrderId,
    /// Which refund of it.
    pub refund: u16,
    /// The attempt that failed.
    pub attempt: u8,
    /// Who was asked.
    pub connector: Token,
    /// Who can do something about it.
    pub class: DeclineClass,
    /// The provider's reason code, or ours when it could not be asked.
    pub code: Token,
    /// The attempt that follows; none when it is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// See [`super::Event::RefundUnknown`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundUnknown {
    /// The order.
    pub order_id: OrderId,
    /// Which refund of it.
    pub refund: u16,
    /// The attempt.
    pub attempt: u8,
    /// Who was asked.
    pub connector: Token,
    /// When a human is told, unless the answer has come.
    #[serde(rename = "attention_at_ms")]
    pub attention_at: Timestamp,
}

/// See [`super::Event::RefundNoted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundNoted {
    /// The order.
    pub order_id: OrderId,
    /// Which refund of it.
    pub refund: u16,
    /// Which attempt at it.
    pub attempt: u8,
    /// Who was asked.
    pub connector: Token,
    /// What they said.
    pub result: RefundResult,
}
