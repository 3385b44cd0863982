//! Which commands have been decided.

use std::collections::HashSet;

use super::{Fault, Invariant};
use crate::domain::{CommandId, Event, Policy, Recorded, Timestamp};

/// How long an id is kept beyond the window: the committer forgets by the hour.
const SLACK: std::time::Duration = std::time::Duration::from_secs(2 * 60 * 60);

/// The ids of decided commands. Older ones than the window are refused as stale without being
/// named, so nothing older has to be kept.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    decided: HashSet<CommandId>,
    /// The command whose events are being read.
    open: Option<CommandId>,
    swept: Timestamp,
}

impl Outcomes {
    /// Begins a commit made at `at`.
    pub(super) fn begin(&mut self, at: Timestamp) {
        self.open = None;
        let horizon = at.before(Policy::WINDOW).before(SLACK);
        if self.swept.after(SLACK) < horizon {
            self.decided.retain(|id| horizon <= id.made_at());
            self.swept = horizon;
        }
    }

    /// Takes one record: the first of a command is its outcome, the others follow it.
    pub(super) fn take(&mut self, record: &Recorded) -> Result<(), Fault> {
        let Some(cause) = record.cause else {
            self.open = None;
            return Ok(());
        };
        if record.body.is_none() {
            if self.open == Some(cause) {
                return Ok(());
            }
            return Err((
                Invariant::I4,
                format!("command {cause} is named and has no outcome here"),
            ));
        }
        self.open = Some(cause);
        // A placed order is known by its own id, and money by the provider's: the same command id
        // may come with another.
        let by_itself = matches!(
            record.event,
            Event::OrderPlaced(_) | Event::OrderRejected(_) | Event::PaymentCaptured(_)
        );
        if by_itself || self.decided.insert(cause) {
            return Ok(());
        }
        Err((Invariant::I4, format!("command {cause} has a second outcome")))
    }
}
