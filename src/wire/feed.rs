//! One event as one message, for readers in any language.
//!
//! Shape: `{type, v, event, at_ms, cause?, source, data}`; `event` is the address
//! `<sequence>.<index>`. JSON, or MessagePack with ids as text.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::encoding::{Encoding, EncodingError};
use super::event::{event_data, version};
use super::headers;
use super::schema::of;
use crate::domain::{Address, CommandId, Recorded, Source, Timestamp};

/// One event, with its place in the log.
#[derive(Serialize, JsonSchema)]
struct FeedMessage<'a, D> {
    r#type: &'static str,
    v: u16,
    /// Where the event stands in the log: `<sequence>.<index>`.
    #[schemars(regex(pattern = r"^[0-9]+\.[0-9]+$"))]
    event: String,
    /// When its commit was made. Units: milliseconds since 1970.
    at_ms: Timestamp,
    /// The command it came of; absent for what nobody asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CommandId>,
    /// Who sent the command.
    source: &'a Source,
    data: D,
}

/// Headers of a message.
type Headers = Vec<(&'static str, String)>;

/// The payload and the headers of one event's message. Reading the same event again gives the
/// same message: whoever has seen its `Kassa-Event` has seen it.
///
/// # Errors
///
/// What the encoder says; every event has a form in both encodings.
pub fn feed_message(
    at: Address,
    made: Timestamp,
    record: &Recorded,
    encoding: Encoding,
) -> Result<(Bytes, Headers), EncodingError> {
    let Recorded { event, cause, source, trace, .. } = record;
    let v = version(event);
    let payload = encoding.write(&FeedMessage {
        r#type: event.kind(),
        v,
        event: at.to_string(),
        at_ms: made,
        cause: *cause,
        source,
        data: event_data(event),
    })?;
    let mut headers = vec![
        (headers::CONTENT_TYPE, encoding.content_type().to_owned()),
        (headers::KASSA_TYPE, format!("{}/{v}", event.kind())),
        (headers::KASSA_EVENT, at.to_string()),
    ];
    if let Some(trace) = trace {
        headers.push((headers::TRACEPARENT, trace.as_str().to_owned()));
    }
    Ok((payload, headers))
}

/// What the message of a type of event looks like, whose data has a schema of its own.
pub(super) fn feed_schema(kind: &str, version: u16, data: &str) -> Value {
    let mut schema = of::<FeedMessage<'_, Value>>();
    let pinned = [
        ("type", json!({"description": "The type of the event.", "const": kind})),
        ("v", json!({"description": "The version of its data.", "const": version})),
        ("data", json!({"$ref": data})),
    ];
    if let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        fields.extend(pinned.map(|(name, field)| (name.to_owned(), field)));
    }
    schema
}
