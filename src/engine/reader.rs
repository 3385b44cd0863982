//! Reading what followers wrote: values under keys, as of at least a sequence.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::domain::Sequence;
use crate::port::{Entry, Log, ReadError, Tail};
use crate::wire::{Position, Subjects};

/// Entries taken from a bucket at once.
const READ_AT_ONCE: usize = 1_024;

/// Reads one bucket.
#[derive(Clone, Debug)]
pub struct ViewReader<L> {
    log: L,
    bucket: String,
}

/// The values of a bucket, as they change.
pub struct Watch<T> {
    tail: T,
    prefix: String,
}

impl<L: Log> ViewReader<L> {
    /// A reader of `bucket`, whose stream is `log`.
    pub const fn new(log: L, bucket: String) -> Self {
        Self { log, bucket }
    }

    /// Its bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The value under a key.
    ///
    /// # Errors
    ///
    /// See [`ReadError`]; `Broken` for a value that is not one.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ReadError> {
        let entry = self.log.last(&Subjects::bucket_key(&self.bucket, key)).await?;
        entry.as_ref().and_then(value).transpose()
    }

    /// Every value, by key.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn all<T: DeserializeOwned>(&self) -> Result<BTreeMap<String, T>, ReadError> {
        let mut values = BTreeMap::new();
        let mut failed = None;
        self.each(|key, payload| {
            match serde_json::from_slice(payload) {
                _ if payload.is_empty() => drop(values.remove(key)),
                Ok(value) => drop(values.insert(key.to_owned(), value)),
                Err(error) => failed = Some(ReadError::Broken(error.into())),
            };
        })
        .await?;
        failed.map_or(Ok(values), Err)
    }

    /// Shows every key with the bytes of its value, which are none when it was deleted. A key that
    /// changes meanwhile may be shown again.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn each(&self, mut show: impl FnMut(&str, &[u8])) -> Result<(), ReadError> {
        let prefix = Subjects::bucket_key(&self.bucket, "");
        let mut tail = self.log.follow(&format!("{prefix}>"), Sequence::START).await?;
        while 0 < tail.remaining() {
            for entry in tail.next(READ_AT_ONCE).await? {
                let key = entry.subject.strip_prefix(&prefix);
                if let Some(key) = key.filter(|key| !Subjects::is_about_writer(key)) {
                    show(key, &entry.payload);
                }
            }
        }
        Ok(())
    }

    /// The values under the keys that match, from those written after `after` on.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn watch(&self, keys: &str, after: Sequence) -> Result<Watch<L::Tail>, ReadError> {
        let tail = self.log.follow(&Subjects::bucket_key(&self.bucket, keys), after).await?;
        Ok(Watch { tail, prefix: Subjects::bucket_key(&self.bucket, "") })
    }

    /// How far the bucket is.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn position(&self) -> Result<Sequence, ReadError> {
        Ok(self.writer().await?.event_seq)
    }

    /// The position as its writer left it.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn writer(&self) -> Result<Position, ReadError> {
        let entry = self.log.last(&Subjects::position_key(&self.bucket)).await?;
        Ok(entry.as_ref().and_then(value::<Position>).transpose()?.unwrap_or_default())
    }

    /// Waits until the bucket reflects commit `at_least`, at most for `patience`; says how far it
    /// is then.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn wait_for(
        &self,
        at_least: Sequence,
        patience: Duration,
    ) -> Result<Sequence, ReadError> {
        let subject = Subjects::position_key(&self.bucket);
        let mut reached = self.position().await?;
        let waited = async {
            // From the start: one message lies on that subject, and it is the last.
            let mut tail = self.log.follow(&subject, Sequence::START).await?;
            while reached < at_least {
                for entry in tail.next(READ_AT_ONCE).await? {
                    if let Some(position) = value::<Position>(&entry).transpose()? {
                        reached = position.event_seq;
                    }
                }
            }
            Ok(())
        };
        // In vain or not: the caller is told how far it is.
        tokio::time::timeout(patience, waited).await.unwrap_or(Ok(()))?;
        Ok(reached)
    }
}

impl<T: Tail> Watch<T> {
    /// Waits for values, and takes what is there; none for a key that was deleted.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn next<V: DeserializeOwned>(
        &mut self,
    ) -> Result<Vec<(String, Option<V>)>, ReadError> {
        let entries = self.tail.next(READ_AT_ONCE).await?;
        let mut values = Vec::with_capacity(entries.len());
        for entry in &entries {
            let Some(key) = entry.subject.strip_prefix(&self.prefix) else { continue };
            if !Subjects::is_about_writer(key) {
                values.push((key.to_owned(), value(entry).transpose()?));
            }
        }
        Ok(values)
    }
}

/// What an entry holds; none when it marks a deletion.
fn value<V: DeserializeOwned>(entry: &Entry) -> Option<Result<V, ReadError>> {
    if entry.payload.is_empty() {
        return None;
    }
    Some(serde_json::from_slice(&entry.payload).map_err(|error| ReadError::Broken(error.into())))
}
