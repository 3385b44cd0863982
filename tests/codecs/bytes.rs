//! Bytes nobody wrote: every reader says no, and none falls over.

use kassa::domain::market::Intent;
use kassa::domain::{CommandKind, Sequence, Timestamp};
use kassa::wire::{
    Arrival, Commit, Encoding, Ledger, Outcome, Outgoing, Position, Received, Snapshot, Subjects,
    kassa_type, read_commands, write_command,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::commands::command;
use crate::events::commit;
use crate::parts::command_id;
use crate::round_trips::{ENCODINGS, encode};

/// More than any reader may follow downwards.
const DEEP: usize = 60_000;

fn read(kind: CommandKind, encoding: Encoding, payload: &[u8]) -> Received {
    let subjects = Subjects::of("main".parse().unwrap());
    let arrival = Arrival {
        subject: &subjects.command(&"edge".parse().unwrap(), kind),
        content_type: Some(encoding.content_type()),
        kassa_type: Some(&kassa_type(kind)),
        reply_to: None,
        traceparent: None,
        payload,
        asked_at: Timestamp(0),
        command_seq: Some(Sequence(1)),
    };
    read_commands(&arrival, &subjects)
}

/// One byte after the other replaced, from places and values that any size of payload has.
fn spoil(mut bytes: Vec<u8>, flips: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    for (place, mask) in flips {
        let place = place.index(bytes.len());
        bytes[place] ^= mask;
    }
    bytes
}

fn flips() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    vec((any::<prop::sample::Index>(), 1..=u8::MAX), 1..6)
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        // Reaching the end is what is tested; few of these bytes mean anything.
        drop(Commit::decode(&bytes));
        drop(Ledger::decode(&bytes));
        drop(Position::decode(&bytes));
        drop(Snapshot::decode(&bytes));
        for encoding in ENCODINGS {
            drop(encoding.read::<Outcome>(&bytes));
        }
    }

    #[test]
    fn any_bytes_sent_as_a_command_end_in_one_answer(
        bytes in vec(any::<u8>(), 0..400),
        kind in prop::sample::select(CommandKind::ALL.to_vec()),
    ) {
        for encoding in ENCODINGS {
            let received = read(kind, encoding, &bytes);
            prop_assert_eq!(received.requests.len(), 1);
            // Its position moves on, or one bad message would be decided for ever.
            prop_assert_eq!(received.requests[0].command_seq, Some(Sequence(1)));
            let unusable = matches!(received.requests[0].intent, Intent::Unusable { .. });
            prop_assert!(unusable, "{:?}", received);
        }
    }

    #[test]
    fn a_spoilt_command_ends_in_one_answer(
        sent in command(),
        id in command_id(),
        flips in flips(),
        cut in any::<prop::sample::Index>(),
    ) {
        let outgoing = Outgoing { id, command: &sent, trace: None };
        for encoding in ENCODINGS {
            let whole = write_command(&outgoing, encoding).unwrap().to_vec();
            let short = whole[..cut.index(whole.len())].to_vec();
            let received = read(sent.kind(), encoding, &short);
            let unusable = matches!(received.requests[0].intent, Intent::Unusable { .. });
            prop_assert!(unusable, "a part of a command was taken for one: {received:?}");
            prop_assert_eq!(read(sent.kind(), encoding, &spoil(whole, &flips)).requests.len(), 1);
        }
    }

    #[test]
    fn a_part_of_a_commit_is_no_commit(commit in commit(), cut in any::<prop::sample::Index>()) {
        let whole = encode(&commit);
        prop_assert!(Commit::decode(&whole[..cut.index(whole.len())]).is_err());
    }

    #[test]
    fn a_spoilt_commit_is_read_or_refused(commit in commit(), flips in flips()) {
        let spoilt = spoil(encode(&commit), &flips);
        drop(Commit::decode(&spoilt));
        // The fold meets whatever could still be read.
        drop(Snapshot::default().follow(Sequence(1), &spoilt));
    }

    #[test]
    fn a_spoilt_snapshot_is_read_or_refused(
        mut commit in commit(),
        flips in flips(),
        cut in any::<prop::sample::Index>(),
    ) {
        // Events that do not fit are left out, so that there is something in the snapshot.
        let mut state = Snapshot::default();
        commit.head.number = 1;
        commit.head.prev_hash = kassa::wire::Hash::default();
        for record in std::mem::take(&mut commit.events) {
            let next = Commit { head: commit.head, events: vec![record] };
            let mut tried = state.clone();
            if tried.follow(state.chain.next(), &encode(&next)).is_ok() {
                commit.head.number = tried.chain.number.saturating_add(1);
                commit.head.prev_hash = tried.chain.hash;
                state = tried;
            }
        }
        let bytes = state.encode().unwrap();
        let read = Snapshot::decode(&bytes).unwrap();
        prop_assert_eq!(read.digest().unwrap(), state.digest().unwrap());
        drop(Snapshot::decode(&bytes[..cut.index(bytes.len())]));
        drop(Snapshot::decode(&spoil(bytes, &flips)));
    }
}

#[test]
fn a_payload_that_never_ends_downwards_is_refused() {
    for (encoding, open) in [(Encoding::MessagePack, 0x91), (Encoding::Json, b'[')] {
        let received = read(CommandKind::PlaceOrder, encoding, &vec![open; DEEP]);
        assert!(matches!(received.requests[0].intent, Intent::Unusable { .. }), "{encoding:?}");
    }
    // In a field that no build knows, and that is skipped therefore.
    let mut commit = vec![0x81, 0xa1, b'x'];
    commit.extend(vec![0x91; DEEP]);
    assert!(Commit::decode(&commit).is_err());
    let mut position = br#"{"x":"#.to_vec();
    position.extend(vec![b'['; DEEP]);
    assert!(Position::decode(&position).is_err());
}
