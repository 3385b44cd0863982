//! Streams as files: applied by hand, checked at every start.
//!
//! `streams/*.json` is JetStream wire JSON, one asset a file, written for the market `main`.
//! Nothing but `kassa streams apply` changes a server.

mod assets;
mod compare;
mod generations;
mod newest;
pub mod restoring;

use serde_json::{Value, json};

pub use assets::{Asset, AssetError, assets};
pub use compare::{Difference, differences};
pub use generations::empty;
pub use newest::as_in_the_file;

use super::api::{ApiError, call};
use super::codes;
use super::connect::Connection;

/// What has to be done to one asset.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is as it should be.
    None,
    /// It is not there.
    Create,
    /// These fields differ.
    Update(Vec<Difference>),
}

/// An asset and what has to be done to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The asset.
    pub asset: Asset,
    /// What has to be done.
    pub change: Change,
}

/// Why a server was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The server would not answer, or said no.
    #[error("{stream}")]
    Api {
        /// Which stream.
        stream: String,
        /// Why.
        #[source]
        source: ApiError,
    },
    /// The server cannot change this once the stream exists.
    #[error(
        "{stream}: {field} is {found} and cannot become {wanted}; back the stream up, delete it by \
         hand and apply again"
    )]
    Unchangeable {
        /// Which stream.
        stream: String,
        /// Which field.
        field: String,
        /// What the server has.
        found: Value,
        /// What the file says.
        wanted: Value,
    },
}

/// Reads the server and says what would have to be done; changes nothing.
///
/// # Errors
///
/// [`ProvisionError::Api`].
pub async fn plan(
    connection: &Connection,
    assets: Vec<Asset>,
) -> Result<Vec<Planned>, ProvisionError> {
    let mut planned = Vec::with_capacity(assets.len());
    for asset in assets {
        let asset = newest::in_place_of(connection, asset).await?;
        planned.push(match current(connection, &asset.stream).await? {
            None => Planned { asset, change: Change::Create },
            Some(found) => {
                let asset = restoring::marked_as(asset, &found);
                let change = match differences(&asset.config, &found) {
                    differences if differences.is_empty() => Change::None,
                    differences => Change::Update(differences),
                };
                Planned { asset, change }
            }
        });
    }
    Ok(planned)
}

/// Does what was planned, after a look at all of it: a change that the server cannot make stops
/// everything before anything is changed.
///
/// # Errors
///
/// See [`ProvisionError`].
pub async fn apply(connection: &Connection, planned: &[Planned]) -> Result<(), ProvisionError> {
    for item in planned {
        if let Change::Update(differences) = &item.change
            && let Some(fixed) = differences.iter().find(|difference| difference.is_fixed())
        {
            return Err(ProvisionError::Unchangeable {
                stream: item.asset.stream.clone(),
                field: fixed.field.clone(),
                found: fixed.found.clone(),
                wanted: fixed.wanted.clone(),
            });
        }
    }
    for item in planned {
        let verb = match item.change {
            Change::None => continue,
            Change::Create => "CREATE",
            Change::Update(_) => "UPDATE",
        };
        let stream = &item.asset.stream;
        let _: Value = call(connection, &format!("STREAM.{verb}.{stream}"), &item.asset.config)
            .await
            .map_err(|source| ProvisionError::Api { stream: stream.clone(), source })?;
    }
    Ok(())
}

/// The configuration a stream has on the server; none when there is no such stream.
///
/// # Errors
///
/// [`ProvisionError::Api`].
pub async fn current(
    connection: &Connection,
    stream: &str,
) -> Result<Option<Value>, ProvisionError> {
    match call::<Value>(connection, &format!("STREAM.INFO.{stream}"), &json!({})).await {
        Ok(mut info) => Ok(info.get_mut("config").map(Value::take)),
        Err(ApiError::Refused { code: codes::STREAM_NOT_FOUND, .. }) => Ok(None),
        Err(source) => Err(ProvisionError::Api { stream: stream.to_owned(), source }),
    }
}
