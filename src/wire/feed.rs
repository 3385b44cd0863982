//! One event as one message, for readers in any language.
//!
//! Shape: `{type, v, event, at_ms, cause?, source, data}`; `event` is the address
//! `<sequence>.<index>`. JSON, or MessagePack with ids as text.

use bytes::Bytes;
use serde::Serialize;

use super::encoding::{Encoding, EncodingError};
use super::event::{event_data, version};
use super::headers;
use crate::domain::{Address, CommandId, Recorded, Source, Timestamp};

#[derive(Serialize)]
struct FeedMessage<'a, D> {
    r#type: &'static str,
    v: u16,
    event: String,
    at_ms: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CommandId>,
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
