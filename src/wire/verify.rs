//! The part of the verifier that sees bytes: the chain, the ledger entries, what is not ours.

use std::collections::VecDeque;

use serde::Serialize;

use super::chain::{Chain, Hash};
use super::commit::{Commit, CommitHead};
use super::ledger::Ledger;
use super::snapshot::Snapshot;
use super::subject::Subjects;
use crate::domain::verify::{Books, Invariant, Moved, Violation};
use crate::domain::{Address, Sequence};

/// Violations that are kept. One defect may break every later commit; the first ones tell.
const KEPT: usize = 100;

/// What a verified log holds, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The last sequence that was read.
    pub end: Sequence,
    /// Commits.
    pub commits: u64,
    /// Events.
    pub events: u64,
    /// Ledger entries.
    pub entries: u64,
    /// Orders that were placed.
    pub orders: u64,
    /// SKUs that were listed.
    pub skus: u64,
    /// Units that were promised and were not there.
    pub oversold: u64,
    /// What is wrong, first things first; at most 100.
    pub violations: Vec<Violation>,
    /// How much is wrong.
    pub violations_total: u64,
}

/// Reads a log from its first message and checks every promise about it.
pub struct Verifier {
    subjects: Subjects,
    books: Books,
    /// The committer's own fold, as long as it goes.
    fold: Option<Snapshot>,
    chain: Chain,
    /// The entries that have to come next.
    owed: VecDeque<(u64, Moved)>,
    found: Verified,
}

impl Verifier {
    /// A verifier of a market's log.
    #[must_use]
    pub fn new(subjects: Subjects) -> Self {
        Self {
            subjects,
            books: Books::default(),
            fold: Some(Snapshot::default()),
            chain: Chain::default(),
            owed: VecDeque::new(),
            found: Verified::default(),
        }
    }

