//! Faults in what becomes of orders.

use std::time::Duration;

use kassa::domain::payment::{AttemptRequest, DeclineClass};
use kassa::domain::verify::Invariant;
use kassa::domain::{
    Amount, CancelReason, Currency, Event, OrderCancelled, OrderConfirmed, OrderFulfilled,
    PaymentFailed, PaymentRequested, PaymentUnknown, Recorded, Retry, Timestamp,
};

use crate::planting::{At, Fault, told};
use crate::shop::{
    CALLED_OFF, EXPIRED, FREE, FULFILLED, PAID_LATE, PAID_TWICE, WAITING, command, order, token,
};
use crate::story::Story;

pub(crate) const FAULTS: &[Fault] = &[
    told("sold before it was paid", deduct_before_capture, Invariant::I11, "stock_deducted while"),
    told("confirmed without money", confirm_unpaid, Invariant::I11, "order_confirmed while"),
    told("fulfilled before it is confirmed", |s| fulfil(s, WAITING), Invariant::I11, "Placed"),
    told("fulfilled twice", |s| fulfil(s, FULFILLED), Invariant::I11, "Fulfilled"),
    told("called off after the sale", cancel_confirmed, Invariant::I11, "Confirmed"),
    told("confirmed again", confirm_again, Invariant::I11, "Confirmed"),
    told("an order whose placing is gone", forget_placing, Invariant::I11, "never placed"),
    told("a total that is not the sum", miscount_total, Invariant::I11, "the total is 4001"),
    told("a hold ends before its deadline", expire_early, Invariant::I12, "held until"),
    told("a hold ends by another deadline", expire_otherwise, Invariant::I12, "held until"),
    told("off for no reason", cancel_for_nothing, Invariant::I11, "order_cancelled while"),
    told("off for another reason", cancel_otherwise, Invariant::I11, "order_cancelled while"),
    told("paid and never confirmed", forget_to_confirm, Invariant::I11, "it is Paid"),
    told("money for what costs nothing", pay_for_nothing, Invariant::I5, "kept for nothing"),
    told("confirmed for another amount", capture_less, Invariant::I5, "another amount"),
    told("a retry under an old key", retry_under_old_key, Invariant::I5, "key of another"),
    told("an attempt is left out", |s| retry(s, 3, 0), Invariant::I5, "attempt 3 after attempt 1"),
    told("a retry after its hold", |s| retry(s, 2, 10_000_000_000), Invariant::I5, "held until"),
    told("a fifth attempt", retry_too_often, Invariant::I5, "at most 4"),
    told("an attempt fails that was not made", fail_again, Invariant::I5, "asked for is 2"),
    told("a card nobody asked for", request_unasked, Invariant::I5, "was not asked"),
    told("an order that is off is retried", retry_cancelled, Invariant::I11, "is not placed"),
    told("an old attempt is unknown", |s| unsee(s, 2, 0), Invariant::I5, "asked for is 1"),
    told("unknown, and held for less", |s| unsee(s, 1, 1), Invariant::I12, "only"),
    told("paid twice, and kept", |s| kept(s, PAID_TWICE), Invariant::I5, "kept for nothing"),
    told("paid late, and kept", |s| kept(s, PAID_LATE), Invariant::I5, "kept for nothing"),
];

/// Attempt `next - 1` of an order failed, and `next` follows so many milliseconds later.
fn failure(story: &Story, number: u8, (next, wait_ms): (u8, u64)) -> Event {
    let (order_id, (head, _)) = (order(number), story.commits().last().unwrap());
    Event::PaymentFailed(PaymentFailed {
        order_id,
        attempt: next - 1,
        connector: token("simulated"),
        class: DeclineClass::Soft,
        code: token("do_not_honor"),
        retry: Some(Retry {
            attempt: next,
            idempotency_key: token(&format!("{order_id}-{next}")),
            at: head.at.after(Duration::from_millis(wait_ms)),
            until: None,
        }),
    })
}

