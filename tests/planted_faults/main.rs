//! A good log, broken in every way we could think of: the verifier finds each fault where it is.
//!
//! Whoever plants one rewrites what comes after it, so that the chain, the sequences and the
//! numbers are in order again. What is found is the fault itself, not the traces of planting it.
#![cfg_attr(
    test,
    expect(clippy::arithmetic_side_effects, reason = "a test that counts wrong may panic")
)]

#[cfg(test)]
mod answers;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod heads;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod planting;
#[cfg(test)]
mod private;
#[cfg(test)]
mod refunds;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod stock;
#[cfg(test)]
mod story;
#[cfg(test)]
mod waiting;

use kassa::domain::Sequence;
use kassa::engine::{stored, verify_log};

use kassa::wire::Verifier;
use planting::{find_all, verify};
use shop::{good_log, subjects};
use story::Story;

#[tokio::test]
async fn a_log_that_a_committer_wrote_keeps_every_promise() {
    let log = good_log().await;
    let mut reached = Sequence::START;
    let subjects = subjects();
    let verified = verify_log(&log, &subjects, |progress| {
        assert!(reached <= progress.sequence && progress.sequence <= progress.end);
        reached = progress.sequence;
    });
    let verified = verified.await.unwrap();
    assert_eq!(verified.violations, []);
    assert_eq!((verified.violations_total, verified.oversold), (0, 0));
    let entries = log.entries();
    let story = Story::of(&entries);
    let commits = u64::try_from(story.commits().count()).unwrap();
    let all = u64::try_from(entries.len()).unwrap();
    assert_eq!((verified.commits, verified.entries), (commits, all - commits));
    assert_eq!((verified.end, reached), (Sequence(all), Sequence(all)));
    assert_eq!((verified.skus, verified.orders), (3, 13));
    let events: usize = story.commits().map(|(_, events)| events.len()).sum();
    assert_eq!(verified.events, u64::try_from(events).unwrap());
}

#[tokio::test]
async fn a_log_that_is_written_again_as_it_was_is_the_same_log() {
    let entries = good_log().await.entries();
    assert_eq!(Story::of(&entries).written(), entries);
}

#[tokio::test]
async fn a_log_in_which_nothing_happened_keeps_every_promise() {
    let verified = verify(Vec::new()).await;
    assert_eq!(verified.violations, []);
    assert_eq!((verified.commits, verified.end), (0, Sequence::START));
}

#[tokio::test]
async fn a_fault_is_told_with_its_place_its_promise_and_a_sentence() {
    let mut story = Story::of(&good_log().await.entries());
    let at = stock::promise_what_is_not_there(&mut story);
    let verified = verify(story.written()).await;
    let told = verified.violations.first().unwrap().to_string();
    let place = format!("sequence {}.{}: I1: ", at.sequence, at.index.unwrap());
    assert!(told.starts_with(&place), "{told}");
    assert!(told.ends_with("900 of TEE were promised, 4 were available"), "{told}");
    assert_eq!(verified.oversold, 896);
}

#[tokio::test]
async fn units_that_come_from_nowhere_are_found() {
    find_all(stock::FAULTS).await;
}

#[tokio::test]
async fn orders_that_leave_their_path_are_found() {
    find_all(orders::FAULTS).await;
}

#[tokio::test]
async fn moments_before_anybody_could_decide_are_found() {
    find_all(waiting::FAULTS).await;
}

#[tokio::test]
async fn what_waited_for_the_commit_before_it_is_no_fault() {
    for plant in waiting::LATE {
        let mut story = Story::of(&good_log().await.entries());
        let at = plant(&mut story);
        assert_eq!(verify(story.written()).await.violations, [], "{at:?}");
    }
}

#[tokio::test]
async fn money_and_goods_that_go_back_wrongly_are_found() {
    find_all(refunds::FAULTS).await;
}

#[tokio::test]
async fn commands_with_no_outcome_or_two_are_found() {
    find_all(outcomes::FAULTS).await;
}

#[tokio::test]
async fn messages_that_are_missing_strange_or_out_of_order_are_found() {
    find_all(messages::FAULTS).await;
}

#[tokio::test]
async fn what_a_later_build_wrote_is_no_fault_and_ends_the_proof() {
    for (write, says) in messages::NEWER {
        let mut story = Story::of(&good_log().await.entries());
        let at = write(&mut story);
        let verified = verify(story.written()).await;
        assert_eq!(verified.violations, [], "{says}");
        let newer = verified.newer.as_ref().unwrap();
        assert_eq!(newer.sequence, at.sequence);
        assert!(newer.what.contains(says), "{newer:?}");
        assert!(!verified.holds(), "what was not read is not proved");
    }
}

/// Nobody writes what somebody took away: the stream has given its sequence away.
#[tokio::test]
async fn an_entry_that_was_deleted_at_the_end_is_not_said_to_come_by_itself() {
    let entries = good_log().await.entries();
    let (last, rest) = entries.split_last().unwrap();
    let mut verifier = Verifier::new(subjects());
    rest.iter().for_each(|entry| verifier.take(&stored(entry)));
    verifier.close(last.sequence);
    let found = verifier.finish().violations;
    let said: Vec<&str> = found.iter().map(|violation| violation.detail.as_str()).collect();
    assert!(said.iter().any(|said| said.ends_with("has no entry of TEE")), "{said:?}");
    assert!(!said.iter().any(|said| said.contains("opening the market")), "{said:?}");
}
