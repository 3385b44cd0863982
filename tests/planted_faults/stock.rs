//! Faults in units and in promises.

use kassa::domain::stock::StockDelta;
use kassa::domain::verify::Invariant;
use kassa::domain::{Amount, Event, StockHeld};

use crate::planting::{At, Fault, told};
use crate::shop::{
    CALLED_OFF, DECLINED, FREE, FULFILLED, UNKNOWN, WAITING, order, sku, token, units,
};
use crate::story::{Spot, Story};

pub(crate) const FAULTS: &[Fault] = &[
    told("more is promised than there is", promise_what_is_not_there, Invariant::I1, "promised"),
    told(
        "a promise is taken back that nobody made",
        release_from_nothing,
        Invariant::I1,
        "-1 reserved",
    ),
    told("fewer than none are on the shelf", adjust_below_zero, Invariant::I1, "on hand"),
    told("a shortage that nobody tells", hide_a_shortage, Invariant::I1, "no shortage was found"),
    told("a shortage that nobody proved", find_a_shortage, Invariant::I1, "no adjustment proved"),
    told("a shortage of another size", misstate_a_shortage, Invariant::I2, "9 of MUG are said"),
    told("stock of a SKU that nobody lists", forget_a_listing, Invariant::I2, "never listed"),
    told(
        "a promise to an order that nobody placed",
        promise_to_nobody,
        Invariant::I11,
        "never placed",
    ),
    told("a promise made twice", |s| twice(s, "stock_reserved", FULFILLED), Invariant::I3, "Open"),
    told(
        "a promise kept twice",
        |s| twice(s, "stock_deducted", FULFILLED),
        Invariant::I3,
        "Deducted",
    ),
    told(
        "a promise taken back twice",
        |s| twice(s, "stock_released", DECLINED),
        Invariant::I3,
        "Released",
    ),
    told("fewer are taken back than were promised", release_fewer, Invariant::I3, "2 MUG"),
    told("fewer are sold than were promised", deduct_fewer, Invariant::I3, "1 MUG"),
    told("another SKU is taken back", release_another, Invariant::I3, "which the order has not"),
    told(
        "a promise is taken back after the sale",
        release_after_the_sale,
        Invariant::I3,
        "Deducted",
    ),
    told(
        "an order is placed and nothing promised",
        |s| without(s, "stock_reserved", WAITING),
        Invariant::I3,
        "Announced",
    ),
    told(
        "an order is confirmed and nothing sold",
        |s| without(s, "stock_deducted", FREE),
        Invariant::I3,
        "Open",
    ),
    told(
        "an order is off and its promise stands",
        |s| without(s, "stock_released", CALLED_OFF),
        Invariant::I3,
        "Open",
    ),
];

/// Promises 900 of the 6 that are there.
pub(crate) fn promise_what_is_not_there(story: &mut Story) -> At {
    let placed = story.of_order("order_placed", order(WAITING));
    let Event::OrderPlaced(event) = story.event(placed) else { unreachable!() };
    event.lines[0].quantity = units(900);
    event.total_minor = Amount::new(900 * 2_000).unwrap();
    let reserved = story.of_order("stock_reserved", order(WAITING));
    held(story, reserved).quantity = units(900);
    At::event(reserved)
}

fn held(story: &mut Story, spot: Spot) -> &mut StockHeld {
    let (Event::StockReserved(held) | Event::StockDeducted(held) | Event::StockReleased(held)) =
        story.event(spot)
    else {
        panic!("the event at {spot:?} is about no promise")
    };
    held
}

fn release_from_nothing(story: &mut Story) -> At {
    let deducted = story.of_order("stock_deducted", order(FREE));
    let again = story.say_twice(deducted);
    let released = Event::StockReleased(held(story, again).clone());
    *story.event(again) = released;
    At::event(again)
}

fn adjust_below_zero(story: &mut Story) -> At {
    let adjusted = story.of_sku("stock_adjusted", "TEE");
    let Event::StockAdjusted(event) = story.event(adjusted) else { unreachable!() };
    event.delta = StockDelta::try_new(-12).unwrap();
    At::event(adjusted)
}

fn hide_a_shortage(story: &mut Story) -> At {
    let found = story.of_sku("shortage_found", "MUG");
    story.leave_out(found);
    At::event(story.of_sku("stock_adjusted", "MUG"))
}

/// After a delivery has ended it.
fn find_a_shortage(story: &mut Story) -> At {
    let found = story.of_sku("shortage_found", "MUG");
    let received = story.find(
        |event| matches!(event, Event::StockReceived(e) if e.reference == token("delivery-2")),
    );
    let (Event::ShortageFound(mut event), after) =
        (story.event(found).clone(), story.say_twice(received))
    else {
        unreachable!()
    };
    event.missing = 0;
    *story.event(after) = Event::ShortageFound(event);
    At::event(after)
}

fn misstate_a_shortage(story: &mut Story) -> At {
    let found = story.of_sku("shortage_found", "MUG");
    let Event::ShortageFound(event) = story.event(found) else { unreachable!() };
    event.missing = 9;
    At::event(found)
}

fn forget_a_listing(story: &mut Story) -> At {
    let listed = story.of_sku("sku_listed", "GIFT");
    story.leave_out(listed);
    At::event(story.of_sku("stock_received", "GIFT"))
}

fn promise_to_nobody(story: &mut Story) -> At {
    let reserved = story.of_order("stock_reserved", order(WAITING));
    held(story, reserved).order_id = order(UNKNOWN);
    At::event(reserved)
}

fn twice(story: &mut Story, kind: &str, number: u8) -> At {
    let spot = story.of_order(kind, order(number));
    At::event(story.say_twice(spot))
}

fn without(story: &mut Story, kind: &str, number: u8) -> At {
    let spot = story.of_order(kind, order(number));
    story.leave_out(spot);
    // No single event is wrong: one is missing.
    At::message(spot.0)
}

fn release_fewer(story: &mut Story) -> At {
    let released = story.of_order("stock_released", order(DECLINED));
    held(story, released).quantity = units(2);
    At::event(released)
}

fn deduct_fewer(story: &mut Story) -> At {
    let deducted = story.of_order("stock_deducted", order(FULFILLED));
    held(story, deducted).quantity = units(1);
    At::event(deducted)
}

fn release_another(story: &mut Story) -> At {
    let released = story.of_order("stock_released", order(DECLINED));
    held(story, released).sku = sku("TEE");
    At::event(released)
}

fn release_after_the_sale(story: &mut Story) -> At {
    let deducted = story.of_order("stock_deducted", order(FULFILLED));
    let released = Event::StockReleased(held(story, deducted).clone());
    let fulfilled = story.of_order("order_fulfilled", order(FULFILLED));
    let after = story.say_twice(fulfilled);
    *story.event(after) = released;
    At::event(after)
}