/// Attempt 1 failed, and another than the second follows it, or at another time.
pub(crate) fn retry(story: &mut Story, next: u8, wait_ms: u64) -> At {
    let mut event = failure(story, WAITING, (next, wait_ms));
    let Event::PaymentFailed(failed) = &mut event else { unreachable!() };
    failed.attempt = 1;
    let record = newly(event, story);
    At::event(story.append(vec![record]))
}

fn retry_under_old_key(story: &mut Story) -> At {
    let mut event = failure(story, WAITING, (2, 0));
    let Event::PaymentFailed(failed) = &mut event else { unreachable!() };
    let retry = failed.retry.as_mut().unwrap();
    retry.idempotency_key = token(&format!("{}-1", order(WAITING)));
    let record = newly(event, story);
    At::event(story.append(vec![record]))
}

fn retry_too_often(story: &mut Story) -> At {
    let failures: Vec<_> =
        (2..=5).map(|next| newly(failure(story, WAITING, (next, 0)), story)).collect();
    append_each(story, failures)
}

fn fail_again(story: &mut Story) -> At {
    let first = newly(failure(story, WAITING, (2, 0)), story);
    append_each(story, vec![first.clone(), first])
}

/// Outcomes of commands, one each; the last of them is the fault.
fn append_each(story: &mut Story, records: Vec<Recorded>) -> At {
    let mut last = None;
    for (number, record) in (200..).zip(records) {
        last = Some(story.append(vec![Recorded { cause: Some(command(number)), ..record }]));
    }
    At::event(last.unwrap())
}

/// An attempt of the order that waits is unknown, and its hold so many milliseconds shorter.
fn unsee(story: &mut Story, attempt: u8, less_ms: u64) -> At {
    let placed = story.of_order("order_placed", order(WAITING));
    let Event::OrderPlaced(event) = story.event(placed) else { unreachable!() };
    let hold_until = event.hold_until.before(Duration::from_millis(less_ms));
    let (order_id, connector) = (order(WAITING), token("simulated"));
    let unknown = PaymentUnknown { order_id, attempt, connector, hold_until };
    let record = newly(Event::PaymentUnknown(unknown), story);
    At::event(story.append(vec![record]))
}

fn request_unasked(story: &mut Story) -> At {
    let order_id = order(WAITING);
    let event = Event::PaymentRequested(PaymentRequested {
        order_id,
        payment: AttemptRequest::of(order_id, 2).unwrap(),
        amount_minor: Amount::new(4_000).unwrap(),
        currency: Currency::from_code("EUR").unwrap(),
        payment_method_token: token("pm_other"),
    });
    let record = newly(event, story);
    At::event(story.append(vec![record]))
}

fn retry_cancelled(story: &mut Story) -> At {
    let record = newly(failure(story, CALLED_OFF, (2, 0)), story);
    At::event(story.append(vec![record]))
}

/// What comes first and what comes second change places; the command's outcome stays first.
fn deduct_before_capture(story: &mut Story) -> At {
    let captured = story.of_order("payment_captured", order(FULFILLED));
    let deducted = story.of_order("stock_deducted", order(FULFILLED));
    let (first, second) = (story.event(captured).clone(), story.event(deducted).clone());
    *story.event(captured) = second;
    *story.event(deducted) = first;
    At::event(captured)
}

fn confirm_unpaid(story: &mut Story) -> At {
    let captured = story.of_order("payment_captured", order(FULFILLED));
    let events = story.commit(captured.0).1;
    let body = events[0].body;
    events.retain(|record| matches!(record.event, Event::OrderConfirmed(_)));
    events[0].body = body;
    At::event((captured.0, 0))
}

/// The outcome of a command that nobody has sent before.
fn newly(event: Event, story: &Story) -> Recorded {
    let (_, events) = story.commits().nth(1).unwrap();
    Recorded { event, cause: Some(command(200)), ..events[0].clone() }
}

