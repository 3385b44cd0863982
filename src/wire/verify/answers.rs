//! Whether the answers that somebody was given are in the log.

use std::collections::BTreeMap;

use crate::domain::{Event, Recorded, Refusal, Sequence};
use crate::wire::commit::Commit;
use crate::wire::outcome::{Outcome, OutcomeKind};

/// Answers that the log has to hold, by the commit that they name.
#[derive(Debug, Default)]
pub(super) struct Answers {
    expected: BTreeMap<Sequence, Vec<Outcome>>,
    /// Whether there were any to be looked for.
    pub(super) asked: bool,
    pub(super) held: u64,
}

impl Answers {
    pub(super) fn of(outcomes: Vec<Outcome>) -> Self {
        let mut expected: BTreeMap<Sequence, Vec<Outcome>> = BTreeMap::new();
        // A market that was busy has recorded nothing.
        for outcome in outcomes {
            if let Some(sequence) = outcome.event_seq {
                expected.entry(sequence).or_default().push(outcome);
            }
        }
        Self { expected, asked: true, held: 0 }
    }

    /// Passes the message at `sequence`, with the commit when it is one; says which answers it does
    /// not bear out.
    pub(super) fn pass(&mut self, sequence: Sequence, commit: Option<&Commit>) -> Vec<String> {
        let mut wrong = Vec::new();
        while self.expected.first_key_value().is_some_and(|(named, _)| *named <= sequence) {
            let Some((named, outcomes)) = self.expected.pop_first() else { break };
            let commit = commit.filter(|_| named == sequence);
            for outcome in outcomes {
                match differs(&outcome, commit) {
                    None => self.held = self.held.saturating_add(1),
                    Some(why) => wrong.push(said(&outcome, &why)),
                }
            }
        }
        wrong
    }

    /// The log ends: says which answers named a commit behind it.
    pub(super) fn close(&mut self, end: Sequence) -> Vec<String> {
        let left = std::mem::take(&mut self.expected).into_values().flatten();
        left.map(|outcome| said(&outcome, &format!("the log ends at {end}"))).collect()
    }
}

fn said(outcome: &Outcome, why: &str) -> String {
    let id = outcome.command_id.map_or_else(|| "a command".to_owned(), |id| id.to_string());
    let place = outcome.address().map_or_else(|| "-".to_owned(), |at| at.to_string());
    format!("{id} was answered {} at {place}: {why}", outcome.result.name())
}

/// Why an answer is not what the log gives; nothing when it is.
fn differs(outcome: &Outcome, commit: Option<&Commit>) -> Option<String> {
    let Some(commit) = commit else { return Some("no commit stands there".to_owned()) };
    let index = outcome.event_index.and_then(|index| usize::try_from(index).ok());
    let Some(record) = index.and_then(|index| commit.events.get(index)) else {
        return Some(format!("the commit there has {} events", commit.events.len()));
    };
    let at = outcome.address()?;
    let again = Outcome::decided(outcome.command_id, outcome.result, at, refusal(record).cloned());
    match outcome.result {
        OutcomeKind::Accepted if record.cause != outcome.command_id || record.body.is_none() => {
            Some(format!("{} there is not its outcome", record.event.kind()))
        }
        // Whatever it repeats, or finds to be so, may be of another command.
        OutcomeKind::AlreadyApplied => None,
        OutcomeKind::Refused if refusal(record).is_none() => {
            Some(format!("{} there refuses nothing", record.event.kind()))
        }
        OutcomeKind::Accepted | OutcomeKind::Refused | OutcomeKind::Busy => {
            (again != *outcome).then(|| "the log gives another answer".to_owned())
        }
    }
}

fn refusal(record: &Recorded) -> Option<&Refusal> {
    if let Event::CommandRejected(rejected) = &record.event {
        Some(&rejected.refusal)
    } else if let Event::OrderRejected(rejected) = &record.event {
        Some(&rejected.refusal)
    } else {
        None
    }
}
