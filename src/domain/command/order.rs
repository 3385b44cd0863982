//! What is asked for about orders and their goods.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::{Currency, OrderId, Price, Quantity, Sku, Text, Token};

/// Lines of one order. Larger baskets are typing errors or attacks; the bound keeps one order's
/// events well inside one commit.
pub const LINES_MAX: usize = 100;

/// See [`super::Command::PlaceOrder`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// Chosen by the edge; placing it again with the same body is the same order.
    pub order_id: OrderId,
    /// An opaque name for the buyer. Never a mail address: the log is for ever.
    pub customer_ref: Token,
    /// What is bought: 1 to [`LINES_MAX`] lines.
    #[serde(deserialize_with = "lines")]
    #[schemars(length(min = 1, max = LINES_MAX))]
    pub lines: Vec<OrderLine>,
    /// The currency of every price in it.
    pub currency: Currency,
    /// The provider's token for the means of payment. Never a card number.
    pub payment_method_token: Token,
}

/// One line of a basket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub quantity: Quantity,
    /// What the buyer was shown. Units: minor units of the order's currency.
    pub unit_price_minor: Price,
}

/// See [`super::Command::CancelOrder`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelOrder {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: Text,
}

/// See [`super::Command::FulfilOrder`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FulfilOrder {
    /// The order.
    pub order_id: OrderId,
    /// The shipment it left with: the same order leaves once under one reference.
    pub shipment_ref: Token,
    /// What left; everything that has not left before when absent.
    #[serde(default, deserialize_with = "some_lines", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = LINES_MAX))]
    pub lines: Option<Vec<LineUnits>>,
}

/// Units of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineUnits {
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub quantity: Quantity,
}

/// See [`super::Command::ReturnLines`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnLines {
    /// The order.
    pub order_id: OrderId,
    /// The return: the same order gets goods back once under one reference.
    pub return_ref: Token,
    /// What came back, and what inspecting it said: 1 to [`LINES_MAX`] lines, one a SKU.
    #[serde(deserialize_with = "lines")]
    #[schemars(length(min = 1, max = LINES_MAX))]
    pub lines: Vec<ReturnedLine>,
}

/// Units of one SKU that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnedLine {
    /// The SKU.
    pub sku: Sku,
    /// Units that came back.
    pub quantity: Quantity,
    /// Units of them that may be sold again; 0 to `quantity`.
    pub restock: u32,
}

/// Reads at most [`LINES_MAX`] lines and stops there, however many follow.
fn lines<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Lines<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Lines<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of 1 to {LINES_MAX} lines")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut lines = Vec::with_capacity(seq.size_hint().unwrap_or(1).min(LINES_MAX));
            while let Some(line) = seq.next_element()? {
                if lines.len() == LINES_MAX {
                    return Err(A::Error::custom(format!(
                        "must be 1 to {LINES_MAX} lines, has more"
                    )));
                }
                lines.push(line);
            }
            if lines.is_empty() {
                return Err(A::Error::custom(format!("must be 1 to {LINES_MAX} lines, is empty")));
            }
            Ok(lines)
        }
    }

    deserializer.deserialize_seq(Lines(PhantomData))
}

/// Lines that may be absent; a list of none is a mistake.
fn some_lines<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<LineUnits>>, D::Error> {
    struct Some_;

    impl<'de> Visitor<'de> for Some_ {
        type Value = Option<Vec<LineUnits>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of 1 to {LINES_MAX} lines, or nothing")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
            lines(inner).map(Some)
        }
    }

    deserializer.deserialize_option(Some_)
}
