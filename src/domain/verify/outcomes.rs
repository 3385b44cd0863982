//! Which commands have been decided.

use std::collections::{HashMap, HashSet};

use super::{Fault, Invariant, SLACK};
use crate::domain::{
    AttentionKind, CommandId, Event, Policy, Recorded, Sequence, Source, Timestamp,
};

/// The ids of decided commands. Older ones than the window are refused as stale without being
/// named, so nothing older has to be kept.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    decided: HashSet<CommandId>,
    /// The command whose events are being read.
    open: Option<Open>,
    /// Ids made before this are no longer known, and may not be used any more.
    horizon: Timestamp,
    swept: Timestamp,
    /// When the commit at hand was made.
    at: Timestamp,
    /// How far the command stream is decided, by the commit at hand.
    position: Sequence,
    /// Every outcome, when the command stream is read later: a command's id and its body.
    kept: Option<Kept>,
}

/// What is kept to be compared with the command stream.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bodies: HashMap<CommandId, [u8; 16]>,
    /// Further bodies under an id that was used before: a refusal behind an order.
    more: HashSet<(CommandId, [u8; 16])>,
    /// Commands that were refused, by their place in the command stream, and when: those that
    /// were refused so long ago are no longer in it.
    refused: HashMap<u64, Timestamp>,
}

/// A command, or a hold that ended by itself, whose events are being read.
#[derive(Debug)]
struct Open {
    cause: Option<CommandId>,
    source: Source,
    /// Whether it was refused: then nothing else comes of it.
    refused: bool,
}

type Checked = Result<(), Fault>;

fn wrong(what: String) -> Checked {
    Err((Invariant::I4, what))
}

impl Outcomes {
    /// Keeps every outcome, to be compared with the command stream.
    pub(super) fn keep(&mut self) {
        self.kept = Some(Kept::default());
    }

    /// Begins a commit made at `at` that decides commands up to `position`.
    pub(super) fn begin(&mut self, at: Timestamp, position: Sequence) {
        self.open = None;
        (self.at, self.position) = (at, position);
        self.horizon = at.before(Policy::WINDOW).before(SLACK);
        if self.swept.after(SLACK) < self.horizon {
            let horizon = self.horizon;
            self.decided.retain(|id| horizon <= id.made_at());
            if let Some(kept) = &mut self.kept {
                // A command may have waited for a whole window before it was decided.
                let horizon = horizon.before(Policy::WINDOW);
                kept.bodies.retain(|id, _| horizon <= id.made_at());
                kept.more.retain(|(id, _)| horizon <= id.made_at());
                kept.refused.retain(|_, at| horizon <= *at);
            }
            self.swept = horizon;
        }
    }

    /// Takes one record: the first of a command is its outcome, the others follow it.
    pub(super) fn take(&mut self, record: &Recorded) -> Checked {
        let kind = record.event.kind();
        if let (Event::CommandRejected(rejected), Some(kept)) = (&record.event, &mut self.kept) {
            kept.refused.extend(rejected.command_seq.map(|command| (command, self.at)));
        }
        if let Event::CommandRejected(rejected) = &record.event
            && let Some(command) = rejected.command_seq.filter(|seq| self.position.0 < *seq)
        {
            let position = self.position;
            return wrong(format!("command {command} is refused, decided is up to {position}"));
        }
        let Some(cause) = record.cause else {
            return self.take_uncaused(record);
        };
        if matches!(record.event, Event::Opened(_) | Event::HoldExpired(_)) {
            return wrong(format!("{kind} comes of no command, yet it names {cause}"));
        }
        let Some(body) = record.body else {
            return self.take_next(cause, record);
        };
        let refused = matches!(record.event, Event::CommandRejected(_));
        self.open = Some(Open { cause: Some(cause), source: record.source.clone(), refused });
        if let Some(kept) = &mut self.kept
            && *kept.bodies.entry(cause).or_insert(body.0) != body.0
        {
            kept.more.insert((cause, body.0));
        }
        if cause.made_at() < self.horizon {
            return wrong(format!("command {cause} was too old to be decided"));
        }
        // A placed order is known by its own id, and money by the provider's: the same command id
        // may come with another.
        let by_itself = matches!(
            record.event,
            Event::OrderPlaced(_) | Event::OrderRejected(_) | Event::PaymentCaptured(_)
        );
        if by_itself || self.decided.insert(cause) {
            return Ok(());
        }
        wrong(format!("command {cause} has a second outcome"))
    }

