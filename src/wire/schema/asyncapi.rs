//! Every subject with what stands on it, and who sends it: AsyncAPI 3.
//!
//! Kassa is the application: it receives commands, and sends all the rest.

use serde_json::{Map, Value, json};

use super::file;
use crate::domain::{CommandKind, Token};
use crate::wire::command::{COMMANDS_PER_MESSAGE_MAX, kassa_type};
use crate::wire::encoding::Encoding;
use crate::wire::event::{EventSchema, event_schemas};
use crate::wire::headers;
use crate::wire::subject::{MarketName, POSITION_KEY, Subjects};

/// Where the schemas lie, from the document.
const SCHEMAS: &str = "../schemas/";

/// The parts of the document that grow with each subject.
#[derive(Default)]
struct Parts {
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    messages: Map<String, Value>,
}

/// The document.
#[must_use]
pub fn asyncapi() -> Value {
    let mut parts = Parts::default();
    for kind in CommandKind::ALL {
        parts.command(kind);
    }
    parts.outcomes();
    for event in event_schemas().iter().filter(|event| event.written) {
        parts.event(event);
    }
    parts.ledger();
    parts.attention();
    parts.retry_due();
    parts.view("orders", "order", "{order_id}", "One order.");
    parts.view("stock", "stock", "{sku}", "What one SKU is sold as, and what there is of it.");
    parts.view("metrics", "metrics", "{slot}", "What happened in one minute of the last day.");
    parts.view("payer", "payer", "{debt}", "A call that the provider is owed; the payer's own.");
    parts.view("views", "alias", "{view}", "Which bucket a view is read from.");
    let building = "What is in the bucket of a view that is not read; for who builds it anew.";
    parts.view("views", "building", "{view}.building", building);
    for bucket in ["orders", "stock", "metrics", "payer"] {
        parts.position(bucket);
    }
    let about = "An event-sourced checkout on NATS JetStream. docs/protocol.md says how to use it. \
                 Payloads are JSON or, with the same names, MessagePack: a header tells.";
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Kassa",
            "version": env!("CARGO_PKG_VERSION"),
            "description": about,
            "license": {"name": env!("CARGO_PKG_LICENSE")},
        },
        "defaultContentType": Encoding::Json.content_type(),
        "servers": {
            "local": {
                "host": "127.0.0.1:4222",
                "protocol": "nats",
                "description": "The server that `kassa dev` brings, unless that port is taken.",
            },
        },
        "channels": parts.channels,
        "operations": parts.operations,
        "components": {"messages": parts.messages, "parameters": parameters()},
    })
}

/// What may stand for each name in a subject.
fn parameters() -> Value {
    let token = format!("1 to {} of A-Z a-z 0-9 _ -", Token::CHARS_MAX);
    let market = format!("The market: 1 to {} of a-z 0-9.", MarketName::CHARS_MAX);
    json!({
        "market": {"description": market, "default": "main"},
        "source": {"description": format!("Who sends: {token}.")},
        "sku": {"description": format!("The SKU: {token}.")},
        "order_id": {"description": "The order, a UUIDv7 as text."},
        "id": {"description": "The order; or else the SKU; or else `<sequence>-<index>`."},
        "kind": {"description": "What it is about, as in the payload."},
        "debt": {"description": "The order; of a refund, with `-r` and its number behind it."},
        "view": {"description": "The view: orders, stock or metrics."},
        "slot": {"description": "The minute of the day in UTC: m0000 to m1439."},
        "any": {"description": "One token or more, as the sender likes."},
    })
}

/// The names in braces of an address, as references.
fn named_in(address: &str) -> Map<String, Value> {
    let inside = address.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let reference = |name: &str| json!({"$ref": format!("#/components/parameters/{name}")});
    inside.map(|name| (name.to_owned(), reference(name))).collect()
}

fn schema(name: &str) -> Value {
    json!({"$ref": format!("{SCHEMAS}{name}.json")})
}

/// Headers of a message. Those in `always` are never missing.
fn headed(fields: Value, always: &[&str]) -> Value {
    json!({"type": "object", "properties": fields, "required": always})
}

fn either() -> Value {
    let either = [Encoding::Json, Encoding::MessagePack].map(Encoding::content_type);
    json!({"type": "string", "enum": either})
}

