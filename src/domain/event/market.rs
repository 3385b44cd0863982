//! What the events of the market itself say.

use serde::{Deserialize, Serialize};

use crate::domain::{OrderId, Refusal, Text, Token};

/// See [`super::Event::Opened`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Drawn anew for each opening, so that a committer that got no answer knows its own.
    pub nonce: Token,
    /// Version of the build that opened.
    pub build: Text,
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
    /// Money could not be given back.
    RefundFailed,
    /// Nobody could say in time whether money was given back.
    RefundUnknown,
    /// More was given back than was asked for.
    RefundMismatch,
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
            Self::RefundFailed => "refund_failed",
            Self::RefundUnknown => "refund_unknown",
            Self::RefundMismatch => "refund_mismatch",
        }
    }
}
