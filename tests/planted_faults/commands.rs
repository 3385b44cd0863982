//! The command stream beside the log: whoever was told "stored" gets an outcome.

use kassa::domain::verify::{Invariant, Stream};
use kassa::domain::{Event, Sequence};
use kassa::engine::verify_log_and_commands;
use kassa::port::model::{ModelClock, ModelLog};
use kassa::port::{Batch, Entry, Log};
use kassa::wire::{Stored, Verified, Verifier, headers};

use crate::shop::{Streams, UNKNOWN, command, good_streams, place, published, subjects};
use crate::story::Story;

async fn verify(streams: &Streams) -> Verified {
    let both = (&streams.events, &streams.commands);
    verify_log_and_commands(both, &subjects(), |_| {}).await.unwrap()
}

#[tokio::test]
async fn every_published_command_has_an_outcome() {
    let streams = good_streams().await;
    let verified = verify(&streams).await;
    assert_eq!(verified.violations, []);
    let published = u64::try_from(streams.commands.entries().len()).unwrap();
    assert_eq!((verified.commands, verified.commands_waiting), (published, 0));
}

#[tokio::test]
async fn a_command_behind_the_position_waits_and_breaks_nothing() {
    let streams = good_streams().await;
    let late = published("web", command(201), &place(UNKNOWN, &[("TEE", 1)]));
    let batch = Batch::of(vec![late]);
    streams.commands.commit(&batch).await.unwrap();
    let verified = verify(&streams).await;
    assert_eq!(verified.violations, []);
    assert_eq!(verified.commands_waiting, 1);
}

#[tokio::test]
async fn a_published_command_that_was_passed_over_is_found() {
    let streams = good_streams().await;
    let other = published("web", command(201), &place(UNKNOWN, &[("TEE", 1)]));
    let is_placing = |entry: &Entry| entry.header(headers::KASSA_TYPE) == Some("place_order/1");
    let mut passed_over = Sequence::START;
    streams.commands.tamper(|entries| {
        let entry = entries.iter_mut().find(|entry| is_placing(entry)).unwrap();
        entry.payload = other.payload;
        passed_over = entry.sequence;
    });
    assert_missed(&verify(&streams).await, passed_over);
}

#[tokio::test]
async fn a_published_command_whose_outcome_was_taken_out_of_the_log_is_found() {
    let streams = good_streams().await;
    let mut story = Story::of(&streams.events.entries());
    let rejected = story.find(|event| matches!(event, Event::CommandRejected(_)));
    let Event::CommandRejected(event) = story.event(rejected).clone() else { unreachable!() };
    story.leave_out(rejected);
    let events = ModelLog::new(ModelClock::at(kassa::domain::Timestamp(0)));
    events.tamper(|empty| *empty = story.written());
    let streams = Streams { events, ..streams };
    assert_missed(&verify(&streams).await, Sequence(event.command_seq.unwrap()));
}

fn assert_missed(verified: &Verified, command: Sequence) {
    let [missed] = &verified.violations[..] else { panic!("{:#?}", verified.violations) };
    let place = (missed.stream, missed.sequence, missed.invariant);
    assert_eq!(place, (Stream::Commands, command, Invariant::I4));
    assert!(missed.to_string().starts_with(&format!("command {command}: I4: ")), "{missed}");
}

/// Nothing is delivered of messages that were deleted at the end; the stream knows that it had
/// them.
#[tokio::test]
async fn messages_deleted_at_the_very_end_are_missed() {
    let entries = good_streams().await.events.entries();
    let mut verifier = Verifier::new(subjects());
    for entry in &entries {
        verifier.take(&stored(entry));
    }
    let end = verifier.end();
    verifier.close(end.plus(2));
    let verified = verifier.finish();
    let found: Vec<_> = verified.violations.iter().map(ToString::to_string).collect();
    let (from, to) = (end.next(), end.plus(2));
    assert_eq!(found, [format!("sequence {from}: I8: messages {from} to {to} are missing")]);
}

/// What an unreadable commit did is not known. It is told once, and nothing is made up about what
/// comes after it; the chain is checked on.
#[tokio::test]
async fn a_commit_that_cannot_be_read_is_told_once() {
    let mut entries = good_streams().await.events.entries();
    let middle = entries.iter().rposition(|entry| entry.header(headers::KASSA_TYPE).is_some());
    let last = middle.unwrap();
    let spoilt = entries[..last].iter().rposition(|entry| entry.subject == subjects().commit());
    let spoilt = spoilt.unwrap();
    entries[spoilt].payload = "no commit".into();
    let mut verifier = Verifier::new(subjects());
    entries.iter().for_each(|entry| verifier.take(&stored(entry)));
    verifier.close(verifier.end());
    let verified = verifier.finish();
    let found: Vec<_> =
        verified.violations.iter().map(|found| (found.sequence, found.invariant)).collect();
    let (spoilt, last) = (entries[spoilt].sequence, entries[last].sequence);
    assert_eq!(found, [(spoilt, Invariant::I8), (last, Invariant::I15)]);
}

fn stored(entry: &Entry) -> Stored<'_> {
    Stored {
        sequence: entry.sequence,
        subject: &entry.subject,
        kassa_type: entry.header(headers::KASSA_TYPE),
        payload: &entry.payload,
    }
}
