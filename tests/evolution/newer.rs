//! What a newer build wrote stops whoever reads it: loudly, with its sequence, before anything is
//! written, shown or decided that depends on it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kassa::archive::{ArchiveHead, ArchiveWriter};
use kassa::domain::{Sequence, Timestamp};
use kassa::engine::{Candidate, Output, Pace, verify_log};
use kassa::port::model::{ModelClock, ModelLease, ModelLog};
use kassa::port::{Batch, Entry, Log, Message};
use kassa::role::as_of::shop;
use kassa::role::committer;
use kassa::role::follow::{Beginning, Hub, Ports, follow};
use kassa::role::projector::Projector;
use kassa::role::replay::{Range, Replay};
use kassa::view::{OrderView, Shop};
use kassa::wire::{Commit, DecodeError, Hash, Snapshot, Subjects, headers};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::foreign::{Before, Foreign, commit_after};

const T0: Timestamp = Timestamp(1_760_000_000_000);

fn subjects() -> Subjects {
    Subjects::of("main".parse().unwrap())
}

async fn open(log: &ModelLog, clock: &ModelClock) -> Result<bool, kassa::engine::Error> {
    let (mut state, never) = (Snapshot::default(), CancellationToken::new());
    committer::open(log, &subjects(), &mut state, clock, &never).await
}

/// A log that this build began, and a newer one went on with: at sequence 2.
async fn log_with(event: Foreign<'_>) -> (ModelLog, ModelClock) {
    let clock = ModelClock::at(T0);
    let log = ModelLog::new(clock.clone());
    assert!(open(&log, &clock).await.unwrap());
    let first = log.entries().remove(0);
    let before = Before {
        epoch: 1,
        number: 2,
        at_ms: T0.0,
        position: 0,
        prev_hash: Hash::of(&first.payload),
    };
    let message = Message {
        subject: subjects().commit(),
        headers: vec![(headers::KASSA_TYPE, "commit/1".to_owned())],
        payload: commit_after(1, before, &[event]).into(),
        ..Message::default()
    };
    log.commit(&Batch::of(vec![message])).await.unwrap();
    (log, clock)
}

/// Shapes that this build does not know: a type, and a version of a type it knows.
fn unknown() -> [Foreign<'static>; 2] {
    let event = |r#type, v| Foreign { r#type, v, source: "web", data: json!({"to": "the moon"}) };
    [event("order_teleported", 1), event("order_placed", 9)]
}

