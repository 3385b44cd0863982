//! Whole histories, which every build folds to what they were folded to when they were kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use kassa::archive::Archive;
use kassa::domain::{Address, Recorded, Sequence, Timestamp};
use kassa::engine::verify_kept;
use kassa::port::Tail;
use kassa::view::{MinuteView, OrderView, Shop, StockView, Totals, View};
use kassa::wire::{Commit, MarketName, SHAPES, Subjects};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schemas::Schemas;

/// Set to `1` to write what a history is folded to that has nothing beside it.
const WRITE: &str = "KASSA_WRITE_CORPUS";

/// What a history is folded to: documents by the name of their schema and their key.
type Folded = BTreeMap<String, BTreeMap<String, Value>>;

/// What stands beside a history.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Which build kept it.
    build: String,
    /// BLAKE3 over the documents, as they stand here.
    digest: String,
    documents: Folded,
}

fn market() -> MarketName {
    "main".parse().unwrap()
}

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut histories: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|ending| ending == "kassa")).collect();
    histories.sort();
    assert!(!histories.is_empty(), "there are no histories");
    histories
}

/// The commits of a history.
async fn commits(file: &Path) -> Vec<(Sequence, Commit)> {
    let archive = Archive::open(file, &market()).unwrap();
    let subject = Subjects::of(market()).commit();
    let mut tail = archive.follow(&subject, Sequence::START).unwrap();
    let mut commits = Vec::new();
    while 0 < tail.remaining() {
        for entry in tail.next(256).await.unwrap() {
            commits.push((entry.sequence, Commit::decode(&entry.payload).unwrap()));
        }
    }
    commits
}

type Values<V> = BTreeMap<String, V>;

fn follow<V: View>(values: &mut Values<V>, at: Address, made: Timestamp, record: &Recorded) {
    let Some(key) = V::key(&record.event, made) else { return };
    let key = key.to_string();
    match values.get_mut(&key) {
        Some(value) => value.follow(at, made, &record.event).unwrap(),
        None => drop(values.insert(key, V::begin(at, made, &record.event).unwrap())),
    }
}

fn documents<V: Serialize>(values: &Values<V>) -> BTreeMap<String, Value> {
    let json = |(key, value): (&String, &V)| (key.clone(), serde_json::to_value(value).unwrap());
    values.iter().map(json).collect()
}

async fn folded(file: &Path) -> Folded {
    let (mut orders, mut stock, mut minutes) =
        (Values::<OrderView>::new(), Values::<StockView>::new(), Values::<MinuteView>::new());
    let mut shop = Shop::default();
    for (sequence, commit) in commits(file).await {
        let made = commit.head.at;
        shop.follow(sequence, made, &commit.events).unwrap();
        for (index, record) in (0_u32..).zip(&commit.events) {
            let at = Address::new(sequence, index);
            follow(&mut orders, at, made, record);
            follow(&mut stock, at, made, record);
            follow(&mut minutes, at, made, record);
        }
    }
    let by_sku: Values<StockView> =
        shop.items().map(|item| (item.sku.to_string(), item.clone())).collect();
    assert_eq!(documents(&by_sku), documents(&stock), "the shop and the view of stock");
    let totals = [("all".to_owned(), serde_json::to_value(shop.totals()).unwrap())].into();
    [
        ("totals".to_owned(), totals),
        ("views/order".to_owned(), documents(&orders)),
        ("views/stock".to_owned(), documents(&stock)),
        ("views/metrics".to_owned(), documents(&minutes)),
    ]
    .into()
}

/// What a document says today in the fields that were there when it was kept.
fn as_known(today: &Value, kept: &Value) -> Value {
    match (today, kept) {
        (Value::Object(today), Value::Object(kept)) => {
            let fields = kept.iter().filter_map(|(name, kept)| {
                today.get(name).map(|today| (name.clone(), as_known(today, kept)))
            });
            Value::Object(fields.collect())
        }
        (Value::Array(today), Value::Array(kept)) if today.len() == kept.len() => {
            today.iter().zip(kept).map(|(today, kept)| as_known(today, kept)).collect()
        }
        (today, _) => today.clone(),
    }
}

fn digest(documents: &Folded) -> String {
    blake3::hash(&serde_json::to_vec(documents).unwrap()).to_hex().to_string()
}

#[expect(clippy::disallowed_methods, reason = "a switch of this test, not a setting of Kassa")]
fn writes() -> bool {
    env::var(WRITE).is_ok_and(|value| value == "1")
}

