//! Faults in what commands lead to.

use std::time::Duration;

use kassa::domain::verify::Invariant;
use kassa::domain::{CommandRejected, Event, Recorded, Refusal, Text};

use crate::planting::{At, Fault, told};
use crate::shop::{
    CALLED_OFF, EXPIRED, FULFILLED, PAID_TWICE, REJECTED, UNKNOWN, WAITING, command, command_at,
    order, sku, token,
};
use crate::story::{Spot, Story};

pub(crate) const FAULTS: &[Fault] = &[
    told("an order is placed twice", place_again, Invariant::I4, "was decided before"),
    told("a rejected order is placed", place_rejected, Invariant::I4, "was decided before"),
    told("a placed order is rejected", reject_placed, Invariant::I4, "was decided before"),
    told("a delivery is booked twice", receive_again, Invariant::I4, "second outcome"),
    told("an event is written twice", write_again, Invariant::I4, "second outcome"),
    told(
        "a command is done and then refused",
        refuse_what_is_done,
        Invariant::I4,
        "second outcome",
    ),
    told("a refused command is done", do_what_is_refused, Invariant::I4, "second outcome"),
    told("what follows has no outcome before it", follow_nothing, Invariant::I4, "no outcome here"),
    told("goods that nobody sent", cause_nothing, Invariant::I4, "comes of no command"),
    told(
        "an order that nobody calls off",
        call_off_by_nobody,
        Invariant::I4,
        "comes of no command",
    ),
    told("a hold that somebody ends", expire_by_command, Invariant::I4, "comes of no command, yet"),
    told("an outcome behind an outcome", repeat_quietly, Invariant::I4, "is a second outcome"),
    told("something comes of a refusal", go_on_after_refusal, Invariant::I4, "which was refused"),
    told("a command of two senders", confirm_for_another, Invariant::I4, "came from payer"),
    told("a refusal of what is not decided yet", refuse_ahead, Invariant::I4, "command 250 is"),
    told("one delivery under two commands", receive_anew, Invariant::I4, "delivery-1 of MUG"),
    told(
        "one delivery booked again after a year",
        receive_after_a_year,
        Invariant::I4,
        "delivery-1 of MUG",
    ),
    told("one correction under two commands", adjust_anew, Invariant::I4, "note-1 of TEE"),
    told("one payment captured twice", capture_again, Invariant::I4, "ch-3 was captured"),
    told("a command too old", |s| much_later(s, false), Invariant::I4, "command"),
    told("an order too old", |s| much_later(s, true), Invariant::I4, "too old to be decided"),
];

fn record(story: &mut Story, (position, index): Spot) -> Recorded {
    story.commit(position).1[index].clone()
}

/// The same records once more, after everything else.
fn again(story: &mut Story, spot: Spot) -> At {
    let records = vec![record(story, spot)];
    At::event(story.append(records))
}

fn place_again(story: &mut Story) -> At {
    let spot = story.of_order("order_placed", order(FULFILLED));
    again(story, spot)
}

fn place_rejected(story: &mut Story) -> At {
    let placed = story.of_order("order_placed", order(WAITING));
    let mut record = record(story, placed);
    let Event::OrderPlaced(event) = &mut record.event else { unreachable!() };
    event.order_id = order(REJECTED);
    At::event(story.append(vec![record]))
}

fn reject_placed(story: &mut Story) -> At {
    let rejected = story.of_order("order_rejected", order(REJECTED));
    let mut record = record(story, rejected);
    let Event::OrderRejected(event) = &mut record.event else { unreachable!() };
    event.order_id = order(WAITING);
    At::event(story.append(vec![record]))
}

fn receive_again(story: &mut Story) -> At {
    let spot = story.of_sku("stock_received", "MUG");
    again(story, spot)
}

/// Right behind itself, letter for letter.
fn write_again(story: &mut Story) -> At {
    let (position, index) = story.of_sku("sku_repriced", "GIFT");
    let events = story.commit(position).1;
    let twice = events[index].clone();
    events.insert(index, twice);
    At::event((position, index + 1))
}

fn refuse_what_is_done(story: &mut Story) -> At {
    let spot = story.of_sku("sku_repriced", "GIFT");
    let refused = CommandRejected {
        kind: Text::lossy("reprice_sku"),
        refusal: Refusal::UnknownSku { sku: sku("GIFT") },
        command_seq: None,
    };
    let record = Recorded { event: Event::CommandRejected(refused), ..record(story, spot) };
    At::event(story.append(vec![record]))
}

