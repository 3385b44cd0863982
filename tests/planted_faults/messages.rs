//! Faults in commits, in ledger entries and in their order.

use std::time::Duration;

use bytes::Bytes;
use kassa::domain::verify::Invariant;
use kassa::domain::{Event, Sequence};
use kassa::port::Entry;
use kassa::wire::{Commit, Ledger};
use rmp::encode::write_bin;

use crate::planting::{At, Fault, stored, told};
use crate::shop::{CALLED_OFF, FULFILLED, PAID_LATE, order, subjects, units};
use crate::story::{Body, Message, Story, sealed};

pub(crate) const FAULTS: &[Fault] = &[
    // Ledger entries.
    told("an entry is missing", lose_entry, Invariant::I7, "has no entry of TEE"),
    told(
        "the last entry of all is missing",
        lose_last_entry,
        Invariant::I7,
        "no entry of TEE; the log ends there: opening the market completes it",
    ),
    told(
        "an entry has another delta",
        |s| misstate(s, |e| e.delta -= 1),
        Invariant::I7,
        "delta -3",
    ),
    told("an entry has other stock", |s| misstate(s, |e| e.on_hand = 9), Invariant::I7, "hand 9"),
    told(
        "an entry has other promises",
        |s| misstate(s, |e| e.reserved = 3),
        Invariant::I7,
        "reserved 3",
    ),
    told(
        "an entry has more to sell",
        |s| misstate(s, |e| e.available = 9),
        Invariant::I7,
        "available 9",
    ),
    told(
        "an entry is of another commit",
        |s| misstate(s, |e| e.commit -= 1),
        Invariant::I7,
        "behind",
    ),
    told("an entry is of another SKU", relabel_entry, Invariant::I7, "an entry of GIFT"),
    told("two entries change places", swap_entries, Invariant::I7, "an entry of TEE where"),
    told("an entry too many", add_entry, Invariant::I7, "belongs to no commit"),
    told("an entry of what moved nothing", add_entry_to_nothing, Invariant::I7, "no commit"),
    told("an entry behind the next commit", delay_entry, Invariant::I7, "has no entry of TEE"),
    told("an entry that cannot be read", spoil_entry, Invariant::I7, ""),
    told("an event and not its entry is altered", receive_more, Invariant::I7, "on hand 11"),
    // What is not ours.
    told("a message of a stranger", add_stranger, Invariant::I7, "evt.note"),
    told("a commit that cannot be read", spoil_commit, Invariant::I8, "cannot be read"),
    // What goes back, and what leaves a gap.
    told("a commit is missing", lose_commit, Invariant::I8, "has to be"),
    told("a commit is there twice", repeat_commit, Invariant::I8, "has to be"),
    told("a number is left out", skip_number, Invariant::I8, "has to be"),
    told("an older committer writes", |s| head(s, |h| h.epoch = 1), Invariant::I8, "epoch 1 after"),
    told("a committer that nobody opened", open_nothing, Invariant::I8, "nobody opened"),
    told("opened under an old epoch", open_again, Invariant::I8, "it opens the market"),
    told(
        "the position goes back",
        |s| head(s, |h| h.position = Sequence(1)),
        Invariant::I8,
        "position 1 after",
    ),
    told("the time goes back", |s| head(s, |h| h.at = h.at.before(HOUR)), Invariant::I8, "made at"),
    stored("an entry was deleted", |e| delete(e, false), Invariant::I8, "missing"),
    stored("a commit was deleted", |e| delete(e, true), Invariant::I8, "missing"),
    stored("the beginning is gone", lose_beginning, Invariant::I8, "missing"),
    stored("a commit of no committer", strip_header, Invariant::I7, "Kassa-Type"),
    // The chain.
    stored("one bit is another", flip_bit, Invariant::I15, "it names"),
    stored("a commit is written anew", rewrite_commit, Invariant::I15, "it names"),
];

type Write = fn(&mut Story) -> At;

/// What this build cannot read and a later one can, with what is said of it.
pub(crate) const NEWER: &[(Write, &str)] = &[
    (unknown_event, "sku_repraised/1, is not known to this build"),
    (unknown_version, "a commit of version 9 is not known to this build"),
];

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The commit that places an order of mugs and shirts: its entries stand one and two behind it.
fn placed(story: &Story) -> usize {
    story.of_order("order_placed", order(FULFILLED)).0
}

