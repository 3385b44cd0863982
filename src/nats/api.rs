//! JetStream's own API, for what the client does not offer or hides.

use std::time::Duration;

use async_nats::{HeaderMap, RequestErrorKind, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::codes;
use super::connect::Connection;
use crate::port::{BoxError, ReadError};

/// The level that nats-server 2.14 announces: atomic batches, schedules, per-key expiry.
pub const API_LEVEL_MIN: u64 = 4;

/// How long to wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why the API did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// JetStream is off, or not enabled for this account.
    #[error("JetStream is not enabled on this server or for this account")]
    NoJetStream,
    /// The server is too old.
    #[error("the server's JetStream API level is {found}, at least {API_LEVEL_MIN} is needed")]
    OldServer {
        /// What it announces.
        found: u64,
    },
    /// These credentials may not do this.
    #[error("these credentials may not use {subject}")]
    Denied {
        /// What was forbidden.
        subject: String,
    },
    /// The server understood, and refuses.
    #[error("{description} (error {code})")]
    Refused {
        /// The server's error code.
        code: u64,
        /// Its words.
        description: String,
    },
    /// No answer.
    #[error("the server does not answer")]
    Unavailable(#[source] BoxError),
}

impl ApiError {
    /// As an error of reading.
    pub(super) fn into_read_error(self, stream: &str) -> ReadError {
        match self {
            Self::Refused { code: codes::STREAM_NOT_FOUND, .. } => super::log::missing(stream),
            Self::NoJetStream | Self::OldServer { .. } | Self::Denied { .. } => {
                ReadError::Broken(self.into())
            }
            Self::Refused { .. } | Self::Unavailable(_) => ReadError::Unavailable(self.into()),
        }
    }
}

/// Calls one function of the API.
pub(super) async fn call<T: DeserializeOwned>(
    connection: &Connection,
    function: &str,
    arguments: &impl Serialize,
) -> Result<T, ApiError> {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Required-Api-Level", API_LEVEL_MIN.to_string());
    ask(connection, function, arguments, headers).await
}

async fn ask<T: DeserializeOwned>(
    connection: &Connection,
    function: &str,
    arguments: &impl Serialize,
    headers: HeaderMap,
) -> Result<T, ApiError> {
    let subject = format!("$JS.API.{function}");
    let payload =
        serde_json::to_vec(arguments).map_err(|error| ApiError::Unavailable(error.into()))?;
    let violations = connection.violations();
    let request =
        async_nats::Request::new().payload(payload.into()).headers(headers).timeout(Some(TIMEOUT));
    let answer = tokio::select! {
        answer = connection.client.send_request(subject.clone(), request) => answer,
        // The server answers a forbidden publish with an error on the connection, and the request
        // with nothing.
        () = violated(violations, &subject) => return Err(ApiError::Denied { subject }),
    };
    let message = match answer {
        Ok(message) if message.status == Some(StatusCode::NO_RESPONDERS) => {
            return Err(ApiError::NoJetStream);
        }
        Ok(message) => message,
        Err(error) if error.kind() == RequestErrorKind::NoResponders => {
            return Err(ApiError::NoJetStream);
        }
        Err(error) => return Err(ApiError::Unavailable(error.into())),
    };
    read(&message.payload)
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ApiError> {
    let unreadable = |error: serde_json::Error| ApiError::Unavailable(error.into());
    let value: Value = serde_json::from_slice(payload).map_err(unreadable)?;
    let Some(error) = value.get("error") else {
        return serde_json::from_value(value).map_err(unreadable);
    };
    let code = error.get("err_code").and_then(Value::as_u64).unwrap_or(0);
    let description = error.get("description").and_then(Value::as_str).unwrap_or("no reason given");
    if codes::NOT_ENABLED.contains(&code) {
        return Err(ApiError::NoJetStream);
    }
    Err(ApiError::Refused { code, description: description.to_owned() })
}

/// Waits until the server says that `subject` may not be used.
pub(super) async fn violated(mut violations: tokio::sync::watch::Receiver<String>, subject: &str) {
    loop {
        if violations.changed().await.is_err() {
            return std::future::pending().await;
        }
        if violations.borrow().contains(subject) {
            return;
        }
    }
}

/// The server's JetStream API level.
///
/// # Errors
///
/// [`ApiError`]; `OldServer` below [`API_LEVEL_MIN`].
pub async fn api_level(connection: &Connection) -> Result<u64, ApiError> {
    // Asked with the level that is needed, an old server would refuse to say its own.
    let nothing = serde_json::json!({});
    let info: Value = ask(connection, "INFO", &nothing, HeaderMap::new()).await?;
    let found = info.pointer("/api/level").and_then(Value::as_u64).unwrap_or(0);
    if found < API_LEVEL_MIN { Err(ApiError::OldServer { found }) } else { Ok(found) }
}
