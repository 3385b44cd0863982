//! What the events of the market itself say.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::domain::{OrderId, Refusal, Text, Token};

/// See [`super::Event::Opened`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Opened {
    /// Drawn anew for each opening, so that a committer that got no answer knows its own.
    pub nonce: Token,
    /// Version of the build that opened.
    pub build: Text,
    /// What this commit goes on behind, when it is the first of a next stream of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Follows>,
}

/// The end of a closed stream of the log. Its last commit is the one whose hash the commit carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Follows {
    /// The last sequence in it.
    pub last_seq: u64,
    /// The name of the market's state there, among the snapshots.
    pub snapshot: Text,
    /// BLAKE3 of that snapshot's bytes, in hexadecimal digits.
    pub snapshot_digest: Text,
}

/// See [`super::Event::CommandRejected`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttentionRaised {
    /// What it is about.
    pub kind: AttentionKind,
    /// The order it is about.
    pub order_id: OrderId,
    /// Which refund of it; none when it is about the whole order. Absent in older logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<u16>,
    /// Which attempt to take its money, when it is about one. Absent in older logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u8>,
    /// What a person needs to know.
    pub reason: Text,
}

/// What a human is asked to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

/// See [`super::Event::FindingReported`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FindingReported {
    /// What was found.
    pub kind: FindingKind,
    /// What it is about: a view, a stream.
    pub id: Token,
    /// What a person needs to know.
    pub reason: Text,
}

/// What somebody who checks the shop may find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A view does not say what the log adds up to.
    ViewDiffers,
    /// The log breaks an invariant.
    LogViolation,
    /// A payment provider does not take our credentials, or is not at that address: nothing can be
    /// paid until a person has looked.
    ConnectorMisconfigured,
}

/// See [`super::Event::AttentionResolved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttentionResolved {
    /// The kind of the item.
    pub kind: ItemKind,
    /// What the item is about, as it is listed.
    pub id: Token,
    /// What was done about it.
    pub action: AttentionAction,
    /// Why.
    pub reason: Text,
    /// Who decided it.
    pub by: Token,
}

impl AttentionResolved {
    /// The order that the item is about, or a refund of it.
    #[must_use]
    pub fn order_id(&self) -> Option<OrderId> {
        let id = self.id.as_str();
        let order = id.split_once("-r").map_or(id, |(order, _)| order);
        order.parse().ok()
    }
}

/// What can be done about an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttentionAction {
    /// What failed is tried again.
    Retry,
    /// Nothing more has to be done, or it was done elsewhere.
    Discard,
}

/// Every kind of item of the attention list.
///
/// Read by name alone: MessagePack would take a number for one of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", try_from = "SmolStr")]
#[schemars(!try_from)]
pub enum ItemKind {
    /// A command that nobody can read, or that no decider survives.
    Poison,
    /// Promised units do not exist.
    Shortage,
    /// See [`AttentionKind::LatePayment`].
    LatePayment,
    /// See [`AttentionKind::AmountMismatch`].
    AmountMismatch,
    /// See [`AttentionKind::DoubleCapture`].
    DoubleCapture,
    /// See [`AttentionKind::PaymentUnknown`].
    PaymentUnknown,
    /// See [`AttentionKind::RefundFailed`].
    RefundFailed,
    /// See [`AttentionKind::RefundUnknown`].
    RefundUnknown,
    /// See [`AttentionKind::RefundMismatch`].
    RefundMismatch,
    /// See [`FindingKind::ViewDiffers`].
    ViewDiffers,
    /// See [`FindingKind::LogViolation`].
    LogViolation,
    /// See [`FindingKind::ConnectorMisconfigured`].
    ConnectorMisconfigured,
}

impl AttentionAction {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Discard => "discard",
        }
    }
}

impl ItemKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Poison,
        Self::Shortage,
        Self::LatePayment,
        Self::AmountMismatch,
        Self::DoubleCapture,
        Self::PaymentUnknown,
        Self::RefundFailed,
        Self::RefundUnknown,
        Self::RefundMismatch,
        Self::ViewDiffers,
        Self::LogViolation,
        Self::ConnectorMisconfigured,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poison => "poison",
            Self::Shortage => "shortage",
            Self::LatePayment => AttentionKind::LatePayment.name(),
            Self::AmountMismatch => AttentionKind::AmountMismatch.name(),
            Self::DoubleCapture => AttentionKind::DoubleCapture.name(),
            Self::PaymentUnknown => AttentionKind::PaymentUnknown.name(),
            Self::RefundFailed => AttentionKind::RefundFailed.name(),
            Self::RefundUnknown => AttentionKind::RefundUnknown.name(),
            Self::RefundMismatch => AttentionKind::RefundMismatch.name(),
            Self::ViewDiffers => "view_differs",
            Self::LogViolation => "log_violation",
            Self::ConnectorMisconfigured => "connector_misconfigured",
        }
    }
}

/// A word that names no kind of item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no items of kind {0:?}")]
pub struct UnknownKind(SmolStr);

impl TryFrom<SmolStr> for ItemKind {
    type Error = UnknownKind;

    fn try_from(name: SmolStr) -> Result<Self, UnknownKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or(UnknownKind(name))
    }
}

impl FromStr for ItemKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        SmolStr::new(name).try_into()
    }
}

impl From<AttentionKind> for ItemKind {
    fn from(kind: AttentionKind) -> Self {
        match kind {
            AttentionKind::LatePayment => Self::LatePayment,
            AttentionKind::AmountMismatch => Self::AmountMismatch,
            AttentionKind::DoubleCapture => Self::DoubleCapture,
            AttentionKind::PaymentUnknown => Self::PaymentUnknown,
            AttentionKind::RefundFailed => Self::RefundFailed,
            AttentionKind::RefundUnknown => Self::RefundUnknown,
            AttentionKind::RefundMismatch => Self::RefundMismatch,
        }
    }
}

impl From<FindingKind> for ItemKind {
    fn from(kind: FindingKind) -> Self {
        match kind {
            FindingKind::ViewDiffers => Self::ViewDiffers,
            FindingKind::LogViolation => Self::LogViolation,
            FindingKind::ConnectorMisconfigured => Self::ConnectorMisconfigured,
        }
    }
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
