//! The auditor's books: kept from the events alone, and by other code than the committer's.
//!
//! A verifier that shares the decider's arithmetic shares its defects. What is checked here is
//! written down once more, as plainly as possible: units, holds, orders, outcomes.

mod books;
mod goods;
mod money;
mod orders;
mod outcomes;
mod papers;
mod payments;
mod shelves;
mod whole;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub use books::Books;
pub use shelves::Moved;

use super::Sequence;

/// A promise about the log. `docs/adr` and the glossary use the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Invariant {
    /// Nothing is promised that is not there; nothing counted is below zero.
    I1,
    /// Nothing but stock events changes stock; what is reserved is the sum of open holds.
    I2,
    /// Every hold ends once, for the quantity that was reserved.
    I3,
    /// Every command has one outcome, and no outcome is without a command.
    I4,
    /// What is captured for a confirmed order is its total, once.
    I5,
    /// Every outcome that somebody saw is in the log, at the same place.
    I6,
    /// Every commit is there with all its ledger entries and nothing else, and they equal the fold.
    I7,
    /// Sequences, commit numbers, epochs, positions and time never go back and leave no gap, and
    /// every commit can be read.
    I8,
    /// The committer's own fold of the log comes to the same as these books, and so do the views.
    I9,
    /// Every copy of the log is the same.
    I10,
    /// Every order goes a legal path; what is deducted was paid before.
    I11,
    /// Nothing expires before its deadline.
    I12,
    /// No card number, security code, mail address or secret is written down.
    I14,
    /// Every commit names the hash of the one before it.
    I15,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I8,
        Self::I9,
        Self::I10,
        Self::I11,
        Self::I12,
        Self::I14,
        Self::I15,
    ];

    /// Those that the log alone can be held to. I4 needs the commands as well, I9 the views.
    pub const OF_LOG: [Self; 9] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I5,
        Self::I7,
        Self::I8,
        Self::I11,
        Self::I12,
        Self::I15,
    ];
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Which stream a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The log.
    Events,
    /// Published commands.
    Commands,
    /// Another one, which the sentence names.
    Other,
}

/// Something in the log that may not be there, or something missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// In which stream.
    pub stream: Stream,
    /// Where. Something that is missing is missed where it should stand.
    pub sequence: Sequence,
    /// Which event of the commit, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Which promise it breaks.
    pub invariant: Invariant,
    /// What is wrong, in a sentence.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, sequence, index, invariant, detail } = self;
        let stream = match stream {
            Stream::Events => "sequence",
            Stream::Commands => "command",
            Stream::Other => "message",
        };
        match index {
            Some(index) => write!(f, "{stream} {sequence}.{index}: {invariant}: {detail}"),
            None => write!(f, "{stream} {sequence}: {invariant}: {detail}"),
        }
    }
}

/// How long an id is kept beyond the window: the committer forgets by the hour, and a command is
/// decided a little before its commit is made.
const SLACK: Duration = Duration::from_secs(2 * 60 * 60);

/// What one event, or the end of a commit, broke.
pub(super) type Fault = (Invariant, String);
