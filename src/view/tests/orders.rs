//! One order, as a reader sees it.

use serde_json::{Value, json};

use super::{assert_folds_once, json, seen, shop_with_an_order, shop_with_mugs};
use crate::domain::RefundResult;
use crate::domain::fixtures::*;
use crate::view::{OrderView, View};

fn view(shop: &Shop) -> Value {
    json(&seen::<OrderView>(shop, &order(1)))
}

/// The named fields of a view.
fn fields(shop: &Shop, names: &[&str]) -> Value {
    let view = view(shop);
    names.iter().map(|name| ((*name).to_owned(), view[*name].clone())).collect()
}

#[test]
fn an_order_that_waits_for_its_money() {
    let shop = shop_with_an_order(order(1));
    assert_eq!(
        view(&shop),
        json!({
            "order_id": order(1).to_string(),
            "state": "placed",
            "customer_ref": "customer-7",
            "lines": [{"sku": "mug", "quantity": 2, "unit_price_minor": 500}],
            "currency": "EUR",
            "total_minor": 1000,
            "payment": {"attempt": 1, "state": "requested"},
            "asked_at_ms": T0.0,
            "hold_until_ms": hold_end().0,
            "updated_at_ms": T0.0,
            "event_seq": 4,
            "events": ["4.0", "4.1"],
        })
    );
}

#[test]
fn an_order_that_is_paid_and_then_sent() {
    let mut shop = shop_with_an_order(order(1));
    shop.wait(minutes(1));
    shop.send(&capture(order(1), 1_000));
    assert_eq!(
        fields(&shop, &["state", "payment", "hold_until_ms", "updated_at_ms", "events"]),
        json!({
            "state": "confirmed",
            "payment": {
                "attempt": 1, "state": "captured", "connector": "simulated",
                "provider_ref": "pay-1"
            },
            "hold_until_ms": null,
            "updated_at_ms": T0.after(minutes(1)).0,
            "events": ["4.0", "4.1", "6.0", "6.1", "6.2"],
        })
    );
    shop.send(&fulfil(order(1), "s-1"));
    assert_eq!(
        fields(&shop, &["state", "shipment_ref", "event_seq"]),
        json!({"state": "fulfilled", "shipment_ref": "s-1", "event_seq": 7})
    );
    assert_folds_once::<OrderView>(&shop, &order(1));
}

#[test]
fn an_order_that_is_off_says_why() {
    let off = |end: &dyn Fn(&mut Shop)| {
        let mut shop = shop_with_an_order(order(1));
        end(&mut shop);
        assert_folds_once::<OrderView>(&shop, &order(1));
        fields(&shop, &["state", "reason", "payment", "hold_until_ms"])
    };
    let asked = json!({"attempt": 1, "state": "requested"});
    let cancelled = |reason: &str, payment: &Value| {
        json!({
            "state": "cancelled", "reason": reason, "payment": payment, "hold_until_ms": null
        })
    };
    assert_eq!(off(&|shop| drop(shop.send(&cancel(order(1))))), cancelled("requested", &asked));
    assert_eq!(
        off(&|shop| {
            shop.now = hold_end();
            shop.sweep();
        }),
        cancelled("hold_expired", &asked)
    );
    let declined = json!({
        "attempt": 1, "state": "declined", "connector": "simulated",
        "code": "lost_card", "class": "hard"
    });
    assert_eq!(
        off(&|shop| drop(shop.send(&decline(order(1), "lost_card")))),
        cancelled("payment_declined", &declined)
    );
}

#[test]
fn an_order_that_is_off_is_over_once_nothing_came_of_its_last_payment() {
    let mut shop = shop_with_an_order(order(1));
    shop.send(&cancel(order(1)));
    let over = |shop: &Shop| {
        let view: OrderView = serde_json::from_value(view(shop)).unwrap();
        view.over_since()
    };
    assert_eq!(over(&shop), None, "its money may be on its way");
    shop.send(&decline(order(1), "lost_card"));
    let payment = json!({
        "attempt": 1, "state": "declined", "connector": "simulated", "code": "lost_card"
    });
    let expected = json!({"state": "cancelled", "reason": "requested", "payment": payment});
    assert_eq!(fields(&shop, &["state", "reason", "payment"]), expected);
    assert_eq!(over(&shop), Some(shop.now));
    assert_folds_once::<OrderView>(&shop, &order(1));
}

#[test]
fn an_order_that_was_rejected_says_what_was_short() {
    let mut shop = shop_with_mugs(1);
    shop.send(&place(order(1), &[line("mug", 2)]));
    let short = json!([{"sku": "mug", "wanted": 2, "available": 1, "held": 0}]);
    assert_eq!(
        view(&shop),
        json!({
            "order_id": order(1).to_string(),
            "state": "rejected",
            "refusal": {"code": "insufficient_stock", "short": short},
            "lines": [],
            "asked_at_ms": T0.0,
            "updated_at_ms": T0.0,
            "event_seq": 4,
            "events": ["4.0"],
        })
    );
    assert_folds_once::<OrderView>(&shop, &order(1));
}

