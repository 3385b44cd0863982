//! Faults in what goes back: money and goods.

use kassa::domain::verify::Invariant;
use kassa::domain::{
    Amount, AttentionKind, CancelReason, Event, OrderCancelled, PaymentRefunded, Recorded,
};

use crate::planting::{At, Fault, told};
use crate::shop::{
    CALLED_OFF, EXPIRED, MISMATCHED, PAID_LATE, PAID_TWICE, REINSTATED, RETURNED, UNDONE, command,
    order, token,
};
use crate::story::Story;

pub(crate) const FAULTS: &[Fault] = &[
    told("more goes back than came", refund_more, Invariant::I5, "are left"),
    told("money goes back that never came", refund_nothing, Invariant::I5, "never came"),
    told("a refund is left out", skip_refund, Invariant::I5, "is next"),
    told("it goes back another way", refund_elsewhere, Invariant::I5, "another way than it came"),
    told("another amount went back", refund_otherwise, Invariant::I5, "were asked for"),
    told("it went back twice", refund_twice, Invariant::I5, "done twice"),
    told("nobody asked for that refund", refund_unasked, Invariant::I5, "never asked for"),
    told("a refund is tried under an old key", retry_old_key, Invariant::I5, "attempt 2 at"),
    told("an old attempt at a refund fails", fail_old, Invariant::I5, "asked for is 1"),
    told("what was done is tried again", retry_done, Invariant::I5, "attempt 2 failed"),
    told("given up, and nobody is told", give_up_quietly, Invariant::I5, "nobody was told"),
    told("unknown, of another attempt", unsee_old, Invariant::I5, "asked for is 1"),
    told("a human is told of nothing unknown", tell_of_nothing, Invariant::I11, "refund_unknown"),
    told("goes on without its money", reinstate_unpaid, Invariant::I11, "order_reinstated while"),
    told("goes on and holds nothing", reinstate_only, Invariant::I3, "stock_deducted of"),
    told("off for an amount that was right", cancel_right, Invariant::I11, "cancelled while"),
    told("more leaves than was bought", ship_more, Invariant::I11, "were bought"),
    told("what leaves is not all", say_all, Invariant::I11, "still to leave"),
    told("more comes back than left", return_more, Invariant::I11, "had left"),
    told("more on the shelf than came back", restock_more, Invariant::I3, "not as many came back"),
    told("back, and on no shelf", restock_nothing, Invariant::I3, "holds are"),
    told("paid goods are released", release_sold, Invariant::I3, "has it Deducted"),
    told("off, and its goods stay sold", keep_goods, Invariant::I3, "holds are"),
];

fn requested(
    story: &mut Story,
    number: u8,
    change: impl Fn(&mut kassa::domain::RefundRequested),
) -> At {
    let spot = story.of_order("refund_requested", order(number));
    let Event::RefundRequested(event) = story.event(spot) else { unreachable!() };
    change(event);
    At::event(spot)
}

fn refund_more(story: &mut Story) -> At {
    requested(story, UNDONE, |event| event.amount_minor = Amount::new(2_001).unwrap())
}

fn refund_nothing(story: &mut Story) -> At {
    requested(story, UNDONE, |event| event.capture_ref = token("ch-99"))
}

fn skip_refund(story: &mut Story) -> At {
    requested(story, UNDONE, |event| event.refund = 2)
}

fn refund_elsewhere(story: &mut Story) -> At {
    requested(story, UNDONE, |event| event.connector = token("another"))
}

fn refunded(story: &mut Story, number: u8, change: impl Fn(&mut PaymentRefunded)) -> At {
    let spot = story.of_order("payment_refunded", order(number));
    let Event::PaymentRefunded(event) = story.event(spot) else { unreachable!() };
    change(event);
    At::event(spot)
}

fn refund_otherwise(story: &mut Story) -> At {
    refunded(story, UNDONE, |event| event.amount_minor = Amount::new(1_999).unwrap())
}

fn refund_unasked(story: &mut Story) -> At {
    refunded(story, UNDONE, |event| event.refund = 2)
}

/// An event again, in a commit after all the rest and under a command of its own.
fn again(story: &mut Story, kind: &str, number: u8) -> Recorded {
    let (position, index) = story.of_order(kind, order(number));
    let record = story.commit(position).1[index].clone();
    let body = record.body.or(Some(kassa::domain::Fingerprint([7; 16])));
    Recorded { cause: Some(command(200)), body, ..record }
}

fn refund_twice(story: &mut Story) -> At {
    let record = again(story, "payment_refunded", PAID_LATE);
    At::event(story.append(vec![record]))
}

