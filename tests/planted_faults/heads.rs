//! Logs that are in order, and not the ones whose heads were signed.

use kassa::domain::Event;
use kassa::domain::verify::Invariant;
use kassa::engine::stored;
use kassa::port::Entry;
use kassa::wire::{Chain, Commit, Hash, Head, Verified, Verifier};

use crate::shop::{WAITING, command, good_log, order, subjects};
use crate::story::{Body, Story};

/// The head of every seventh commit.
fn heads(entries: &[Entry]) -> Vec<Head> {
    let commits = entries.iter().filter(|entry| entry.subject == subjects().commit());
    let head = |entry: &Entry| {
        let commit = Commit::decode(&entry.payload).unwrap();
        let chain = Chain::after(&commit.head, Hash::of(&entry.payload), entry.sequence, 0);
        Head::of(subjects().market().clone(), &chain, commit.head.at)
    };
    commits.map(head).filter(|head| head.number % 7 == 0).collect()
}

fn verify(entries: &[Entry], heads: Vec<Head>) -> Verified {
    let mut verifier = Verifier::new(subjects()).against(heads);
    entries.iter().for_each(|entry| verifier.take(&stored(entry)));
    verifier.close(entries.last().unwrap().sequence);
    verifier.finish()
}

/// What is said of a log that is in order by itself; the number of heads that it passes before.
fn found(story: &Story, heads: Vec<Head>) -> (u64, Vec<String>) {
    let entries = story.written();
    assert_eq!(verify(&entries, Vec::new()).violations, [], "by itself the log is in order");
    let verified = verify(&entries, heads);
    assert!(verified.violations.iter().all(|found| found.invariant == Invariant::I15));
    (verified.heads, verified.violations.iter().map(|found| found.detail.clone()).collect())
}

#[tokio::test]
async fn the_log_whose_heads_were_signed_passes_all_of_them() {
    let entries = good_log().await.entries();
    let heads = heads(&entries);
    let all = u64::try_from(heads.len()).unwrap();
    assert!(5 < all);
    let verified = verify(&entries, heads);
    assert_eq!((verified.violations, verified.heads), (Vec::new(), all));
}

#[tokio::test]
async fn what_was_rewritten_is_found_behind_the_last_head_that_is_right() {
    let entries = good_log().await.entries();
    let heads = heads(&entries);
    let mut story = Story::of(&entries);
    // Nobody could tell by the log alone: another token of a card.
    let spot = story.of_order("order_placed", order(WAITING));
    let Event::OrderPlaced(placed) = story.event(spot) else { unreachable!() };
    placed.payment_method_token = "pm-2".parse().unwrap();
    let number = story.commit(spot.0).0.number;
    let (before, after): (Vec<_>, Vec<_>) =
        heads.iter().cloned().partition(|head| head.number < number);
    // The order waits in the last commit: a head of it has to be there.
    let last = heads_of_last(&entries);
    let (passed, said) = found(&story, [heads.clone(), vec![last.clone()]].concat());
    assert_eq!(passed, u64::try_from(before.len()).unwrap());
    let good = before.last().unwrap();
    let behind = format!("behind commit {} (sequence {})", good.number, good.sequence);
    assert_eq!(said.len(), after.len() + 1);
    assert!(said.iter().all(|one| one.contains("rewritten") && one.ends_with(&behind)), "{said:?}");
    assert!(said[0].starts_with(&format!("commit {number} was signed as {}", last.hash)));
}

fn heads_of_last(entries: &[Entry]) -> Head {
    let last = entries.iter().rfind(|entry| entry.subject == subjects().commit()).unwrap();
    let commit = Commit::decode(&last.payload).unwrap();
    let chain = Chain::after(&commit.head, Hash::of(&last.payload), last.sequence, 0);
    Head::of(subjects().market().clone(), &chain, commit.head.at)
}

#[tokio::test]
async fn a_log_that_was_cut_is_told_from_one_that_ends() {
    let entries = good_log().await.entries();
    let heads = [heads(&entries), vec![heads_of_last(&entries)]].concat();
    let mut story = Story::of(&entries);
    let commit = story.of_order("order_placed", order(WAITING)).0;
    story.messages.truncate(commit);
    let (passed, said) = found(&story, heads.clone());
    let last = heads.last().unwrap();
    let (number, sequence) = (last.number, last.sequence);
    let cut = format!("commit {number} was signed at sequence {sequence}; the log was cut at");
    assert!(matches!(&said[..], [one] if one.starts_with(&cut)), "{said:?}");
    assert_eq!(passed, u64::try_from(heads.len()).unwrap() - 1);
}

#[tokio::test]
async fn a_commit_that_was_dropped_or_added_between_two_heads_is_found() {
    let entries = good_log().await.entries();
    let heads = heads(&entries);
    let mut dropped = Story::of(&entries);
    // An order that was refused: nobody misses it by the log alone.
    let refused = dropped.find(|event| matches!(event, Event::OrderRejected(_))).0;
    dropped.take_away(refused);
    dropped.renumber();
    let (passed, said) = found(&dropped, heads.clone());
    assert!(said.len() + usize::try_from(passed).unwrap() == heads.len() && !said.is_empty());
    assert!(said[0].contains("behind commit"), "{said:?}");
    // And one more: what was rejected is rejected again, under another name.
    let mut added = Story::of(&entries);
    let spot = added.find(|event| matches!(event, Event::OrderRejected(_)));
    let mut again = added.messages[spot.0].clone();
    if let Body::Commit(_, events) = &mut again.body {
        events[0].cause = Some(command(201));
        let Event::OrderRejected(rejected) = &mut events[0].event else { unreachable!() };
        rejected.order_id = order(99);
    }
    added.messages.insert(spot.0 + 1, again);
    added.renumber();
    let (passed, said) = found(&added, heads.clone());
    assert!(said.len() + usize::try_from(passed).unwrap() == heads.len() && !said.is_empty());
    assert!(said[0].contains("behind commit"), "{said:?}");
}
