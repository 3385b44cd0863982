//! Written, read back, the same.

use std::collections::BTreeSet;

use kassa::domain::market::{Intent, LedgerEntry};
use kassa::domain::{Address, CommandKind, Sequence, Timestamp};
use kassa::wire::{
    Arrival, Commit, CommitDraft, Encoding, Hash, Ledger, Outcome, OutcomeKind, Outgoing, Position,
    Reflected, SHAPES, Subjects, event_as_json, feed_message, fingerprint_of, kassa_type,
    read_commands, write_command, write_commands,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::commands::{command, of_kind};
use crate::events::{commit, event, recorded};
use crate::parts::{address, command_id, maybe, moment, refusal, sequence, sku, source, trace};

pub(crate) const ENCODINGS: [Encoding; 2] = [Encoding::MessagePack, Encoding::Json];

pub(crate) fn encode(commit: &Commit) -> Vec<u8> {
    let mut draft = CommitDraft::default();
    for record in &commit.events {
        draft.push(record).unwrap();
    }
    let room = draft.bytes();
    let bytes = draft.seal(&commit.head).unwrap();
    assert!(bytes.len() <= room, "{} bytes, {room} were counted", bytes.len());
    bytes.to_vec()
}

/// Any outcome, probable or not.
fn outcome() -> impl Strategy<Value = Outcome> {
    let kind = prop::sample::select(vec![OutcomeKind::Accepted, OutcomeKind::AlreadyApplied]);
    prop_oneof![
        3 => (maybe(command_id()), kind, address(), maybe(refusal()))
            .prop_map(|(id, kind, at, refusal)| Outcome::decided(id, kind, at, refusal)),
        1 => (maybe(command_id()), any::<u64>()).prop_map(|(id, pause)| Outcome::busy(id, pause)),
    ]
}

fn ledger() -> impl Strategy<Value = Ledger> {
    (sku(), any::<(u64, i64, i64, u64, i64)>()).prop_map(|(sku, figures)| {
        let (number, delta, on_hand, reserved, available) = figures;
        let expected = Sequence::START;
        let entry = LedgerEntry { sku, delta, on_hand, reserved, available, expected };
        Ledger::new(number, &entry)
    })
}

fn position() -> impl Strategy<Value = Position> {
    let commit = proptest::option::of((sequence(), any::<[u8; 32]>()));
    let commit = commit.prop_map(|commit| {
        commit.map(|(sequence, hash)| Reflected { sequence, hash: Hash(hash).to_string() })
    });
    (sequence(), any::<(u32, u64, u64)>(), any::<String>(), commit).prop_map(
        |(event_seq, (event_index, epoch, number), nonce, commit)| Position {
            event_seq,
            event_index,
            epoch,
            number,
            nonce,
            commit,
        },
    )
}

proptest! {
    #[test]
    fn a_commit_reads_back_as_written(commit in commit()) {
        let read = Commit::decode(&encode(&commit)).unwrap();
        prop_assert_eq!(read, commit);
    }

    #[test]
    fn a_draft_that_goes_back_is_as_if_nothing_had_been_added(
        commit in commit(),
        dropped in vec(recorded(), 1..4),
    ) {
        let mut draft = CommitDraft::default();
        for record in &commit.events {
            let mark = draft.mark();
            for record in &dropped {
                draft.push(record).unwrap();
            }
            draft.back_to(mark);
            draft.push(record).unwrap();
        }
        let bytes = draft.seal(&commit.head).unwrap();
        prop_assert_eq!(bytes.to_vec(), encode(&commit));
    }

    #[test]
    fn a_command_reads_back_as_written(
        sent in command(),
        id in command_id(),
        sender in source(),
        trace in maybe(trace()),
        asked_at in moment(),
        command_seq in maybe(sequence()),
    ) {
        prop_assume!(sender.as_str() != "_");
        let subjects = Subjects::of("main".parse().unwrap());
        let outgoing = Outgoing { id, command: &sent, trace: trace.as_ref() };
        for encoding in ENCODINGS {
            let payload = write_command(&outgoing, encoding).unwrap();
            let received = read_commands(
                &Arrival {
                    subject: &subjects.command(&sender, sent.kind()),
                    content_type: Some(encoding.content_type()),
                    kassa_type: Some(&kassa_type(sent.kind())),
                    reply_to: None,
                    traceparent: None,
                    payload: &payload,
                    asked_at,
                    command_seq,
                },
                &subjects,
            );
            prop_assert!(!received.several);
            prop_assert_eq!(received.requests.len(), 1);
            let request = &received.requests[0];
            prop_assert_eq!(&request.intent, &Intent::Command(sent.clone()));
            prop_assert_eq!((request.id, &request.trace), (Some(id), &trace));
            prop_assert_eq!(&request.source, &sender);
            prop_assert_eq!((request.asked_at, request.command_seq), (asked_at, command_seq));
            // Whatever encoding it comes in, a command is recognised when it is sent again.
            prop_assert_eq!(request.body, Some(fingerprint_of(&sent).unwrap()));
        }
    }

    #[test]
    fn several_commands_of_a_kind_read_back_in_their_order(
        sent in prop::sample::select(CommandKind::ALL.to_vec())
            .prop_flat_map(|kind| vec((command_id(), of_kind(kind)), 1..4)),
    ) {
        let subjects = Subjects::of("main".parse().unwrap());
        let kind = sent[0].1.kind();
        let outgoing: Vec<_> =
            sent.iter().map(|(id, command)| Outgoing { id: *id, command, trace: None }).collect();
        for encoding in ENCODINGS {
            let payload = write_commands(&outgoing, encoding).unwrap();
            let received = read_commands(
                &Arrival {
                    subject: &subjects.command(&"edge".parse().unwrap(), kind),
                    content_type: Some(encoding.content_type()),
                    kassa_type: Some(&kassa_type(kind)),
                    reply_to: None,
                    traceparent: None,
                    payload: &payload,
                    asked_at: Timestamp(0),
                    command_seq: Some(Sequence(9)),
                },
                &subjects,
            );
            prop_assert!(received.several);
            let read: Vec<_> =
                received.requests.iter().map(|r| (r.id, r.intent.clone())).collect();
            let wanted: Vec<_> = sent
                .iter()
                .map(|(id, command)| (Some(*id), Intent::Command(command.clone())))
                .collect();
            prop_assert_eq!(read, wanted);
        }
    }

    #[test]
    fn an_outcome_reads_back_as_written(outcome in outcome()) {
        for encoding in ENCODINGS {
            let bytes = encoding.write(&outcome).unwrap();
            prop_assert_eq!(&encoding.read::<Outcome>(&bytes).unwrap(), &outcome);
        }
    }

    #[test]
    fn a_ledger_entry_reads_back_as_written(entry in ledger()) {
        prop_assert_eq!(Ledger::decode(&entry.encode()), Ok(entry));
    }

    #[test]
    fn a_position_reads_back_as_written(position in position()) {
        prop_assert_eq!(Position::decode(&position.encode()).unwrap(), position);
    }

    #[test]
    fn a_feed_message_says_the_same_in_both_encodings(
        record in recorded(),
        sequence in any::<u64>(),
        index in any::<u32>(),
        made in moment(),
    ) {
        let at = Address::new(Sequence(sequence), index);
        let [packed, json] = ENCODINGS.map(|encoding| {
            let (payload, _) = feed_message(at, made, &record, encoding).unwrap();
            encoding.read::<Value>(&payload).unwrap()
        });
        prop_assert_eq!(&packed, &json);
        prop_assert_eq!(&json["data"], &event_as_json(&record.event).unwrap());
        let event: Address = json["event"].as_str().unwrap().parse().unwrap();
        prop_assert_eq!(event, at);
    }
}

#[test]
fn the_values_tried_are_of_every_shape() {
    let mut runner = TestRunner::deterministic();
    let event = event();
    let tried: BTreeSet<_> =
        (0..2_000).map(|_| event.new_tree(&mut runner).unwrap().current().kind()).collect();
    let known: BTreeSet<_> = SHAPES.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(tried, known);
}
