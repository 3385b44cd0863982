//! What the catalogue and the warehouse ask for.

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::stock::{Stock, StockDelta, whole_number};
use crate::domain::{Currency, Price, Quantity, Sequence, Sku, Text, Token};

/// See [`super::Command::ListSku`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListSku {
    /// The SKU.
    pub sku: Sku,
    /// What a person calls it.
    pub name: Text,
    /// Units: minor units of `currency`.
    pub unit_price_minor: Price,
    /// The only currency it is sold in.
    pub currency: Currency,
    /// Units one order may hold; no limit of its own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_order_max: Option<Quantity>,
}

/// See [`super::Command::RepriceSku`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepriceSku {
    /// The SKU.
    pub sku: Sku,
    /// Units: minor units of the currency it is listed in.
    pub unit_price_minor: Price,
}

/// See [`super::Command::DelistSku`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelistSku {
    /// The SKU.
    pub sku: Sku,
}

/// See [`super::Command::ReceiveStock`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiveStock {
    /// The SKU.
    pub sku: Sku,
    /// Units that came in.
    pub quantity: Quantity,
    /// The delivery: the same SKU is received once under one reference.
    pub reference: Token,
}

/// See [`super::Command::AdjustStock`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustStock {
    /// The SKU.
    pub sku: Sku,
    /// Units found or lost.
    pub delta: StockDelta,
    /// Why.
    pub reason: Text,
    /// The paper it is on: the same SKU is adjusted once under one reference.
    pub reference: Token,
}

/// See [`super::Command::CountStock`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountStock {
    /// The SKU.
    pub sku: Sku,
    /// Units on the shelf.
    #[serde(deserialize_with = "counted_units")]
    #[schemars(range(max = Stock::UNITS_MAX))]
    pub counted: u64,
    /// The `event_seq` of the stock view that the count was compared with. When given, a change
    /// since then refuses the count instead of overwriting it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_seq: Option<Sequence>,
}

fn counted_units<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let units = whole_number(deserializer, "0 to 1000000000000 units")?;
    let max = Stock::UNITS_MAX;
    u64::try_from(units)
        .ok()
        .filter(|units| *units <= max)
        .ok_or_else(|| D::Error::custom(format!("must be 0 to {max} units, is {units}")))
}
