//! Emptying the bucket of a view that nobody reads.

use serde_json::{Value, json};

use super::ProvisionError;
use crate::nats::api::call;
use crate::nats::connect::Connection;
use crate::wire::Subjects;

/// Empties a bucket; says how many messages went. Whoever writes into it begins with an empty one:
/// its position is gone as well.
///
/// # Errors
///
/// [`ProvisionError::Api`].
pub async fn empty(connection: &Connection, bucket: &str) -> Result<u64, ProvisionError> {
    let stream = Subjects::bucket_stream(bucket);
    let answer = call::<Value>(connection, &format!("STREAM.PURGE.{stream}"), &json!({})).await;
    let answer = answer.map_err(|source| ProvisionError::Api { stream, source })?;
    Ok(answer.get("purged").and_then(Value::as_u64).unwrap_or(0))
}
