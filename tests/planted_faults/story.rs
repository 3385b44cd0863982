//! A log as what it tells, which can be told otherwise.

use bytes::Bytes;
use kassa::domain::{Event, OrderId, Recorded, Sequence};
use kassa::port::Entry;
use kassa::wire::{Commit, CommitDraft, CommitHead, Hash, Ledger};

use crate::shop::subjects;

/// One message.
#[derive(Clone)]
pub(crate) struct Message {
    /// As it was stored; its sequence and its payload are written anew.
    stored: Entry,
    pub(crate) body: Body,
}

/// What a message holds.
#[derive(Clone)]
pub(crate) enum Body {
    Commit(CommitHead, Vec<Recorded>),
    Ledger(Ledger),
    Bytes(Bytes),
}

/// The messages of a log, in their order.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) messages: Vec<Message>,
}

/// A commit's place, and an event's place in it; both from 0.
pub(crate) type Spot = (usize, usize);

impl Message {
    /// A message on some subject.
    pub(crate) fn on(subject: &str, like: &Self, body: Body) -> Self {
        Self { stored: Entry { subject: subject.to_owned(), ..like.stored.clone() }, body }
    }
}

impl Story {
    /// What a log tells.
    pub(crate) fn of(entries: &[Entry]) -> Self {
        let commits = subjects().commit();
        let read = |stored: &Entry| {
            let body = if stored.subject == commits {
                let commit = Commit::decode(&stored.payload).unwrap();
                Body::Commit(commit.head, commit.events)
            } else {
                Body::Ledger(Ledger::decode(&stored.payload).unwrap())
            };
            Message { stored: stored.clone(), body }
        };
        Self { messages: entries.iter().map(read).collect() }
    }

    /// The log that tells it: sequences without a gap, every commit linked to the one before it.
    pub(crate) fn written(&self) -> Vec<Entry> {
        let commits = subjects().commit();
        let mut prev_hash = Hash::default();
        let mut write = |(sequence, message): (u64, &Message)| {
            let payload = match &message.body {
                Body::Commit(head, events) => sealed(&CommitHead { prev_hash, ..*head }, events),
                Body::Ledger(ledger) => ledger.encode(),
                Body::Bytes(bytes) => bytes.clone(),
            };
            if message.stored.subject == commits {
                prev_hash = Hash::of(&payload);
            }
            Entry { sequence: Sequence(sequence), payload, ..message.stored.clone() }
        };
        (1..).zip(&self.messages).map(&mut write).collect()
    }

    /// Every commit.
    pub(crate) fn commits(&self) -> impl Iterator<Item = (&CommitHead, &Vec<Recorded>)> {
        self.messages.iter().filter_map(|message| match &message.body {
            Body::Commit(head, events) => Some((head, events)),
            Body::Ledger(_) | Body::Bytes(_) => None,
        })
    }

    /// The first event for which `is` holds.
    pub(crate) fn find(&self, is: impl Fn(&Event) -> bool) -> Spot {
        let found = self.messages.iter().enumerate().find_map(|(position, message)| {
            let Body::Commit(_, events) = &message.body else { return None };
            let index = events.iter().position(|record| is(&record.event))?;
            Some((position, index))
        });
        found.expect("the story tells of it")
    }

    /// The first event of a kind about an order.
    pub(crate) fn of_order(&self, kind: &str, order_id: OrderId) -> Spot {
        self.find(|event| event.kind() == kind && event.order_id() == Some(order_id))
    }

    /// The first event of a kind about a SKU.
    pub(crate) fn of_sku(&self, kind: &str, sku: &str) -> Spot {
        let about = |event: &Event| event.sku().is_some_and(|found| found.as_str() == sku);
        self.find(|event| event.kind() == kind && about(event))
    }

    /// The commit at a place.
    pub(crate) fn commit(&mut self, position: usize) -> (&mut CommitHead, &mut Vec<Recorded>) {
        match &mut self.messages[position].body {
            Body::Commit(head, events) => (head, events),
            Body::Ledger(_) | Body::Bytes(_) => panic!("no commit stands at {position}"),
        }
    }

    /// The ledger entry at a place.
    pub(crate) fn ledger(&mut self, position: usize) -> &mut Ledger {
        match &mut self.messages[position].body {
            Body::Ledger(ledger) => ledger,
            Body::Commit(..) | Body::Bytes(_) => panic!("no ledger entry stands at {position}"),
        }
    }

    /// The event at a spot.
    pub(crate) fn event(&mut self, (position, index): Spot) -> &mut Event {
        &mut self.commit(position).1[index].event
    }

    /// Leaves an event out. If it was the outcome of its command, the next one is now.
    pub(crate) fn leave_out(&mut self, (position, index): Spot) {
        let events = self.commit(position).1;
        let left = events.remove(index);
        if let Some(next) = events.get_mut(index).filter(|next| next.cause == left.cause) {
            next.body = next.body.or(left.body);
        }
    }

    /// Tells an event again, right behind itself.
    pub(crate) fn say_twice(&mut self, (position, index): Spot) -> Spot {
        let events = self.commit(position).1;
        let again = Recorded { body: None, ..events[index].clone() };
        events.insert(index + 1, again);
        (position, index + 1)
    }

    /// Has something happen after all the rest, in a commit of its own without ledger entries.
    pub(crate) fn append(&mut self, events: Vec<Recorded>) -> Spot {
        let is_commit = |message: &&Message| matches!(message.body, Body::Commit(..));
        let mut last = self.messages.iter().rfind(is_commit).expect("there are commits").clone();
        if let Body::Commit(head, before) = &mut last.body {
            head.number += 1;
            *before = events;
        }
        self.messages.push(last);
        (self.messages.len() - 1, 0)
    }

    /// Takes a commit away with its ledger entries.
    pub(crate) fn take_away(&mut self, position: usize) {
        let entries = self.messages[position + 1..].iter();
        let entries = entries.take_while(|message| matches!(message.body, Body::Ledger(_))).count();
        self.messages.drain(position..=position + entries);
    }

    /// Numbers the commits anew from 1, and the ledger entries with them.
    pub(crate) fn renumber(&mut self) {
        let mut number = 0;
        for message in &mut self.messages {
            match &mut message.body {
                Body::Commit(head, _) => {
                    number += 1;
                    head.number = number;
                }
                Body::Ledger(ledger) => ledger.commit = number,
                Body::Bytes(_) => {}
            }
        }
    }
}

/// A commit's bytes.
pub(crate) fn sealed(head: &CommitHead, events: &[Recorded]) -> Bytes {
    let mut draft = CommitDraft::default();
    for record in events {
        draft.push(record).unwrap();
    }
    draft.seal(head).unwrap()
}
