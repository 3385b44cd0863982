//! One order, as a reader sees it.

mod goods;
mod money;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::View;
use crate::domain::payment::DeclineClass;
use crate::domain::{
    Address, Amount, AttentionKind, Currency, Event, Misfit, OrderId, OrderLine, OrderPlaced,
    OrderRejected, Price, Quantity, Refusal, Sku, Timestamp, Token,
};
pub use goods::{ReturnView, ShipmentView};
pub use money::{CaptureView, MoneyView, RefundView};

/// One order.
///
/// Shape: see `docs/protocol.md`. Units: moments in milliseconds since 1970, money in minor units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderView {
    /// The order.
    pub order_id: OrderId,
    /// `placed`, `confirmed`, `fulfilled`, `cancelled`, `refunding`, `refunded`, `rejected` or
    /// `needs_attention`.
    pub state: String,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// Why it was cancelled, or what needs attention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The buyer, by an opaque name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_ref: Option<Token>,
    /// What was bought.
    #[serde(default)]
    pub lines: Vec<LineView>,
    /// The currency of every amount in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// What it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_minor: Option<Amount>,
    /// What is known of the money; none when there is nothing to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentView>,
    /// What was given back, or came beside what was owed; none for most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Box<MoneyView>>,
    /// Whether it was called off; then its state says what becomes of its money.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
    /// The last shipment it left with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment_ref: Option<Token>,
    /// Its shipments, when it left in parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipments: Vec<ShipmentView>,
    /// What came back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<ReturnView>,
    /// When its command arrived.
    pub asked_at_ms: Timestamp,
    /// When its stock goes back unless money has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_until_ms: Option<Timestamp>,
    /// When the last event in it was committed.
    pub updated_at_ms: Timestamp,
    /// The last commit that changed it.
    pub event_seq: u64,
    /// The addresses of its events, `<sequence>.<index>`: its history is a few direct reads.
    pub events: Vec<Placed>,
}

/// An address as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed(pub Address);

impl JsonSchema for Placed {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where an event stands: `<sequence>.<index>`.",
            "type": "string",
            "pattern": "^[0-9]+\\.[0-9]+$",
        })
    }
}

impl Serialize for Placed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Placed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineView {
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub quantity: Quantity,
    /// Units: minor units.
    pub unit_price_minor: Price,
}

/// What is known of an order's money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentView {
    /// The last attempt.
    pub attempt: u8,
    /// `requested`, `retrying`, `needs_customer`, `unknown`, `captured` or `declined`.
    pub state: String,
    /// Who was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<Token>,
    /// The provider's name for the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<Token>,
    /// The provider's reason for saying no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Token>,
    /// What kind of no it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<DeclineClass>,
    /// When the next attempt is made by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at_ms: Option<Timestamp>,
}

impl PaymentView {
    /// Whether money may still come of the last attempt.
    fn is_moving(&self) -> bool {
        matches!(&*self.state, "requested" | "retrying" | "unknown")
    }
}

impl OrderView {
    fn placed(at: Address, made: Timestamp, event: &OrderPlaced) -> Self {
        let line = |line: &OrderLine| LineView {
            sku: line.sku.clone(),
            quantity: line.quantity,
            unit_price_minor: line.unit_price_minor,
        };
        let payment = event.payment.as_ref().map(|request| PaymentView {
            attempt: request.attempt,
            state: "requested".to_owned(),
            connector: None,
            provider_ref: None,
            code: None,
            class: None,
            retry_at_ms: None,
        });
        Self {
            order_id: event.order_id,
            state: "placed".to_owned(),
            refusal: None,
            reason: None,
            customer_ref: Some(event.customer_ref.clone()),
            lines: event.lines.iter().map(line).collect(),
            currency: Some(event.currency),
            total_minor: Some(event.total_minor),
            payment,
            money: None,
            off: false,
            shipment_ref: None,
            shipments: Vec::new(),
            returns: Vec::new(),
            asked_at_ms: event.asked_at,
            hold_until_ms: Some(event.hold_until),
            updated_at_ms: made,
            event_seq: at.sequence.0,
            events: vec![Placed(at)],
        }
    }

