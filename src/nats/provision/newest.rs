//! The log's file describes the stream that is written, whichever of the log's streams that is.

use serde_json::{Value, json};

use super::{Asset, ProvisionError};
use crate::nats::connect::Connection;
use crate::nats::segments::segments;
use crate::wire::Subjects;

/// The asset as it has to be on this server: that of the log has the name and the beginning of the
/// newest stream, and, while a roll is interrupted, is closed.
pub(super) async fn in_place_of(
    connection: &Connection,
    asset: Asset,
) -> Result<Asset, ProvisionError> {
    let Some(subjects) = market(&asset.config) else { return Ok(asset) };
    let found = segments(connection, &subjects).await;
    let refused = |source| ProvisionError::Api { stream: asset.stream.clone(), source };
    let Some(newest) = found.map_err(refused)?.into_iter().last() else { return Ok(asset) };
    let mut config = asset.config.clone();
    if let Some(fields) = config.as_object_mut() {
        fields.insert("name".to_owned(), newest.stream.clone().into());
        if 1 < newest.number {
            fields.insert("first_seq".to_owned(), newest.first.0.into());
        }
        if newest.closed {
            fields.insert("subjects".to_owned(), json!([subjects.parked(newest.number)]));
            fields.insert("sealed".to_owned(), true.into());
        }
    }
    Ok(Asset { file: asset.file, stream: newest.stream, config })
}

/// A stream of the log as its file has it; any other as it is.
#[must_use]
pub fn as_in_the_file(asset: &Asset, mut found: Value) -> Value {
    if market(&asset.config).is_some()
        && let Some(fields) = found.as_object_mut()
    {
        for own in ["name", "subjects", "sealed"] {
            match asset.config.get(own) {
                Some(value) => fields.insert(own.to_owned(), value.clone()),
                None => fields.remove(own),
            };
        }
        fields.remove("first_seq");
    }
    found
}

/// The market whose log this is.
fn market(config: &Value) -> Option<Subjects> {
    let subjects = config.get("subjects")?.as_array()?;
    subjects.iter().filter_map(Value::as_str).find_map(Subjects::of_commits)
}