fn fulfil(story: &mut Story, number: u8) -> At {
    let (order_id, shipment_ref) = (order(number), token("ship-2"));
    let event = Event::OrderFulfilled(OrderFulfilled {
        order_id,
        shipment_ref,
        lines: Vec::new(),
        partial: false,
    });
    let record = newly(event, story);
    At::event(story.append(vec![record]))
}

fn cancel_confirmed(story: &mut Story) -> At {
    let (order_id, reason) = (order(FREE), CancelReason::Requested);
    let record = newly(Event::OrderCancelled(OrderCancelled { order_id, reason }), story);
    At::event(story.append(vec![record]))
}

fn confirm_again(story: &mut Story) -> At {
    let event = OrderConfirmed { order_id: order(FREE), asked_at: Timestamp(1_760_000_000_000) };
    let record = newly(Event::OrderConfirmed(event), story);
    At::event(story.append(vec![record]))
}

/// The placing is gone, and the numbers behind it are in order again.
fn forget_placing(story: &mut Story) -> At {
    let (placed, _) = story.of_order("order_placed", order(EXPIRED));
    story.take_away(placed);
    story.renumber();
    At::event(story.of_order("hold_expired", order(EXPIRED)))
}

fn miscount_total(story: &mut Story) -> At {
    let placed = story.of_order("order_placed", order(WAITING));
    let Event::OrderPlaced(event) = story.event(placed) else { unreachable!() };
    event.total_minor = Amount::new(4_001).unwrap();
    At::event(placed)
}

fn expire_early(story: &mut Story) -> At {
    let expired = story.of_order("hold_expired", order(EXPIRED));
    let Event::HoldExpired(event) = story.event(expired) else { unreachable!() };
    let early = event.hold_until.before(Duration::from_millis(1));
    story.commit(expired.0).0.at = early;
    At::event(expired)
}

fn expire_otherwise(story: &mut Story) -> At {
    let expired = story.of_order("hold_expired", order(EXPIRED));
    let Event::HoldExpired(event) = story.event(expired) else { unreachable!() };
    event.hold_until = event.hold_until.before(Duration::from_secs(60));
    At::event(expired)
}

fn capture_less(story: &mut Story) -> At {
    let captured = story.of_order("payment_captured", order(FULFILLED));
    let Event::PaymentCaptured(event) = story.event(captured) else { unreachable!() };
    event.amount_minor = Amount::new(4_499).unwrap();
    At::event(story.of_order("order_confirmed", order(FULFILLED)))
}

fn cancel_for_nothing(story: &mut Story) -> At {
    let requested = story.of_order("cancel_requested", order(CALLED_OFF));
    story.leave_out(requested);
    At::event(requested)
}

fn cancel_otherwise(story: &mut Story) -> At {
    let cancelled = story.of_order("order_cancelled", order(CALLED_OFF));
    let Event::OrderCancelled(event) = story.event(cancelled) else { unreachable!() };
    event.reason = CancelReason::PaymentDeclined;
    At::event(cancelled)
}

fn forget_to_confirm(story: &mut Story) -> At {
    let confirmed = story.of_order("order_confirmed", order(FULFILLED));
    story.leave_out(confirmed);
    At::message(confirmed.0)
}

/// The books follow it, because somebody is told. The committer never writes it.
fn pay_for_nothing(story: &mut Story) -> At {
    let captured = story.find(
        |event| matches!(event, Event::PaymentCaptured(e) if e.provider_ref == token("ch-4")),
    );
    let mut record = story.commit(captured.0).1[captured.1].clone();
    record.cause = Some(command(200));
    let Event::PaymentCaptured(event) = &mut record.event else { unreachable!() };
    (event.order_id, event.provider_ref) = (order(FREE), token("ch-99"));
    At::event(story.append(vec![record]))
}

/// Nobody asks for money back that is for nothing.
fn kept(story: &mut Story, number: u8) -> At {
    let asked = story.of_order("refund_requested", order(number));
    story.leave_out(asked);
    At::message(asked.0)
}
