//! A follower across restarts: it goes on from its position and repeats nothing.

use tokio_util::sync::CancellationToken;

use super::{addresses, copied, follow_with, log_of, opened, output, position};
use crate::domain::Sequence;
use crate::domain::fixtures::T0;
use crate::engine::{Ended, Machine, open};
use crate::port::model::{Fault, ModelClock, ModelLog};
use crate::port::testing::{Dice, SeedOnPanic};

fn empty() -> ModelLog {
    ModelLog::new(ModelClock::at(T0))
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_is_opened_again_goes_on_from_its_position() {
    let (from, to) = (log_of(&[2, 5, 1]).await, empty());
    let abort = CancellationToken::new();
    let mut first = opened(&to, "first").await;
    assert_eq!(follow_with(&mut first, (&from, &to), &abort).await.unwrap(), Ended::Drained);
    let reached = position(&to);
    let again = opened(&to, "second").await;
    assert_eq!(again.position().event_seq, reached.event_seq);
    assert_eq!(again.position().epoch, reached.epoch + 1);
    let mut again = again;
    assert_eq!(follow_with(&mut again, (&from, &to), &abort).await.unwrap(), Ended::Drained);
    assert_eq!(copied(&to), addresses(&from).await, "nothing was copied again");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_stopped_inside_a_commit_goes_on_inside_it() {
    let (from, to) = (log_of(&[7]).await, empty());
    let mut first = opened(&to, "first").await;
    // Seven events, three a batch: one batch goes out, and the follower is gone.
    let mut commits = super::Commits::after(&from, Sequence::START).await;
    let input = crate::engine::Source::next(&mut commits, 1).await.unwrap().unwrap();
    first.take_in(input).await.unwrap();
    let batch = first.draft(true).unwrap().unwrap();
    crate::port::Log::commit(&to, &batch).await.unwrap();
    drop(first);
    assert_eq!((copied(&to).len(), position(&to).event_index), (3, 3));

    let mut next = opened(&to, "second").await;
    let abort = CancellationToken::new();
    assert_eq!(follow_with(&mut next, (&from, &to), &abort).await.unwrap(), Ended::Drained);
    assert_eq!(copied(&to), addresses(&from).await);
    let reached = position(&to);
    assert_eq!((reached.event_seq, reached.event_index), (Sequence(1), 0), "the whole commit");
}

#[tokio::test(start_paused = true)]
async fn a_follower_without_a_position_starts_where_it_is_told() {
    let (from, to) = (log_of(&[2, 2, 2]).await, empty());
    let start = Sequence(3);
    let opening = open(super::Copy::default(), output(&to), "late".to_owned(), start);
    let mut late = opening.await.unwrap();
    let abort = CancellationToken::new();
    assert_eq!(follow_with(&mut late, (&from, &to), &abort).await.unwrap(), Ended::Drained);
    let after = addresses(&from).await.into_iter().filter(|at| start < at.sequence);
    assert_eq!(copied(&to), after.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn taking_over_is_settled_like_any_other_batch() {
    use Fault::{AnswerLost, Busy, Late, RequestLost};
    for faults in [
        vec![AnswerLost],
        vec![RequestLost],
        vec![Late(0)],
        vec![Late(1)],
        vec![Late(5)],
        vec![Busy, AnswerLost],
        vec![RequestLost, AnswerLost],
    ] {
        let to = empty();
        to.faults().plan(faults.clone());
        let follower = opened(&to, "first").await;
        to.deliver_late();
        assert_eq!(follower.position(), &position(&to), "{faults:?}");
        assert_eq!(follower.fence(), to.entries().last().unwrap().sequence, "{faults:?}");
        assert_eq!(position(&to).nonce, "first");
    }
}

/// One life of a follower after the other, under seeded faults; some are cut off in the middle.
async fn lives(seed: u64) {
    let mut dice = Dice::new(seed);
    let sizes: Vec<usize> = (0..1 + dice.below(8)).map(|_| 1 + dice.below(7)).collect();
    let (from, to) = (log_of(&sizes).await, empty());
    let mut drained = false;
    for life in 0..200 {
        to.faults().plan((0..dice.below(4)).map(|_| dice.fault()));
        let mut follower = opened(&to, &format!("life-{life}")).await;
        let abort = CancellationToken::new();
        let run = follow_with(&mut follower, (&from, &to), &abort);
        let cut_off = std::time::Duration::from_millis(1 + dice.below(200) as u64);
        if let Ok(ended) = tokio::time::timeout(cut_off, run).await
            && ended.unwrap() == Ended::Drained
        {
            drained = true;
            break;
        }
    }
    assert!(drained, "never came to the end");
    to.deliver_late();
    assert_eq!(copied(&to), addresses(&from).await);
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_every_event_is_copied_once() {
    for seed in 0..500 {
        let _said = SeedOnPanic(seed);
        lives(seed).await;
    }
}