fn lose_entry(story: &mut Story) -> At {
    let position = placed(story) + 2;
    story.messages.remove(position);
    At::message(position)
}

fn lose_last_entry(story: &mut Story) -> At {
    story.messages.pop();
    At::message(story.messages.len())
}

fn misstate(story: &mut Story, change: fn(&mut Ledger)) -> At {
    let position = placed(story) + 1;
    change(story.ledger(position));
    At::message(position)
}

fn relabel_entry(story: &mut Story) -> At {
    let position = placed(story) + 1;
    let entry = &story.messages[position];
    let subject = subjects().stock(&"GIFT".parse().unwrap());
    story.messages[position] = Message::on(&subject, entry, entry.body.clone());
    At::message(position)
}

fn swap_entries(story: &mut Story) -> At {
    let position = placed(story) + 1;
    story.messages.swap(position, position + 1);
    At::message(position)
}

fn add_entry(story: &mut Story) -> At {
    let position = placed(story) + 2;
    let again = story.messages[position].clone();
    story.messages.insert(position, again);
    At::message(position + 1)
}

/// What is fulfilled was sold before: nothing is available that was not.
fn add_entry_to_nothing(story: &mut Story) -> At {
    let entry = story.messages[placed(story) + 1].clone();
    let (fulfilled, _) = story.of_order("order_fulfilled", order(FULFILLED));
    story.messages.insert(fulfilled + 1, entry);
    At::message(fulfilled + 1)
}

fn delay_entry(story: &mut Story) -> At {
    let position = placed(story) + 2;
    story.messages.swap(position, position + 1);
    At::message(position)
}

fn spoil_entry(story: &mut Story) -> At {
    let position = placed(story) + 1;
    story.messages[position].body = Body::Bytes(Bytes::from_static(b"eleven"));
    At::message(position)
}

fn receive_more(story: &mut Story) -> At {
    let received = story.of_sku("stock_received", "MUG");
    let Event::StockReceived(event) = story.event(received) else { unreachable!() };
    event.quantity = units(11);
    // The entries stand in the order of their SKUs, and GIFT comes first.
    At::message(received.0 + 2)
}

fn add_stranger(story: &mut Story) -> At {
    let position = placed(story);
    let note = Body::Bytes(Bytes::from_static(b"remember the milk"));
    let note = Message::on("kassa.main.evt.note", &story.messages[position], note);
    story.messages.insert(position, note);
    At::message(position)
}

/// The bytes of the commit at a place, changed. It is read, and linked to, as what it is now.
fn respelt(story: &mut Story, position: usize, change: impl Fn(&mut Vec<u8>)) -> At {
    let entries = story.written();
    let mut payload = entries[position].payload.to_vec();
    change(&mut payload);
    story.messages[position].body = Body::Bytes(payload.into());
    At::message(position)
}

fn replace(payload: &mut [u8], from: &[u8], to: &[u8]) {
    let found = payload.windows(from.len()).position(|bytes| bytes == from);
    let start = found.expect("the commit holds it");
    payload[start..start + to.len()].copy_from_slice(to);
}

fn spoil_commit(story: &mut Story) -> At {
    let position = placed(story);
    respelt(story, position, |payload| payload.truncate(100))
}

fn unknown_event(story: &mut Story) -> At {
    let (position, _) = story.of_sku("sku_repriced", "GIFT");
    let (from, to) = (b"sku_repriced", b"sku_repraised");
    respelt(story, position, |payload| {
        let (head, mut events) = unpacked(payload);
        // A name of 12 letters, and then of 13.
        let found = events.windows(from.len()).position(|bytes| bytes == from);
        let start = found.expect("the commit holds it");
        events.splice(start - 1..start + from.len(), [&[0xa0 | 13], &to[..]].concat());
        *payload = head;
        write_bin(payload, &zstd::bulk::compress(&events, 1).unwrap()).unwrap();
    })
}

/// A commit up to its events, and its events.
fn unpacked(payload: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    let frame = payload.windows(magic.len()).position(|bytes| bytes == magic).unwrap();
    let name = b"\xa6events";
    let head = payload.windows(name.len()).position(|bytes| bytes == name).unwrap() + name.len();
    (payload[..head].to_vec(), zstd::bulk::decompress(&payload[frame..], 65_536).unwrap())
}

fn unknown_version(story: &mut Story) -> At {
    let (position, _) = story.of_sku("sku_repriced", "GIFT");
    respelt(story, position, |payload| replace(payload, b"\xa1v\x02", b"\xa1v\x09"))
}

