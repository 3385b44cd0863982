//! Key by key: what a view says against what the log adds up to.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::domain::{Address, Sequence};
use crate::engine::ViewReader;
use crate::port::{Log, ReadError};

/// Differences that are told one by one; the rest is counted.
const TOLD_MAX: usize = 100;

/// How much sooner a value may go from one bucket than from the other: seconds are rounded, twice.
const GOING: Duration = Duration::from_secs(2);

/// How long a view may take to reflect what the other one reflects.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two buckets with the same keys, or so it should be.
pub struct Comparison<'a, L> {
    /// What readers see.
    pub live: &'a ViewReader<L>,
    /// What was built anew.
    pub rebuilt: &'a ViewReader<L>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Compared {
    /// Keys of either.
    pub keys: u64,
    /// Keys whose values differ.
    pub differing: u64,
    /// The first of them, at most 100.
    pub differences: Vec<Difference>,
}

/// A key whose value is not what the log adds up to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The key.
    pub key: String,
    /// What readers see; none when the key is missing.
    pub live: Option<Value>,
    /// What the log adds up to; none when it makes no such key.
    pub rebuilt: Option<Value>,
    /// The event since which they differ, once the log was asked.
    pub since: Option<Address>,
}

/// Where two values differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldDifference {
    /// As in `/lines/0/quantity`.
    pub path: String,
    /// What readers see.
    pub live: String,
    /// What the log adds up to.
    pub rebuilt: String,
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum BehindError {
    /// A bucket cannot be read.
    #[error("a bucket cannot be read")]
    Read(#[from] ReadError),
    /// Nobody keeps the live one current.
    #[error("{bucket} is at {reached} and does not go on; {wanted} was waited for")]
    Behind {
        /// Which.
        bucket: String,
        /// How far it is.
        reached: Sequence,
        /// How far it should be.
        wanted: Sequence,
    },
}

/// 16 bytes of BLAKE3: no two of the keys or values of a shop share them.
type Digest = [u8; 16];

fn digest(bytes: &[u8]) -> Digest {
    let mut short = Digest::default();
    short.copy_from_slice(blake3::hash(bytes).as_bytes().split_at(16).0);
    short
}

impl<L: Log> Comparison<'_, L> {
    /// Compares every key, while both go on. 32 bytes of memory a key.
    ///
    /// # Errors
    ///
    /// [`BehindError`].
    pub async fn run(&self) -> Result<Compared, BehindError> {
        let (suspects, keys) = self.suspects().await?;
        if !suspects.is_empty() {
            // What is no longer kept goes here and there within a second.
            tokio::time::sleep(GOING).await;
        }
        let mut compared = Compared { keys, ..Compared::default() };
        for key in suspects {
            let Some(difference) = self.settled(&key).await? else { continue };
            compared.differing = compared.differing.saturating_add(1);
            if compared.differences.len() < TOLD_MAX {
                compared.differences.push(difference);
            }
        }
        Ok(compared)
    }

    /// Keys whose bytes were not the same when they were read. Most of them just changed.
    async fn suspects(&self) -> Result<(BTreeSet<String>, u64), ReadError> {
        let mut known: HashMap<Digest, Digest> = HashMap::new();
        let remember = |key: &str, value: &[u8]| {
            known.insert(digest(key.as_bytes()), digest(value));
        };
        self.rebuilt.each(remember).await?;
        let (mut suspects, mut missing) = (BTreeSet::new(), known.clone());
        let mut keys = known.len();
        self.live
            .each(|key, value| {
                let name = digest(key.as_bytes());
                missing.remove(&name);
                match known.get(&name) {
                    Some(same) if *same == digest(value) => drop(suspects.remove(key)),
                    Some(_) => drop(suspects.insert(key.to_owned())),
                    None => {
                        keys = keys.saturating_add(1);
                        suspects.insert(key.to_owned());
                    }
                }
            })
            .await?;
        if !missing.is_empty() {
            let name = |key: &str, _: &[u8]| {
                if missing.contains_key(&digest(key.as_bytes())) {
                    suspects.insert(key.to_owned());
                }
            };
            self.rebuilt.each(name).await?;
        }
        Ok((suspects, u64::try_from(keys).unwrap_or(u64::MAX)))
    }

    /// The difference under a key, once both reflect the same.
    async fn settled(&self, key: &str) -> Result<Option<Difference>, BehindError> {
        loop {
            // Asked for first: the values are as new or newer.
            let reached = [self.live.position().await?, self.rebuilt.position().await?];
            let live: Option<Value> = self.live.get(key).await?;
            let rebuilt: Option<Value> = self.rebuilt.get(key).await?;
            if live == rebuilt {
                return Ok(None);
            }
            let newest = event_seq(live.as_ref()).max(event_seq(rebuilt.as_ref()));
            if reached.iter().all(|reached| newest <= *reached) {
                let key = key.to_owned();
                return Ok(Some(Difference { key, live, rebuilt, since: None }));
            }
            self.wait_for(newest).await?;
        }
    }

    /// Waits until both reflect a commit.
    ///
    /// # Errors
    ///
    /// [`BehindError`].
    pub async fn wait_for(&self, wanted: Sequence) -> Result<(), BehindError> {
        for reader in [self.live, self.rebuilt] {
            let reached = reader.wait_for(wanted, PATIENCE).await?;
            if reached < wanted {
                let bucket = reader.bucket().to_owned();
                return Err(BehindError::Behind { bucket, reached, wanted });
            }
        }
        Ok(())
    }
}

/// The last event a value reflects; each says it.
fn event_seq(value: Option<&Value>) -> Sequence {
    let said = value.and_then(|value| value.get("event_seq")).and_then(Value::as_u64);
    said.map_or(Sequence::START, Sequence)
}

impl Difference {
    /// Where the two differ, field by field; nowhere when one of them is missing.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldDifference> {
        let mut fields = Vec::new();
        if let (Some(live), Some(rebuilt)) = (&self.live, &self.rebuilt) {
            walk(live, rebuilt, "", &mut fields);
        }
        fields
    }
}

fn walk(live: &Value, rebuilt: &Value, path: &str, fields: &mut Vec<FieldDifference>) {
    if live == rebuilt {
        return;
    }
    let none = Value::Null;
    match (live, rebuilt) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for name in names {
                let (one, other) = (one.get(name), other.get(name));
                let path = format!("{path}/{name}");
                walk(one.unwrap_or(&none), other.unwrap_or(&none), &path, fields);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for index in 0..one.len().max(other.len()) {
                let (one, other) = (one.get(index), other.get(index));
                let path = format!("{path}/{index}");
                walk(one.unwrap_or(&none), other.unwrap_or(&none), &path, fields);
            }
        }
        (live, rebuilt) => fields.push(FieldDifference {
            path: path.to_owned(),
            live: live.to_string(),
            rebuilt: rebuilt.to_string(),
        }),
    }
}
