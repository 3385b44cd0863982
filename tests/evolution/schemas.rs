//! Validating against the schemas of this build.

use std::collections::BTreeMap;

use jsonschema::{Draft, Registry, Validator};
use serde_json::{Value, json};

/// Where the schemas lie for the validator, which reads no files.
const BASE: &str = "kassa:/schemas/";

/// The validator of every schema.
pub(crate) struct Schemas(BTreeMap<String, Validator>);

impl Schemas {
    pub(crate) fn of_this_build() -> Self {
        let all = kassa::wire::schemas();
        let mut registry = Registry::new().draft(Draft::Draft202012);
        for one in &all {
            let place = format!("{BASE}{}.json", one.name);
            registry = registry.add(place, one.schema.clone()).unwrap();
        }
        let registry = registry.prepare().unwrap();
        let validator = |name: &str| {
            let root = json!({"$ref": format!("{BASE}{name}.json")});
            let options = jsonschema::options().with_draft(Draft::Draft202012);
            options.with_registry(&registry).build(&root).unwrap()
        };
        Self(all.iter().map(|one| (one.name.clone(), validator(&one.name))).collect())
    }

    /// Whether a document keeps to a schema.
    pub(crate) fn accept(&self, name: &str, document: &Value) -> bool {
        self.named(name).is_valid(document)
    }

    /// What is wrong with a document.
    pub(crate) fn faults(&self, name: &str, document: &Value) -> Vec<String> {
        let place = |path: String| if path.is_empty() { "/".to_owned() } else { path };
        let errors = self.named(name).iter_errors(document);
        errors
            .map(|error| format!("{}: {error}", place(error.instance_path().to_string())))
            .collect()
    }

    #[track_caller]
    pub(crate) fn check(&self, name: &str, document: &Value, of: &str) {
        let faults = self.faults(name, document);
        assert!(faults.is_empty(), "{of} does not keep to schemas/{name}.json: {faults:#?}");
    }

    #[track_caller]
    fn named(&self, name: &str) -> &Validator {
        self.0.get(name).unwrap_or_else(|| panic!("there is no schemas/{name}.json"))
    }
}

#[test]
fn every_schema_is_one() {
    for one in kassa::wire::schemas() {
        assert!(jsonschema::meta::is_valid(&one.schema), "schemas/{}.json", one.name);
        assert_eq!(one.schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        for text in ["title", "description"] {
            assert!(one.schema[text].is_string(), "schemas/{}.json has no {text}", one.name);
        }
    }
}
