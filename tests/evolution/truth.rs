//! The schemas say what the readers do: on the bytes that are kept, and on documents that are
//! almost right.

use std::fs;
use std::path::Path;

use kassa::domain::market::Intent;
use kassa::domain::{CommandKind, Timestamp};
use kassa::view::attention::AttentionItem;
use kassa::view::{MinuteView, OrderView, StockView};
use kassa::wire::{
    Arrival, Commit, Encoding, Ledger, Outcome, Position, Subjects, kassa_type, read_commands,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::foreign::{Foreign, commit};
use crate::mutants::mutants;
use crate::schemas::Schemas;

/// A file of `tests/golden`.
#[derive(Deserialize)]
struct Golden {
    r#type: String,
    version: Option<u16>,
    says: Value,
}

fn golden(place: &str) -> Vec<(String, Golden)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(place);
    let read = |entry: fs::DirEntry| {
        let path = entry.path();
        let name = format!("tests/golden/{place}/{}", entry.file_name().to_string_lossy());
        (name, serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
    };
    let all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap())).collect();
    assert!(!all.is_empty(), "nothing is kept in tests/golden/{place}");
    all
}

#[test]
fn whatever_bytes_are_kept_say_keeps_to_the_schema() {
    let schemas = Schemas::of_this_build();
    for (file, Golden { r#type, version, says }) in golden("events") {
        schemas.check(&format!("events/{}.{}", r#type, version.unwrap()), &says, &file);
    }
    for (file, Golden { r#type, version, says }) in golden("commands") {
        let name = format!("commands/{}.{}", r#type, version.unwrap());
        schemas.check(&name, &says["payload"], &file);
    }
    for (file, Golden { r#type, version, says }) in golden("feed") {
        let name = format!("feed/{}.{}", r#type, version.unwrap());
        schemas.check(&name, &says["payload"], &file);
    }
    for (file, Golden { says, .. }) in golden("commits") {
        for event in says["events"].as_array().unwrap() {
            // None of these is of another version than the first.
            let name = format!("events/{}.1", event["type"].as_str().unwrap());
            schemas.check(&name, &event["data"], &file);
        }
    }
    for (place, name) in
        [("ledger", "ledger.1"), ("outcome", "outcome"), ("position", "views/position")]
    {
        for (file, Golden { says, .. }) in golden(place) {
            schemas.check(name, &says, &file);
        }
    }
}

/// Whether the committer understands a payload.
fn understood(kind: CommandKind, payload: &Value) -> bool {
    let subjects = Subjects::of("main".parse().unwrap());
    let bytes = serde_json::to_vec(payload).unwrap();
    let received = read_commands(
        &Arrival {
            subject: &subjects.ask(&"web".parse().unwrap(), kind),
            content_type: Some(Encoding::Json.content_type()),
            kassa_type: Some(&kassa_type(kind)),
            reply_to: None,
            traceparent: None,
            payload: &bytes,
            asked_at: Timestamp(0),
            command_seq: None,
        },
        &subjects,
    );
    received.requests.iter().all(|request| matches!(request.intent, Intent::Command(_)))
}

/// Holds a schema against a reader, on a document and on every one that is almost the same.
/// Returns how many both refuse.
fn agree(
    (schemas, name): (&Schemas, &str),
    document: &Value,
    reads: impl Fn(&Value) -> bool,
) -> usize {
    assert!(schemas.accept(name, document) && reads(document), "{name}: {document}");
    let (mut refused, mut faults) = (0, Vec::new());
    for mutant in mutants(document) {
        match (schemas.accept(name, &mutant.document), reads(&mutant.document)) {
            (true, true) => {}
            (false, false) => refused += 1,
            (true, false) => faults.push(format!("{}: the schema takes it", mutant.change)),
            (false, true) => faults.push(format!("{}: the reader takes it", mutant.change)),
        }
    }
    assert!(faults.is_empty(), "{name}: {} differ:\n{}", faults.len(), faults.join("\n"));
    refused
}

#[test]
fn a_command_that_is_almost_right_is_refused_by_the_schema_and_by_the_reader_alike() {
    let schemas = Schemas::of_this_build();
    let mut refused = 0;
    for (file, Golden { r#type, says, .. }) in golden("commands") {
        if file.ends_with("-json.json") {
            let kind = CommandKind::from_name(&r#type).unwrap();
            let name = format!("commands/{}.1", r#type);
            refused += agree((&schemas, &name), &says["payload"], |it| understood(kind, it));
        }
    }
    assert!(700 < refused, "hardly anything was wrong: {refused}");
}

#[test]
fn an_event_that_is_almost_right_is_refused_by_the_schema_and_by_the_reader_alike() {
    let schemas = Schemas::of_this_build();
    let mut refused = 0;
    for (_, Golden { r#type, version, says }) in golden("events") {
        let version = version.unwrap();
        let name = format!("events/{type}.{version}");
        refused += agree((&schemas, &name), &says, |data| {
            let event = Foreign { r#type: &r#type, v: version, source: "web", data: data.clone() };
            Commit::decode(&commit(1, &[event])).is_ok()
        });
    }
    assert!(2_000 < refused, "hardly anything was wrong: {refused}");
}

fn reads<T: DeserializeOwned>(document: &Value) -> bool {
    serde_json::from_value::<T>(document.clone()).is_ok()
}

#[test]
fn what_is_told_and_shown_is_taken_by_the_schema_and_by_a_reader_alike() {
    let schemas = Schemas::of_this_build();
    for (file, Golden { says, .. }) in golden("outcome") {
        if file.ends_with("-json.json") {
            agree((&schemas, "outcome"), &says, reads::<Outcome>);
        }
    }
    for (_, Golden { says, .. }) in golden("ledger") {
        agree((&schemas, "ledger.1"), &says, |entry| {
            Ledger::decode(&rmp_serde::to_vec_named(entry).unwrap()).is_ok()
        });
    }
    for (_, Golden { says, .. }) in golden("position") {
        agree((&schemas, "views/position"), &says, reads::<Position>);
    }
    let id = "01a205f2-c221-7484-8ce8-e17cd3af93e8";
    let order = json!({
        "order_id": id, "state": "refunding", "customer_ref": "c-1", "off": true,
        "lines": [{"sku": "MUG-01", "quantity": 2, "unit_price_minor": 1250}],
        "currency": "EUR", "total_minor": 2500,
        "payment": {"attempt": 1, "state": "captured", "connector": "simulated",
                    "provider_ref": "pi-1"},
        "money": {
            "captures": [{"provider_ref": "pi-1", "amount_minor": 2500, "currency": "EUR"}],
            "refunds": [{"refund": 1, "state": "retrying", "reason": "cancelled", "attempt": 2,
                         "capture_ref": "pi-1", "amount_minor": 2500, "currency": "EUR",
                         "code": "processing_error", "class": "infra", "retry_at_ms": 9}],
        },
        "shipments": [{"shipment_ref": "s-1", "lines": [{"sku": "MUG-01", "quantity": 1}]}],
        "returns": [{"return_ref": "r-1",
                     "lines": [{"sku": "MUG-01", "quantity": 1, "restock": 1}]}],
        "asked_at_ms": 1, "updated_at_ms": 2, "event_seq": 3, "events": ["3.0", "7.12"],
    });
    agree((&schemas, "views/order"), &order, reads::<OrderView>);
    let stock = json!({
        "sku": "MUG-01", "name": "Mug", "unit_price_minor": 1250, "currency": "EUR",
        "per_order_max": 6, "listed": true, "available": -1, "reserved": 2, "sold": 3,
        "on_hand": 1, "updated_at_ms": 5, "event_seq": 9, "event_index": 1,
    });
    agree((&schemas, "views/stock"), &stock, reads::<StockView>);
    let minute = json!({
        "minute_ms": 60_000, "events": {"order_placed": 2}, "rejected": {}, "cancelled": {},
        "failures": {"soft": {"do_not_honor": 1}}, "latency": [0, 1], "event_seq": 9,
        "event_index": 1,
    });
    agree((&schemas, "views/metrics"), &minute, reads::<MinuteView>);
    let item = json!({
        "kind": "poison", "id": "54-0", "reason": "no", "source": "web", "raised_at_ms": 1,
        "event_seq": 54, "event_index": 0,
    });
    agree((&schemas, "attention"), &item, reads::<AttentionItem>);
}
