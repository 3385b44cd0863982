//! Decisions that wait while the commit before them is on its way, and moments that cannot be.

use std::time::Duration;

use kassa::domain::verify::Invariant;
use kassa::domain::{Event, Timestamp};

use crate::orders::retry;
use crate::planting::{At, Fault, told};
use crate::shop::{UNDONE, WAITING, order};
use crate::story::Story;

pub(crate) const FAULTS: &[Fault] = &[
    told("a retry before anybody asked", |s| retry_from(s, 1), Invariant::I5, "a retry at"),
    told("a refund tried too early", |s| refund_from(s, 1), Invariant::I5, "attempt 2 at"),
    told("a hold that was over before", |s| hold_until(s, 1), Invariant::I11, "may be held"),
];

/// What is decided right behind a commit is due at once, and sealed a while later.
pub(crate) const LATE: &[fn(&mut Story) -> At] =
    &[|s| retry_from(s, 0), |s| refund_from(s, 0), |s| hold_until(s, 0)];

/// So many milliseconds before the commit in front of that one was sealed.
fn before(story: &Story, position: usize, early_ms: u64) -> Timestamp {
    let earlier = Story { messages: story.messages[..position].to_vec() };
    let (head, _) = earlier.commits().last().unwrap();
    head.at.before(Duration::from_millis(early_ms))
}

fn retry_from(story: &mut Story, early_ms: u64) -> At {
    let at = retry(story, 2, 0);
    let spot = story.of_order("payment_failed", order(WAITING));
    let due = before(story, spot.0, early_ms);
    let head = story.commit(spot.0).0;
    head.at = head.at.after(Duration::from_millis(100));
    let Event::PaymentFailed(event) = story.event(spot) else { unreachable!() };
    event.retry.as_mut().unwrap().at = due;
    at
}

fn refund_from(story: &mut Story, early_ms: u64) -> At {
    let spot = story.of_order("refund_failed", order(UNDONE));
    let due = before(story, spot.0, early_ms);
    let Event::RefundFailed(event) = story.event(spot) else { unreachable!() };
    event.retry.as_mut().unwrap().at = due;
    At::event(spot)
}

fn hold_until(story: &mut Story, early_ms: u64) -> At {
    let spot = story.of_order("order_placed", order(WAITING));
    let until = before(story, spot.0, early_ms);
    let Event::OrderPlaced(event) = story.event(spot) else { unreachable!() };
    event.hold_until = until;
    At::event(spot)
}