/// A commit that moves no stock, so that nothing but its number is missed.
fn lose_commit(story: &mut Story) -> At {
    let (position, _) = story.of_sku("sku_repriced", "GIFT");
    story.take_away(position);
    At::message(position)
}

fn repeat_commit(story: &mut Story) -> At {
    let (position, _) = story.of_sku("sku_repriced", "GIFT");
    let again = story.messages[position].clone();
    story.messages.insert(position, again);
    At::message(position + 1)
}

fn skip_number(story: &mut Story) -> At {
    let position = placed(story);
    for message in &mut story.messages[position..] {
        match &mut message.body {
            Body::Commit(head, _) => head.number += 1,
            Body::Ledger(entry) => entry.commit += 1,
            Body::Bytes(_) => {}
        }
    }
    At::message(position)
}

/// Changes the head of a commit in the middle of the second committer's time.
fn head(story: &mut Story, change: fn(&mut kassa::wire::CommitHead)) -> At {
    let (position, _) = story.of_order("refund_requested", order(PAID_LATE));
    change(story.commit(position).0);
    At::message(position)
}

fn open_nothing(story: &mut Story) -> At {
    let (position, _) = story.of_order("refund_requested", order(PAID_LATE));
    story.commit(position).0.epoch += 1;
    At::message(position)
}

fn open_again(story: &mut Story) -> At {
    let is_commit = |message: &Message| matches!(message.body, Body::Commit(..));
    let openings = story.messages.iter().enumerate().filter(|(_, message)| is_commit(message));
    let of_two = openings.filter(|(_, message)| {
        matches!(&message.body, Body::Commit(_, events)
            if matches!(events[0].event, Event::Opened(_)))
    });
    let (position, _) = of_two.last().expect("two committers opened it");
    story.commit(position).0.epoch = 1;
    At::message(position)
}

fn strip_header(mut entries: Vec<Entry>) -> (Vec<Entry>, At) {
    let story = Story::of(&entries);
    let position = placed(&story);
    entries[position].headers.clear();
    (entries, At::message(position))
}

/// Deletes a commit or an entry, and leaves a hole where it was.
fn delete(mut entries: Vec<Entry>, commit: bool) -> (Vec<Entry>, At) {
    let of_commits = |entry: &Entry| entry.subject == subjects().commit();
    // In the middle: nothing at the edges gives it away.
    let middle = entries.len() / 2;
    let found = entries[middle..].iter().position(|entry| of_commits(entry) == commit);
    let position = middle + found.expect("both kinds stand there");
    entries.remove(position);
    (entries, At::message(position))
}

fn lose_beginning(mut entries: Vec<Entry>) -> (Vec<Entry>, At) {
    entries.drain(..3);
    (entries, At::message(0))
}

/// In a reason that a person gave: it means nothing to anybody but the chain.
fn flip_bit(mut entries: Vec<Entry>) -> (Vec<Entry>, At) {
    let story = Story::of(&entries);
    let (position, index) = story.of_order("cancel_requested", order(CALLED_OFF));
    let Commit { head, mut events } = Commit::decode(&entries[position].payload).unwrap();
    let Event::CancelRequested(event) = &mut events[index].event else { unreachable!() };
    let mut reason = event.reason.as_str().as_bytes().to_vec();
    reason[0] ^= 1;
    event.reason = std::str::from_utf8(&reason).unwrap().try_into().unwrap();
    entries[position].payload = sealed(&head, &events);
    let at = next_commit(&entries, position);
    (entries, at)
}

/// An order of somebody else, and everything else as before.
fn rewrite_commit(mut entries: Vec<Entry>) -> (Vec<Entry>, At) {
    let story = Story::of(&entries);
    let (position, index) = story.of_order("order_placed", order(FULFILLED));
    let Commit { head, mut events } = Commit::decode(&entries[position].payload).unwrap();
    let Event::OrderPlaced(event) = &mut events[index].event else { unreachable!() };
    event.customer_ref = "c-2".parse().unwrap();
    entries[position].payload = sealed(&head, &events);
    let at = next_commit(&entries, position);
    (entries, at)
}

fn next_commit(entries: &[Entry], position: usize) -> At {
    let commits = subjects().commit();
    let behind = entries[position + 1..].iter().position(|entry| entry.subject == commits);
    At::message(position + 1 + behind.expect("it is not the last one"))
}
