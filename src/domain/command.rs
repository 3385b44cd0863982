//! Requests to change something. Each may be refused.
//!
//! Every field is a type that cannot hold a wrong value, so that a command which could be read
//! can also be decided. Unknown fields are refused: a misspelt optional field would otherwise be
//! a silent default.

mod attention;
mod order;
mod payment;
mod shelf;

use schemars::JsonSchema;

pub use attention::{ReportFinding, ResolveAttention};
pub use order::{
    CancelOrder, FulfilOrder, LINES_MAX, LineUnits, OrderLine, PlaceOrder, ReturnLines,
    ReturnedLine,
};
pub use payment::{
    ChangePaymentMethod, PaymentResult, RecordPayment, RecordRefund, RefundOrder, RefundResult,
};
pub use shelf::{AdjustStock, CountStock, DelistSku, ListSku, ReceiveStock, RepriceSku};

/// A request to change something, and what it needs to be decided.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
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
    /// Give money back.
    RefundOrder(RefundOrder),
    /// What came of an attempt to give money back.
    RecordRefund(RecordRefund),
    /// Goods came back.
    ReturnLines(ReturnLines),
    /// Something was found that a human must look at.
    ReportFinding(ReportFinding),
    /// A human has looked at something.
    ResolveAttention(ResolveAttention),
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
    /// `refund_order`
    RefundOrder,
    /// `record_refund`
    RecordRefund,
    /// `return_lines`
    ReturnLines,
    /// `report_finding`
    ReportFinding,
    /// `resolve_attention`
    ResolveAttention,
}

impl CommandKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 16] = [
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
        Self::RefundOrder,
        Self::RecordRefund,
        Self::ReturnLines,
        Self::ReportFinding,
        Self::ResolveAttention,
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
            Self::RefundOrder => "refund_order",
            Self::RecordRefund => "record_refund",
            Self::ReturnLines => "return_lines",
            Self::ReportFinding => "report_finding",
            Self::ResolveAttention => "resolve_attention",
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
            Self::RefundOrder => ("order", "refund"),
            Self::RecordRefund => ("refund", "record"),
            Self::ReturnLines => ("order", "return"),
            Self::ReportFinding => ("finding", "report"),
            Self::ResolveAttention => ("attention", "resolve"),
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
            Self::RefundOrder(_) => CommandKind::RefundOrder,
            Self::RecordRefund(_) => CommandKind::RecordRefund,
            Self::ReturnLines(_) => CommandKind::ReturnLines,
            Self::ReportFinding(_) => CommandKind::ReportFinding,
            Self::ResolveAttention(_) => CommandKind::ResolveAttention,
        }
    }
}
