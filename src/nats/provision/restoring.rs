//! A market that is being restored: its streams are there, and nobody may sell from them yet.

use serde_json::{Value, json};

use super::{Asset, ProvisionError, current};
use crate::domain::Sequence;
use crate::nats::api::{ApiError, call};
use crate::nats::codes;
use crate::nats::connect::Connection;

/// What a log says of itself until it is whole and proved.
const RESTORING_KEY: &str = "kassa.restoring";

/// Whether a log is being restored.
///
/// # Errors
///
/// [`ProvisionError::Api`].
pub async fn is_restoring(connection: &Connection, stream: &str) -> Result<bool, ProvisionError> {
    let config = current(connection, stream).await?;
    let mark = config.as_ref().and_then(|config| config.get("metadata")?.get(RESTORING_KEY));
    Ok(mark.is_some())
}

/// The asset as whoever applies it may make it of what is `found`: a mark stays, and only whoever
/// restores takes it away.
pub(super) fn marked_as(mut asset: Asset, found: &Value) -> Asset {
    let mark = found.get("metadata").and_then(|metadata| metadata.get(RESTORING_KEY));
    if let (Some(mark), Some(fields)) = (mark, asset.config.as_object_mut()) {
        let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert(RESTORING_KEY.to_owned(), mark.clone());
        }
    }
    asset
}

/// How many messages a stream holds; none when there is no such stream.
///
/// # Errors
///
/// [`ProvisionError::Api`].
pub async fn messages(
    connection: &Connection,
    stream: &str,
) -> Result<Option<u64>, ProvisionError> {
    match call::<Value>(connection, &format!("STREAM.INFO.{stream}"), &json!({})).await {
        Ok(info) => Ok(info.get("state").and_then(|state| state.get("messages")?.as_u64())),
        Err(ApiError::Refused { code: codes::STREAM_NOT_FOUND, .. }) => Ok(None),
        Err(source) => Err(ProvisionError::Api { stream: stream.to_owned(), source }),
    }
}

/// Makes the log's stream, or marks it: nobody sells from it until [`opened`].
///
/// # Errors
///
/// [`ProvisionError::Api`].
pub async fn closed(connection: &Connection, asset: &Asset) -> Result<(), ProvisionError> {
    let mut config = asset.config.clone();
    if let Some(fields) = config.as_object_mut() {
        fields.insert("metadata".to_owned(), json!({RESTORING_KEY: "true"}));
    }
    let there = current(connection, &asset.stream).await?.is_some();
    ask(connection, if there { "UPDATE" } else { "CREATE" }, &asset.stream, &config).await
}

/// Takes the mark away.
///
/// # Errors
///
/// [`ProvisionError::Api`].
pub async fn opened(connection: &Connection, asset: &Asset) -> Result<(), ProvisionError> {
    ask(connection, "UPDATE", &asset.stream, &asset.config).await
}

/// Makes an empty stream anew, so that its first message will stand behind `after`; one that
/// begins there already is left alone. Whether it could: nothing that holds a message is deleted.
///
/// # Errors
///
/// [`ProvisionError::Api`].
pub async fn anew_behind(
    connection: &Connection,
    asset: &Asset,
    after: Sequence,
) -> Result<bool, ProvisionError> {
    let first = after.next().0;
    if let Some(found) = current(connection, &asset.stream).await? {
        if found.get("first_seq").and_then(Value::as_u64) == Some(first) {
            return Ok(true);
        }
        if messages(connection, &asset.stream).await? != Some(0) {
            return Ok(false);
        }
        ask(connection, "DELETE", &asset.stream, &json!({})).await?;
    }
    let mut config = asset.config.clone();
    if let Some(fields) = config.as_object_mut() {
        fields.insert("first_seq".to_owned(), first.into());
    }
    ask(connection, "CREATE", &asset.stream, &config).await?;
    Ok(true)
}

async fn ask(
    connection: &Connection,
    verb: &str,
    stream: &str,
    body: &Value,
) -> Result<(), ProvisionError> {
    let asked = call::<Value>(connection, &format!("STREAM.{verb}.{stream}"), body).await;
    asked.map(drop).map_err(|source| ProvisionError::Api { stream: stream.to_owned(), source })
}
