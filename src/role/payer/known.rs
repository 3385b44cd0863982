//! What a payer knows of an attempt while it makes it.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Timestamp;
use crate::port::{Ask, Called, GatewayError};

/// Pauses between two calls for one attempt that brought no answer.
pub(super) const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Pauses between two calls for an attempt whose outcome is unknown; then a minute each.
const POLLS: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// Calls of one attempt that a provider may turn away before the attempt has failed. It is the
/// retry's business to wait longer.
const TURNED_AWAY_MAX: u32 = 3;

/// Pauses between calls.
pub(super) type Pauses = std::array::IntoIter<Duration, 5>;

/// The pause when no other is left.
pub(super) const fn last_pause() -> Duration {
    POLLS[4]
}

/// One attempt, so far.
pub(super) struct Known {
    /// Somebody may have called for it: money may have moved, whatever the provider says now.
    pub(super) may_be_out: bool,
    /// How the next call is made.
    pub(super) ask: Ask,
    /// Calls and looks.
    pub(super) calls: u32,
    /// How often the provider has said that it never saw it.
    pub(super) unseen: u32,
    /// Between calls.
    pub(super) pauses: Pauses,
    turned_away: u32,
    polls: bool,
    told: bool,
    /// The last call, by the clock and by what has gone by.
    last: (Timestamp, Instant),
}

/// What follows from an answer that was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is asked again after a pause.
    Wait,
    /// The attempt has failed: it was never out, and another key may have more luck.
    Fail,
    /// The market is told that nobody knows; then it is asked again.
    Tell,
}

impl Known {
    pub(super) fn new(may_be_out: bool, now: Timestamp) -> Self {
        Self {
            may_be_out,
            ask: Ask::Again,
            calls: 0,
            unseen: 0,
            pauses: PAUSES.into_iter(),
            turned_away: 0,
            polls: false,
            told: false,
            // Until now, somebody else may have called for it.
            last: (now, Instant::now()),
        }
    }

    /// Follows an answer that was none. `has_answered` says whether this provider has ever
    /// answered anybody here.
    pub(super) fn follow(&mut self, error: GatewayError, has_answered: bool) -> Next {
        match error {
            GatewayError::Unavailable(_) => self.turned_away(),
            GatewayError::Unreachable(_) if has_answered => self.turned_away(),
            // Only a person can help, or may have to: an address at which nobody was ever met is
            // as likely wrong. Nothing is the order's fault, so it waits.
            GatewayError::Unreachable(_) | GatewayError::Misconfigured(_) => {
                self.poll();
                Next::Wait
            }
            GatewayError::Unknown(_) => self.is_out(),
            GatewayError::Pending { ask, .. } => {
                self.ask = ask;
                self.is_out()
            }
        }
    }

    fn turned_away(&mut self) -> Next {
        self.turned_away = self.turned_away.saturating_add(1);
        // A key that was never out can be dropped for another one.
        let gives_up = !self.may_be_out && TURNED_AWAY_MAX <= self.turned_away;
        if gives_up { Next::Fail } else { Next::Wait }
    }

    /// Money may have moved.
    fn is_out(&mut self) -> Next {
        self.may_be_out = true;
        self.poll();
        let was_told = std::mem::replace(&mut self.told, true);
        if was_told { Next::Wait } else { Next::Tell }
    }

    /// The attempt was turned away often enough.
    pub(super) const fn is_turned_away(&mut self) {
        self.turned_away = TURNED_AWAY_MAX;
    }

    /// From now on it is asked after as one asks after what is unknown.
    pub(super) fn poll(&mut self) {
        if !self.polls {
            self.polls = true;
            self.pauses = POLLS.into_iter();
        }
    }

    /// A call goes out.
    pub(super) fn called(&mut self, now: Timestamp) {
        self.last = (now, Instant::now());
    }

    /// How long ago the last call may have gone out.
    pub(super) fn quiet(&self, hurry: u32) -> Duration {
        self.last.1.elapsed().saturating_mul(hurry)
    }

    /// When calls may have gone out, under a key that was made at `from`.
    pub(super) fn when(&self, from: Timestamp, hurry: u32) -> Called {
        Called { from, until: self.last.0, quiet: self.quiet(hurry) }
    }
}
