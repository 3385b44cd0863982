//! Leases in a bucket whose keys expire by themselves.

use std::time::Duration;

use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_TTL};
use async_nats::jetstream::kv::{Operation, Store};
use async_nats::{HeaderMap, HeaderValue, StatusCode};
use futures::StreamExt;
use serde::Deserialize;

use super::api::{ApiError, violated};
use super::codes;
use super::connect::Connection;
use super::log::JsLog;
use crate::domain::Timestamp;
use crate::port::{BoxError, Lease, LeaseError, Log};
use crate::wire::Subjects;

/// How long a lease lasts. Longer than the hiccups of a healthy holder, short against the seconds
/// that the loss of a holder may cost.
const TTL: Duration = Duration::from_secs(3);

/// The revision of a key that nobody ever wrote, or that even its marker has left.
const NEVER_WRITTEN: u64 = 0;

/// How often a lease is taken from whoever has it: a renewal may come in between, once a second.
const TAKES: u32 = 3;

/// How long to wait for the answer to a write.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Leases in the bucket that every market shares.
#[derive(Clone, Debug)]
pub struct KvLease {
    connection: Connection,
    store: Store,
    /// The stream behind the bucket.
    log: JsLog,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    seq: u64,
    error: Option<async_nats::jetstream::Error>,
}

impl KvLease {
    /// The leases of a server.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Unavailable`] when the bucket cannot be reached.
    pub async fn open(connection: &Connection) -> Result<Self, LeaseError> {
        let store = connection
            .jetstream
            .get_key_value(Subjects::lease_bucket())
            .await
            .map_err(|error| LeaseError::Unavailable(error.into()))?;
        let stream = Subjects::bucket_stream(Subjects::lease_bucket());
        let log = JsLog::open(connection, stream).await;
        let log = log.map_err(|error| LeaseError::Unavailable(error.into()))?;
        Ok(Self { connection: connection.clone(), store, log })
    }

    /// Who holds a lease, for people who look.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Unavailable`] when the bucket cannot be reached.
    pub async fn holder(&self, key: &str) -> Result<Option<String>, LeaseError> {
        let value =
            self.store.get(key).await.map_err(|error| LeaseError::Unavailable(error.into()))?;
        Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
    }

    /// Takes the lease of `key`, also from whoever has it: that one is told at its next renewal.
    ///
    /// # Errors
    ///
    /// See [`LeaseError`]; `Taken` when somebody else was faster.
    pub async fn take(&self, key: &str, holder: &str) -> Result<u64, LeaseError> {
        let mut taken = self.acquire(key, holder).await;
        for _ in 0..TAKES {
            let Err(LeaseError::Taken) = taken else { break };
            let subject = Subjects::bucket_key(Subjects::lease_bucket(), key);
            let found = self.log.last(&subject).await;
            let found = found.map_err(|error| LeaseError::Unavailable(error.into()))?;
            let revision = found.map_or(NEVER_WRITTEN, |entry| entry.sequence.0);
            taken = self.write(key, holder, revision).await;
        }
        taken
    }

    /// Writes a key that expires, when its last revision is still `revision`.
    async fn write(&self, key: &str, holder: &str, revision: u64) -> Result<u64, LeaseError> {
        // The client has no update with a time to live, so this is one by hand.
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, HeaderValue::from(revision));
        headers.insert(NATS_MESSAGE_TTL, format!("{}s", TTL.as_secs()));
        let subject = Subjects::bucket_key(Subjects::lease_bucket(), key);
        let request = async_nats::Request::new()
            .headers(headers)
            .payload(holder.to_owned().into())
            .timeout(Some(TIMEOUT));
        let unavailable = |error: BoxError| LeaseError::Unavailable(error);
        let violations = self.connection.violations();
        let message = tokio::select! {
            answer = self.connection.client.send_request(subject.clone(), request) => answer,
            () = violated(violations, &subject) => {
                return Err(LeaseError::Denied(ApiError::Denied { subject }.into()));
            }
        };
        let message = message.map_err(|error| unavailable(error.into()))?;
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(unavailable("nobody answers for the bucket of leases".into()));
        }
        let answer: Answer =
            serde_json::from_slice(&message.payload).map_err(|error| unavailable(error.into()))?;
        match answer.error {
            None => Ok(answer.seq),
            Some(error) if codes::is_conflict(&error) => Err(LeaseError::Taken),
            Some(error) => Err(unavailable(error.into())),
        }
    }
}

impl Lease for KvLease {
    async fn acquire(&self, key: &str, holder: &str) -> Result<u64, LeaseError> {
        match self.write(key, holder, NEVER_WRITTEN).await {
            Err(LeaseError::Taken) => {}
            other => return other,
        }
        // What was given up or has expired leaves a marker behind. The client's own
        // `create_with_ttl` forgets the time to live when it finds one.
        // Only a leader's answer counts here: a replica may still see the last holder.
        let subject = Subjects::bucket_key(Subjects::lease_bucket(), key);
        let found = self.log.last(&subject).await;
        match found.map_err(|error| LeaseError::Unavailable(error.into()))? {
            // A marker is empty, a holder's name is not.
            Some(entry) if !entry.payload.is_empty() => Err(LeaseError::Taken),
            Some(marker) => self.write(key, holder, marker.sequence.0).await,
            // The marker is gone by now.
            None => self.write(key, holder, NEVER_WRITTEN).await,
        }
    }

    async fn renew(&self, key: &str, holder: &str, revision: u64) -> Result<u64, LeaseError> {
        self.write(key, holder, revision).await
    }

    async fn written(&self, key: &str) -> Result<Timestamp, LeaseError> {
        let subject = Subjects::bucket_key(Subjects::lease_bucket(), key);
        let found = self.log.last(&subject).await;
        let found = found.map_err(|error| LeaseError::Unavailable(error.into()))?;
        let held = found.filter(|entry| !entry.payload.is_empty());
        held.map(|entry| entry.time).ok_or(LeaseError::Taken)
    }

    async fn release(&self, key: &str, revision: u64) -> Result<(), LeaseError> {
        self.store
            .delete_expect_revision(key, Some(revision))
            .await
            .map_err(|error| LeaseError::Unavailable(error.into()))
    }

    async fn freed(&self, key: &str) -> Result<(), LeaseError> {
        let unavailable = |error: BoxError| LeaseError::Unavailable(error);
        let mut changes =
            self.store.watch_with_history(key).await.map_err(|error| unavailable(error.into()))?;
        // What is there now comes first; a key that is not there sends nothing.
        let subject = Subjects::bucket_key(Subjects::lease_bucket(), key);
        let there = self.log.last(&subject).await.map_err(|error| unavailable(error.into()))?;
        if there.is_none_or(|entry| entry.payload.is_empty()) {
            return Ok(());
        }
        while let Some(change) = changes.next().await {
            let change = change.map_err(|error| unavailable(error.into()))?;
            if change.operation != Operation::Put {
                return Ok(());
            }
        }
        Err(unavailable("the watch has ended".into()))
    }
}
