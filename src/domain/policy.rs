//! What a shop may set, as data.

use std::time::Duration;

use super::payment::{DeclineClasses, RetrySchedule};

/// The rules of one market that differ between shops.
///
/// Deciding asks it; folding never does: what it led to is in the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a placed order keeps its stock while money is on its way.
    ///
    /// It has to outlive the whole retry plan and each attempt's own time, in which an unknown
    /// outcome is asked after four times: 20 s + 90 s + 240 s, 4 × 60 s, and room.
    pub hold: Duration,
    /// What an attempt may take from its moment to its answer; no retry is planned closer than that
    /// to the end of its hold.
    pub attempt: Duration,
    /// How long it keeps it at least, once nobody can say whether the money came.
    pub unknown_hold: Duration,
    /// When a payment that failed is tried again.
    pub retries: RetrySchedule,
    /// What providers' reason codes mean.
    pub classes: DeclineClasses,
}

impl Policy {
    /// Requirement: every retry within 10 minutes; the rest is for the last attempt to settle.
    pub const HOLD_DEFAULT: Duration = Duration::from_secs(15 * 60);

    /// Three calls that are turned away late, or one that is silent and four looks after it.
    pub const ATTEMPT_DEFAULT: Duration = Duration::from_secs(60);

    /// How long a refund may take before a human is told of it: the retry plan takes ten minutes,
    /// and a provider that is out is back within the hour.
    pub const REFUND_PATIENCE: Duration = Duration::from_secs(60 * 60);

    /// How long an identifier is remembered, and the age at which a command is refused as stale.
    ///
    /// Not a setting: folding forgets by it, and every fold of one log must forget alike.
    pub const WINDOW: Duration = Duration::from_secs(72 * 60 * 60);

    /// How far ahead of ours an edge's clock may be before its ids are refused.
    ///
    /// An id from the future would outlive the window.
    pub const SKEW_MAX: Duration = Duration::from_secs(5 * 60);
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            hold: Self::HOLD_DEFAULT,
            attempt: Self::ATTEMPT_DEFAULT,
            unknown_hold: Self::HOLD_DEFAULT,
            retries: RetrySchedule::default(),
            classes: DeclineClasses::default(),
        }
    }
}