#[test]
fn an_order_whose_money_goes_back() {
    let names = ["state", "reason", "off", "money"];
    let refund = |state: &str, reason: &str, of: &str, minor: u64| {
        json!({
            "refund": 1, "state": state, "reason": reason, "capture_ref": of,
            "amount_minor": minor, "currency": "EUR", "attempt": 1
        })
    };
    let capture_of = |of: &str, minor: u64| {
        let currency = "EUR";
        json!({"provider_ref": of, "amount_minor": minor, "currency": currency})
    };
    let mut late = shop_with_an_order(order(1));
    late.send(&cancel(order(1)));
    late.send(&capture(order(1), 1_000));
    let money = |state: &str| {
        let refund = refund(state, "late_payment", "pay-1", 1_000);
        json!({"captures": [capture_of("pay-1", 1_000)], "refunds": [refund]})
    };
    assert_eq!(
        fields(&late, &names),
        json!({
            "state": "refunding", "reason": "requested", "off": true,
            "money": money("requested")
        })
    );
    let done = RefundResult::Refunded { provider_ref: token("re-1") };
    late.send(&record_refund(order(1), (1, 1), done));
    let mut said = money("refunded");
    said["refunds"][0]["provider_ref"] = json!("re-1");
    assert_eq!(
        fields(&late, &names),
        json!({"state": "refunded", "reason": "requested", "off": true, "money": said})
    );

    let mut wrong = shop_with_an_order(order(1));
    wrong.send(&capture(order(1), 1));
    wrong.send(&record_refund(
        order(1),
        (1, 1),
        RefundResult::Declined { code: token("expired_or_canceled_card") },
    ));
    let mut refused = refund("failed", "amount_mismatch", "pay-1", 1);
    refused["code"] = json!("expired_or_canceled_card");
    refused["class"] = json!("hard");
    assert_eq!(
        fields(&wrong, &names),
        json!({
            "state": "needs_attention", "reason": "amount_mismatch", "off": true,
            "money": {"captures": [capture_of("pay-1", 1)], "refunds": [refused]}
        })
    );

    // The goods stay the buyer's, whatever becomes of the second payment.
    let mut twice = shop_with_an_order(order(1));
    twice.send(&capture(order(1), 1_000));
    twice.send(&capture_as("pay-2", order(1), 1_000));
    assert_eq!(fields(&twice, &["state", "off"]), json!({"state": "confirmed", "off": null}));
    for shop in [late, wrong, twice] {
        assert_folds_once::<OrderView>(&shop, &order(1));
    }
}

#[test]
fn an_order_that_left_in_parts_and_came_back() {
    let mut shop = shop_with_an_order(order(1));
    shop.send(&capture(order(1), 1_000));
    shop.send(&ship(order(1), "s-1", &[("mug", 1)]));
    assert_eq!(fields(&shop, &["state"]), json!({"state": "confirmed"}));
    shop.send(&fulfil(order(1), "s-2"));
    shop.send(&take_back(order(1), "b-1", &[("mug", 2, 1)]));
    assert_eq!(
        fields(&shop, &["state", "shipment_ref", "shipments", "returns"]),
        json!({
            "state": "fulfilled",
            "shipment_ref": "s-2",
            "shipments": [
                {"shipment_ref": "s-1", "lines": [{"sku": "mug", "quantity": 1}]},
                {"shipment_ref": "s-2"},
            ],
            "returns": [
                {"return_ref": "b-1", "lines": [{"sku": "mug", "quantity": 2, "restock": 1}]},
            ],
        })
    );
    assert_folds_once::<OrderView>(&shop, &order(1));
}

#[test]
fn the_payment_of_an_order_is_the_one_that_is_kept() {
    let mut shop = shop_with_an_order(order(1));
    shop.send(&capture(order(1), 1_000));
    shop.send(&capture_as("pay-2", order(1), 1_000));
    assert_eq!(view(&shop)["payment"]["provider_ref"], "pay-1");
}

#[test]
fn money_after_a_decline_replaces_what_the_decline_said() {
    let mut shop = shop_with_an_order(order(1));
    shop.send(&decline(order(1), "lost_card"));
    shop.send(&capture(order(1), 1_000));
    let payment = json!({
        "attempt": 1, "state": "captured", "connector": "simulated", "provider_ref": "pay-1"
    });
    assert_eq!(
        fields(&shop, &["state", "reason", "payment"]),
        json!({"state": "confirmed", "reason": null, "payment": payment})
    );
}

#[test]
fn old_news_of_money_changes_nothing_but_the_history() {
    let mut shop = shop_with_an_order(order(1));
    shop.send(&capture(order(1), 1_000));
    let before = view(&shop);
    shop.send(&decline(order(1), "lost_card"));
    let mut after = view(&shop);
    assert_eq!(after["events"].as_array().unwrap().len(), 6);
    assert_eq!(after["event_seq"], 7);
    after["events"] = before["events"].clone();
    after["event_seq"] = before["event_seq"].clone();
    assert_eq!(after, before);
}

#[test]
fn an_order_that_costs_nothing_has_no_payment() {
    let mut shop = Shop::default();
    shop.send(&list("sample", 0, "EUR"));
    shop.send(&receive("sample", 1, "first"));
    shop.send(&place(order(1), &[line_at("sample", 1, 0)]));
    assert_eq!(
        fields(&shop, &["state", "payment", "total_minor"]),
        json!({"state": "confirmed", "payment": null, "total_minor": 0})
    );
}

#[test]
fn an_event_at_or_below_what_is_reflected_is_skipped() {
    let shop = shop_with_an_order(order(1));
    let mut value = seen::<OrderView>(&shop, &order(1));
    let known = value.clone();
    let paid = paid(order(1), &[line("mug", 2)]).remove(0);
    for old in [at(1), at(4), crate::domain::Address::new(crate::domain::Sequence(4), 1)] {
        value.follow(old, T0, &paid).unwrap();
        assert_eq!(value, known, "{old}");
    }
    value.follow(at(5), T0, &paid).unwrap();
    assert_eq!(value.event_seq, 5);
}

/// A projector keeps at hand what is expected to change soon.
#[test]
fn an_order_is_active_while_it_waits_for_money() {
    let mut shop = shop_with_an_order(order(1));
    assert!(seen::<OrderView>(&shop, &order(1)).is_active());
    shop.send(&capture(order(1), 1_000));
    assert!(!seen::<OrderView>(&shop, &order(1)).is_active());
}
