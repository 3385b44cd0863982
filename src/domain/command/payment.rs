//! What is asked for and told about money.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Amount, Currency, OrderId, Text, Token};

/// See [`super::Command::RecordPayment`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordPayment {
    /// The order.
    pub order_id: OrderId,
    /// Which attempt, from 1.
    pub attempt: u8,
    /// Who was asked for the money.
    pub connector: Token,
    /// What they said.
    pub result: PaymentResult,
}

/// What a gateway said about one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PaymentResult {
    /// The money is ours.
    Captured {
        /// How much. Units: minor units of `currency`.
        amount_minor: Amount,
        /// In which currency.
        currency: Currency,
        /// The provider's name for the payment.
        provider_ref: Token,
    },
    /// It is not, and the provider said why.
    Declined {
        /// The provider's reason code.
        code: Token,
    },
    /// Nobody can say: the provider was asked and did not answer. It stays asked, with the same
    /// key, until it says one of the others.
    Unknown,
    /// It is not: the provider could not be asked, or took no orders.
    Failed {
        /// What kept it; ours, not the provider's.
        code: Token,
    },
}

/// What a gateway said about one attempt to give money back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RefundResult {
    /// The money is the buyer's again, or on its way.
    Refunded {
        /// The provider's name for the refund.
        provider_ref: Token,
    },
    /// It is not, and the provider said why.
    Declined {
        /// The provider's reason code.
        code: Token,
    },
    /// Nobody can say: the provider was asked and did not answer. It stays asked, with the same
    /// key, until it says one of the others.
    Unknown,
    /// It is not: the provider could not be asked, or took no orders.
    Failed {
        /// What kept it; ours, not the provider's.
        code: Token,
    },
}

/// See [`super::Command::ChangePaymentMethod`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePaymentMethod {
    /// The order.
    pub order_id: OrderId,
    /// The provider's token for another means of payment, or for the same one once the buyer has
    /// done what was asked.
    pub payment_method_token: Token,
}

/// See [`super::Command::RefundOrder`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundOrder {
    /// The order.
    pub order_id: OrderId,
    /// How much; all that is left of its money when absent. Units: minor units of the currency
    /// the money came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<Amount>,
    /// The currency of the amount, to be held against the one the money came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Why.
    pub reason: Text,
    /// The paper it is on: the same order is refunded once under one reference.
    pub reference: Token,
}

/// See [`super::Command::RecordRefund`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordRefund {
    /// The order.
    pub order_id: OrderId,
    /// Which refund of it, from 1.
    pub refund: u16,
    /// Which attempt at it, from 1.
    pub attempt: u8,
    /// Who was asked to give the money back.
    pub connector: Token,
    /// What they said.
    pub result: RefundResult,
}
