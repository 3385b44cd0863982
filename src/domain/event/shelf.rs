//! What the events of the catalogue and the warehouse say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::stock::StockDelta;
use crate::domain::{Currency, OrderId, Price, Quantity, Sku, Text, Token};

/// See [`super::Event::SkuListed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkuRepriced {
    /// The SKU.
    pub sku: Sku,
    /// Units: minor units of the currency it is listed in.
    pub unit_price_minor: Price,
}

/// See [`super::Event::SkuDelisted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkuDelisted {
    /// The SKU.
    pub sku: Sku,
}

/// See [`super::Event::StockReceived`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockReceived {
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub quantity: Quantity,
    /// The delivery.
    pub reference: Token,
}

/// See [`super::Event::StockAdjusted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
