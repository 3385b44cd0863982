//! Shapes that are retired, and shapes of builds that are not there yet.

use serde_json::json;

use super::*;
use crate::wire::{Commit, DecodeError, Hash};

/// What a shape was, and became twice; a table like the one of this build, with a past.
mod past {
    use schemars::JsonSchema;

    use super::*;
    use crate::wire::schema::of;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Gift {
        /// Units: minor units of `currency`.
        pub(super) worth_minor: u64,
        pub(super) currency: String,
        pub(super) from: Option<String>,
    }

    /// Version 2 had no giver.
    #[derive(Deserialize, JsonSchema)]
    struct GiftV2 {
        worth_minor: u64,
        currency: String,
    }

    /// Version 1 counted in whole euros.
    #[derive(Deserialize, JsonSchema)]
    struct GiftV1 {
        euros: u64,
    }

    impl From<GiftV1> for GiftV2 {
        fn from(old: GiftV1) -> Self {
            let worth_minor = old.euros.saturating_mul(100);
            Self { worth_minor, currency: "EUR".to_owned() }
        }
    }

    impl From<GiftV2> for Gift {
        fn from(old: GiftV2) -> Self {
            Self { worth_minor: old.worth_minor, currency: old.currency, from: None }
        }
    }

    impl From<GiftV1> for Gift {
        fn from(old: GiftV1) -> Self {
            GiftV2::from(old).into()
        }
    }

    /// What vouchers were before they were gifts.
    #[derive(Deserialize, JsonSchema)]
    struct Voucher {
        cents: u64,
    }

    impl From<Voucher> for Gift {
        fn from(old: Voucher) -> Self {
            Self { worth_minor: old.cents, currency: "EUR".to_owned(), from: None }
        }
    }

    #[derive(Clone, Debug, PartialEq)]
    pub(super) enum Event {
        Given(Gift),
    }

    shapes! {
        of pub(super) Event;
        written { "gift_given"/3 => Given }
        retired {
            "gift_given"/2 => GiftV2, into Given,
            "gift_given"/1 => GiftV1, into Given,
            "voucher_issued"/1 => Voucher, into Given,
        }
    }

    /// Reads what stands under a name, from MessagePack and from JSON alike.
    pub(super) fn read(kind: &str, version: u16, data: &Value) -> Option<Event> {
        let bytes = rmp_serde::to_vec_named(data).unwrap();
        let packed = &mut rmp_serde::Deserializer::from_read_ref(&bytes);
        let read = read_data(kind, version, packed).unwrap();
        assert_eq!(read_data(kind, version, data).unwrap(), read);
        read
    }

    pub(super) fn write(event: &Event) -> Value {
        serialize_data(event, serde_json::value::Serializer).unwrap()
    }

    /// Which shapes have a schema, and whether they are written.
    pub(super) fn schemas() -> Vec<(&'static str, u16, &'static str, bool)> {
        let row = |one: EventSchema| (one.kind, one.version, one.variant, one.written);
        event_schemas().into_iter().map(row).collect()
    }

    pub(super) fn is_known(kind: &str) -> bool {
        known(kind).is_some()
    }
}

fn gift(worth_minor: u64, from: Option<&str>) -> past::Event {
    let (currency, from) = ("EUR".to_owned(), from.map(ToOwned::to_owned));
    past::Event::Given(past::Gift { worth_minor, currency, from })
}

#[test]
fn what_was_written_in_a_retired_shape_is_read_as_what_it_means_today() {
    for (kind, version, data, means) in [
        ("gift_given", 1, json!({"euros": 12}), gift(1_200, None)),
        ("gift_given", 2, json!({"worth_minor": 1_250, "currency": "EUR"}), gift(1_250, None)),
        (
            "gift_given",
            3,
            json!({"worth_minor": 1_250, "currency": "EUR", "from": "ada"}),
            gift(1_250, Some("ada")),
        ),
        ("voucher_issued", 1, json!({"cents": 500}), gift(500, None)),
    ] {
        assert_eq!(past::read(kind, version, &data), Some(means), "{kind}/{version}");
        assert!(past::SHAPES.contains(&(kind, version)) && past::is_known(kind));
    }
}

