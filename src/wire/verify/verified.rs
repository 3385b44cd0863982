//! What a verification found.

use serde::Serialize;

use crate::domain::verify::{Invariant, Stream, Violation};
use crate::domain::{Sequence, Timestamp};

/// Violations that are kept. One defect may break every later commit; the first ones tell.
const KEPT: usize = 100;

/// What a verified log holds, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The last sequence that was read.
    pub end: Sequence,
    /// The last commit that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<ReadHead>,
    /// BLAKE3 over every message, ledger entries too, in hexadecimal digits.
    pub digest: String,
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
    /// Published commands that were looked for in the log; none when only the log was read.
    pub commands: u64,
    /// Published messages that are not decided yet.
    pub commands_waiting: u64,
    /// Units that were promised and were not there.
    pub oversold: u64,
    /// Signed heads that the log passes: between two of them nothing was changed.
    pub heads: u64,
    /// Answers of clients that the log bears out; none when none were looked for.
    pub outcomes: u64,
    /// The promises that were looked at.
    pub checked: Vec<Invariant>,
    /// What a newer build wrote, when there is such a thing. Nothing behind it is proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer: Option<Newer>,
    /// What is wrong, first things first; at most 100.
    pub violations: Vec<Violation>,
    /// How much is wrong.
    pub violations_total: u64,
}

/// A commit that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadHead {
    /// Where it stands.
    pub sequence: Sequence,
    /// How many commits there are with it.
    pub number: u64,
    /// Which committer wrote it.
    pub epoch: u64,
    /// When it was made.
    pub at_ms: Timestamp,
    /// Its hash, in hexadecimal digits: it stands for every commit before it.
    pub hash: String,
}

/// The first commit that a newer build wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Newer {
    /// Where it stands.
    pub sequence: Sequence,
    /// What stands there.
    pub what: String,
}

impl Verified {
    /// Whether every promise holds, as far as this build can tell: to the end.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.violations_total == 0 && self.newer.is_none()
    }

    /// A promise was looked at that the log alone says nothing about.
    pub fn also(&mut self, invariant: Invariant, found: Vec<Violation>) {
        if !self.checked.contains(&invariant) {
            self.checked.push(invariant);
            self.checked.sort_unstable();
        }
        found.into_iter().for_each(|violation| self.add(violation));
        self.in_order();
    }

    pub(super) fn add(&mut self, violation: Violation) {
        self.violations_total = self.violations_total.saturating_add(1);
        if self.violations.len() < KEPT {
            self.violations.push(violation);
        }
    }

    /// First things first: some faults of an event are only seen at the end of its commit.
    pub(super) fn in_order(&mut self) {
        self.violations.sort_by_key(|violation| {
            let beside = violation.stream != Stream::Events;
            (beside, violation.sequence, violation.index)
        });
    }
}
