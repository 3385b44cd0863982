//! The part of the verifier that sees bytes: the chain, the ledger entries, what is not ours.

mod answers;
mod asked;
mod certificate;
mod figures;
mod head;
mod heads;
mod verified;

use std::collections::VecDeque;

use super::chain::{Chain, Hash};
use super::command::{Arrival, read_commands};
use super::commit::{COMMIT_TYPE, COMMIT_TYPES, Commit, DecodeError};
use super::ledger::Ledger;
use super::subject::Subjects;
use crate::domain::verify::{Books, Invariant, Moved, Stream, Violation};
use crate::domain::{Address, Market, Sequence};

use answers::Answers;
pub use certificate::Certificate;
use figures::{figures, figures_of, of_fold, say};
use heads::Heads;
pub use verified::{Newer, ReadHead, Verified};

/// One message of the log, as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// Its place.
    pub sequence: Sequence,
    /// Its subject.
    pub subject: &'a str,
    /// `Kassa-Type`, when there is one.
    pub kassa_type: Option<&'a str>,
    /// Its payload.
    pub payload: &'a [u8],
}

/// Reads a log from its first message and checks every promise about it.
///
/// Orders and stock are checked twice: by books of its own, which share nothing with the
/// committer, and by the committer's fold. Both have to come to the same.
pub struct Verifier {
    subjects: Subjects,
    commit_subject: String,
    books: Books,
    /// The committer's own fold, as long as it goes.
    fold: Option<Market>,
    chain: Chain,
    /// The entries that have to come next, with the number of their commit.
    owed: VecDeque<(u64, Moved)>,
    /// A commit could not be read. What it did is not known, so orders and stock cannot be
    /// checked any further; the chain can.
    blind: bool,
    /// Signed heads that it has to pass.
    heads: Heads,
    /// Answers that it has to hold.
    answers: Answers,
    /// Over every message.
    digest: blake3::Hasher,
    found: Verified,
}

impl Verifier {
    /// A verifier of a market's log.
    #[must_use]
    pub fn new(subjects: Subjects) -> Self {
        Self {
            commit_subject: subjects.commit(),
            subjects,
            books: Books::default(),
            fold: Some(Market::new()),
            chain: Chain::default(),
            owed: VecDeque::new(),
            blind: false,
            heads: Heads::default(),
            answers: Answers::default(),
            digest: blake3::Hasher::new(),
            found: Verified::default(),
        }
    }

    /// Takes the next message of the log.
    pub fn take(&mut self, stored: &Stored<'_>) {
        let Stored { sequence, subject, .. } = *stored;
        let next = self.found.end.next();
        if sequence < next {
            let what = format!("message {sequence} stands behind message {}", self.found.end);
            self.report(sequence, Invariant::I8, what);
        } else if next < sequence {
            self.miss_messages(next, sequence);
        }
        self.found.end = sequence;
        self.digest(stored);
        let is_commit = subject == self.commit_subject;
        if is_commit {
            self.miss_entries(sequence, "");
            self.take_commit(stored);
        } else if self.subjects.sku_of(subject).is_some() {
            self.found.entries = self.found.entries.saturating_add(1);
            if !self.blind {
                self.take_entry(stored);
            }
        } else {
            let what = format!("{subject} is no subject of the log");
            self.report(sequence, Invariant::I7, what);
        }
        self.answered(sequence, None);
        for what in self.heads.pass(sequence, is_commit.then_some(stored.payload)) {
            self.report(sequence, Invariant::I15, what);
        }
    }

    /// Adds a message to the digest: its place, its subject and its payload, each of the last two
    /// behind its length, numbers in eight bytes with the highest first.
    fn digest(&mut self, stored: &Stored<'_>) {
        self.digest.update(&stored.sequence.0.to_be_bytes());
        for part in [stored.subject.as_bytes(), stored.payload] {
            self.digest.update(&wide(part.len()).to_be_bytes()).update(part);
        }
    }

