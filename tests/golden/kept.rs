//! What is kept in buckets, in timers and beside a backup: read by later builds too.

use std::collections::BTreeSet;
use std::fmt::Debug;

use kassa::archive::Manifest;
use kassa::view::attention::AttentionItem;
use kassa::view::owed::Owed;
use kassa::wire::{Alias, Building, Encoding, RetryDue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::shelf::{Golden, none_unread, same};

const ORDER: &str = "01941f29-7c00-7000-8000-000000000001";
const NOON_MS: u64 = 1_735_732_800_000;

/// Reads a value, writes it, and holds its bytes and what they say against those that stand.
#[track_caller]
fn keep<T>(read: &mut BTreeSet<String>, (kind, name): (&str, &str), says: &Value)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let value: T = serde_json::from_value(says.clone()).unwrap();
    let bytes = Encoding::Json.write(&value).unwrap();
    let written: Value = Encoding::Json.read(&bytes).unwrap();
    assert_eq!(written, *says, "{name}: nothing is lost on the way");
    let golden = same("kept", name, &Golden::new(kind, None, &bytes, written));
    assert_eq!(Encoding::Json.read::<T>(&golden.bytes()).unwrap(), value, "{name}");
    read.insert(name.to_owned());
}

fn charge() -> Value {
    json!({
        "order_id": ORDER, "attempt": 1, "idempotency_key": "k-1", "amount_minor": 3_450,
        "currency": "EUR", "payment_method_token": "tok_visa", "asked_at_ms": NOON_MS,
        "event_seq": 1_042,
    })
}

fn refund() -> Value {
    json!({
        "order_id": ORDER, "attempt": 2, "idempotency_key": "r-2", "amount_minor": 1_250,
        "currency": "EUR", "refund": 1, "connector": "stripe", "capture_ref": "pi_3N9x",
        "asked_at_ms": NOON_MS, "key_made_at_ms": NOON_MS + 20_000,
        "not_before_ms": NOON_MS + 40_000, "off": true,
        "trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "event_seq": 1_043,
    })
}

#[test]
fn what_the_payer_owes_and_what_timers_say_is_written_as_it_was() {
    let mut read = BTreeSet::new();
    keep::<Owed>(&mut read, ("owed", "owed-charge"), &charge());
    keep::<Owed>(&mut read, ("owed", "owed-refund"), &refund());
    let due = json!({ "order_id": ORDER, "attempt": 2 });
    keep::<RetryDue>(&mut read, ("retry_due", "retry_due-payment"), &due);
    let due = json!({ "order_id": ORDER, "refund": 1, "attempt": 3 });
    keep::<RetryDue>(&mut read, ("retry_due", "retry_due-refund"), &due);
    of_views(&mut read);
    of_people(&mut read);
    none_unread("kept", &read);
}

/// Which bucket a view is read from, and what is in the other one.
fn of_views(read: &mut BTreeSet<String>) {
    let alias = json!({ "generation": 1, "bucket": "kassa_main_orders_2", "at_ms": NOON_MS });
    keep::<Alias>(read, ("alias", "alias"), &alias);
    let building = json!({ "bucket": "kassa_main_orders_2", "logic": "6f1d2c", "whole": false });
    keep::<Building>(read, ("building", "building"), &building);
}

/// What people look at, or take with them.
fn of_people(read: &mut BTreeSet<String>) {
    let open = json!({
        "kind": "payment_unknown", "id": ORDER, "reason": "nobody can say", "source": "payer",
        "raised_at_ms": NOON_MS, "event_seq": 1_042, "event_index": 3, "attempt": 1,
    });
    keep::<AttentionItem>(read, ("attention", "attention-open"), &open);
    let resolved = json!({
        "kind": "poison", "id": "54-0", "reason": "body: what is this", "source": "edge-eu",
        "raised_at_ms": NOON_MS, "event_seq": 54, "event_index": 0, "command_seq": 17,
        "resolved": {
            "action": "discard", "by": "ada", "reason": "an edge of last year",
            "at_ms": NOON_MS + 60_000, "event_seq": 60,
        },
    });
    keep::<AttentionItem>(read, ("attention", "attention-resolved"), &resolved);
    let part = |file: &str, (first, last): (u64, u64), messages: u64| {
        let digest = "ab".repeat(32);
        json!({
            "file": file, "first": first, "last": last, "messages": messages, "digest": digest,
        })
    };
    let manifest = json!({
        "v": 1, "market": "main",
        "parts": [
            part("events-1.kassa", (1, 900), 900),
            part("events-901.kassa", (901, 1_042), 142),
        ],
        "end": {
            "commit": 1_040, "hash": "cd".repeat(32), "at_ms": NOON_MS, "position": 77,
        },
        "commands": part("commands.kassa", (78, 80), 3),
    });
    keep::<Manifest>(read, ("manifest", "manifest"), &manifest);
}
