//! What became of one batch.

use tokio_util::sync::CancellationToken;

use super::{copied, follow_with, log_of, message, opened, position};
use crate::domain::Sequence;
use crate::domain::fixtures::T0;
use crate::engine::{Ended, Error, Settled, settle};
use crate::port::model::{Fault, ModelClock, ModelLog};
use crate::port::{Batch, CommitError, Committed, Log};

fn batch(payload: &'static str, expected: u64) -> Batch {
    let head = message("head", payload.into(), Some(Sequence(expected)));
    Batch::of(vec![head])
}

fn empty() -> ModelLog {
    ModelLog::new(ModelClock::at(T0))
}

fn heads(log: &ModelLog) -> Vec<String> {
    log.entries().iter().map(|e| String::from_utf8(e.payload.to_vec()).unwrap()).collect()
}

/// A batch goes out under a fault; what does `settle` say, and what is in the log?
async fn settled(first: Fault, then: &[Fault]) -> (Settled, Vec<String>) {
    let log = empty();
    log.faults().plan([first]);
    let sent = log.commit(&batch("mine", 0)).await;
    assert!(matches!(sent, Err(CommitError::Unknown(_))), "{sent:?}");
    log.faults().plan(then.iter().copied());
    let (mine, claim) = (batch("mine", 0), batch("claim", 0));
    let abort = CancellationToken::new();
    let settled = settle(&log, &mine, &claim, Sequence::START, &abort).await.unwrap();
    // Whatever is still under way arrives now, and must not matter.
    log.deliver_late();
    (settled, heads(&log))
}

