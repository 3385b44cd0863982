//! One file for every shape of an event that was ever written.

use std::collections::{BTreeMap, BTreeSet};

use kassa::domain::{
    AttentionKind, AttentionRaised, CancelReason, CancelRequested, CommandRejected, Event,
    HoldExpired, Opened, OrderCancelled, OrderConfirmed, OrderFulfilled, OrderLine, OrderPlaced,
    OrderReinstated, OrderRejected, PaymentAbandoned, PaymentCaptured, PaymentFailed, PaymentNoted,
    PaymentRefunded, PaymentRequested, PaymentResult, PaymentUnknown, Recorded, RefundFailed,
    RefundNoted, RefundReason, RefundRequested, RefundResult, RefundUnknown, Refusal, Retry,
    ReturnReceived, ReturnedLine, ShortageFound, Shortfall, SkuDelisted, SkuListed, SkuRepriced,
    StockAdjusted, StockHeld, StockReceived, Timestamp, payment::AttemptRequest,
    payment::DeclineClass, stock::StockDelta,
};
use kassa::wire::{Commit, SHAPES, event_as_json};

use crate::attention::of_attention;
use crate::shelf::{Golden, alike, none_unread, standing};
use crate::things::{
    NOON, amount, asked, currency, encode, head, order, plain, price, sku, text, token, units,
};

const PLACE: &str = "events";

/// `(type, version, what a file of that shape is read as)`. A retired version keeps its row, with
/// what its bytes mean today.
pub(crate) fn every_shape() -> Vec<(&'static str, u16, Event)> {
    let mut rows = of_the_shop();
    rows.extend(of_orders());
    rows.extend(of_money());
    rows.extend(of_money_back());
    rows.extend(of_attention());
    rows
}

fn of_the_shop() -> Vec<(&'static str, u16, Event)> {
    let mug = || sku("MUG-01");
    vec![
        (
            "opened",
            1,
            Event::Opened(Opened { nonce: token("6f1d2c"), build: text("0.1.0"), follows: None }),
        ),
        (
            "sku_listed",
            1,
            Event::SkuListed(SkuListed {
                sku: mug(),
                name: text("Mug, blue"),
                unit_price_minor: price(1250),
                currency: currency("EUR"),
                per_order_max: Some(units(6)),
            }),
        ),
        (
            "sku_repriced",
            1,
            Event::SkuRepriced(SkuRepriced { sku: mug(), unit_price_minor: price(1450) }),
        ),
        ("sku_delisted", 1, Event::SkuDelisted(SkuDelisted { sku: mug() })),
        (
            "stock_received",
            1,
            Event::StockReceived(StockReceived {
                sku: mug(),
                quantity: units(500),
                reference: token("delivery-4711"),
            }),
        ),
        (
            "stock_adjusted",
            1,
            Event::StockAdjusted(StockAdjusted {
                sku: mug(),
                delta: StockDelta::try_new(-3).unwrap(),
                reason: text("broken in the aisle"),
                reference: Some(token("breakage-12")),
            }),
        ),
        (
            "shortage_found",
            1,
            Event::ShortageFound(ShortageFound {
                sku: mug(),
                missing: 2,
                orders: vec![order(9), order(8)],
            }),
        ),
        (
            "command_rejected",
            1,
            Event::CommandRejected(CommandRejected {
                kind: text("place_order/1"),
                refusal: Refusal::invalid("body.lines[2].quantity", "must be 1 to 1000000 units"),
                command_seq: Some(88_123),
            }),
        ),
    ]
}

