//! The files of the schemas are those of this build.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use kassa::domain::CommandKind;
use kassa::wire::{SHAPES, asyncapi, kassa_type, schemas};
use serde_json::Value;

/// What writes them.
const COMMAND: &str = "cargo run -- schema export .";

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file there is below a folder, by its path.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => found.extend(files(&path)?),
            false => found.push(path),
        }
    }
    Ok(found)
}

/// What this build writes, by the path in the project.
fn documents() -> BTreeMap<String, Value> {
    let path = |name: &str| format!("schemas/{name}.json");
    let schemas = schemas().into_iter().map(|one| (path(&one.name), one.schema));
    schemas.chain([("docs/asyncapi.json".to_owned(), asyncapi())]).collect()
}

/// The first line in which two texts differ.
fn difference(stands: &str, today: &str) -> String {
    let mut lines = (1..).zip(stands.lines().zip(today.lines()));
    let differs = lines.find(|(_, (stands, today))| stands != today);
    differs.map_or_else(
        || format!("{} lines stand, {} today", stands.lines().count(), today.lines().count()),
        |(number, (stands, today))| format!("line {number}\n  stands: {stands}\n  today:  {today}"),
    )
}

#[test]
fn the_schemas_in_the_project_are_those_of_this_build() {
    let mut faults = Vec::new();
    let documents = documents();
    for (path, document) in &documents {
        let today = format!("{}\n", serde_json::to_string_pretty(document).unwrap());
        match fs::read_to_string(project().join(path)) {
            Ok(stands) if stands == today => {}
            Ok(stands) => faults.push(format!("{path}: {}", difference(&stands, &today))),
            Err(error) => faults.push(format!("{path}: {error}")),
        }
    }
    for file in files(&project().join("schemas")).unwrap() {
        let path = file.strip_prefix(project()).unwrap().to_string_lossy().replace('\\', "/");
        if !documents.contains_key(&path) {
            faults.push(format!("{path}: no shape has this schema. A retired one keeps its row"));
        }
    }
    let advice = format!("`{COMMAND}` writes them; what was written keeps to its schema");
    assert!(faults.is_empty(), "{} files:\n{}\n{advice}", faults.len(), faults.join("\n"));
}

#[test]
fn every_command_and_every_shape_of_an_event_has_a_schema() {
    let documents = documents();
    let commands = CommandKind::ALL.map(|kind| format!("commands/{}", kassa_type(kind)));
    let events = SHAPES.iter().map(|(kind, version)| format!("events/{kind}/{version}"));
    for shape in commands.into_iter().chain(events) {
        let (folder, rest) = shape.split_once('/').unwrap();
        let path = format!("schemas/{folder}/{}.json", rest.replace('/', "."));
        assert!(documents.contains_key(&path), "{path} is missing");
    }
}

/// A reference that leads nowhere would be found by the first who uses it.
#[test]
fn every_reference_of_the_asyncapi_document_leads_somewhere() {
    let (documents, asyncapi) = (documents(), asyncapi());
    let mut seen = 0;
    walk(&asyncapi, &mut |reference| {
        seen += 1;
        match reference.strip_prefix('#') {
            Some(pointer) => assert!(asyncapi.pointer(pointer).is_some(), "{reference}"),
            None => {
                let path = reference.strip_prefix("../").expect("beside docs/");
                assert!(documents.contains_key(path), "{reference}");
            }
        }
    });
    assert!(300 < seen, "the references are not found: {seen}");
}

fn walk(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                see(reference);
            }
            fields.values().for_each(|field| walk(field, see));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
