//! The business, and nothing else.
//!
//! What may be sold, to whom it is promised, when money makes it theirs. Nothing in this room
//! waits, asks for the time, draws a random number, logs or has heard of a network: whatever a
//! decision needs is in the command or in the state. The same code therefore decides in
//! production, in simulation, in replay and in the verifier's tests.

mod address;
mod command;
mod event;
#[cfg(test)]
pub(crate) mod fixtures;
mod ids;
pub mod market;
mod misfit;
mod money;
pub mod order;
pub mod payment;
mod policy;
mod private;
mod refusal;
mod schema;
pub mod stock;
mod text;
mod time;
pub mod verify;

pub use address::{Address, Sequence};
pub use command::{
    AdjustStock, CancelOrder, ChangePaymentMethod, Command, CommandKind, CountStock, DelistSku,
    FulfilOrder, LINES_MAX, LineUnits, ListSku, OrderLine, PaymentResult, PlaceOrder, ReceiveStock,
    RecordPayment, RecordRefund, RefundOrder, RefundResult, ReportFinding, RepriceSku,
    ResolveAttention, ReturnLines, ReturnedLine,
};
pub use event::{
    AttentionAction, AttentionKind, AttentionRaised, AttentionResolved, CancelReason,
    CancelRequested, CommandRejected, Event, FindingKind, FindingReported, Follows, HoldExpired,
    ItemKind, Opened, OrderCancelled, OrderConfirmed, OrderFulfilled, OrderPlaced, OrderReinstated,
    OrderRejected, PaymentAbandoned, PaymentCaptured, PaymentFailed, PaymentNoted, PaymentRefunded,
    PaymentRequested, PaymentUnknown, Recorded, RefundFailed, RefundNoted, RefundReason,
    RefundRequested, RefundUnknown, Retry, ReturnReceived, ShortageFound, SkuDelisted, SkuListed,
    SkuRepriced, StockAdjusted, StockHeld, StockReceived,
};
pub use ids::{
    CommandId, Fingerprint, InvalidId, InvalidToken, OrderId, Sku, Source, Token, TraceParent,
};
pub use market::Market;
pub use misfit::Misfit;
pub use money::{Amount, Currency, Price};
pub use policy::Policy;
pub use private::{Private, find_private};
pub use refusal::{PriceChange, Refusal, Shortfall};
pub use stock::Quantity;
pub use text::Text;
pub use time::Timestamp;