fn of_orders() -> Vec<(&'static str, u16, Event)> {
    let held = || StockHeld { sku: sku("MUG-01"), order_id: order(1), quantity: units(2) };
    let hold_until = Timestamp(NOON.0 + 900_000);
    vec![
        ("order_placed", 1, Event::OrderPlaced(placed())),
        (
            "order_rejected",
            1,
            Event::OrderRejected(OrderRejected {
                order_id: order(2),
                refusal: Refusal::InsufficientStock {
                    short: vec![Shortfall { sku: sku("MUG-01"), wanted: 3, available: 1, held: 2 }],
                },
                asked_at: NOON,
            }),
        ),
        ("stock_reserved", 1, Event::StockReserved(held())),
        ("stock_deducted", 1, Event::StockDeducted(held())),
        ("stock_released", 1, Event::StockReleased(held())),
        (
            "order_confirmed",
            1,
            Event::OrderConfirmed(OrderConfirmed { order_id: order(1), asked_at: NOON }),
        ),
        (
            "cancel_requested",
            1,
            Event::CancelRequested(CancelRequested {
                order_id: order(1),
                reason: text("the customer changed their mind"),
            }),
        ),
        ("hold_expired", 1, Event::HoldExpired(HoldExpired { order_id: order(1), hold_until })),
        (
            "order_cancelled",
            1,
            Event::OrderCancelled(OrderCancelled {
                order_id: order(1),
                reason: CancelReason::HoldExpired,
            }),
        ),
        (
            "order_fulfilled",
            1,
            Event::OrderFulfilled(OrderFulfilled {
                order_id: order(1),
                shipment_ref: token("parcel-00340434"),
                lines: Vec::new(),
                partial: false,
            }),
        ),
        ("stock_returned", 1, Event::StockReturned(held())),
        ("order_reinstated", 1, Event::OrderReinstated(OrderReinstated { order_id: order(1) })),
        (
            "return_received",
            1,
            Event::ReturnReceived(ReturnReceived {
                order_id: order(1),
                return_ref: token("rma-17"),
                lines: vec![ReturnedLine { sku: sku("MUG-01"), quantity: units(2), restock: 1 }],
            }),
        ),
    ]
}

fn of_money() -> Vec<(&'static str, u16, Event)> {
    let (order_id, connector) = (order(1), token("simulated"));
    vec![
        (
            "payment_captured",
            1,
            Event::PaymentCaptured(PaymentCaptured {
                order_id,
                attempt: 1,
                connector: connector.clone(),
                amount_minor: amount(3450),
                currency: currency("EUR"),
                provider_ref: token("pi_3N9x"),
            }),
        ),
        (
            "payment_failed",
            1,
            Event::PaymentFailed(PaymentFailed {
                order_id,
                attempt: 1,
                connector: connector.clone(),
                class: DeclineClass::Soft,
                code: token("do_not_honor"),
                retry: Some(Retry {
                    attempt: 2,
                    idempotency_key: token("019ca945-0a00-7aaa-8aaa-000000000001-2"),
                    at: Timestamp(NOON.0 + 20_000),
                    until: None,
                }),
            }),
        ),
        (
            "payment_unknown",
            1,
            Event::PaymentUnknown(PaymentUnknown {
                order_id,
                attempt: 1,
                connector: connector.clone(),
                hold_until: Timestamp(NOON.0 + 900_000),
            }),
        ),
        (
            "payment_requested",
            1,
            Event::PaymentRequested(PaymentRequested {
                order_id,
                payment: AttemptRequest::of(order_id, 3).unwrap(),
                amount_minor: amount(3450),
                currency: currency("EUR"),
                payment_method_token: token("pm_other_card"),
            }),
        ),
        (
            "payment_abandoned",
            1,
            Event::PaymentAbandoned(PaymentAbandoned {
                order_id,
                attempt: 1,
                connector: connector.clone(),
                class: DeclineClass::Hard,
                code: token("stolen_card"),
            }),
        ),
        (
            "payment_noted",
            1,
            Event::PaymentNoted(PaymentNoted {
                order_id,
                attempt: 1,
                connector,
                result: PaymentResult::Captured {
                    amount_minor: amount(3450),
                    currency: currency("EUR"),
                    provider_ref: token("pi_3N9y"),
                },
            }),
        ),
        (
            "attention_raised",
            1,
            Event::AttentionRaised(AttentionRaised {
                kind: AttentionKind::LatePayment,
                order_id,
                refund: None,
                attempt: None,
                reason: text("34.50 EUR came after the order was off"),
            }),
        ),
    ]
}

