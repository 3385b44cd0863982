//! An order's life, told.

use std::time::Duration;

use super::{Step, Story, span};
use crate::domain::fixtures::*;
use crate::domain::{OrderId, RefundResult};

fn told(shop: &Shop, order_id: OrderId) -> Vec<Step> {
    let mut story = Story::default();
    for (at, made, record) in shop.events() {
        if record.event.order_id() == Some(order_id) {
            story.follow(at, made, record);
        }
    }
    story.into_steps()
}

fn open() -> Shop {
    let mut shop = Shop::default();
    shop.send_all(&[list("mug", PRICE, "EUR"), receive("mug", 7, "first")]);
    shop
}

#[test]
fn a_plain_order_is_two_steps() {
    let mut shop = open();
    shop.send_all(&[place(order(1), &[line("mug", 2)])]);
    shop.wait(Duration::from_millis(80));
    shop.send_all(&[capture(order(1), 1_000)]);
    let [placed, paid] = told(&shop, order(1)).try_into().unwrap();
    assert_eq!(placed.decided, ["placed: 2 × mug for 10.00 EUR"]);
    assert_eq!(placed.stock, ["mug -2 available, promised to the order"]);
    assert_eq!((placed.after_ms, placed.money.len()), (None, 0));
    assert!(placed.why[0].contains("held for 15 min"), "{:?}", placed.why);
    assert_eq!(paid.after_ms, Some(80));
    assert_eq!(paid.money, ["+10.00 EUR to the shop"]);
    assert_eq!(paid.stock, ["mug 2 of the promised are sold"]);
    assert!(paid.decided[0].starts_with("paid by attempt 1 at simulated"), "{:?}", paid.decided);
    assert!(paid.decided[1].starts_with("confirmed, 80 ms after"), "{:?}", paid.decided);
    assert_eq!((paid.source.as_str(), paid.cause.is_some()), ("payer", true));
}

#[test]
fn money_that_goes_back_is_told_with_its_reason() {
    let mut shop = open();
    shop.send_all(&[place(order(1), &[line("mug", 2)])]);
    shop.send_all(&[capture(order(1), 1_000)]);
    shop.send_all(&[cancel(order(1))]);
    let back = RefundResult::Refunded { provider_ref: token("re-1") };
    shop.send_all(&[record_refund(order(1), (1, 1), back)]);
    let steps = told(&shop, order(1));
    let called_off = &steps[2];
    assert!(called_off.decided.contains(&"off: requested".to_owned()), "{called_off:?}");
    assert!(called_off.why.iter().any(|why| why == "the order is off, and was paid"));
    assert_eq!(called_off.stock, ["mug +2 available, back on the shelf"]);
    assert_eq!(steps[3].money, ["-10.00 EUR to the buyer"]);
}

#[test]
fn a_failure_says_who_can_help_and_what_follows() {
    let mut shop = open();
    shop.send_all(&[place(order(1), &[line("mug", 1)])]);
    shop.send_all(&[decline(order(1), "lost_card")]);
    shop.send_all(&[place(order(2), &[line("mug", 1)])]);
    shop.send_all(&[decline(order(2), "processing_error")]);
    let lost = &told(&shop, order(1))[1];
    assert!(lost.why[0].starts_with("never again with this means"), "{lost:?}");
    let later = &told(&shop, order(2))[1];
    assert!(later.decided[0].contains("attempt 2 follows in"), "{later:?}");
    assert!(later.why[0].ends_with("it is tried again by itself"), "{later:?}");
    let rejected = {
        shop.send_all(&[place(order(3), &[line("mug", 99)])]);
        told(&shop, order(3))
    };
    let decided = &rejected[0].decided[0];
    assert!(decided.starts_with("rejected: "), "{rejected:?}");
    assert!(decided.ends_with("; mug: 99 wanted, 6 available, 1 held for others"), "{rejected:?}");
}

#[test]
fn a_time_is_said_as_a_person_says_it() {
    let said = [80, 12_000, 900_000, 7_200_000, 172_800_000].map(span);
    assert_eq!(said, ["80 ms", "12 s", "15 min", "2 h", "2 days"]);
}
