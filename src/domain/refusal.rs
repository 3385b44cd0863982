//! Answers that say no.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Currency, Price, Sku, Text};

/// Why a command was not carried out, with the figures.
///
/// A refusal is a value, not an error: it is decided, recorded in the log and answered like any
/// other outcome. [`Refusal::code`] is stable and has a page in `docs/errors/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// The payload is no MessagePack or JSON of the announced type.
    #[error("the payload cannot be read: {problem}")]
    Undecodable {
        /// What the decoder said.
        problem: Text,
    },
    /// A field holds what it may not hold.
    #[error("{field}: {problem}")]
    InvalidField {
        /// Path of the field, for example `body.lines[2].quantity`, or the name of a header.
        field: Text,
        /// The limit, and what was found.
        problem: Text,
    },
    /// More bytes than a command may have.
    #[error("the payload has {bytes} bytes, at most {limit}")]
    TooLarge {
        /// What was sent.
        bytes: u64,
        /// What may be sent.
        limit: u64,
    },
    /// The command's type, or its version, is not known to this build.
    #[error("Kassa-Type {found} is not known")]
    UnknownType {
        /// What was announced.
        found: Text,
    },
    /// The sender may not send this.
    #[error("{source_name} may not send this command")]
    Forbidden {
        /// Who sent it.
        #[serde(rename = "source")]
        source_name: Text,
    },
    /// The id is older than the window in which ids are remembered.
    #[error("{field} is {age_hours} hours old, at most {limit_hours}")]
    StaleId {
        /// Which id.
        field: Text,
        /// How old it is. Units: hours.
        age_hours: u64,
        /// How old it may be. Units: hours.
        limit_hours: u64,
    },
    /// The id was used before, for something else.
    #[error("{field} was used before with another body")]
    IdConflict {
        /// Which id.
        field: Text,
    },
    /// No such SKU.
    #[error("{sku} is not known")]
    UnknownSku {
        /// The SKU.
        sku: Sku,
    },
    /// The SKU is offered already.
    #[error("{sku} is listed already")]
    AlreadyListed {
        /// The SKU.
        sku: Sku,
    },
    /// The SKU is no longer offered.
    #[error("{sku} is no longer sold")]
    Delisted {
        /// The SKU.
        sku: Sku,
    },
    /// Prices have changed since the buyer saw them; nothing else is ever charged.
    #[error("{} of the prices have changed", changes.len())]
    PriceChanged {
        /// Each price that differs.
        changes: Vec<PriceChange>,
    },
    /// A line is sold in another currency than the order's.
    #[error("{sku} is sold in {listed}, the order is in {ordered}")]
    MixedCurrencies {
        /// The SKU.
        sku: Sku,
        /// What it is sold in.
        listed: Currency,
        /// What the order is in.
        ordered: Currency,
    },
    /// More units of one SKU than one order may hold.
    #[error("{wanted} of {sku} in one order, at most {limit}")]
    OverOrderLimit {
        /// The SKU.
        sku: Sku,
        /// Units wanted, all lines together.
        wanted: u64,
        /// Units allowed.
        limit: u64,
    },
    /// Less there than wanted; nothing was reserved.
    #[error("{} of the lines are short", short.len())]
    InsufficientStock {
        /// Each SKU that is short.
        short: Vec<Shortfall>,
    },
    /// The order's total, or a stock figure, would pass its limit.
    #[error("{field} would pass {limit}")]
    Overflow {
        /// Which figure.
        field: Text,
        /// Its limit.
        limit: u64,
    },
    /// Fewer units there than the correction takes away.
    #[error("{sku} has {on_hand} units on hand, {taken} would be taken")]
    BelowZero {
        /// The SKU.
        sku: Sku,
        /// Units there.
        on_hand: u64,
        /// Units taken.
        taken: u64,
    },
    /// The stock has changed since the count was compared with it.
    #[error("{sku} has changed at {actual_seq}, the count expects {expected_seq}")]
    StockChanged {
        /// The SKU.
        sku: Sku,
        /// What the command expected.
        expected_seq: u64,
        /// The last change.
        actual_seq: u64,
    },
    /// No such order, or one that was closed longer ago than ids are remembered.
    #[error("the order is not known")]
    UnknownOrder,
    /// The order is not in a state that allows this.
    #[error("the order is {state}")]
    WrongState {
        /// Its state.
        state: Text,
    },
    /// Deciding it failed: a defect of ours.
    #[error("{problem}")]
    Defect {
        /// What is known of it.
        problem: Text,
    },
    /// No such attempt was ever asked for.
    #[error("attempt {attempt} was not asked for, the last is {last}")]
    UnknownAttempt {
        /// The attempt in the command.
        attempt: u8,
        /// The last one there is.
        last: u8,
    },
    /// No such refund was ever asked for.
    #[error("refund {refund} was not asked for, the last is {last}")]
    UnknownRefund {
        /// The refund in the command.
        refund: u16,
        /// The last one there is.
        last: u16,
    },
    /// More than what was taken and is neither given back nor on its way.
    #[error("{wanted_minor} minor units are to be given back, {left_minor} are left")]
    RefundTooLarge {
        /// What was wanted. Units: minor units of the currency the money came in.
        wanted_minor: u64,
        /// What can be given back of one payment. Units: the same.
        left_minor: u64,
    },
}

