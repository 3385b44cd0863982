//! Whether a commit is the next one.

use crate::domain::Event;
use crate::domain::verify::Invariant;
use crate::wire::chain::Chain;
use crate::wire::commit::Commit;

/// What is wrong with a commit that stands behind `chain`.
pub(super) fn check(chain: &Chain, commit: &Commit) -> Vec<(Invariant, String)> {
    let head = &commit.head;
    let mut faults = Vec::new();
    let mut wrong = |invariant, what: String| faults.push((invariant, what));
    let next = chain.number.saturating_add(1);
    if head.number != next {
        wrong(Invariant::I8, format!("commit {} where commit {next} has to be", head.number));
    }
    if head.prev_hash != chain.hash {
        let what = format!("it names {}, the commit before has {}", head.prev_hash, chain.hash);
        wrong(Invariant::I15, what);
    }
    if head.epoch < chain.epoch {
        wrong(Invariant::I8, format!("epoch {} after epoch {}", head.epoch, chain.epoch));
    }
    if head.position < chain.position {
        let what = format!("position {} after position {}", head.position, chain.position);
        wrong(Invariant::I8, what);
    }
    if head.at < chain.at {
        wrong(Invariant::I8, format!("made at {} after one made at {}", head.at, chain.at));
    }
    if chain.epoch <= head.epoch {
        let begins = commit.events.iter().any(|record| matches!(record.event, Event::Opened(_)));
        let next = chain.epoch.saturating_add(1);
        if begins && (head.epoch != next || commit.events.len() != 1) {
            let what = format!("it opens the market under epoch {}, not {next} alone", head.epoch);
            wrong(Invariant::I8, what);
        } else if !begins && head.epoch != chain.epoch {
            let what = format!("epoch {} begins and nobody opened the market", head.epoch);
            wrong(Invariant::I8, what);
        }
    }
    faults
}