    /// The log ends here: `end` is the last sequence that the stream has given away.
    pub fn close(&mut self, end: Sequence) {
        let next = self.found.end.next();
        if next <= end {
            self.miss_messages(next, end.next());
        }
        // A single server that died may have stored no more of it.
        let ends_there = "; the log ends there: opening the market completes it";
        self.miss_entries(next, if end < next { ends_there } else { "" });
        for what in self.heads.close(self.found.end) {
            self.report(next, Invariant::I15, what);
        }
        if self.found.newer.is_none() {
            for what in self.answers.close(self.found.end) {
                self.report(next, Invariant::I6, what);
            }
        }
        if !self.blind {
            for (invariant, detail) in self.books.close(self.fold.as_ref()) {
                self.report(self.found.end, invariant, detail);
            }
        }
    }

    /// The command stream is read to its end.
    pub fn close_commands(&mut self) {
        if !self.blind {
            self.found.also(Invariant::I4, Vec::new());
        }
    }

    /// Takes a message of the command stream, after the log is closed. Needs
    /// [`Verifier::with_commands`].
    pub fn take_command(&mut self, arrival: &Arrival<'_>) {
        let Some(sequence) = arrival.command_seq.filter(|_| !self.blind) else { return };
        if self.chain.position < sequence {
            self.found.commands_waiting = self.found.commands_waiting.saturating_add(1);
            return;
        }
        for request in read_commands(arrival, &self.subjects).requests {
            self.found.commands = self.found.commands.saturating_add(1);
            if !self.books.is_decided(&request, sequence) {
                let name = request.id.map_or_else(|| "a command".to_owned(), |id| id.to_string());
                let position = self.chain.position;
                let detail = format!("{name} has no outcome; decided is up to {position}");
                let (stream, invariant) = (Stream::Commands, Invariant::I4);
                self.found.add(Violation { stream, sequence, index: None, invariant, detail });
            }
        }
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Verified {
        let mut found = self.found;
        found.orders = self.books.orders();
        found.skus = self.books.skus();
        found.oversold = self.books.oversold();
        found.heads = self.heads.passed;
        found.digest = self.digest.finalize().to_hex().to_string();
        found.head = (0 < self.chain.number).then(|| ReadHead {
            sequence: self.chain.head,
            number: self.chain.number,
            epoch: self.chain.epoch,
            at_ms: self.chain.at,
            hash: self.chain.hash.to_string(),
        });
        found.outcomes = self.answers.held;
        if !self.blind {
            found.checked.extend(Invariant::OF_LOG);
            found.checked.extend(self.answers.asked.then_some(Invariant::I6));
            found.checked.sort_unstable();
        }
        found.in_order();
        found
    }

    fn report(&mut self, sequence: Sequence, invariant: Invariant, detail: String) {
        self.report_event((sequence, None), invariant, detail);
    }

    fn report_event(
        &mut self,
        (sequence, index): (Sequence, Option<u32>),
        invariant: Invariant,
        detail: String,
    ) {
        let stream = Stream::Events;
        self.found.add(Violation { stream, sequence, index, invariant, detail });
    }

    fn take_commit(&mut self, stored: &Stored<'_>) {
        let Stored { sequence, payload, .. } = *stored;
        self.found.commits = self.found.commits.saturating_add(1);
        if self.found.newer.is_some() {
            // What a newer build wrote may have changed the meaning of all that follows.
            return;
        }
        let read = Commit::decode(payload);
        let newer = read.as_ref().is_err_and(DecodeError::is_newer);
        if !newer && !stored.kassa_type.is_some_and(|kind| COMMIT_TYPES.contains(&kind)) {
            let what = format!("Kassa-Type is {:?}, not {COMMIT_TYPE}", stored.kassa_type);
            self.report(sequence, Invariant::I7, what);
        }
        let commit = match read {
            Ok(commit) => commit,
            Err(error) => return self.go_blind(stored, &error),
        };
        for (invariant, detail) in head::check(&self.chain, &commit) {
            self.report(sequence, invariant, detail);
        }
        self.chain = Chain::after(&commit.head, Hash::of(payload), sequence, 0);
        self.found.events = self.found.events.saturating_add(wide(commit.events.len()));
        self.answered(sequence, Some(&commit));
        if !self.blind {
            self.enter(sequence, &commit);
        }
    }

    /// A commit cannot be read. Behind a damaged one the chain can still be followed.
    fn go_blind(&mut self, stored: &Stored<'_>, error: &DecodeError) {
        (self.blind, self.fold) = (true, None);
        self.chain.number = self.chain.number.saturating_add(1);
        self.chain.hash = Hash::of(stored.payload);
        self.chain.head = stored.sequence;
        let (sequence, what) = (stored.sequence, error.to_string());
        if error.is_newer() {
            self.found.newer.get_or_insert(Newer { sequence, what });
        } else {
            self.report(sequence, Invariant::I8, what);
        }
    }

    /// Enters the events of a commit into the books, and has the fold follow them.
    fn enter(&mut self, sequence: Sequence, commit: &Commit) {
        let before = self.found.violations_total;
        self.books.begin(commit.head.at, commit.head.position);
        for (index, record) in (0_u32..).zip(&commit.events) {
            for (invariant, detail) in self.books.enter(record) {
                self.report_event((sequence, Some(index)), invariant, detail);
            }
        }
        let (moved, half_done) = self.books.end();
        for (index, (invariant, detail)) in half_done {
            self.report_event((sequence, Some(index)), invariant, detail);
        }
        let found_none = self.found.violations_total == before;
        self.fold(sequence, commit, (&moved, found_none));
        let number = commit.head.number;
        self.owed.extend(moved.into_iter().map(|moved| (number, moved)));
    }

    /// Follows the commit as the committer does. What its fold cannot follow is wrong in the log,
    /// or in the fold; when the books have said so, that is enough.
    fn fold(&mut self, sequence: Sequence, commit: &Commit, (moved, found_none): (&[Moved], bool)) {
        let Some(mut market) = self.fold.take() else { return };
        market.begin(sequence);
        for (index, record) in (0_u32..).zip(&commit.events) {
            if let Err(misfit) = market.evolve(Address::new(sequence, index), record) {
                if found_none {
                    let what = format!("the fold stops here: {misfit}");
                    self.report_event((sequence, Some(index)), Invariant::I9, what);
                }
                return;
            }
        }
        let entries = market.finish(commit.head.at);
        if found_none && !entries.iter().map(of_fold).eq(moved.iter().cloned()) {
            let what = format!("the fold moves {entries:?}, the books {moved:?}");
            self.report(sequence, Invariant::I9, what);
        }
        self.fold = Some(market);
    }

    fn take_entry(&mut self, stored: &Stored<'_>) {
        let Stored { sequence, subject, payload, .. } = *stored;
        let sku = self.subjects.sku_of(subject).unwrap_or_default().to_owned();
        let Some((number, moved)) = self.owed.pop_front() else {
            let what = format!("an entry of {sku} that belongs to no commit");
            return self.report(sequence, Invariant::I7, what);
        };
        let found = match Ledger::decode(payload) {
            Ok(found) => found,
            Err(error) => return self.report(sequence, Invariant::I7, error),
        };
        let owed = &moved.sku;
        let (entry, books) = (figures_of(&found), figures(&moved));
        let what = if sku != owed.as_str() {
            format!("an entry of {sku} where one of {owed} has to be, for commit {number}")
        } else if found.commit != number {
            format!("an entry of commit {} behind commit {number}", found.commit)
        } else if entry != books {
            format!("{sku}: the entry says {}, the commits {}", say(entry), say(books))
        } else {
            return;
        };
        self.report(sequence, Invariant::I7, what);
    }

    /// Another commit begins, or the log ends: every entry of the one before has to be there.
    fn miss_entries(&mut self, sequence: Sequence, so: &str) {
        for (number, moved) in std::mem::take(&mut self.owed) {
            let what = format!("commit {number} has no entry of {}{so}", moved.sku);
            self.report(sequence, Invariant::I7, what);
        }
    }

    /// Nothing stands between `next` and the message at `found`.
    fn miss_messages(&mut self, next: Sequence, found: Sequence) {
        let last = Sequence(found.0.saturating_sub(1));
        let what = if next == last {
            format!("message {next} is missing")
        } else {
            format!("messages {next} to {last} are missing")
        };
        self.report(next, Invariant::I8, what);
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