/// One SKU of which there is less than wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shortfall {
    /// The SKU.
    pub sku: Sku,
    /// Units wanted, all lines together.
    pub wanted: u64,
    /// Units that could still be promised.
    pub available: u64,
    /// Units in the holds of other orders, some of which will come back.
    pub held: u64,
}

/// One price that is not what the buyer saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceChange {
    /// The SKU.
    pub sku: Sku,
    /// What the buyer saw.
    pub quoted_minor: Price,
    /// What it costs.
    pub current_minor: Price,
}

impl Refusal {
    /// A field that holds what it may not hold.
    #[must_use]
    pub fn invalid(field: &str, problem: &str) -> Self {
        Self::InvalidField { field: Text::lossy(field), problem: Text::lossy(problem) }
    }

    /// The stable name of the reason, as it is in the log and in answers.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Undecodable { .. } => "undecodable",
            Self::InvalidField { .. } => "invalid_field",
            Self::TooLarge { .. } => "too_large",
            Self::UnknownType { .. } => "unknown_type",
            Self::Forbidden { .. } => "forbidden",
            Self::StaleId { .. } => "stale_id",
            Self::IdConflict { .. } => "id_conflict",
            Self::UnknownSku { .. } => "unknown_sku",
            Self::AlreadyListed { .. } => "already_listed",
            Self::Delisted { .. } => "delisted",
            Self::PriceChanged { .. } => "price_changed",
            Self::MixedCurrencies { .. } => "mixed_currencies",
            Self::OverOrderLimit { .. } => "over_order_limit",
            Self::InsufficientStock { .. } => "insufficient_stock",
            Self::Overflow { .. } => "overflow",
            Self::BelowZero { .. } => "below_zero",
            Self::StockChanged { .. } => "stock_changed",
            Self::UnknownOrder => "unknown_order",
            Self::WrongState { .. } => "wrong_state",
            Self::Defect { .. } => "defect",
            Self::UnknownAttempt { .. } => "unknown_attempt",
            Self::UnknownRefund { .. } => "unknown_refund",
            Self::RefundTooLarge { .. } => "refund_too_large",
        }
    }

    /// What the sender can do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Undecodable { .. } => "send MessagePack or JSON as announced in Content-Type",
            Self::InvalidField { .. } => "correct the field and send it as a new command",
            Self::TooLarge { .. } => "split it into several commands",
            Self::UnknownType { .. } => "see docs/protocol.md for the types this build knows",
            Self::Forbidden { .. } => "only the payer records payments and refunds",
            Self::StaleId { .. } => "make a new id; ids carry the time they were made",
            Self::IdConflict { .. } => "make a new id for a new request",
            Self::UnknownSku { .. } => "list the SKU first",
            Self::AlreadyListed { .. } => "use reprice_sku to change its price",
            Self::Delisted { .. } => "take the line out of the basket",
            Self::PriceChanged { .. } => "show the buyer the new prices and ask again",
            Self::MixedCurrencies { .. } => "place one order for each currency",
            Self::OverOrderLimit { .. } => "lower the quantity",
            Self::InsufficientStock { .. } => {
                "lower the quantity, or try again later: held units \
                                               may come back"
            }
            Self::Overflow { .. } => "lower the quantity or the price",
            Self::BelowZero { .. } => "count the stock, then send what was counted",
            Self::StockChanged { .. } => "read the stock again and compare once more",
            Self::UnknownOrder => "check the id; closed orders are found in the log",
            Self::WrongState { .. } => "look at the order before trying again",
            Self::Defect { .. } => "nothing; somebody looks at it",
            Self::UnknownAttempt { .. } => "record the attempt that was asked for",
            Self::UnknownRefund { .. } => "record the refund that was asked for",
            Self::RefundTooLarge { .. } => "give back what is left, or less",
        }
    }

    /// The field to blame, when there is one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidField { field, .. }
            | Self::StaleId { field, .. }
            | Self::IdConflict { field }
            | Self::Overflow { field, .. } => Some(field.as_str()),
            Self::UnknownType { .. } => Some("Kassa-Type"),
            Self::Undecodable { .. }
            | Self::TooLarge { .. }
            | Self::Forbidden { .. }
            | Self::UnknownSku { .. }
            | Self::AlreadyListed { .. }
            | Self::Delisted { .. }
            | Self::PriceChanged { .. }
            | Self::MixedCurrencies { .. }
            | Self::OverOrderLimit { .. }
            | Self::InsufficientStock { .. }
            | Self::BelowZero { .. }
            | Self::StockChanged { .. }
            | Self::UnknownOrder
            | Self::WrongState { .. }
            | Self::Defect { .. }
            | Self::UnknownAttempt { .. }
            | Self::UnknownRefund { .. }
            | Self::RefundTooLarge { .. } => None,
        }
    }

    /// Whether the sender's software is at fault rather than the request: nobody can have meant
    /// this, and a human should know.
    #[must_use]
    pub const fn is_poison(&self) -> bool {
        matches!(
            self,
            Self::Undecodable { .. }
                | Self::UnknownType { .. }
                | Self::TooLarge { .. }
                | Self::Defect { .. }
        )
    }
}