fn traceparent(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

impl Parts {
    /// A subject, the message on it, and whether Kassa sends or receives it.
    fn channel(
        &mut self,
        name: &str,
        (address, about): (&str, &str),
        (does, message): (&str, &str),
    ) {
        let reference = json!({"$ref": format!("#/components/messages/{message}")});
        let mut channel = json!({
            "address": address,
            "description": about,
            "messages": {message: reference},
        });
        let parameters = named_in(address);
        if let Some(fields) = channel.as_object_mut().filter(|_| !parameters.is_empty()) {
            fields.insert("parameters".to_owned(), parameters.into());
        }
        self.channels.insert(name.to_owned(), channel);
        let operation = json!({
            "action": does,
            "channel": {"$ref": format!("#/channels/{name}")},
            "messages": [{"$ref": format!("#/channels/{name}/messages/{message}")}],
        });
        self.operations.insert(format!("{does}_{name}"), operation);
    }

    fn command(&mut self, kind: CommandKind) {
        let (name, shape) = (kind.name(), kassa_type(kind));
        let one = schema(&format!("commands/{}", file(&shape)));
        let several = json!({
            "type": "array",
            "items": one,
            "minItems": 1,
            "maxItems": COMMANDS_PER_MESSAGE_MAX,
        });
        let fields = json!({
            headers::CONTENT_TYPE: either(),
            headers::KASSA_TYPE: {"type": "string", "const": shape},
            headers::KASSA_REPLY_TO: {
                "type": "string",
                "description": "Published commands only: where the outcome goes.",
            },
            headers::TRACEPARENT: traceparent("W3C; a sampled one is kept with the events."),
        });
        let message = json!({
            "name": shape,
            "summary": "One command, or several of this kind.",
            "headers": headed(fields, &[headers::CONTENT_TYPE, headers::KASSA_TYPE]),
            "payload": {"oneOf": [one, several]},
        });
        self.messages.insert(name.to_owned(), message);
        let (ask, publish) = (format!("ask_{name}"), format!("publish_{name}"));
        let about = "A request; its reply is the outcome, which is durable by then.";
        self.channel(&ask, (&Subjects::ask_template(kind), about), ("receive", name));
        let reply = json!({
            "address": {
                "location": "$message.header#/reply",
                "description": "The reply subject of the request.",
            },
            "channel": {"$ref": "#/channels/reply"},
        });
        let asked = self.operations.get_mut(&format!("receive_{ask}"));
        if let Some(fields) = asked.and_then(Value::as_object_mut) {
            fields.insert("reply".to_owned(), reply);
        }
        let about = "Stored first: the acknowledgement says that it will be decided.";
        self.channel(&publish, (&Subjects::command_template(kind), about), ("receive", name));
    }

    fn outcomes(&mut self) {
        let one = schema("outcome");
        let message = json!({
            "name": "outcome",
            "summary": "What became of a command; of several, one each, in their order. \
                        In the encoding of the command, without headers.",
            "payload": {"oneOf": [one, {"type": "array", "items": one}]},
        });
        self.messages.insert("outcome".to_owned(), message);
        let reference = json!({"$ref": "#/components/messages/outcome"});
        let reply = json!({
            "address": null,
            "description": "The inbox of whoever asked, or published.",
            "messages": {"outcome": reference},
        });
        self.channels.insert("reply".to_owned(), reply);
        let about = "Where the outcome of a published command may be sent, beside inboxes.";
        let address = (Subjects::outcome_template(), about);
        self.channel("outcomes", address, ("send", "outcome"));
    }

    fn event(&mut self, event: &EventSchema) {
        let (name, shape) = (event.kind, format!("{}/{}", event.kind, event.version));
        let fields = json!({
            headers::CONTENT_TYPE: either(),
            headers::KASSA_TYPE: {"type": "string", "const": shape},
            headers::KASSA_EVENT: {
                "type": "string",
                "description": "Where the event stands in the log. Seen once, it is known.",
            },
            headers::TRACEPARENT: traceparent("The trace of the command, when it is sampled."),
        });
        let always = [headers::CONTENT_TYPE, headers::KASSA_TYPE, headers::KASSA_EVENT];
        let message = json!({
            "name": shape,
            "headers": headed(fields, &always),
            "payload": schema(&format!("feed/{}", file(&shape))),
        });
        self.messages.insert(name.to_owned(), message);
        let about = "The feed: one message an event, in the order of the log, for seven days.";
        let channel = format!("feed_{name}");
        self.channel(&channel, (&Subjects::feed_template(name), about), ("send", name));
    }

    fn ledger(&mut self) {
        let message = json!({
            "name": "ledger_entry",
            "contentType": Encoding::MessagePack.content_type(),
            "payload": schema("ledger.1"),
        });
        self.messages.insert("ledger_entry".to_owned(), message);
        let about = "One SKU's stock after each commit that changed what is available of it.";
        let address = (Subjects::stock_template(), about);
        self.channel("stock_ledger", address, ("send", "ledger_entry"));
    }

    fn attention(&mut self) {
        let fields = json!({headers::CONTENT_TYPE: {"const": Encoding::Json.content_type()}});
        let message = json!({
            "name": "attention_item",
            "headers": headed(fields, &[headers::CONTENT_TYPE]),
            "payload": schema("attention"),
        });
        self.messages.insert("attention_item".to_owned(), message);
        let about = "What a human must look at; the last message on a subject counts.";
        let address = (Subjects::attention_template(), about);
        self.channel("attention", address, ("send", "attention_item"));
    }

    fn retry_due(&mut self) {
        let message = json!({"name": "retry_due", "payload": schema("retry_due")});
        self.messages.insert("retry_due".to_owned(), message);
        let about = "The retry of a payment or of a refund is due; the payer's own.";
        let address = (Subjects::retry_due_template(), about);
        self.channel("retry_due", address, ("send", "retry_due"));
    }

    fn view(&mut self, bucket: &str, view: &str, key: &str, about: &str) {
        let message = format!("{bucket}_value");
        let value = json!({"name": message, "payload": schema(&format!("views/{view}"))});
        self.messages.insert(message.clone(), value);
        let address = Subjects::view_template(bucket, key);
        self.channel(&format!("view_{bucket}"), (&address, about), ("send", &message));
    }

    fn position(&mut self, bucket: &str) {
        let message = "position";
        let value = json!({"name": message, "payload": schema("views/position")});
        self.messages.insert(message.to_owned(), value);
        let address = Subjects::view_template(bucket, POSITION_KEY);
        let about = "How far the bucket reflects the log; written in the batch of its values.";
        let channel = format!("view_{bucket}_position");
        self.channel(&channel, (&address, about), ("send", message));
    }
}