/// Writes what a new history is folded to; one that stands is left alone.
fn keep(file: &Path, documents: Folded) {
    let kept =
        Kept { build: env!("CARGO_PKG_VERSION").to_owned(), digest: digest(&documents), documents };
    fs::write(file, format!("{}\n", serde_json::to_string(&kept).unwrap())).unwrap();
}

#[tokio::test]
async fn every_history_folds_to_what_it_was_folded_to() {
    for history in corpus() {
        let (beside, today) = (history.with_extension("json"), folded(&history).await);
        if !beside.exists() && writes() {
            keep(&beside, today);
            continue;
        }
        let kept: Kept = serde_json::from_slice(&fs::read(&beside).unwrap()).unwrap();
        assert_eq!(digest(&kept.documents), kept.digest, "{} was edited", beside.display());
        let mut known = Folded::new();
        for (name, documents) in &kept.documents {
            let today = &today[name];
            let keys = |documents: &BTreeMap<String, Value>| {
                documents.keys().cloned().collect::<BTreeSet<_>>()
            };
            assert_eq!(keys(today), keys(documents), "{}: {name}", history.display());
            for (key, was) in documents {
                let is = as_known(&today[key], was);
                assert_eq!(&is, was, "{}: {name} {key}", history.display());
                known.entry(name.clone()).or_default().insert(key.clone(), is);
            }
        }
        assert_eq!(digest(&known), kept.digest);
    }
}

/// What a document of an older build is to this one.
fn read_again<V: DeserializeOwned + Serialize>(name: &str, was: &Value) {
    let value: V = serde_json::from_value(was.clone()).unwrap_or_else(|error| {
        panic!("{name}: a bucket that an older build filled cannot be read on: {error}: {was}")
    });
    let is = as_known(&serde_json::to_value(value).unwrap(), was);
    assert_eq!(is, *was, "{name}");
}

/// After an upgrade a projector goes on from the values that the build before it wrote.
#[test]
fn every_value_that_was_ever_kept_is_read_by_this_build() {
    for history in corpus() {
        let beside = history.with_extension("json");
        let kept: Kept = serde_json::from_slice(&fs::read(&beside).unwrap()).unwrap();
        for (name, documents) in &kept.documents {
            assert!(!documents.is_empty(), "{name}");
            for was in documents.values() {
                match name.as_str() {
                    "views/order" => read_again::<OrderView>(name, was),
                    "views/stock" => read_again::<StockView>(name, was),
                    "views/metrics" => read_again::<MinuteView>(name, was),
                    "totals" => read_again::<Totals>(name, was),
                    other => panic!("nobody reads {other} on"),
                }
            }
        }
    }
}

#[tokio::test]
async fn every_history_keeps_every_promise() {
    for history in corpus() {
        let archive = Archive::open(&history, &market()).unwrap();
        let tail = archive.follow(Subjects::everything(), Sequence::START).unwrap();
        let last = archive.foot.last;
        let verified = verify_kept(tail, last, &Subjects::of(market()), |_| {}).await.unwrap();
        assert!(verified.holds(), "{}: {:?}", history.display(), verified.violations);
        assert!(0 < verified.orders, "{} has no orders", history.display());
    }
}

#[tokio::test]
async fn what_histories_hold_and_lead_to_keeps_to_the_schemas() {
    let schemas = Schemas::of_this_build();
    for history in corpus() {
        for (name, documents) in folded(&history).await {
            if name.starts_with("views/") {
                for document in documents.values() {
                    schemas.check(&name, document, &history.display().to_string());
                }
            }
        }
        for (_, commit) in commits(&history).await {
            for record in &commit.events {
                let data = kassa::wire::event_as_json(&record.event).unwrap();
                let name = format!("events/{}.1", record.event.kind());
                schemas.check(&name, &data, &history.display().to_string());
            }
        }
    }
}

/// Kinds that come of races and silence which no recording could be made to hold. Their bytes
/// are golden, their folds are in the tables of the market.
const NOT_RECORDED: &[&str] = &["order_reinstated", "payment_noted", "refund_noted"];

#[tokio::test]
async fn histories_hold_every_kind_of_event() {
    let mut held = BTreeSet::new();
    for history in corpus() {
        for (_, commit) in commits(&history).await {
            held.extend(commit.events.iter().map(|record| record.event.kind()));
        }
    }
    let all: BTreeSet<_> = SHAPES.iter().map(|(kind, _)| *kind).collect();
    let missing: Vec<_> = all.difference(&held).copied().collect();
    assert_eq!(missing, NOT_RECORDED);
}