fn do_what_is_refused(story: &mut Story) -> At {
    let refused = story.find(|event| matches!(event, Event::CommandRejected(_)));
    let Recorded { cause, body, .. } = record(story, refused);
    let repriced = story.of_sku("sku_repriced", "GIFT");
    let record = Recorded { cause, body, ..record(story, repriced) };
    At::event(story.append(vec![record]))
}

/// A command's first event says what was asked; this one does not.
fn follow_nothing(story: &mut Story) -> At {
    let (position, index) = story.of_sku("stock_received", "TEE");
    story.commit(position).1[index].body = None;
    At::event((position, index))
}

fn cause_nothing(story: &mut Story) -> At {
    let (position, index) = story.of_sku("stock_received", "MUG");
    let record = &mut story.commit(position).1[index];
    (record.cause, record.body) = (None, None);
    At::event((position, index))
}

fn call_off_by_nobody(story: &mut Story) -> At {
    let (position, index) = story.of_order("order_cancelled", order(CALLED_OFF));
    story.commit(position).1[index].cause = None;
    At::event((position, index))
}

fn expire_by_command(story: &mut Story) -> At {
    let (position, index) = story.of_order("hold_expired", order(EXPIRED));
    story.commit(position).1[index].cause = Some(command(201));
    At::event((position, index))
}

fn repeat_quietly(story: &mut Story) -> At {
    let repriced = story.of_sku("sku_repriced", "GIFT");
    At::event(story.say_twice(repriced))
}

fn go_on_after_refusal(story: &mut Story) -> At {
    let repriced = story.of_sku("sku_repriced", "GIFT");
    let event = record(story, repriced).event;
    let refused = story.find(|event| matches!(event, Event::CommandRejected(_)));
    let after = story.say_twice(refused);
    *story.event(after) = event;
    At::event(after)
}

fn confirm_for_another(story: &mut Story) -> At {
    let (position, index) = story.of_order("order_confirmed", order(FULFILLED));
    story.commit(position).1[index].source = "web".parse().unwrap();
    At::event((position, index))
}

fn refuse_ahead(story: &mut Story) -> At {
    let refused = story.find(|event| matches!(event, Event::CommandRejected(_)));
    let Event::CommandRejected(event) = story.event(refused) else { unreachable!() };
    event.command_seq = Some(250);
    At::event(refused)
}

/// The same once more, asked for by somebody else.
fn anew(story: &mut Story, spot: Spot) -> At {
    let record = Recorded { cause: Some(command(201)), ..record(story, spot) };
    At::event(story.append(vec![record]))
}

fn receive_anew(story: &mut Story) -> At {
    let spot = story.of_sku("stock_received", "MUG");
    anew(story, spot)
}

fn receive_after_a_year(story: &mut Story) -> At {
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    let received = story.of_sku("stock_received", "MUG");
    let cause = Some(command_at(year, 201));
    let again = Recorded { cause, ..record(story, received) };
    let spot = story.append(vec![again]);
    let head = story.commit(spot.0).0;
    head.at = head.at.after(year);
    At::event(spot)
}

fn adjust_anew(story: &mut Story) -> At {
    let spot = story.of_sku("stock_adjusted", "TEE");
    anew(story, spot)
}

fn capture_again(story: &mut Story) -> At {
    let again = story.find(
        |event| matches!(event, Event::PaymentCaptured(e) if e.provider_ref == token("ch-4")),
    );
    let Event::PaymentCaptured(event) = story.event(again) else { unreachable!() };
    assert_eq!(event.order_id, order(PAID_TWICE));
    event.provider_ref = token("ch-3");
    At::event(again)
}

/// Days after everything else, an order is rejected under an id of the first day.
fn much_later(story: &mut Story, young_command: bool) -> At {
    let days = Duration::from_secs(100 * 60 * 60);
    let rejected = story.of_order("order_rejected", order(REJECTED));
    let mut record = record(story, rejected);
    if young_command {
        record.cause = Some(command_at(days, 201));
    }
    let Event::OrderRejected(event) = &mut record.event else { unreachable!() };
    event.order_id = order(UNKNOWN);
    let spot = story.append(vec![record]);
    let head = story.commit(spot.0).0;
    head.at = head.at.after(days);
    At::event(spot)
}