#[test]
fn a_retired_shape_is_never_written_again() {
    let today = gift(500, None);
    assert_eq!(past::version(&today), 3);
    let written = past::write(&today);
    assert_eq!(written, json!({"worth_minor": 500, "currency": "EUR", "from": null}));
    assert_eq!(past::read("gift_given", 3, &written), Some(today));
}

#[test]
fn a_shape_that_is_in_no_row_is_not_read_at_all() {
    assert_eq!(past::read("gift_given", 4, &json!({"any": ["thing", 1]})), None);
    assert_eq!(past::read("gift_taken", 1, &json!({"worth_minor": 1})), None);
    assert_eq!(past::SHAPES.len(), 4);
}

#[test]
fn a_retired_shape_keeps_its_schema() {
    let rows = [
        ("gift_given", 3, "Given", true),
        ("gift_given", 2, "Given", false),
        ("gift_given", 1, "Given", false),
        ("voucher_issued", 1, "Given", false),
    ];
    assert_eq!(past::schemas(), rows);
}

#[test]
fn no_shape_is_in_the_table_twice() {
    let mut rows = SHAPES.to_vec();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), SHAPES.len());
}

/// An event as any build writes it: its name stands before its data.
#[derive(Serialize)]
struct Foreign {
    r#type: &'static str,
    v: u16,
    source: &'static str,
    data: Value,
}

/// A commit as another build writes it; version 1, whose events stand in it as they are.
#[derive(Serialize)]
struct ForeignCommit {
    v: u64,
    epoch: u64,
    number: u64,
    at_ms: u64,
    position: u64,
    prev_hash: Hash,
    events: Vec<Foreign>,
}

fn commit(v: u64, events: Vec<Foreign>) -> Vec<u8> {
    let (epoch, number, at_ms, position, prev_hash) = (1, 1, 0, 0, Hash::default());
    let commit = ForeignCommit { v, epoch, number, at_ms, position, prev_hash, events };
    rmp_serde::to_vec_named(&commit).unwrap()
}

fn foreign(r#type: &'static str, v: u16, data: Value) -> Foreign {
    Foreign { r#type, v, source: "web", data }
}

fn opened() -> Foreign {
    foreign("opened", 1, json!({"nonce": "n", "build": "0.1.0"}))
}

fn newer(payload: &[u8]) -> String {
    match Commit::decode(payload) {
        Err(DecodeError::Newer { found }) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unknown_type_or_version_stops_the_reader_and_is_named_with_its_place() {
    assert!(Commit::decode(&commit(1, vec![opened()])).is_ok());
    let teleported = || foreign("order_teleported", 1, json!({"to": {"moon": [1, 2]}}));
    assert_eq!(newer(&commit(1, vec![teleported()])), "event 0, order_teleported/1,");
    let placed = foreign("order_placed", 9, json!({"basket": "another shape"}));
    assert_eq!(newer(&commit(1, vec![opened(), placed])), "event 1, order_placed/9,");
    let error = Commit::decode(&commit(1, vec![opened(), teleported()])).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "event 1, order_teleported/1, is not known to this build ({}); a newer one wrote it",
            env!("CARGO_PKG_VERSION")
        )
    );
}

#[test]
fn a_word_of_a_newer_build_is_told_from_damage() {
    let id = "019ca945-0a00-7aaa-8aaa-000000000001";
    let off = foreign("order_cancelled", 1, json!({"order_id": id, "reason": "moon_phase"}));
    assert_eq!(newer(&commit(1, vec![off])), "the word `moon_phase` in an event");
    for damaged in [json!({"order_id": id}), json!({"order_id": 7, "reason": "requested"})] {
        let payload = commit(1, vec![foreign("order_cancelled", 1, damaged)]);
        let error = Commit::decode(&payload).unwrap_err();
        assert!(!error.is_newer(), "{error}");
    }
}

#[test]
fn a_commit_of_a_newer_form_is_told_from_damage() {
    assert_eq!(newer(&commit(3, vec![opened()])), "a commit of version 3");
    let other = rmp_serde::to_vec_named(&json!({"v": 4, "all": "different"})).unwrap();
    assert_eq!(newer(&other), "a commit of version 4");
    // Version 2 packs its events; these are not packed.
    assert!(!Commit::decode(&commit(2, vec![opened()])).unwrap_err().is_newer());
    assert!(!Commit::decode(b"nonsense").unwrap_err().is_newer());
}
