//! The files, for any market.

use std::path::Path;

use serde_json::Value;

use crate::wire::{MarketName, Subjects};

/// The files this build was made with.
const FILES: &[(&str, &str)] = &[
    ("commands.json", include_str!("../../../streams/commands.json")),
    ("events.json", include_str!("../../../streams/events.json")),
    ("feed.json", include_str!("../../../streams/feed.json")),
    ("timers.json", include_str!("../../../streams/timers.json")),
    ("attention.json", include_str!("../../../streams/attention.json")),
    ("kv_orders.json", include_str!("../../../streams/kv_orders.json")),
    ("kv_orders_2.json", include_str!("../../../streams/kv_orders_2.json")),
    ("kv_stock.json", include_str!("../../../streams/kv_stock.json")),
    ("kv_stock_2.json", include_str!("../../../streams/kv_stock_2.json")),
    ("kv_payer.json", include_str!("../../../streams/kv_payer.json")),
    ("kv_webhooks.json", include_str!("../../../streams/kv_webhooks.json")),
    ("kv_metrics.json", include_str!("../../../streams/kv_metrics.json")),
    ("kv_metrics_2.json", include_str!("../../../streams/kv_metrics_2.json")),
    ("kv_views.json", include_str!("../../../streams/kv_views.json")),
    ("kv_leases.json", include_str!("../../../streams/kv_leases.json")),
    ("obj_snapshots.json", include_str!("../../../streams/obj_snapshots.json")),
];

/// One stream as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    /// The file it comes from.
    pub file: String,
    /// Its name on the server.
    pub stream: String,
    /// JetStream wire JSON.
    pub config: Value,
}

/// A file that describes no stream.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// Not there, or not readable.
    #[error("{file} cannot be read")]
    Unreadable {
        /// Which.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not JSON.
    #[error("{file} is no JSON")]
    NotJson {
        /// Which.
        file: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// No `name` in it.
    #[error("{file} names no stream")]
    Nameless {
        /// Which.
        file: String,
    },
}

/// The assets of `market`, from `folder` or as built in, with `replicas` in place of what the
/// files say.
///
/// # Errors
///
/// [`AssetError`].
pub fn assets(
    market: &MarketName,
    replicas: Option<u64>,
    folder: Option<&Path>,
) -> Result<Vec<Asset>, AssetError> {
    let mut assets = Vec::new();
    for (file, text) in files(folder)? {
        let not_json = |source| AssetError::NotJson { file: file.clone(), source };
        let mut config: Value = serde_json::from_str(&text).map_err(not_json)?;
        rename(&mut config, market);
        if let (Some(replicas), Some(config)) = (replicas, config.as_object_mut()) {
            config.insert("num_replicas".to_owned(), replicas.into());
        }
        let name = config.get("name").and_then(Value::as_str).map(ToOwned::to_owned);
        let stream = name.ok_or_else(|| AssetError::Nameless { file: file.clone() })?;
        assets.push(Asset { file, stream, config });
    }
    Ok(assets)
}

fn files(folder: Option<&Path>) -> Result<Vec<(String, String)>, AssetError> {
    let Some(folder) = folder else {
        return Ok(FILES.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect());
    };
    let unreadable = |path: &Path| {
        let file = path.display().to_string();
        move |source| AssetError::Unreadable { file, source }
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).map_err(unreadable(&path))?;
            found.push((path.display().to_string(), text));
        }
    }
    found.sort();
    Ok(found)
}

/// Turns the names of the market `main` into those of `market`; everything else stays.
fn rename(config: &mut Value, market: &MarketName) {
    let Ok(main) = "main".parse::<MarketName>() else {
        return;
    };
    let (main, own) = (Subjects::of(main), Subjects::of(market.clone()));
    let pairs = [
        (main.stream(""), own.stream("")),
        (main.bucket(""), own.bucket("")),
        (format!("kassa.{}.", main.market()), format!("kassa.{}.", own.market())),
    ];
    let renamed = |text: &str| {
        let found = pairs.iter().find(|(from, _)| text.contains(from.as_str()));
        found.map_or_else(|| text.to_owned(), |(from, to)| text.replacen(from.as_str(), to, 1))
    };
    let Some(config) = config.as_object_mut() else {
        return;
    };
    if let Some(Value::String(name)) = config.get_mut("name") {
        *name = renamed(name);
    }
    if let Some(Value::Array(subjects)) = config.get_mut("subjects") {
        for subject in subjects {
            if let Value::String(subject) = subject {
                *subject = renamed(subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_market_is_the_same_files_with_another_name() {
        let market: MarketName = "shop2".parse().unwrap();
        let assets = assets(&market, Some(1), None).unwrap();
        let names: Vec<_> = assets.iter().map(|asset| asset.stream.as_str()).collect();
        assert!(names.contains(&"KASSA_SHOP2_EVENTS"), "{names:?}");
        assert!(names.contains(&"KV_kassa_shop2_orders"), "{names:?}");
        assert!(names.contains(&"OBJ_kassa_shop2_snapshots"), "{names:?}");
        // Leases are every market's.
        assert!(names.contains(&"KV_kassa_leases"), "{names:?}");
        let text = serde_json::to_string(&assets.iter().map(|a| &a.config).collect::<Vec<_>>());
        assert!(!text.unwrap().to_lowercase().contains("main"), "something kept its old name");
    }

    #[test]
    fn the_files_are_those_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("streams");
        let market: MarketName = "main".parse().unwrap();
        let built_in = assets(&market, None, None).unwrap();
        let on_disk = assets(&market, None, Some(&folder)).unwrap();
        let streams = |assets: &[Asset]| {
            let mut configs: Vec<_> =
                assets.iter().map(|a| (a.stream.clone(), a.config.to_string())).collect();
            configs.sort();
            configs
        };
        assert_eq!(streams(&built_in), streams(&on_disk));
    }
}
