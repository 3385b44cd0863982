//! How often a follower writes.

use std::time::Duration;

/// The least time between two batches, from quiet to busy.
///
/// A batch costs the server two to three milliseconds whatever is in it, and keys that change
/// again meanwhile are written once. So a quiet view follows closely, a busy one in larger steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// After a batch that reflects next to nothing.
    pub quiet: Duration,
    /// After a batch that reflects [`Pace::BUSY`] events or more.
    pub busy: Duration,
    /// Messages owed after which a batch goes at once. Nothing more is folded at twice as many.
    pub much: usize,
}

impl Pace {
    /// Events behind one batch that make a view busy: some four hundred orders.
    pub const BUSY: u32 = 2_000;

    /// Twice what a batch takes: the older half goes, and keys that change again soon are in the
    /// younger one.
    pub const MUCH: usize = 2_000;

    /// The same pace always.
    #[must_use]
    pub const fn steady(pace: Duration) -> Self {
        Self { quiet: pace, busy: pace, much: Self::MUCH }
    }

    /// Whether so many messages may be owed before the next commit is folded.
    #[must_use]
    pub const fn has_room(&self, owed: usize) -> bool {
        owed <= self.much.saturating_mul(2)
    }

    /// The time to wait after a batch that reflects so many events.
    #[must_use]
    pub fn after(&self, events: usize) -> Duration {
        let share = u32::try_from(events).unwrap_or(Self::BUSY).min(Self::BUSY);
        let more = self.busy.saturating_sub(self.quiet).saturating_mul(share);
        self.quiet.saturating_add(more.checked_div(Self::BUSY).unwrap_or_default())
    }
}
