//! What differs between a file and a server, once the server's defaults are filled in.

use serde_json::{Map, Value, json};

/// One field that is not as the file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The field.
    pub field: String,
    /// What the file says, or the server's default.
    pub wanted: Value,
    /// What the server has.
    pub found: Value,
}

impl Difference {
    /// Whether the server cannot make this change. Source: nats-server 2.15.1, asked by a test for
    /// every field in which it refuses something.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        match self.field.as_str() {
            "storage" | "persist_mode" | "allow_msg_counter" | "mirror" => true,
            "retention" => [&self.wanted, &self.found].contains(&&json!("workqueue")),
            // May be turned on, never off.
            "deny_delete" | "deny_purge" | "allow_msg_ttl" | "allow_msg_schedules" | "sealed" => {
                self.found == json!(true)
            }
            _ => false,
        }
    }
}

/// What a server fills in for a field that is left out.
fn defaults() -> Map<String, Value> {
    let defaults = json!({
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "compression": "none",
        "num_replicas": 1,
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": 0,
        "max_msgs_per_subject": -1,
        "max_msg_size": -1,
        "duplicate_window": 120_000_000_000_u64,
        "consumer_limits": {},
        "description": "",
    });
    if let Value::Object(defaults) = defaults { defaults } else { Map::new() }
}

/// Fields in which a stream on a server differs from its file, by name.
#[must_use]
pub fn differences(wanted: &Value, found: &Value) -> Vec<Difference> {
    let (wanted, found) = (complete(wanted), complete(found));
    let mut names: Vec<&String> = wanted.keys().chain(found.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let of = |config: &Map<String, Value>, name: &str| {
        // A switch that is left out is off.
        config.get(name).cloned().unwrap_or(Value::Bool(false))
    };
    let differing = names.into_iter().filter_map(|name| {
        let (wanted, found) = (of(&wanted, name), of(&found, name));
        (wanted != found).then(|| Difference { field: name.clone(), wanted, found })
    });
    differing.collect()
}

fn complete(config: &Value) -> Map<String, Value> {
    let mut complete = defaults();
    for (name, value) in config.as_object().into_iter().flatten() {
        if name == "metadata" {
            // The server notes its own version there.
            let own = |key: &String| !key.starts_with("_nats.");
            let kept: Map<_, _> = value
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(key, _)| own(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            if !kept.is_empty() {
                complete.insert(name.clone(), Value::Object(kept));
            }
        } else if name == "first_seq" {
            // Where a restored stream began; the server gives it away once and for all.
        } else if !value.is_null() {
            complete.insert(name.clone(), value.clone());
        }
    }
    complete
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_fills_in_is_no_difference() {
        let file = json!({"name": "E", "subjects": ["e"], "allow_atomic": true});
        let server = json!({
            "name": "E", "subjects": ["e"], "retention": "limits", "max_msgs": -1,
            "allow_atomic": true, "sealed": false, "deny_purge": false,
            "metadata": {"_nats.ver": "2.15.1"}, "duplicate_window": 120_000_000_000_u64,
        });
        assert_eq!(differences(&file, &server), []);
    }

    #[test]
    fn a_change_somebody_made_by_hand_is_named() {
        let file = json!({"name": "E", "deny_purge": true});
        let server = json!({"name": "E", "deny_purge": false, "max_age": 1_000});
        let found = differences(&file, &server);
        let fields: Vec<_> = found.iter().map(|difference| difference.field.as_str()).collect();
        assert_eq!(fields, ["deny_purge", "max_age"]);
        assert!(found.iter().all(|difference| !difference.is_fixed()));
    }

    #[test]
    fn what_the_server_cannot_change_is_known() {
        let file = json!({"storage": "file", "deny_delete": false});
        let server = json!({"storage": "memory", "deny_delete": true});
        assert!(differences(&file, &server).iter().all(Difference::is_fixed));
    }
}
