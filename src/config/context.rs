//! Contexts of the nats command line.
//!
//! Shape: `<config>/nats/context/<name>.json`, an object of which we use `url`, `creds`, `nkey`,
//! `user`, `password`, `ca`, `cert` and `key`.

use std::path::Path;

use figment::value::{Dict, Value};

use super::layers::ConfigError;

/// What we take from a context.
const FIELDS: [&str; 8] = ["url", "creds", "nkey", "user", "password", "ca", "cert", "key"];

/// The settings of the context of that name, as a part of `nats`.
///
/// # Errors
///
/// [`ConfigError::NoContext`]: a named context that is not there is a mistake.
pub(super) fn read(config: &Path, name: &str) -> Result<Dict, ConfigError> {
    let file = config.join("nats").join("context").join(format!("{name}.json"));
    let no_context =
        |why: String| ConfigError::NoContext { name: name.to_owned(), file: file.clone(), why };
    let text = std::fs::read_to_string(&file).map_err(|error| no_context(error.to_string()))?;
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).map_err(|error| no_context(error.to_string()))?;
    let used = FIELDS.into_iter().filter_map(|field| {
        let value = fields.get(field)?.as_str().filter(|value| !value.is_empty())?;
        Some((field.to_owned(), Value::from(value)))
    });
    Ok(used.collect())
}