    /// A further event of the command that is open.
    fn take_next(&self, cause: CommandId, record: &Recorded) -> Checked {
        let kind = record.event.kind();
        let Some(open) = self.open.as_ref().filter(|open| open.cause == Some(cause)) else {
            return wrong(format!("command {cause} is named and has no outcome here"));
        };
        if open.refused {
            return wrong(format!("{kind} comes of command {cause}, which was refused"));
        }
        if !follows(&record.event) {
            return wrong(format!("{kind} is a second outcome of command {cause}"));
        }
        if open.source != record.source {
            let (said, first) = (&record.source, &open.source);
            return wrong(format!("{kind} names {said}, command {cause} came from {first}"));
        }
        Ok(())
    }

    /// What the committer does by itself, and refusals of commands that cannot be named.
    fn take_uncaused(&mut self, record: &Recorded) -> Checked {
        let kind = record.event.kind();
        let expiring = self.open.take().filter(|open| open.cause.is_none());
        let event = &record.event;
        if matches!(event, Event::CommandRejected(_)) {
            return Ok(());
        }
        let tells = matches!(event, Event::AttentionRaised(raised)
            if raised.kind == AttentionKind::RefundUnknown);
        let begins = tells || matches!(event, Event::Opened(_) | Event::HoldExpired(_));
        let goes_on = matches!(
            event,
            Event::OrderCancelled(_) | Event::StockReleased(_) | Event::AttentionRaised(_)
        );
        if !(begins && record.source == Source::COMMITTER || goes_on && expiring.is_some()) {
            return wrong(format!("{kind} comes of no command"));
        }
        let source = record.source.clone();
        self.open = Some(Open { cause: None, source, refused: false });
        Ok(())
    }

    /// Whether a command that was published has an outcome by its own name.
    pub(super) fn has(&self, id: CommandId, body: [u8; 16]) -> bool {
        self.kept.as_ref().is_some_and(|kept| {
            kept.bodies.get(&id) == Some(&body) || kept.more.contains(&(id, body))
        })
    }

    /// Whether an outcome names that id, whatever was asked under it.
    pub(super) fn knows(&self, id: CommandId) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.bodies.contains_key(&id))
    }

    /// Whether the command at that place of the command stream was refused.
    pub(super) fn refused_at(&self, command: Sequence) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.refused.contains_key(&command.0))
    }
}

/// Whether an event stands behind the first one of a command. All others are an outcome.
fn follows(event: &Event) -> bool {
    matches!(
        event,
        Event::ShortageFound(_)
            | Event::StockReserved(_)
            | Event::StockDeducted(_)
            | Event::StockReleased(_)
            | Event::OrderConfirmed(_)
            | Event::OrderCancelled(_)
            | Event::OrderReinstated(_)
            | Event::StockReturned(_)
            | Event::RefundRequested(_)
            | Event::AttentionRaised(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{T0, hours, source, text};
    use crate::domain::{CommandRejected, Refusal};

    /// Commands are stored for the window, and may have waited as long before they were decided.
    #[test]
    fn a_refusal_is_known_while_its_command_may_be_stored() {
        let mut outcomes = Outcomes::default();
        outcomes.keep();
        outcomes.begin(T0, Sequence(7));
        let refusal = Refusal::Undecodable { problem: text("no map") };
        let rejected = CommandRejected { kind: text("?"), refusal, command_seq: Some(7) };
        let event = Event::CommandRejected(rejected);
        let source = source("web");
        let record = Recorded { event, cause: None, source, body: None, trace: None };
        outcomes.take(&record).unwrap();
        for (later, is_known) in [(0, true), (72, true), (144, true), (160, false)] {
            outcomes.begin(T0.after(hours(later)), Sequence(7));
            assert_eq!(outcomes.refused_at(Sequence(7)), is_known, "after {later} hours");
        }
    }
}
