//! A stream for the moment.

use serde_json::{Value, json};

use super::api::{ApiError, call};
use super::connect::Connection;

/// A stream that is made for a measurement and deleted after it.
#[derive(Debug)]
pub struct Scratch {
    connection: Connection,
    stream: String,
}

impl Scratch {
    /// Makes the stream.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn create(
        connection: &Connection,
        stream: &str,
        config: &Value,
    ) -> Result<Self, ApiError> {
        let _: Value = call(connection, &format!("STREAM.CREATE.{stream}"), config).await?;
        Ok(Self { connection: connection.clone(), stream: stream.to_owned() })
    }

    /// A stream that is there already, and is to go.
    #[must_use]
    pub fn existing(connection: &Connection, stream: &str) -> Self {
        Self { connection: connection.clone(), stream: stream.to_owned() }
    }

    /// Deletes it.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn delete(self) -> Result<(), ApiError> {
        let function = format!("STREAM.DELETE.{}", self.stream);
        call::<Value>(&self.connection, &function, &json!({})).await.map(drop)
    }
}
