//! Answers that clients kept, held against the log.

use kassa::domain::verify::Invariant;
use kassa::domain::{Address, Event, Refusal, Sequence};
use kassa::engine::stored;
use kassa::port::Entry;
use kassa::wire::{Commit, Outcome, OutcomeKind, Verified, Verifier};

use crate::shop::{command, good_log, subjects};

fn verify(entries: &[Entry], answers: Vec<Outcome>) -> Verified {
    let mut verifier = Verifier::new(subjects()).holding(answers);
    entries.iter().for_each(|entry| verifier.take(&stored(entry)));
    verifier.close(entries.last().unwrap().sequence);
    verifier.finish()
}

/// The answer of every command that has an outcome in the log.
fn answers(entries: &[Entry]) -> Vec<Outcome> {
    let commits = entries.iter().filter(|entry| entry.subject == subjects().commit());
    let mut answers = Vec::new();
    for entry in commits {
        let commit = Commit::decode(&entry.payload).unwrap();
        for (index, record) in (0..).zip(&commit.events).filter(|(_, one)| one.body.is_some()) {
            let refusal = if let Event::CommandRejected(rejected) = &record.event {
                Some(rejected.refusal.clone())
            } else if let Event::OrderRejected(rejected) = &record.event {
                Some(rejected.refusal.clone())
            } else {
                None
            };
            let at = Address::new(entry.sequence, index);
            answers.push(Outcome::decided(record.cause, OutcomeKind::Accepted, at, refusal));
        }
    }
    answers
}

#[tokio::test]
async fn every_answer_that_was_given_is_borne_out() {
    let entries = good_log().await.entries();
    let answers = answers(&entries);
    let kinds = |kind| answers.iter().filter(|answer| answer.result == kind).count();
    assert!(30 < kinds(OutcomeKind::Accepted) && 1 < kinds(OutcomeKind::Refused));
    let all = u64::try_from(answers.len()).unwrap();
    let verified = verify(&entries, [answers, vec![Outcome::busy(None, 5)]].concat());
    assert_eq!((verified.violations, verified.outcomes), (Vec::new(), all));
    assert!(verified.checked.contains(&Invariant::I6));
    assert!(!verify(&entries, Vec::new()).checked.is_empty());
}

type Change = fn(&mut Outcome);

#[tokio::test]
async fn an_answer_that_the_log_does_not_give_is_found() {
    let entries = good_log().await.entries();
    let answers = answers(&entries);
    let accepted = answers.iter().position(|one| one.result == OutcomeKind::Accepted).unwrap();
    let refused = answers.iter().position(|one| one.result == OutcomeKind::Refused).unwrap();
    let faults: [(usize, Change, &str); 7] = [
        (accepted, |one| one.command_id = Some(command(250)), "is not its outcome"),
        (accepted, |one| one.event_index = Some(900), "the commit there has"),
        (accepted, |one| one.event_seq = Some(Sequence(9_000)), "the log ends at"),
        (accepted, |one| one.result = OutcomeKind::Refused, "refuses nothing"),
        (refused, |one| one.message = Some("no".to_owned()), "another answer"),
        (refused, |one| one.refusal = Some(Refusal::UnknownOrder), "another answer"),
        (accepted, |one| one.event_seq = one.event_seq.map(Sequence::next), "no commit stands"),
    ];
    for (which, change, says) in faults {
        // The one behind the commit of several SKUs is a ledger entry.
        let mut answers = answers.clone();
        let which = if says.starts_with("no commit") {
            let at = entries.iter().find(|one| subjects().sku_of(&one.subject).is_some());
            let before = at.unwrap().sequence.0 - 1;
            answers.iter().position(|one| one.event_seq == Some(Sequence(before))).unwrap()
        } else {
            which
        };
        change(&mut answers[which]);
        let verified = verify(&entries, answers);
        let found: Vec<_> = verified.violations.iter().map(ToString::to_string).collect();
        let [only] = &verified.violations[..] else { panic!("{says}: {found:?}") };
        assert!(only.invariant == Invariant::I6 && only.detail.contains(says), "{found:?}");
    }
}
