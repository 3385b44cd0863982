//! How a schema is made of a type.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The schema of what is read as `T`.
pub(in crate::wire) fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12();
    let generator = settings.with_transform(plainly).with_transform(bounded).into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

/// The schema of what a variant holds.
pub(in crate::wire) fn data_of<T: JsonSchema, E>(_: fn(T) -> E) -> Value {
    of::<T>()
}

/// A schema under a title of its own, and with a description when there is a better one.
pub(super) fn titled(mut schema: Value, title: &str, about: Option<&str>) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".to_owned(), title.into());
        if let Some(about) = about {
            fields.insert("description".to_owned(), about.into());
        }
    }
    schema
}

/// What each variant of `T` stands for.
pub(super) fn variants<T: JsonSchema>() -> BTreeMap<String, String> {
    let whole = of::<T>();
    let each = whole.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let said = each.filter_map(|variant| {
        let name = variant.get("required")?.as_array()?.first()?.as_str()?;
        Some((name.to_owned(), variant.get("description")?.as_str()?.to_owned()))
    });
    said.collect()
}

/// The name that a variant has for `snake_case` on the wire.
pub(super) fn variant(name: &str) -> String {
    let words = name.split('_').filter_map(|word| {
        let first = word.chars().next()?.to_ascii_uppercase();
        Some(std::iter::once(first).chain(word.chars().skip(1)).collect::<String>())
    });
    words.collect()
}

/// Descriptions come from comments for readers of the code: without their links, and without
/// those that only point elsewhere.
fn plainly(schema: &mut Schema) {
    if let Some(fields) = schema.as_object_mut()
        && let Some(Value::String(about)) = fields.get_mut("description")
    {
        let plain = about.replace("[`", "`").replace("`]", "`").replace("\n\n", "\u{b6}");
        *about = plain.replace('\n', " ").replace('\u{b6}', "\n\n");
        if about.starts_with("See `super::") {
            fields.remove("description");
        }
    }
    transform_subschemas(&mut plainly, schema);
}

/// What a number of a certain width can be. The format says it for those who know it.
const WIDTHS: &[(&str, i64, u64)] = &[
    ("uint16", 0, u16::MAX as u64),
    ("uint32", 0, u32::MAX as u64),
    ("uint64", 0, u64::MAX),
    ("int64", i64::MIN, i64::MAX.cast_unsigned()),
];

/// Numbers say both their bounds.
fn bounded(schema: &mut Schema) {
    if let Some(fields) = schema.as_object_mut()
        && let Some(format) = fields.get("format").and_then(Value::as_str)
        && let Some((_, least, most)) = WIDTHS.iter().find(|(name, ..)| *name == format)
    {
        fields.entry("minimum").or_insert_with(|| (*least).into());
        fields.entry("maximum").or_insert_with(|| (*most).into());
    }
    transform_subschemas(&mut bounded, schema);
}