fn of_money_back() -> Vec<(&'static str, u16, Event)> {
    let (order_id, connector) = (order(1), token("simulated"));
    let (refund, attempt) = (1, 1);
    vec![
        (
            "refund_requested",
            1,
            Event::RefundRequested(RefundRequested {
                order_id,
                refund,
                payment: AttemptRequest::of_refund(order_id, 1, 1).unwrap(),
                connector: connector.clone(),
                capture_ref: token("pi_3N9x"),
                amount_minor: amount(950),
                currency: currency("EUR"),
                reason: RefundReason::Requested,
                note: Some(text("the tea was stale")),
                reference: Some(token("claim-88")),
                instead_of: None,
                attention_at: None,
            }),
        ),
        (
            "payment_refunded",
            1,
            Event::PaymentRefunded(PaymentRefunded {
                order_id,
                refund,
                attempt,
                connector: connector.clone(),
                amount_minor: amount(950),
                currency: currency("EUR"),
                provider_ref: token("re_3N9x"),
            }),
        ),
        (
            "refund_failed",
            1,
            Event::RefundFailed(RefundFailed {
                order_id,
                refund,
                attempt,
                connector: connector.clone(),
                class: DeclineClass::Infra,
                code: token("processing_error"),
                retry: Some(Retry {
                    attempt: 2,
                    idempotency_key: token("019ca945-0a00-7aaa-8aaa-000000000001-r1-2"),
                    at: Timestamp(NOON.0 + 20_000),
                    until: None,
                }),
            }),
        ),
        (
            "refund_unknown",
            1,
            Event::RefundUnknown(RefundUnknown {
                order_id,
                refund,
                attempt,
                connector: connector.clone(),
                attention_at: Timestamp(NOON.0 + 900_000),
            }),
        ),
        (
            "refund_noted",
            1,
            Event::RefundNoted(RefundNoted {
                order_id,
                refund,
                attempt,
                connector,
                result: RefundResult::Refunded { provider_ref: token("re_3N9y") },
            }),
        ),
    ]
}

/// Two lines, with money to take.
pub(crate) fn placed() -> OrderPlaced {
    let line = |name, count, minor| OrderLine {
        sku: sku(name),
        quantity: units(count),
        unit_price_minor: price(minor),
    };
    OrderPlaced {
        order_id: order(1),
        customer_ref: token("c-58213"),
        lines: vec![line("MUG-01", 2, 1250), line("TEA-07", 1, 950)],
        currency: currency("EUR"),
        total_minor: amount(3450),
        payment_method_token: token("pm_card_visa"),
        payment: AttemptRequest::of(order(1), 1),
        hold_until: Timestamp(NOON.0 + 900_000),
        asked_at: NOON,
    }
}

fn record(event: Event) -> Recorded {
    asked(event, "edge-eu", 1)
}

#[test]
fn an_event_is_read_for_ever_and_written_as_it_was() {
    let mut newest = BTreeMap::new();
    for (kind, version) in SHAPES {
        let known = newest.entry(*kind).or_insert(*version);
        *known = (*known).max(*version);
    }
    for (kind, version, event) in every_shape() {
        let name = format!("{kind}-{version}");
        let commit = Commit { head: head(77, 88_123), events: vec![record(event)] };
        let data = event_as_json(&commit.events[0].event).unwrap();
        let today = Golden::new(kind, Some(version), &encode(&commit), data);
        let golden = standing(PLACE, &name, &today);
        // What is no longer written is still read.
        if newest.get(kind) == Some(&version) {
            alike(PLACE, &name, (&golden, &today), |bytes| plain(bytes).1);
        }
        assert_eq!((golden.r#type.as_str(), golden.version), (kind, Some(version)), "{name}");
        let read = Commit::decode(&golden.bytes())
            .unwrap_or_else(|error| panic!("tests/golden/{PLACE}/{name}.json: {error}"));
        assert_eq!(read, commit, "tests/golden/{PLACE}/{name}.json is read as something else");
    }
}

#[test]
fn every_shape_of_an_event_has_a_file() {
    let rows = every_shape();
    for (kind, version) in SHAPES {
        assert!(
            rows.iter().any(|row| (row.0, row.1) == (*kind, *version)),
            "event {kind}/{version} has no golden value: add a row to tests/golden/events.rs, \
             then KASSA_WRITE_GOLDEN=1 cargo test --test golden writes its file"
        );
    }
    for (kind, version, event) in &rows {
        assert_eq!(*kind, event.kind(), "{kind}/{version} is read as another event");
    }
    let read: BTreeSet<String> = rows.iter().map(|row| format!("{}-{}", row.0, row.1)).collect();
    none_unread(PLACE, &read);
}
