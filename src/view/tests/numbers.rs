//! Minutes in numbers, payments that are owed, and what a human must look at.

use std::time::Duration;

use serde_json::json;

use super::{assert_folds_once, json, last, seen, shop_with_an_order, shop_with_mugs};
use crate::domain::fixtures::*;
use crate::domain::{AttentionKind, Event, PaymentResult, Refusal, Sequence, TraceParent};
use crate::view::attention::item;
use crate::view::owed::{Debt, OwedChange, change};
use crate::view::{LATENCY_EDGES_MS, MinuteSlot, MinuteView};

fn minute(shop: &Shop) -> MinuteView {
    seen(shop, &MinuteSlot::of(shop.now))
}

#[test]
fn a_minute_counts_what_happened_in_it() {
    let mut shop = shop_with_an_order(order(1));
    shop.send(&place(order(2), &[line("mug", 9)]));
    shop.send(&cancel(order(1)));
    let minute = minute(&shop);
    assert_eq!(
        json(&minute.events),
        json!({
            "sku_listed": 1, "stock_received": 1, "order_placed": 1, "stock_reserved": 1,
            "order_rejected": 1, "cancel_requested": 1, "order_cancelled": 1,
            "stock_released": 1,
        })
    );
    assert_eq!(json(&minute.rejected), json!({"insufficient_stock": 1}));
    assert_eq!(json(&minute.cancelled), json!({"requested": 1}));
    assert_eq!(minute.minute_ms.0 % 60_000, 0);
    assert_eq!((minute.event_seq, minute.event_index), (7, 2));
    assert_folds_once::<MinuteView>(&shop, &MinuteSlot::of(shop.now));
}

#[test]
fn attempts_that_failed_are_counted_by_class_and_code() {
    let mut shop = shop_with_an_order(order(1));
    shop.send(&decline(order(1), "do_not_honor"));
    shop.send(&decline_of(2, order(1), "stolen_card"));
    let failures = json!({"hard": {"stolen_card": 1}, "soft": {"do_not_honor": 1}});
    assert_eq!(json(&minute(&shop).failures), failures);
    assert_folds_once::<MinuteView>(&shop, &MinuteSlot::of(shop.now));
}

#[test]
fn the_time_from_command_to_confirmation_is_counted_by_its_upper_edge() {
    for (took, bucket) in [
        (0, 0),
        (5, 0),
        (6, 1),
        (1_000, 7),
        (1_001, 8),
        (3_000, 9),
        (60_000, 13),
        (60_001, LATENCY_EDGES_MS.len()),
    ] {
        let mut shop = shop_with_mugs(5);
        shop.wait(Duration::from_millis(took));
        shop.send(&place(order(1), &[line("mug", 1)]));
        shop.send(&capture(order(1), 500));
        let latency = minute(&shop).latency;
        let mut expected = vec![0; LATENCY_EDGES_MS.len() + 1];
        expected[bucket] = 1;
        assert_eq!(latency, expected, "{took} ms");
    }
}

#[test]
fn the_same_minute_of_the_next_day_begins_anew() {
    let mut shop = shop_with_an_order(order(1));
    let today = MinuteSlot::of(shop.now);
    shop.wait(hours(24));
    let recount = count("mug", 5).under(command_made(shop.now, 1)).asked_at(shop.now);
    shop.send(&recount);
    assert_eq!(MinuteSlot::of(shop.now), today);
    let minute = minute(&shop);
    assert_eq!(json(&minute.events), json!({"stock_adjusted": 1}));
    assert_eq!(minute.minute_ms, crate::domain::Timestamp(shop.now.0 / 60_000 * 60_000));
    assert_folds_once::<MinuteView>(&shop, &today);
    assert_eq!(MinuteSlot::of(crate::domain::Timestamp(0)).to_string(), "m0000");
}

