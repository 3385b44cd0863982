//! One SKU, as a reader sees it.

use serde_json::json;

use super::{assert_folds_once, json, seen, shop_with_an_order, shop_with_mugs};
use crate::domain::fixtures::*;
use crate::domain::{Address, Event, Sequence, StockHeld};
use crate::view::{StockView, View};

fn view(shop: &Shop) -> StockView {
    seen(shop, &sku("mug"))
}

/// Available, reserved, sold, on hand.
fn figures(shop: &Shop) -> (i64, u64, u64, i64) {
    let view = view(shop);
    (view.available, view.reserved, view.sold, view.on_hand)
}

#[test]
fn a_sku_with_all_its_fields() {
    let mut shop = Shop::default();
    shop.send(&list_capped("mug", 3));
    shop.wait(minutes(1));
    shop.send(&receive("mug", 5, "first"));
    assert_eq!(
        json(&view(&shop)),
        json!({
            "sku": "mug", "name": "mug", "unit_price_minor": 500, "currency": "EUR",
            "per_order_max": 3, "listed": true,
            "available": 5, "reserved": 0, "sold": 0, "on_hand": 5,
            "updated_at_ms": T0.after(minutes(1)).0, "event_seq": 2, "event_index": 0,
        })
    );
}

#[test]
fn units_go_from_available_to_reserved_to_sold() {
    let mut shop = shop_with_an_order(order(1));
    assert_eq!(figures(&shop), (3, 2, 0, 5));
    shop.send(&capture(order(1), 1_000));
    assert_eq!(figures(&shop), (3, 0, 2, 3));
    shop.send(&place(order(2), &[line("mug", 3)]));
    assert_eq!(figures(&shop), (0, 3, 2, 3), "sold out, and some of it may come back");
    shop.send(&cancel(order(2)));
    assert_eq!(figures(&shop), (3, 0, 2, 3));
    shop.send(&adjust("mug", -1, "42"));
    shop.send(&count("mug", 9));
    assert_eq!(figures(&shop), (9, 0, 2, 9));
    assert_folds_once::<StockView>(&shop, &sku("mug"));
}

#[test]
fn a_shortage_is_less_than_nothing_available() {
    let mut shop = shop_with_an_order(order(1));
    shop.send(&count("mug", 1));
    assert_eq!(figures(&shop), (-1, 2, 0, 1));
    shop.send(&capture(order(1), 1_000));
    assert_eq!(figures(&shop), (-1, 0, 2, -1));
    shop.send(&receive("mug", 3, "second"));
    assert_eq!(figures(&shop), (2, 0, 2, 2));
    assert_folds_once::<StockView>(&shop, &sku("mug"));
}

#[test]
fn the_view_says_what_the_market_says() {
    let mut shop = shop_with_an_order(order(1));
    shop.send_all(&[place(order(2), &[line("mug", 1)]), capture(order(1), 1_000)]);
    shop.send_all(&[cancel(order(2)), count("mug", 7), place(order(3), &[line("mug", 2)])]);
    let stock = shop.market.item(&sku("mug")).unwrap().stock;
    assert_eq!(
        figures(&shop),
        (stock.available(), stock.reserved(), stock.sold(), stock.on_hand())
    );
    // A count compares itself with this figure.
    assert_eq!(view(&shop).event_seq, shop.market.item(&sku("mug")).unwrap().changed.0);
}

#[test]
fn a_sku_that_is_taken_off_the_list_and_offered_anew() {
    let mut shop = shop_with_mugs(5);
    shop.send(&reprice("mug", 600));
    assert_eq!(view(&shop).unit_price_minor, price(600));
    shop.send(&delist("mug"));
    assert!(!view(&shop).listed);
    shop.send(&list("mug", 80, "JPY"));
    let view = view(&shop);
    assert!(view.listed);
    assert_eq!((view.unit_price_minor, view.currency), (price(80), currency("JPY")));
    assert_eq!(view.available, 5, "its units are still there");
    assert_folds_once::<StockView>(&shop, &sku("mug"));
}

#[test]
fn a_view_that_does_not_add_up_stops() {
    let shop = shop_with_mugs(5);
    let mut value = view(&shop);
    let held = StockHeld { sku: sku("mug"), order_id: order(1), quantity: qty(1) };
    let misfit = value.follow(at(9), T0, &Event::StockReleased(held)).unwrap_err();
    assert_eq!(misfit.to_string(), "stock_released does not fit: mug: 1 units moved, 0 there");
    assert!(StockView::begin(at(1), T0, &received("mug", 1, "a")).is_none(), "nothing to receive");
    assert_eq!(StockView::key(&received("mug", 1, "a"), T0), Some(sku("mug")));
}

#[test]
fn an_event_at_or_below_what_is_reflected_is_skipped() {
    let shop = shop_with_mugs(5);
    let mut value = view(&shop);
    for old in [Address::new(Sequence(1), 7), at(2)] {
        value.follow(old, T0, &received("mug", 1, "a")).unwrap();
        assert_eq!(value.available, 5, "{old}");
    }
    value.follow(Address::new(Sequence(2), 1), T0, &received("mug", 1, "a")).unwrap();
    assert_eq!((value.available, value.event_index), (6, 1));
}
