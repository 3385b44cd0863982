//! From events to what a reader sees.

mod numbers;
mod orders;
mod stocks;

use serde_json::Value;

use super::View;
use crate::domain::fixtures::{PRICE, Shop, line, list, place, receive};
use crate::domain::{OrderId, Recorded};

/// A shop with so many mugs, and nothing else.
fn shop_with_mugs(units: u32) -> Shop {
    let mut shop = Shop::default();
    shop.send(&list("mug", PRICE, "EUR"));
    shop.send(&receive("mug", units, "first"));
    shop
}

/// A shop with five mugs, two of which are in an order that waits for its money.
fn shop_with_an_order(order_id: OrderId) -> Shop {
    let mut shop = shop_with_mugs(5);
    shop.send(&place(order_id, &[line("mug", 2)]));
    shop
}

/// The value under a key, folded from a shop's log the way a projector does.
fn seen<V: View>(shop: &Shop, key: &V::Key) -> V {
    let mut value: Option<V> = None;
    follow(&mut value, shop, key);
    value.expect("the events begin a value")
}

fn follow<V: View>(value: &mut Option<V>, shop: &Shop, key: &V::Key) {
    for (at, made, record) in shop.events() {
        if V::key(&record.event, made).as_ref() != Some(key) {
            continue;
        }
        match value {
            Some(value) => value.follow(at, made, &record.event).expect("the event follows"),
            None => *value = V::begin(at, made, &record.event),
        }
    }
}

/// Checks that a value is what it is however often its events come: whole, or from any place.
#[track_caller]
fn assert_folds_once<V: View + PartialEq + std::fmt::Debug>(shop: &Shop, key: &V::Key) {
    let once = seen::<V>(shop, key);
    let mut twice = Some(once.clone());
    follow(&mut twice, shop, key);
    assert_eq!(twice.as_ref(), Some(&once), "every event came twice");
    // A value that was written ahead of the position meets the end of the log again.
    let whole = shop.log.len();
    for known in 1..whole {
        let mut shorter = shop.clone();
        shorter.log.truncate(known);
        let mut value = None;
        follow::<V>(&mut value, &shorter, key);
        let kept = value.map(|value| serde_json::to_vec(&value).unwrap());
        let mut value = kept.map(|kept| serde_json::from_slice(&kept).unwrap());
        follow(&mut value, shop, key);
        assert_eq!(value.as_ref(), Some(&once), "the first {known} commits came twice");
    }
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// The events of the last commit.
fn last(shop: &Shop) -> &[Recorded] {
    &shop.log.last().unwrap().records
}