#[test]
fn a_payment_is_owed_from_its_order_until_its_end_is_in_the_log() {
    let trace = TraceParent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let mut shop = shop_with_mugs(5);
    let mut asked = place(order(1), &[line("mug", 2)]);
    asked.trace.clone_from(&trace);
    shop.send(&asked);
    let changes = |shop: &Shop| {
        let changes = last(shop).iter().filter_map(|record| change((Sequence(4), T0), record));
        changes.collect::<Vec<_>>()
    };
    let [OwedChange::Asked(owed)] = &changes(&shop)[..] else {
        panic!("{:?}", changes(&shop));
    };
    assert_eq!(
        json(owed),
        json!({
            "order_id": order(1).to_string(),
            "attempt": 1,
            "idempotency_key": format!("{}-1", order(1)),
            "amount_minor": 1000,
            "currency": "EUR",
            "payment_method_token": "pm_card_visa",
            "asked_at_ms": T0.0,
            "trace": trace.unwrap().as_str(),
            "event_seq": 4,
        })
    );
    let settled = [OwedChange::Settled(Debt::charge(order(1)))];
    let ended = |end: &dyn Fn(&mut Shop)| {
        let mut shop = shop.clone();
        end(&mut shop);
        changes(&shop)
    };
    let paid = ended(&|shop| drop(shop.send(&capture(order(1), 1_000))));
    assert_eq!(paid, [OwedChange::Paid(order(1), 1)]);
    let declined = ended(&|shop| drop(shop.send(&decline(order(1), "lost_card"))));
    assert_eq!(declined.first(), settled.first());
    let asked = ended(&|shop| drop(shop.send(&decline(order(1), "insufficient_funds"))));
    assert_eq!(asked, settled);
    // Off before its end was known: it may have been charged.
    let off = [OwedChange::Off(order(1))];
    assert_eq!(ended(&|shop| drop(shop.send(&cancel(order(1))))), off);
    let expired = ended(&|shop| {
        shop.now = hold_end();
        shop.sweep();
    });
    assert_eq!(expired, off);
    let told = ended(&|shop| {
        shop.send(&cancel(order(1)));
        shop.send(&decline(order(1), "lost_card"));
    });
    assert_eq!(told, [OwedChange::Told(Debt::charge(order(1)), 1)]);
    // Nobody can say: it stays owed as it was.
    let unknown = record(order(1), 1, PaymentResult::Unknown);
    assert_eq!(ended(&|shop| drop(shop.send(&unknown))), []);
    let [OwedChange::Again(_, retry)] =
        &ended(&|shop| drop(shop.send(&decline(order(1), "do_not_honor"))))[..]
    else {
        panic!("a soft decline is tried again");
    };
    assert_eq!((retry.attempt, retry.idempotency_key.as_str().ends_with("-2")), (2, true));
}
#[test]
fn nothing_is_owed_for_an_order_that_costs_nothing_or_was_rejected() {
    let mut shop = shop_with_mugs(1);
    shop.send(&list("sample", 0, "EUR"));
    shop.send(&receive("sample", 1, "first"));
    shop.send(&place(order(1), &[line_at("sample", 1, 0)]));
    shop.send(&place(order(2), &[line("mug", 2)]));
    let mut owed =
        shop.events().filter_map(|(at, made, record)| change((at.sequence, made), record));
    assert_eq!(owed.next(), None);
}

#[test]
fn what_a_human_must_look_at() {
    let items = |shop: &Shop| {
        let items = shop.events().filter_map(|(at, made, r)| item(at, made, r));
        items.map(|item| json(&item)).collect::<Vec<_>>()
    };
    let mut shop = shop_with_an_order(order(1));
    assert_eq!(items(&shop), Vec::<serde_json::Value>::new(), "orders are no reason to look");
    shop.send(&count("mug", 1));
    let latest = order(1);
    assert_eq!(
        items(&shop),
        [json!({
            "kind": "shortage", "id": "mug", "source": "warehouse", "raised_at_ms": T0.0,
            "reason": format!("1 promised units do not exist; latest orders: {latest}"),
            "event_seq": 6, "event_index": 1,
        })]
    );
    shop.send(&unusable(Refusal::Undecodable { problem: text("not a map") }));
    let poison = items(&shop).pop().unwrap();
    assert_eq!((&poison["kind"], &poison["id"]), (&json!("poison"), &json!("8-0")));
    assert_eq!(poison["reason"], "place_order/1: the payload cannot be read: not a map");
    // A refusal that anybody may get is no reason to look.
    shop.send(&unusable(Refusal::invalid("body.sku", "is empty")).under(command_made(T0, 1)));
    shop.send(&reprice("jug", 1));
    assert_eq!(items(&shop).len(), 2);
    // Money that settles itself is no reason to look; another amount than was owed is.
    shop.send(&capture(order(1), 999));
    let wrong = items(&shop).pop().unwrap();
    assert_eq!((&wrong["kind"], &wrong["id"]), (&json!("amount_mismatch"), &json!(order(1))));
    assert!(wrong["reason"].as_str().unwrap().contains("9.99 EUR captured as pay-1"));
    shop.send(&capture_as("pay-2", order(1), 1_000));
    assert_eq!(items(&shop).len(), 3);
    for kind in [AttentionKind::LatePayment, AttentionKind::RefundFailed] {
        let record = did(cancel(order(1)), vec![attention(kind, order(1), "why")]).remove(0);
        assert_eq!(item(at(1), T0, &record[0]).unwrap().kind, kind.name());
    }
    assert!(matches!(last(&shop)[0].event, Event::PaymentCaptured(_)));
}
