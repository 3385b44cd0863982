//! Documents that are almost right.

use serde_json::{Map, Value, json};

/// A document with one thing changed, and what that is.
pub(crate) struct Mutant {
    pub(crate) change: String,
    pub(crate) document: Value,
}

/// Every document that differs from this one in one thing: a field that is missing or unheard of,
/// or a value of another kind or beyond any limit.
pub(crate) fn mutants(document: &Value) -> Vec<Mutant> {
    let mut all = Vec::new();
    at(document, "", &mut |change, document| all.push(Mutant { change, document }));
    all
}

/// Numbers beyond what JSON keeps exactly are left out: not every validator sees them alike.
fn others(value: &Value) -> Vec<Value> {
    let kinds = [json!(null), json!(true), json!({}), json!("text"), json!(7)];
    let mut others: Vec<Value> = match value {
        Value::Number(_) => {
            [-1_i64, 0, 300, 70_000, 5_000_000_000, 1_000_000_000_000_000].map(Value::from).to_vec()
        }
        Value::String(text) => {
            let long = [64, 65, 160, 161].map(|length| "x".repeat(length));
            let odd = ["", "two words", "ä", "a\nb", "a.b", "eur", "01890a5d"].map(str::to_owned);
            let grown = [format!("{text}x"), text.to_uppercase()];
            long.into_iter().chain(odd).chain(grown).map(Value::from).collect()
        }
        Value::Array(items) => {
            let many = items.first().map(|item| vec![item.clone(); 101]);
            many.into_iter().chain([Vec::new()]).map(Value::from).collect()
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => Vec::new(),
    };
    others.extend(kinds);
    others.retain(|other| other != value);
    others
}

fn at(value: &Value, path: &str, add: &mut dyn FnMut(String, Value)) {
    for other in others(value) {
        let said: String = other.to_string().chars().take(40).collect();
        add(format!("{path} is {said}"), other);
    }
    match value {
        Value::Object(fields) => {
            for name in fields.keys() {
                let mut less = fields.clone();
                less.remove(name);
                add(format!("{path}/{name} is missing"), less.into());
            }
            let mut more = fields.clone();
            more.insert("unheard_of".to_owned(), json!(1));
            add(format!("{path}/unheard_of is there"), more.into());
            for (name, inner) in fields {
                at(inner, &format!("{path}/{name}"), &mut |change, inner| {
                    let mut changed: Map<String, Value> = fields.clone();
                    changed.insert(name.clone(), inner);
                    add(change, changed.into());
                });
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                at(inner, &format!("{path}/{index}"), &mut |change, inner| {
                    let mut changed = items.clone();
                    changed[index] = inner;
                    add(change, changed.into());
                });
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