/// What is said of it, wherever it was met: the sequence, the shape, and that it is newer.
#[track_caller]
fn check(error: &(dyn std::error::Error + 'static), shape: &Foreign<'_>) {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let said: Vec<String> = causes.map(ToString::to_string).collect();
    let said = said.join(": ");
    let named = format!("event 0, {}/{}, is not known to this build", shape.r#type, shape.v);
    assert!(said.contains("at sequence 2 of the log"), "{said}");
    assert!(said.contains(&named), "{said}");
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let newer =
        causes.any(|cause| cause.downcast_ref::<DecodeError>().is_some_and(DecodeError::is_newer));
    assert!(newer, "nobody can tell it from a defect: {said}");
}

#[tokio::test]
async fn a_committer_does_not_open_a_market_it_cannot_follow() {
    for shape in unknown() {
        let (log, clock) = log_with(shape.clone()).await;
        check(&open(&log, &clock).await.unwrap_err(), &shape);
        assert_eq!(log.end().await.unwrap(), Sequence(2), "it wrote nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_stops_in_front_of_it_and_writes_nothing_behind_it() {
    for shape in unknown() {
        let (log, clock) = log_with(shape.clone()).await;
        let lease = ModelLease::new(clock.clone(), Duration::from_secs(3));
        let (key, holder) = ("main.orders".to_owned(), "a".to_owned());
        let ports = Ports {
            events: Hub::start(log.clone(), subjects().commit()),
            candidate: Candidate { lease, key, holder },
            clock: clock.clone(),
        };
        let bucket = subjects().bucket("orders");
        let views = ModelLog::new(clock);
        let keys = Subjects::bucket_key(&bucket, "");
        let output = Output {
            log: views.clone(),
            position: Subjects::position_key(&bucket),
            keys: keys.clone(),
            pace: Pace::steady(Duration::from_millis(20)),
        };
        let never = CancellationToken::new();
        let make = || Projector::<OrderView>::new(keys.clone());
        let ended = follow(&ports, &output, Beginning::Start, make, &never);
        let error = tokio::time::timeout(Duration::from_secs(60), ended).await;
        check(&error.expect("it stops").unwrap_err(), &shape);
        let reached = views.entries().into_iter().filter(|entry| entry.subject == output.position);
        for position in reached {
            let position = kassa::wire::Position::decode(&position.payload).unwrap();
            assert!(position.event_seq < Sequence(2), "{position:?}");
        }
    }
}

#[tokio::test]
async fn nobody_says_what_was_true_behind_it() {
    for shape in unknown() {
        let (log, _) = log_with(shape.clone()).await;
        let told = async |to| {
            let tail = log.follow(&subjects().commit(), Sequence::START).await.unwrap();
            let range = Range { from: Sequence(1), to: Sequence(to), until: None };
            let past = (&mut Replay::new(tail, range, None), Timestamp(u64::MAX));
            shop(past, Shop::default(), |_, _| {}).await
        };
        assert_eq!(told(1).await.unwrap().totals().commits, 1, "what was before it is still told");
        check(&told(2).await.unwrap_err(), &shape);
    }
}

#[tokio::test]
async fn a_verifier_proves_what_is_before_it_and_accuses_nobody() {
    for shape in unknown() {
        let (log, _) = log_with(shape.clone()).await;
        let verified = verify_log(&log, &subjects(), |_| {}).await.unwrap();
        assert_eq!(verified.violations, []);
        let newer = verified.newer.clone().unwrap();
        assert_eq!(newer.sequence, Sequence(2));
        assert!(newer.what.contains(&format!("{}/{}", shape.r#type, shape.v)), "{newer:?}");
        assert!(!verified.holds(), "what was not read is not proved");
    }
}

/// Damage has another name, and a verifier accuses.
#[tokio::test]
async fn bytes_that_are_no_commit_are_not_taken_for_something_new() {
    let (log, clock) = log_with(unknown()[0].clone()).await;
    log.tamper(|entries| entries[1].payload = b"no commit".to_vec().into());
    assert!(!Commit::decode(&log.entries()[1].payload).unwrap_err().is_newer());
    assert!(open(&log, &clock).await.is_err());
    let verified = verify_log(&log, &subjects(), |_| {}).await.unwrap();
    assert!(verified.newer.is_none() && 0 < verified.violations_total, "{verified:?}");
}

fn keep(file: &Path, entries: &[Entry]) {
    let head = ArchiveHead {
        market: "main".parse().unwrap(),
        log_end: Sequence(2),
        made_at_ms: T0,
        build: "0.2.0".to_owned(),
    };
    let mut writer = ArchiveWriter::create(file, &head).unwrap();
    entries.iter().for_each(|entry| writer.add(entry).unwrap());
    writer.finish().unwrap();
}

#[tokio::test]
async fn the_program_says_where_and_what_to_do_and_has_an_exit_status_for_it() {
    let folder = tempfile::tempdir().unwrap();
    for (number, shape) in unknown().iter().enumerate() {
        let (log, _) = log_with(shape.clone()).await;
        let file = folder.path().join(format!("{number}.kassa"));
        keep(&file, &log.entries());
        let file = file.to_str().unwrap();
        for arguments in [
            ["verify", "--from-file", file].as_slice(),
            &["replay", "--from-file", file],
            &["at", "2", "summary", "--from-file", file],
            &["at", "2", "stock", "MUG-01", "--from-file", file],
        ] {
            let output = Command::new(env!("CARGO_BIN_EXE_kassa")).args(arguments).output();
            let output = output.unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(5), "{arguments:?}: {said}");
            let named = format!("{}/{}", shape.r#type, shape.v);
            for part in ["KASSA-NEWER-LOG", "at sequence 2 of the log", &named, "to do: run the"] {
                assert!(said.contains(part), "{arguments:?} does not say {part}: {said}");
            }
        }
        let before = ["at", "1", "summary", "--from-file", file];
        let output = Command::new(env!("CARGO_BIN_EXE_kassa")).args(before).output().unwrap();
        assert!(output.status.success(), "what is before it can be told: {output:?}");
    }
}