    /// How many events were read.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.found.events
    }

    /// Takes the next message.
    pub fn take(&mut self, sequence: Sequence, subject: &str, payload: &[u8]) {
        let next = self.found.end.next();
        if sequence != next {
            let last = sequence.0.saturating_sub(1);
            let what = format!("messages {next} to {last} are missing");
            self.report(next, Invariant::I8, what);
        }
        self.found.end = sequence;
        if subject == self.subjects.commit() {
            self.miss_entries(sequence);
            self.take_commit(sequence, payload);
        } else if let Some(sku) = self.subjects.sku_of(subject) {
            let sku = sku.to_owned();
            self.take_entry(sequence, &sku, payload);
        } else {
            let what = format!("{subject} is no subject of the log");
            self.report(sequence, Invariant::I7, what);
        }
    }

    /// Ends: nothing more will come.
    #[must_use]
    pub fn finish(mut self) -> Verified {
        self.miss_entries(self.found.end.next());
        let market = self.fold.as_ref().map(|fold| &fold.market);
        for (invariant, detail) in self.books.close(market) {
            self.report(self.found.end, invariant, detail);
        }
        self.found.orders = self.books.orders();
        self.found.skus = self.books.skus();
        self.found.oversold = self.books.oversold();
        self.found
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
        self.found.violations_total = self.found.violations_total.saturating_add(1);
        if self.found.violations.len() < KEPT {
            self.found.violations.push(Violation { sequence, index, invariant, detail });
        }
    }

    fn take_commit(&mut self, sequence: Sequence, payload: &[u8]) {
        let commit = match Commit::decode(payload) {
            Ok(commit) => commit,
            Err(error) => {
                self.fold = None;
                return self.report(sequence, Invariant::I8, error.to_string());
            }
        };
        self.found.commits = self.found.commits.saturating_add(1);
        self.check_head(sequence, &commit.head);
        self.chain = Chain::after(&commit.head, Hash::of(payload), sequence, 0);
        self.books.begin(commit.head.at);
        for (index, record) in (0_u32..).zip(&commit.events) {
            self.found.events = self.found.events.saturating_add(1);
            for (invariant, detail) in self.books.enter(record) {
                self.report_event((sequence, Some(index)), invariant, detail);
            }
        }
        let (moved, half_done) = self.books.end();
        for (index, (invariant, detail)) in half_done {
            self.report_event((sequence, Some(index)), invariant, detail);
        }
        self.owed.extend(moved.into_iter().map(|moved| (commit.head.number, moved)));
        self.fold(sequence, &commit);
    }

    /// Follows the commit as the committer does. What its fold cannot follow is wrong in the log,
    /// or in the fold.
    fn fold(&mut self, sequence: Sequence, commit: &Commit) {
        let Some(mut fold) = self.fold.take() else { return };
        fold.market.begin(sequence);
        for (index, record) in (0_u32..).zip(&commit.events) {
            let at = Address::new(sequence, index);
            if let Err(misfit) = fold.market.evolve(at, record) {
                let what = format!("the fold stops here: {misfit}");
                return self.report_event((sequence, Some(index)), Invariant::I9, what);
            }
        }
        fold.market.finish(commit.head.at);
        self.fold = Some(fold);
    }

    fn check_head(&mut self, sequence: Sequence, head: &CommitHead) {
        let chain = self.chain;
        let next = chain.number.saturating_add(1);
        if head.number != next {
            let what = format!("commit {} where commit {next} has to be", head.number);
            self.report(sequence, Invariant::I8, what);
        }
        if head.prev_hash != chain.hash {
            let what = format!("it names {}, the commit before has {}", head.prev_hash, chain.hash);
            self.report(sequence, Invariant::I15, what);
        }
        if head.epoch < chain.epoch {
            let what = format!("epoch {} after epoch {}", head.epoch, chain.epoch);
            self.report(sequence, Invariant::I8, what);
        }
        if head.position < chain.position {
            let what = format!("position {} after position {}", head.position, chain.position);
            self.report(sequence, Invariant::I8, what);
        }
        if head.at < chain.at {
            let what = format!("made at {} after one made at {}", head.at, chain.at);
            self.report(sequence, Invariant::I8, what);
        }
    }

    fn take_entry(&mut self, sequence: Sequence, sku: &str, payload: &[u8]) {
        let Some((number, moved)) = self.owed.pop_front() else {
            let what = format!("an entry of {sku} that belongs to no commit");
            return self.report(sequence, Invariant::I7, what);
        };
        let found = match Ledger::decode(payload) {
            Ok(found) => found,
            Err(error) => return self.report(sequence, Invariant::I7, error),
        };
        let Moved { sku: owed, delta, on_hand, reserved, available } = &moved;
        let figures = |values: [i128; 4]| {
            let [delta, on_hand, reserved, available] = values;
            format!("delta {delta}, on hand {on_hand}, reserved {reserved}, available {available}")
        };
        let books = figures([*delta, *on_hand, *reserved, *available]);
        let entry = figures([
            i128::from(found.delta),
            i128::from(found.on_hand),
            i128::from(found.reserved),
            i128::from(found.available),
        ]);
        if sku != owed.as_str() {
            let what = format!("an entry of {sku} where one of {owed} has to be");
            self.report(sequence, Invariant::I7, what);
        } else if found.commit != number {
            let what = format!("an entry of commit {} behind commit {number}", found.commit);
            self.report(sequence, Invariant::I7, what);
        } else if entry != books {
            let what = format!("{sku}: the entry says {entry}; the commits come to {books}");
            self.report(sequence, Invariant::I7, what);
        }
        self.found.entries = self.found.entries.saturating_add(1);
    }

    /// Another commit begins, or the log ends: every entry of the one before has to be there.
    fn miss_entries(&mut self, sequence: Sequence) {
        for (number, moved) in std::mem::take(&mut self.owed) {
            let what = format!("commit {number} has no entry of {}", moved.sku);
            self.report(sequence, Invariant::I7, what);
        }
    }
}
