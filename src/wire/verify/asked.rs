//! What a verifier is asked to look at, and what it can say while it reads.

use super::answers::Answers;
use super::heads::Heads;
use super::{Verifier, Violation};
use crate::domain::Sequence;
use crate::domain::verify::{Books, Invariant};
use crate::wire::commit::Commit;
use crate::wire::head::Head;
use crate::wire::outcome::Outcome;
use crate::wire::subject::Subjects;

impl Verifier {
    /// A verifier that can be shown the command stream afterwards. It keeps the id of every
    /// command of the last days.
    #[must_use]
    pub fn with_commands(subjects: Subjects) -> Self {
        Self { books: Books::keeping_outcomes(), ..Self::new(subjects) }
    }

    /// The same, and the log has to pass these heads.
    #[must_use]
    pub fn against(self, heads: Vec<Head>) -> Self {
        Self { heads: Heads::of(heads), ..self }
    }

    /// The same, and the log has to hold the answers that somebody was given.
    #[must_use]
    pub fn holding(self, outcomes: Vec<Outcome>) -> Self {
        Self { answers: Answers::of(outcomes), ..self }
    }

    /// The names of the market.
    #[must_use]
    pub const fn subjects(&self) -> &Subjects {
        &self.subjects
    }

    /// What was found so far, at most the first hundred, and how much it is in all.
    #[must_use]
    pub fn violations(&self) -> (&[Violation], u64) {
        (&self.found.violations, self.found.violations_total)
    }

    /// Units that were promised and were not there, so far.
    #[must_use]
    pub const fn oversold(&self) -> u64 {
        self.books.oversold()
    }

    /// How many events were read.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.found.events
    }

    /// The last sequence that was read.
    #[must_use]
    pub const fn end(&self) -> Sequence {
        self.found.end
    }

    /// Whether the last commit still lacks ledger entries.
    #[must_use]
    pub fn owes_entries(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Holds the answers that name this place against the commit there, if it is one.
    pub(super) fn answered(&mut self, sequence: Sequence, commit: Option<&Commit>) {
        // What a newer build wrote cannot be read here, and may be just what was answered.
        if self.found.newer.is_none() {
            for what in self.answers.pass(sequence, commit) {
                self.report(sequence, Invariant::I6, what);
            }
        }
    }
}
