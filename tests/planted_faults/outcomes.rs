//! Faults in what commands lead to.

use kassa::domain::verify::Invariant;
use kassa::domain::{CommandRejected, Event, Recorded, Refusal, Text};

use crate::planting::{At, Fault, told};
use crate::shop::{FULFILLED, REJECTED, WAITING, order, sku};
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
