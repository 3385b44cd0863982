//! Buckets of views that are built anew.

use serde_json::{Value, json};

use super::{ProvisionError, current};
use crate::nats::api::call;
use crate::nats::connect::Connection;
use crate::wire::{LOGIC, Subjects};

/// What a bucket says of itself: the logic of the build that fills it.
const LOGIC_KEY: &str = "kassa.logic";

/// The buckets of one view.
#[derive(Clone, Debug)]
pub struct Generations {
    connection: Connection,
    subjects: Subjects,
    view: String,
}

impl Generations {
    /// Those of `view`.
    #[must_use]
    pub fn of(connection: &Connection, subjects: &Subjects, view: &str) -> Self {
        let (connection, subjects) = (connection.clone(), subjects.clone());
        Self { connection, subjects, view: view.to_owned() }
    }

    fn stream(&self, generation: u32) -> String {
        Subjects::bucket_stream(&self.subjects.generation(&self.view, generation))
    }

    /// Has a bucket for a generation: like the first one, and either empty or half filled by this
    /// very logic. What other logic began is thrown away.
    ///
    /// # Errors
    ///
    /// [`ProvisionError::Api`].
    pub async fn prepare(&self, generation: u32) -> Result<(), ProvisionError> {
        let stream = self.stream(generation);
        if let Some(found) = current(&self.connection, &stream).await? {
            let said = found.get("metadata").and_then(|about| about.get(LOGIC_KEY));
            if said.and_then(Value::as_str) == Some(LOGIC) {
                return Ok(());
            }
            self.ask("DELETE", &stream, &json!({})).await?;
        }
        let mut config = current(&self.connection, &self.stream(1)).await?.unwrap_or_default();
        if let Some(fields) = config.as_object_mut() {
            let bucket = self.subjects.generation(&self.view, generation);
            fields.insert("name".to_owned(), stream.clone().into());
            let subjects = [Subjects::bucket_key(&bucket, Subjects::everything())];
            fields.insert("subjects".to_owned(), json!(subjects));
            fields.insert("metadata".to_owned(), json!({LOGIC_KEY: LOGIC}));
        }
        self.ask("CREATE", &stream, &config).await.map(drop)
    }

    /// Drops one generation that nobody reads.
    ///
    /// # Errors
    ///
    /// [`ProvisionError::Api`].
    pub async fn drop_one(&self, generation: u32) -> Result<(), ProvisionError> {
        self.ask("DELETE", &self.stream(generation), &json!({})).await.map(drop)
    }

    /// Drops every generation up to `last` but `live`; the first, which is always there, is
    /// emptied. Returns the buckets that went.
    ///
    /// # Errors
    ///
    /// [`ProvisionError::Api`].
    pub async fn drop_but(&self, live: u32, last: u32) -> Result<Vec<String>, ProvisionError> {
        let mut gone = Vec::new();
        for generation in (1..=last).filter(|generation| *generation != live) {
            let stream = self.stream(generation);
            if current(&self.connection, &stream).await?.is_none() {
                continue;
            }
            let verb = if generation == 1 { "PURGE" } else { "DELETE" };
            let answer = self.ask(verb, &stream, &json!({})).await?;
            if answer.get("purged").and_then(Value::as_u64) == Some(0) {
                continue;
            }
            gone.push(self.subjects.generation(&self.view, generation));
        }
        Ok(gone)
    }

    async fn ask(&self, verb: &str, stream: &str, body: &Value) -> Result<Value, ProvisionError> {
        let function = format!("STREAM.{verb}.{stream}");
        let asked = call::<Value>(&self.connection, &function, body).await;
        asked.map_err(|source| ProvisionError::Api { stream: stream.to_owned(), source })
    }
}
