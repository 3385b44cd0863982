//! Requests to change something. Each may be refused.
//!
//! Every field is a type that cannot hold a wrong value, so that a command which could be read
//! can also be decided. Unknown fields are refused: a misspelt optional field would otherwise be
//! a silent default.

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::stock::StockDelta;
use super::{Amount, Currency, OrderId, Price, Quantity, Sequence, Sku, Text, Token};

/// Lines of one order. Larger baskets are typing errors or attacks; the bound keeps one order's
/// events well inside one commit.
pub const LINES_MAX: usize = 100;

/// A request to change something, and what it needs to be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Offer a SKU for sale.
    ListSku(ListSku),
    /// Change what a SKU costs from now on.
    RepriceSku(RepriceSku),
    /// Stop offering a SKU.
    DelistSku(DelistSku),
    /// Goods came in.
    ReceiveStock(ReceiveStock),
    /// A correction, up or down.
    AdjustStock(AdjustStock),
    /// What a person counted on the shelf.
    CountStock(CountStock),
    /// Buy.
    PlaceOrder(PlaceOrder),
    /// What came of an attempt to take money.
    RecordPayment(RecordPayment),
    /// Pay with this instead.
    ChangePaymentMethod(ChangePaymentMethod),
    /// Call an order off.
    CancelOrder(CancelOrder),
    /// The goods have left.
    FulfilOrder(FulfilOrder),
}

/// The types of commands, by the names they have on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandKind {
    /// `list_sku`
    ListSku,
    /// `reprice_sku`
    RepriceSku,
    /// `delist_sku`
    DelistSku,
    /// `receive_stock`
    ReceiveStock,
    /// `adjust_stock`
    AdjustStock,
    /// `count_stock`
    CountStock,
    /// `place_order`
    PlaceOrder,
    /// `record_payment`
    RecordPayment,
    /// `change_payment_method`
    ChangePaymentMethod,
    /// `cancel_order`
    CancelOrder,
    /// `fulfil_order`
    FulfilOrder,
}

impl CommandKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::ListSku,
        Self::RepriceSku,
        Self::DelistSku,
        Self::ReceiveStock,
        Self::AdjustStock,
        Self::CountStock,
        Self::PlaceOrder,
        Self::RecordPayment,
        Self::ChangePaymentMethod,
        Self::CancelOrder,
        Self::FulfilOrder,
    ];

    /// The name on the wire: a verb and what it is about.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ListSku => "list_sku",
            Self::RepriceSku => "reprice_sku",
            Self::DelistSku => "delist_sku",
            Self::ReceiveStock => "receive_stock",
            Self::AdjustStock => "adjust_stock",
            Self::CountStock => "count_stock",
            Self::PlaceOrder => "place_order",
            Self::RecordPayment => "record_payment",
            Self::ChangePaymentMethod => "change_payment_method",
            Self::CancelOrder => "cancel_order",
            Self::FulfilOrder => "fulfil_order",
        }
    }

    /// What it is about and what it does to it: the last two tokens of a command's subject.
    #[must_use]
    pub const fn entity_and_verb(self) -> (&'static str, &'static str) {
        match self {
            Self::ListSku => ("sku", "list"),
            Self::RepriceSku => ("sku", "reprice"),
            Self::DelistSku => ("sku", "delist"),
            Self::ReceiveStock => ("stock", "receive"),
            Self::AdjustStock => ("stock", "adjust"),
            Self::CountStock => ("stock", "count"),
            Self::PlaceOrder => ("order", "place"),
            Self::RecordPayment => ("payment", "record"),
            Self::ChangePaymentMethod => ("payment", "change"),
            Self::CancelOrder => ("order", "cancel"),
            Self::FulfilOrder => ("order", "fulfil"),
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Command {
    /// Which of the types it is.
    #[must_use]
    pub const fn kind(&self) -> CommandKind {
        match self {
            Self::ListSku(_) => CommandKind::ListSku,
            Self::RepriceSku(_) => CommandKind::RepriceSku,
            Self::DelistSku(_) => CommandKind::DelistSku,
            Self::ReceiveStock(_) => CommandKind::ReceiveStock,
            Self::AdjustStock(_) => CommandKind::AdjustStock,
            Self::CountStock(_) => CommandKind::CountStock,
            Self::PlaceOrder(_) => CommandKind::PlaceOrder,
            Self::RecordPayment(_) => CommandKind::RecordPayment,
            Self::ChangePaymentMethod(_) => CommandKind::ChangePaymentMethod,
            Self::CancelOrder(_) => CommandKind::CancelOrder,
            Self::FulfilOrder(_) => CommandKind::FulfilOrder,
        }
    }
}

/// See [`Command::ListSku`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// See [`Command::RepriceSku`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepriceSku {
    /// The SKU.
    pub sku: Sku,
    /// Units: minor units of the currency it is listed in.
    pub unit_price_minor: Price,
}

/// See [`Command::DelistSku`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelistSku {
    /// The SKU.
    pub sku: Sku,
}

/// See [`Command::ReceiveStock`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiveStock {
    /// The SKU.
    pub sku: Sku,
    /// Units that came in.
    pub quantity: Quantity,
    /// The delivery: the same SKU is received once under one reference.
    pub reference: Token,
}

/// See [`Command::AdjustStock`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// See [`Command::CountStock`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountStock {
    /// The SKU.
    pub sku: Sku,
    /// Units on the shelf.
    #[serde(deserialize_with = "counted_units")]
    pub counted: u64,
    /// The `event_seq` of the stock view that the count was compared with. When given, a change
    /// since then refuses the count instead of overwriting it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_seq: Option<Sequence>,
}

/// See [`Command::PlaceOrder`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// Chosen by the edge; placing it again with the same body is the same order.
    pub order_id: OrderId,
    /// An opaque name for the buyer. Never a mail address: the log is for ever.
    pub customer_ref: Token,
    /// What is bought: 1 to [`LINES_MAX`] lines.
    #[serde(deserialize_with = "order_lines")]
    pub lines: Vec<OrderLine>,
    /// The currency of every price in it.
    pub currency: Currency,
    /// The provider's token for the means of payment. Never a card number.
    pub payment_method_token: Token,
}

/// One line of a basket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub quantity: Quantity,
    /// What the buyer was shown. Units: minor units of the order's currency.
    pub unit_price_minor: Price,
}

/// See [`Command::RecordPayment`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// See [`Command::ChangePaymentMethod`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangePaymentMethod {
    /// The order.
    pub order_id: OrderId,
    /// The provider's token for another means of payment, or for the same one once the buyer has
    /// done what was asked.
    pub payment_method_token: Token,
}

/// See [`Command::CancelOrder`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelOrder {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: Text,
}

/// See [`Command::FulfilOrder`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FulfilOrder {
    /// The order.
    pub order_id: OrderId,
    /// The shipment it left with.
    pub shipment_ref: Token,
}

fn counted_units<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let units = super::stock::whole_number(deserializer, "0 to 1000000000000 units")?;
    let max = super::stock::Stock::UNITS_MAX;
    u64::try_from(units)
        .ok()
        .filter(|units| *units <= max)
        .ok_or_else(|| D::Error::custom(format!("must be 0 to {max} units, is {units}")))
}

/// Reads at most [`LINES_MAX`] lines and stops there, however many follow.
fn order_lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<OrderLine>, D::Error> {
    struct Lines;

    impl<'de> Visitor<'de> for Lines {
        type Value = Vec<OrderLine>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "a list of 1 to {LINES_MAX} lines")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<OrderLine>, A::Error> {
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

    deserializer.deserialize_seq(Lines)
}