    fn rejected(at: Address, made: Timestamp, event: &OrderRejected) -> Self {
        Self {
            order_id: event.order_id,
            state: "rejected".to_owned(),
            refusal: Some(event.refusal.clone()),
            reason: None,
            customer_ref: None,
            lines: Vec::new(),
            currency: None,
            total_minor: None,
            payment: None,
            money: None,
            off: false,
            shipment_ref: None,
            shipments: Vec::new(),
            returns: Vec::new(),
            asked_at_ms: event.asked_at,
            hold_until_ms: None,
            updated_at_ms: made,
            event_seq: at.sequence.0,
            events: vec![Placed(at)],
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::PaymentCaptured(captured) => self.captured(captured),
            Event::PaymentFailed(failed) => {
                let (attempt, state) = match &failed.retry {
                    Some(retry) => (retry.attempt, "retrying"),
                    None => (failed.attempt, "needs_customer"),
                };
                self.pay(attempt, state, Some(&failed.connector), |payment| {
                    payment.code = Some(failed.code.clone());
                    payment.class = Some(failed.class);
                    payment.retry_at_ms = failed.retry.as_ref().map(|retry| retry.at);
                });
            }
            Event::PaymentUnknown(unknown) => {
                self.pay(unknown.attempt, "unknown", Some(&unknown.connector), |_| {});
                self.hold_until_ms = Some(unknown.hold_until);
            }
            Event::PaymentRequested(requested) => {
                self.pay(requested.payment.attempt, "requested", None, |payment| {
                    (payment.code, payment.class) = (None, None);
                });
            }
            Event::PaymentAbandoned(abandoned) => {
                self.pay(abandoned.attempt, "declined", Some(&abandoned.connector), |payment| {
                    payment.code = Some(abandoned.code.clone());
                    payment.class = Some(abandoned.class);
                });
            }
            Event::PaymentNoted(noted) => self.noted(noted),
            Event::OrderConfirmed(_) => self.enter("confirmed", None),
            Event::OrderCancelled(off) => {
                self.enter("cancelled", Some(off.reason.name()));
                self.off = true;
                self.settle();
            }
            Event::OrderReinstated(_) => {
                self.enter("placed", None);
                self.off = false;
            }
            Event::OrderFulfilled(fulfilled) => self.shipped(fulfilled),
            Event::ReturnReceived(back) => self.came_back(back),
            Event::RefundRequested(asked) => self.refund_asked(asked),
            Event::PaymentRefunded(refunded) => self.refunded(refunded),
            Event::RefundFailed(failed) => self.refund_failed(failed),
            Event::RefundUnknown(unknown) => self.refund_unknown(unknown),
            Event::AttentionRaised(raised) => self.raised(raised.kind),
            Event::StockReserved(_)
            | Event::StockDeducted(_)
            | Event::StockReleased(_)
            | Event::StockReturned(_)
            | Event::RefundNoted(_)
            | Event::CancelRequested(_)
            | Event::HoldExpired(_)
            | Event::FindingReported(_)
            | Event::AttentionResolved(_)
            | Event::OrderPlaced(_)
            | Event::OrderRejected(_)
            | Event::Opened(_)
            | Event::SkuListed(_)
            | Event::SkuRepriced(_)
            | Event::SkuDelisted(_)
            | Event::StockReceived(_)
            | Event::StockAdjusted(_)
            | Event::ShortageFound(_)
            | Event::CommandRejected(_) => {}
        }
    }

    /// A human was told. What that is about goes on by itself, but for the kinds of older logs.
    fn raised(&mut self, kind: AttentionKind) {
        match kind {
            AttentionKind::PaymentUnknown
            | AttentionKind::RefundFailed
            | AttentionKind::RefundUnknown
            | AttentionKind::RefundMismatch => {}
            AttentionKind::AmountMismatch if self.off => {}
            AttentionKind::LatePayment
            | AttentionKind::AmountMismatch
            | AttentionKind::DoubleCapture => {
                // A second capture leaves the order what it is; the human's list has it.
                if self.state == "placed" || self.off {
                    self.enter("needs_attention", Some(kind.name()));
                    self.off = false;
                } else {
                    self.reason = Some(kind.name().to_owned());
                }
            }
        }
    }

    fn enter(&mut self, state: &str, reason: Option<&str>) {
        state.clone_into(&mut self.state);
        self.reason = reason.map(ToOwned::to_owned);
        self.hold_until_ms = None;
    }

    fn pay(
        &mut self,
        attempt: u8,
        state: &str,
        connector: Option<&Token>,
        more: impl FnOnce(&mut PaymentView),
    ) {
        if let Some(payment) = &mut self.payment {
            payment.attempt = attempt;
            state.clone_into(&mut payment.state);
            payment.connector = connector.cloned();
            payment.retry_at_ms = None;
            more(payment);
        }
    }
}

impl View for OrderView {
    type Key = OrderId;

    fn key(event: &Event, _made: Timestamp) -> Option<OrderId> {
        event.order_id()
    }

    fn own_key(&self) -> OrderId {
        self.order_id
    }

    fn begin(at: Address, made: Timestamp, event: &Event) -> Option<Self> {
        if let Event::OrderPlaced(placed) = event {
            return Some(Self::placed(at, made, placed));
        }
        let Event::OrderRejected(rejected) = event else {
            return None;
        };
        Some(Self::rejected(at, made, rejected))
    }

    fn begins(event: &Event) -> bool {
        matches!(event, Event::OrderPlaced(_) | Event::OrderRejected(_))
    }

    fn follow(&mut self, at: Address, made: Timestamp, event: &Event) -> Result<(), Misfit> {
        if self.events.last().is_some_and(|last| at <= last.0) {
            return Ok(());
        }
        self.apply(event);
        self.events.push(Placed(at));
        self.event_seq = at.sequence.0;
        self.updated_at_ms = made;
        Ok(())
    }

    fn is_active(&self) -> bool {
        self.state == "placed"
    }

    fn over_since(&self) -> Option<Timestamp> {
        let over = matches!(&*self.state, "fulfilled" | "cancelled" | "refunded" | "rejected");
        let moving = self.payment.as_ref().is_some_and(PaymentView::is_moving)
            || self.money.as_ref().is_some_and(|money| money.is_moving());
        (over && !moving).then_some(self.updated_at_ms)
    }
}
