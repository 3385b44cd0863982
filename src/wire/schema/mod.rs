//! What stands in payloads, for readers in any language: JSON Schema, draft 2020-12, generated
//! from the types that read them.
//!
//! A schema says what this build reads as JSON. Whatever any build has ever written keeps to it.

mod asyncapi;
mod made;

use serde_json::Value;

use super::alias::{Alias, Building};
use super::command::{Envelope, kassa_type};
use super::event::{EventSchema, event_schemas};
use super::feed::feed_schema;
use super::ledger::Ledger;
use super::outcome::Outcome;
use super::position::Position;
use super::timer::RetryDue;
use crate::domain::{Command, CommandKind, Event};
use crate::view::attention::AttentionItem;
use crate::view::owed::Owed;
use crate::view::{MinuteView, OrderView, StockView};

pub use asyncapi::asyncapi;
pub(super) use made::{data_of, of};

use made::{titled, variants};

/// The schema of one kind of payload.
#[derive(Clone, Debug, PartialEq)]
pub struct PayloadSchema {
    /// Its file below `schemas/`, without `.json`: `events/order_placed.1`.
    pub name: String,
    /// The schema.
    pub schema: Value,
}

/// Every schema there is, by the folders they stand in.
#[must_use]
pub fn schemas() -> Vec<PayloadSchema> {
    let mut all = commands();
    all.extend(events());
    let titled = |name: &str, schema: Value, title: &str| PayloadSchema {
        name: name.to_owned(),
        schema: titled(schema, title, None),
    };
    all.extend([
        titled("views/order", of::<OrderView>(), "order, a value of the bucket of orders"),
        titled("views/stock", of::<StockView>(), "stock, a value of the bucket of stock"),
        titled("views/metrics", of::<MinuteView>(), "minute, a value of the bucket of metrics"),
        titled("views/payer", of::<Owed>(), "attempt owed, a value of the payer's bucket"),
        titled("views/alias", of::<Alias>(), "alias, a value of the bucket of views"),
        titled("views/building", of::<Building>(), "building, a value of the bucket of views"),
        titled("views/position", of::<Position>(), "position, the key _position of a bucket"),
        titled("outcome", of::<Outcome>(), "outcome"),
        titled("ledger.1", of::<Ledger>(), "ledger entry, version 1"),
        titled("attention", of::<AttentionItem>(), "attention item"),
        titled("retry_due", of::<RetryDue>(), "retry due"),
    ]);
    all
}

fn commands() -> Vec<PayloadSchema> {
    let about = variants::<Command>();
    let one = |kind: CommandKind| {
        let shape = kassa_type(kind);
        let said = about.get(&made::variant(kind.name())).map(String::as_str);
        let schema = titled(command(kind), &shape, said);
        PayloadSchema { name: format!("commands/{}", file(&shape)), schema }
    };
    CommandKind::ALL.into_iter().map(one).collect()
}

fn events() -> Vec<PayloadSchema> {
    let about = variants::<Event>();
    let (mut events, mut feed) = (Vec::new(), Vec::new());
    for EventSchema { kind, version, variant, written, data } in event_schemas() {
        let shape = format!("{kind}/{version}");
        let name = file(&shape);
        let said = about.get(variant).map(String::as_str);
        // What is retired is read, and passed on as what it means today.
        if written {
            let message = feed_schema(kind, version, &format!("../events/{name}.json"));
            let schema = titled(message, &format!("{shape} in the feed"), said);
            feed.push(PayloadSchema { name: format!("feed/{name}"), schema });
        }
        let schema = titled(data, &shape, said);
        events.push(PayloadSchema { name: format!("events/{name}"), schema });
    }
    events.append(&mut feed);
    events
}

/// `order_placed/1` as part of a file's name.
fn file(shape: &str) -> String {
    shape.replace('/', ".")
}

fn command(kind: CommandKind) -> Value {
    match kind {
        CommandKind::ListSku => envelope(Command::ListSku),
        CommandKind::RepriceSku => envelope(Command::RepriceSku),
        CommandKind::DelistSku => envelope(Command::DelistSku),
        CommandKind::ReceiveStock => envelope(Command::ReceiveStock),
        CommandKind::AdjustStock => envelope(Command::AdjustStock),
        CommandKind::CountStock => envelope(Command::CountStock),
        CommandKind::PlaceOrder => envelope(Command::PlaceOrder),
        CommandKind::RecordPayment => envelope(Command::RecordPayment),
        CommandKind::ChangePaymentMethod => envelope(Command::ChangePaymentMethod),
        CommandKind::CancelOrder => envelope(Command::CancelOrder),
        CommandKind::FulfilOrder => envelope(Command::FulfilOrder),
        CommandKind::RefundOrder => envelope(Command::RefundOrder),
        CommandKind::RecordRefund => envelope(Command::RecordRefund),
        CommandKind::ReturnLines => envelope(Command::ReturnLines),
        CommandKind::ReportFinding => envelope(Command::ReportFinding),
        CommandKind::ResolveAttention => envelope(Command::ResolveAttention),
    }
}

fn envelope<B: schemars::JsonSchema>(_: fn(B) -> Command) -> Value {
    of::<Envelope<B>>()
}
