//! The things the golden values are made of.

use kassa::domain::{
    Amount, CommandId, Currency, Event, Fingerprint, OrderId, Price, Quantity, Recorded, Sequence,
    Sku, Source, Text, Timestamp, Token, TraceParent,
};
use kassa::wire::{Commit, CommitDraft, CommitHead, Hash, event_as_json};
use serde_json::{Map, Value, json};

use crate::shelf::hex;

/// 2026-03-01T12:00:00Z; the ids below were made then.
pub(crate) const NOON: Timestamp = Timestamp(1_772_366_400_000);

pub(crate) fn order(last: u8) -> OrderId {
    format!("019ca945-0a00-7aaa-8aaa-0000000000{last:02x}").parse().unwrap()
}

pub(crate) fn command(last: u8) -> CommandId {
    format!("019ca945-0a00-7ccc-8ccc-0000000000{last:02x}").parse().unwrap()
}

pub(crate) fn token(name: &str) -> Token {
    name.parse().unwrap()
}

pub(crate) fn sku(name: &str) -> Sku {
    name.parse().unwrap()
}

pub(crate) fn source(name: &str) -> Source {
    name.parse().unwrap()
}

pub(crate) fn text(line: &str) -> Text {
    line.try_into().unwrap()
}

pub(crate) fn units(count: u32) -> Quantity {
    Quantity::try_new(count).unwrap()
}

pub(crate) fn price(minor: u64) -> Price {
    Price::try_new(minor).unwrap()
}

pub(crate) fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

pub(crate) fn currency(code: &str) -> Currency {
    Currency::from_code(code).unwrap()
}

pub(crate) fn trace() -> TraceParent {
    TraceParent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap()
}

/// An event with nothing around it but who caused it.
pub(crate) fn unasked(event: Event) -> Recorded {
    Recorded { event, cause: None, source: Source::COMMITTER, body: None, trace: None }
}

/// The first event of a command of the edge.
pub(crate) fn asked(event: Event, by: &str, cause: u8) -> Recorded {
    Recorded {
        event,
        cause: Some(command(cause)),
        source: source(by),
        body: Some(Fingerprint([cause; 16])),
        trace: None,
    }
}

/// A later event of a command.
pub(crate) fn also(event: Event, by: &str, cause: u8) -> Recorded {
    Recorded { body: None, ..asked(event, by, cause) }
}

pub(crate) fn head(number: u64, position: u64) -> CommitHead {
    CommitHead {
        epoch: 3,
        number,
        at: NOON,
        position: Sequence(position),
        prev_hash: Hash::of(&number.to_be_bytes()),
    }
}

/// The bytes of a commit.
pub(crate) fn encode(commit: &Commit) -> Vec<u8> {
    let mut draft = CommitDraft::default();
    for record in &commit.events {
        draft.push(record).unwrap();
    }
    draft.seal(&commit.head).unwrap().to_vec()
}

/// What a commit says before its events, and the records of its events as they were written,
/// whichever version holds them.
pub(crate) fn plain(payload: &[u8]) -> (&[u8], Vec<u8>) {
    let name = b"\xa6events";
    let at = payload.windows(name.len()).position(|bytes| bytes == name).unwrap();
    let (head, named) = payload.split_at(at);
    let events = &named[name.len()..];
    let packed = match events[0] {
        0xc4 => Some(&events[2..]),
        0xc5 => Some(&events[3..]),
        _ => None,
    };
    let array = packed
        .map_or_else(|| events.to_vec(), |packed| zstd::bulk::decompress(packed, 65_536).unwrap());
    let records = match array[0] {
        0xdc => 3,
        _ => 1,
    };
    (head, array[records..].to_vec())
}

/// A commit for people: what is bytes in it, in hexadecimal digits.
pub(crate) fn commit_as_json(commit: &Commit) -> Value {
    json!({
        "epoch": commit.head.epoch,
        "number": commit.head.number,
        "at_ms": commit.head.at,
        "position": commit.head.position,
        "prev_hash": commit.head.prev_hash.to_string(),
        "events": commit.events.iter().map(record_as_json).collect::<Vec<_>>(),
    })
}

/// A record for people.
pub(crate) fn record_as_json(record: &Recorded) -> Value {
    let mut map = Map::new();
    map.insert("type".into(), json!(record.event.kind()));
    map.insert("source".into(), json!(record.source));
    map.insert("data".into(), event_as_json(&record.event).unwrap());
    if let Some(cause) = record.cause {
        map.insert("cause".into(), json!(cause));
    }
    if let Some(body) = record.body {
        map.insert("body".into(), json!(hex(&body.0)));
    }
    if let Some(trace) = &record.trace {
        map.insert("trace".into(), json!(trace));
    }
    map.into()
}