#[tokio::test(start_paused = true)]
async fn silence_is_settled_by_a_claim_to_the_same_place() {
    use Fault::{AnswerLost, Busy, Late, RequestLost};
    let happened = Settled::Happened(Committed { head: Sequence(1) });
    let rows: &[(&str, Fault, &[Fault], Settled, &str)] = &[
        ("the answer was lost: it happened", AnswerLost, &[], happened, "mine"),
        (
            "the request was lost: it never can happen now",
            RequestLost,
            &[],
            Settled::Never,
            "claim",
        ),
        ("it arrives just before the claim: it happened", Late(0), &[], happened, "mine"),
        ("it arrives after the claim, and is refused", Late(1), &[], Settled::Never, "claim"),
        ("it arrives much later, and is refused", Late(99), &[], Settled::Never, "claim"),
        ("the claim's answer is lost too", RequestLost, &[AnswerLost], Settled::Never, "claim"),
        (
            "the claim is lost too, and sent again",
            RequestLost,
            &[RequestLost],
            Settled::Never,
            "claim",
        ),
        (
            "the claim arrives late, before its second",
            RequestLost,
            &[Late(0)],
            Settled::Never,
            "claim",
        ),
        (
            "the server is busy when the claim comes",
            RequestLost,
            &[Busy, Busy],
            Settled::Never,
            "claim",
        ),
        ("both are late: the first to arrive wins", Late(1), &[Late(2)], happened, "mine"),
    ];
    for (name, first, then, want, stands) in rows {
        let (got, heads) = settled(*first, then).await;
        assert_eq!(got, *want, "{name}");
        assert_eq!(heads, [*stands], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_else_in_that_place_is_a_successor() {
    let log = empty();
    log.commit(&batch("theirs", 0)).await.unwrap();
    let abort = CancellationToken::new();
    let (mine, claim) = (batch("mine", 0), batch("claim", 0));
    let settled = settle(&log, &mine, &claim, Sequence::START, &abort).await.unwrap();
    assert_eq!(settled, Settled::Superseded);
    assert_eq!(heads(&log), ["theirs"]);
}

/// Both claim the end of the stream, where something else stands now that is no head.
#[tokio::test(start_paused = true)]
async fn a_stray_in_that_place_shuts_both_out() {
    let at_the_end = |payload| Batch { expected_end: Some(Sequence::START), ..batch(payload, 0) };
    for (name, lost) in [("never arrived", Fault::RequestLost), ("comes late", Fault::Late(3))] {
        let log = empty();
        log.faults().plan([lost]);
        assert!(log.commit(&at_the_end("mine")).await.is_err());
        let stray = message("elsewhere", "stray".into(), None);
        log.commit(&Batch::of(vec![stray])).await.unwrap();
        let (mine, claim) = (at_the_end("mine"), at_the_end("claim"));
        let abort = CancellationToken::new();
        let settling = settle(&log, &mine, &claim, Sequence::START, &abort);
        let settled = tokio::time::timeout(std::time::Duration::from_secs(60), settling).await;
        assert_eq!(settled.expect("it comes to an end").unwrap(), Settled::Never, "{name}");
        log.deliver_late();
        assert_eq!(heads(&log), ["stray"], "{name}");
    }
}

/// A head, and two messages behind it.
fn three(payload: &'static str) -> Batch {
    let behind = ["entry.a", "entry.b"].map(|subject| message(subject, payload.into(), None));
    let head = batch(payload, 0).messages;
    Batch::of(head.into_iter().chain(behind).collect())
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_in_part_is_completed_before_it_has_happened() {
    use Fault::{AnswerLost, Busy, Late, RequestLost, Torn};
    let happened = Settled::Happened(Committed { head: Sequence(1) });
    let rows: &[(Fault, &[Fault])] = &[
        (AnswerLost, &[]),
        (Torn(1), &[]),
        (Torn(2), &[]),
        (Torn(1), &[Torn(1)]),
        (Torn(1), &[RequestLost, AnswerLost]),
        (Torn(1), &[Late(0), Busy]),
        (Torn(2), &[Late(1), RequestLost]),
    ];
    let (mine, claim) = (three("mine"), batch("claim", 0));
    for (first, then) in rows {
        let log = empty();
        log.faults().plan([*first]);
        assert!(log.commit(&mine).await.is_err());
        log.faults().plan(then.iter().copied());
        let abort = CancellationToken::new();
        let settled = settle(&log, &mine, &claim, Sequence::START, &abort).await.unwrap();
        log.deliver_late();
        assert_eq!((settled, heads(&log)), (happened, vec!["mine".to_owned(); 3]), "{first:?}");
    }
    // Of which nothing was stored is no part.
    let log = empty();
    log.faults().plan([Torn(0)]);
    assert!(log.commit(&mine).await.is_err());
    let abort = CancellationToken::new();
    let settled = settle(&log, &mine, &claim, Sequence::START, &abort).await.unwrap();
    assert_eq!((settled, heads(&log)), (Settled::Never, vec!["claim".to_owned()]));
}

/// Somebody wrote where the rest belongs. There is no place for it any more, and nothing is written
/// on a guess.
#[tokio::test(start_paused = true)]
async fn a_stray_inside_what_was_stored_in_part_is_a_defect() {
    let log = empty();
    log.faults().plan([Fault::Torn(1)]);
    assert!(log.commit(&three("mine")).await.is_err());
    log.commit(&Batch::of(vec![message("elsewhere", "stray".into(), None)])).await.unwrap();
    let abort = CancellationToken::new();
    let (mine, claim) = (three("mine"), batch("claim", 0));
    let settled = settle(&log, &mine, &claim, Sequence::START, &abort).await;
    assert!(matches!(settled, Err(Error::Defect { .. })), "{settled:?}");
    assert_eq!(heads(&log), ["mine", "stray"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_to_stop_does_not_wait_for_the_truth() {
    let log = empty();
    let forever = std::iter::repeat_n(Fault::RequestLost, 1_000);
    log.faults().plan(forever);
    let abort = CancellationToken::new();
    abort.cancel();
    let (mine, claim) = (batch("mine", 0), batch("claim", 0));
    let settled = settle(&log, &mine, &claim, Sequence::START, &abort).await.unwrap();
    assert_eq!(settled, Settled::Aborted);
}

/// The whole loop under one fault: how it ends, and that nothing is copied twice or left out.
#[tokio::test(start_paused = true)]
async fn a_run_under_one_fault() {
    use Fault::{AnswerLost, Busy, Late, None, RequestLost};
    let rows: &[(&str, &[Fault], Ended)] = &[
        ("nothing goes wrong", &[], Ended::Drained),
        ("an answer is lost", &[AnswerLost], Ended::Drained),
        ("the last answer is lost", &[None, None, AnswerLost], Ended::Drained),
        ("a request is lost: the state is ahead of the log", &[RequestLost], Ended::Lost),
        ("a request comes late, before it is given up", &[Late(0)], Ended::Drained),
        ("a request comes too late", &[Late(1)], Ended::Lost),
        ("the server is busy", &[Busy, Busy, Busy], Ended::Drained),
        ("busy, then silent", &[Busy, AnswerLost], Ended::Drained),
    ];
    for (name, faults, want) in rows {
        let (from, to) = (log_of(&[2, 5, 1]).await, empty());
        let events = super::addresses(&from).await;
        let mut follower = opened(&to, "first").await;
        to.faults().plan(faults.iter().copied());
        let abort = CancellationToken::new();
        let ended = follow_with(&mut follower, (&from, &to), &abort).await.unwrap();
        assert_eq!(ended, *want, "{name}");
        if ended == Ended::Lost {
            // Whoever lost a batch reads anew, from what is in the log.
            let mut next = opened(&to, "second").await;
            assert_eq!(follow_with(&mut next, (&from, &to), &abort).await.unwrap(), Ended::Drained);
        }
        to.deliver_late();
        assert_eq!(copied(&to), events, "{name}");
        assert_eq!(position(&to).event_seq, events.last().unwrap().sequence, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_told_to_stop_stops_where_it_stands() {
    let (from, to) = (log_of(&[2, 5, 1]).await, empty());
    let mut follower = opened(&to, "first").await;
    let abort = CancellationToken::new();
    abort.cancel();
    assert_eq!(follow_with(&mut follower, (&from, &to), &abort).await.unwrap(), Ended::Aborted);
    assert_eq!(copied(&to), []);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_taken_over_writes_no_more() {
    let (from, to) = (log_of(&[2, 5, 1]).await, empty());
    let mut zombie = opened(&to, "first").await;
    let mut next = opened(&to, "second").await;
    assert_eq!(next.position().epoch, 2);
    let abort = CancellationToken::new();
    assert_eq!(follow_with(&mut zombie, (&from, &to), &abort).await.unwrap(), Ended::Superseded);
    assert_eq!(copied(&to), []);
    assert_eq!(follow_with(&mut next, (&from, &to), &abort).await.unwrap(), Ended::Drained);
    assert_eq!(copied(&to), super::addresses(&from).await);
}
