//! A log taken apart: changed piece by piece, and put together again.

use kassa::domain::{Event, Recorded, Sequence};
use kassa::port::Entry;
use kassa::port::model::{ModelClock, ModelLog};
use kassa::wire::{Commit, CommitDraft, CommitHead, Hash, Ledger, headers};

use super::shop::{T0, command_id, subjects};

/// One message.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Commit(CommitHead, Vec<Recorded>),
    Other {
        subject: String,
        kassa_type: Option<String>,
        payload: Vec<u8>,
    },
    /// A message that was deleted: its place is empty.
    Gone,
}

/// Where an event is: the piece, and its index in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot(pub(crate) usize, pub(crate) usize);

/// Every message of a log.
#[derive(Clone, Debug)]
pub(crate) struct Tape {
    pub(crate) pieces: Vec<Piece>,
    /// Whether commits are given the hash of the one before them anew, so that only what was
    /// planted is wrong.
    pub(crate) mend: bool,
}

impl Tape {
    pub(crate) fn of(log: &ModelLog) -> Self {
        let commit = subjects().commit();
        let read = |entry: Entry| {
            if entry.subject == commit {
                let commit = Commit::decode(&entry.payload).unwrap();
                return Piece::Commit(commit.head, commit.events);
            }
            let payload = entry.payload.to_vec();
            Piece::Other { subject: entry.subject, kassa_type: None, payload }
        };
        Self { pieces: log.entries().into_iter().map(read).collect(), mend: true }
    }

    /// The log it makes. Places count from 1, gone ones too.
    pub(crate) fn log(&self) -> ModelLog {
        let log = ModelLog::new(ModelClock::at(T0));
        let mut last = Hash::default();
        let mut entries = Vec::new();
        for (sequence, piece) in (1..).map(Sequence).zip(&self.pieces) {
            let (subject, kassa_type, payload) = match piece {
                Piece::Gone => continue,
                Piece::Other { subject, kassa_type, payload } => {
                    (subject.clone(), kassa_type.clone(), payload.clone())
                }
                Piece::Commit(head, events) => {
                    let prev_hash = if self.mend { last } else { head.prev_hash };
                    let payload = seal(&CommitHead { prev_hash, ..*head }, events);
                    (subjects().commit(), Some("commit/1".to_owned()), payload)
                }
            };
            if subject == subjects().commit() {
                last = Hash::of(&payload);
            }
            let kassa_type = kassa_type.map(|found| (headers::KASSA_TYPE.to_owned(), found));
            entries.push(Entry {
                sequence,
                subject,
                time: T0,
                headers: kassa_type.into_iter().collect(),
                payload: payload.into(),
            });
        }
        log.tamper(|stored| *stored = entries);
        log
    }

    /// The `nth` event of a kind, from 0.
    pub(crate) fn find(&self, kind: &str, nth: usize) -> Spot {
        self.spots(kind).nth(nth).unwrap_or_else(|| panic!("{kind} does not happen so often"))
    }

    /// Every event of a kind.
    pub(crate) fn spots(&self, kind: &str) -> impl Iterator<Item = Spot> {
        let commits = self.pieces.iter().enumerate().filter_map(|(at, piece)| match piece {
            Piece::Commit(_, events) => Some((at, events)),
            Piece::Other { .. } | Piece::Gone => None,
        });
        commits.flat_map(move |(at, events)| {
            let of_kind = events.iter().enumerate();
            of_kind
                .filter(move |(_, record)| record.event.kind() == kind)
                .map(move |(index, _)| Spot(at, index))
        })
    }

    pub(crate) fn head(&mut self, piece: usize) -> &mut CommitHead {
        self.commit(piece).0
    }

    pub(crate) fn events(&mut self, piece: usize) -> &mut Vec<Recorded> {
        self.commit(piece).1
    }

    pub(crate) fn event(&mut self, Spot(piece, index): Spot) -> &mut Event {
        &mut self.events(piece)[index].event
    }

    fn commit(&mut self, piece: usize) -> (&mut CommitHead, &mut Vec<Recorded>) {
        match &mut self.pieces[piece] {
            Piece::Commit(head, events) => (head, events),
            other => panic!("piece {piece} is {other:?}"),
        }
    }

    /// The payload of a message that is no commit.
    pub(crate) fn payload(&mut self, piece: usize) -> &mut Vec<u8> {
        match &mut self.pieces[piece] {
            Piece::Other { payload, .. } => payload,
            other => panic!("piece {piece} is {other:?}"),
        }
    }

    /// A ledger entry.
    pub(crate) fn entry(&mut self, piece: usize, change: impl FnOnce(&mut Ledger)) {
        let payload = self.payload(piece);
        let mut entry = Ledger::decode(payload).unwrap();
        change(&mut entry);
        *payload = entry.encode().to_vec();
    }

    /// Takes an event out. What it opened is opened by the next one: the command still has an
    /// outcome.
    pub(crate) fn drop_event(&mut self, Spot(piece, index): Spot) {
        let events = self.events(piece);
        let gone = events.remove(index);
        if let Some(next) = events.get_mut(index).filter(|next| next.cause == gone.cause) {
            next.body = next.body.or(gone.body);
        }
    }

    /// Makes a commit of its bytes, to change them as such.
    pub(crate) fn bytes(&mut self, piece: usize) -> &mut Vec<u8> {
        let (head, events) = self.commit(piece);
        let payload = seal(head, events);
        let (subject, kassa_type) = (subjects().commit(), Some("commit/1".to_owned()));
        self.pieces[piece] = Piece::Other { subject, kassa_type, payload };
        self.payload(piece)
    }

    /// The records of the command whose first event is there, under another id.
    pub(crate) fn copy(&mut self, Spot(piece, index): Spot, id: u32) -> Vec<Recorded> {
        let events = &self.events(piece)[index..];
        let cause = events[0].cause;
        let mut copy: Vec<Recorded> =
            events.iter().take_while(|record| record.cause == cause).cloned().collect();
        copy.iter_mut().for_each(|record| record.cause = Some(command_id(id)));
        copy
    }

    /// Adds a commit at the end, and says where.
    pub(crate) fn append(&mut self, events: Vec<Recorded>) -> usize {
        let last = self.pieces.iter().rev().find_map(|piece| match piece {
            Piece::Commit(head, _) => Some(*head),
            Piece::Other { .. } | Piece::Gone => None,
        });
        let last = last.unwrap();
        self.pieces.push(Piece::Commit(CommitHead { number: last.number + 1, ..last }, events));
        self.pieces.len() - 1
    }
}

fn seal(head: &CommitHead, events: &[Recorded]) -> Vec<u8> {
    let mut draft = CommitDraft::default();
    events.iter().for_each(|record| draft.push(record).unwrap());
    draft.seal(head).unwrap().to_vec()
}
