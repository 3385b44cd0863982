//! What a verification found.

use serde::Serialize;

use crate::domain::Sequence;
use crate::domain::verify::{Stream, Violation};

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
    /// Published commands that were looked for in the log; none when only the log was read.
    pub commands: u64,
    /// Published messages that are not decided yet.
    pub commands_waiting: u64,
    /// Units that were promised and were not there.
    pub oversold: u64,
    /// What a newer build wrote, when there is such a thing. Nothing behind it is proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer: Option<Newer>,
    /// What is wrong, first things first; at most 100.
    pub violations: Vec<Violation>,
    /// How much is wrong.
    pub violations_total: u64,
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

    pub(super) fn add(&mut self, violation: Violation) {
        self.violations_total = self.violations_total.saturating_add(1);
        if self.violations.len() < KEPT {
            self.violations.push(violation);
        }
    }

    /// First things first: some faults of an event are only seen at the end of its commit.
    pub(super) fn in_order(&mut self) {
        self.violations.sort_by_key(|violation| {
            let commands = violation.stream == Stream::Commands;
            (commands, violation.sequence, violation.index)
        });
    }
}