fn retry_old_key(story: &mut Story) -> At {
    let asked = story.of_order("refund_requested", order(UNDONE));
    let Event::RefundRequested(first) = story.event(asked) else { unreachable!() };
    let key = first.payment.idempotency_key.clone();
    let spot = story.of_order("refund_failed", order(UNDONE));
    let Event::RefundFailed(event) = story.event(spot) else { unreachable!() };
    event.retry.as_mut().unwrap().idempotency_key = key;
    At::event(spot)
}

fn fail_old(story: &mut Story) -> At {
    let spot = story.of_order("refund_failed", order(UNDONE));
    let Event::RefundFailed(event) = story.event(spot) else { unreachable!() };
    event.attempt = 2;
    At::event(spot)
}

/// What was done may come back; nothing tries it again by itself.
fn retry_done(story: &mut Story) -> At {
    let mut record = again(story, "refund_failed", UNDONE);
    let Event::RefundFailed(event) = &mut record.event else { unreachable!() };
    event.attempt = 2;
    At::event(story.append(vec![record]))
}

fn give_up_quietly(story: &mut Story) -> At {
    let failed = story.of_order("refund_failed", order(MISMATCHED));
    story.leave_out((failed.0, failed.1 + 1));
    At::message(failed.0)
}

fn unsee_old(story: &mut Story) -> At {
    let spot = story.of_order("refund_unknown", order(UNDONE));
    let Event::RefundUnknown(event) = story.event(spot) else { unreachable!() };
    event.attempt = 2;
    At::event(spot)
}

fn tell_of_nothing(story: &mut Story) -> At {
    let failed = story.of_order("refund_failed", order(MISMATCHED));
    let spot = (failed.0, failed.1 + 1);
    let Event::AttentionRaised(event) = story.event(spot) else { unreachable!() };
    event.kind = AttentionKind::RefundUnknown;
    At::event(spot)
}

fn reinstate_unpaid(story: &mut Story) -> At {
    let mut record = again(story, "order_reinstated", REINSTATED);
    let Event::OrderReinstated(event) = &mut record.event else { unreachable!() };
    event.order_id = order(EXPIRED);
    At::event(story.append(vec![record]))
}

fn reinstate_only(story: &mut Story) -> At {
    let (position, index) = story.of_order("order_reinstated", order(REINSTATED));
    story.leave_out((position, index + 1));
    At::event((position, index + 1))
}

fn cancel_right(story: &mut Story) -> At {
    let (position, index) = story.of_order("payment_captured", order(PAID_TWICE));
    let events = story.commit(position).1;
    let (order_id, reason) = (order(PAID_TWICE), CancelReason::AmountMismatch);
    let event = Event::OrderCancelled(OrderCancelled { order_id, reason });
    let off = Recorded { event, body: None, ..events[index].clone() };
    events.insert(index + 1, off);
    At::event((position, index + 1))
}

fn shipped(story: &mut Story, change: impl Fn(&mut kassa::domain::OrderFulfilled)) -> At {
    let spot = story.of_order("order_fulfilled", order(RETURNED));
    let Event::OrderFulfilled(event) = story.event(spot) else { unreachable!() };
    change(event);
    At::event(spot)
}

fn ship_more(story: &mut Story) -> At {
    shipped(story, |event| event.lines[0].quantity = crate::shop::units(3))
}

fn say_all(story: &mut Story) -> At {
    shipped(story, |event| event.partial = false)
}

fn back(story: &mut Story, change: impl Fn(&mut kassa::domain::ReturnedLine)) -> At {
    let spot = story.of_order("return_received", order(RETURNED));
    let Event::ReturnReceived(event) = story.event(spot) else { unreachable!() };
    change(&mut event.lines[0]);
    At::event(spot)
}

fn return_more(story: &mut Story) -> At {
    back(story, |line| line.quantity = crate::shop::units(3))
}

fn restock_more(story: &mut Story) -> At {
    let At { sequence, .. } = back(story, |line| line.restock = 0);
    let (_, index) = story.of_order("stock_returned", order(RETURNED));
    At { sequence, index: Some(u32::try_from(index).unwrap()) }
}

fn restock_nothing(story: &mut Story) -> At {
    let spot = story.of_order("stock_returned", order(RETURNED));
    story.leave_out(spot);
    At::message(spot.0)
}

fn release_sold(story: &mut Story) -> At {
    let spot = story.of_order("stock_returned", order(UNDONE));
    let event = story.event(spot);
    let Event::StockReturned(held) = event.clone() else { unreachable!() };
    *event = Event::StockReleased(held);
    At::event(spot)
}

fn keep_goods(story: &mut Story) -> At {
    let spot = story.of_order("stock_returned", order(UNDONE));
    story.leave_out(spot);
    assert_ne!(UNDONE, CALLED_OFF);
    At::message(spot.0)
}
