//! The commit that is being filled, and the one on its way.

use super::watch::{Sent, Taken, Tally};
use crate::domain::{Address, Refusal, Sequence, Timestamp};
use crate::wire::{Chain, CommitDraft, OutcomeKind, Snapshot};

/// The commit that is being filled.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) commit: CommitDraft,
    pub(super) decided: Vec<Decided>,
    pub(super) position: Sequence,
    /// When the last decision in it was made.
    pub(super) at: Timestamp,
    pub(super) begun: bool,
    /// Whether a command has found no room in it.
    pub(super) full: bool,
    /// What its events add up to.
    pub(super) tally: Tally,
}

/// The commit that is on its way.
pub(super) struct Flight {
    pub(super) chain: Chain,
    pub(super) decided: Vec<Decided>,
    /// The state right after it, when one is to be kept.
    pub(super) snapshot: Option<Snapshot>,
    /// What is told of it.
    pub(super) sent: Sent,
}

/// A command and how it ends once the commit is durable.
pub(super) struct Decided {
    pub(super) taken: Taken,
    pub(super) result: OutcomeKind,
    pub(super) at: Address,
    pub(super) refusal: Option<Refusal>,
}
