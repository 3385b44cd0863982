//! Values that a field may not hold.

use serde_json::{Value, json};

use super::{good, refusal_in, with};
use crate::domain::CommandKind;
use crate::wire::encoding::Encoding;

/// One thing that is wrong with a good command.
struct Wrong(CommandKind, &'static str, Value, &'static str, &'static str);

#[test]
fn a_wrong_value_is_refused_with_its_field_and_its_limit() {
    use CommandKind::{
        AdjustStock, CancelOrder, CountStock, FulfilOrder, ListSku, PlaceOrder, ReceiveStock,
        RecordPayment, RepriceSku,
    };
    let units = "must be 1 to 1000000 units";
    let lines = "must be 1 to 100 lines";
    let name = "must be 1 to 64 characters of A-Z a-z 0-9 _ -";
    let minor = "must be 0 to 100000000000 minor units";
    let line = json!({"sku": "mug", "quantity": 1, "unit_price_minor": 500});
    let long = "x".repeat(65);
    let uuid4 = "c56a4180-65aa-42ec-a945-5fd21dec0538";
    for Wrong(kind, pointer, value, field, says) in [
        Wrong(PlaceOrder, "/lines", json!([]), "body.lines", "must be 1 to 100 lines, is empty"),
        Wrong(PlaceOrder, "/lines", json!(vec![line; 101]), "body.lines", lines),
        Wrong(PlaceOrder, "/lines/0/quantity", json!(0), "body.lines[0].quantity", units),
        Wrong(PlaceOrder, "/lines/0/quantity", json!(-3), "body.lines[0].quantity", "is -3"),
        Wrong(PlaceOrder, "/lines/0/quantity", json!(1_000_001), "body.lines[0].quantity", units),
        Wrong(PlaceOrder, "/lines/0/quantity", json!(u64::MAX), "body.lines[0].quantity", units),
        Wrong(
            PlaceOrder,
            "/lines/0/quantity",
            json!(1.5),
            "body.lines[0].quantity",
            "1 to 1000000",
        ),
        Wrong(
            PlaceOrder,
            "/lines/0/quantity",
            json!("2"),
            "body.lines[0].quantity",
            "1 to 1000000",
        ),
        Wrong(PlaceOrder, "/lines/0/sku", json!("a.b"), "body.lines[0].sku", name),
        Wrong(PlaceOrder, "/lines/0/sku", json!(""), "body.lines[0].sku", name),
        Wrong(PlaceOrder, "/lines/0/sku", json!(">"), "body.lines[0].sku", name),
        Wrong(PlaceOrder, "/lines/0/sku", json!(long), "body.lines[0].sku", "with 65 characters"),
        Wrong(
            PlaceOrder,
            "/lines/0/unit_price_minor",
            json!(-1),
            "body.lines[0].unit_price_minor",
            minor,
        ),
        Wrong(PlaceOrder, "/order_id", json!("42"), "body.order_id", "must be a UUIDv7"),
        Wrong(PlaceOrder, "/order_id", json!(uuid4), "body.order_id", "is version 4"),
        Wrong(PlaceOrder, "/order_id", json!(42), "body.order_id", "a UUIDv7"),
        Wrong(PlaceOrder, "/customer_ref", json!("a@b.c"), "body.customer_ref", name),
        Wrong(
            PlaceOrder,
            "/currency",
            json!("EURO"),
            "body.currency",
            "an ISO 4217 code such as EUR",
        ),
        Wrong(
            PlaceOrder,
            "/currency",
            json!("eur"),
            "body.currency",
            "an ISO 4217 code such as EUR",
        ),
        Wrong(
            PlaceOrder,
            "/payment_method_token",
            json!("4111 1111"),
            "body.payment_method_token",
            name,
        ),
        Wrong(
            ListSku,
            "/unit_price_minor",
            json!(100_000_000_001_u64),
            "body.unit_price_minor",
            minor,
        ),
        Wrong(ListSku, "/name", json!(""), "body.name", "must be 1 to 160 characters"),
        Wrong(ListSku, "/name", json!("a\nb"), "body.name", "without control characters"),
        Wrong(RepriceSku, "/unit_price_minor", json!(0.5), "body.unit_price_minor", "whole number"),
        Wrong(
            ReceiveStock,
            "/quantity",
            json!(0),
            "body.quantity",
            "must be 1 to 1000000 units, is 0",
        ),
        Wrong(ReceiveStock, "/reference", json!("d 1"), "body.reference", name),
        Wrong(
            AdjustStock,
            "/delta",
            json!(-1_000_000_000_001_i64),
            "body.delta",
            "-1000000000000 to",
        ),
        Wrong(
            CountStock,
            "/counted",
            json!(-1),
            "body.counted",
            "must be 0 to 1000000000000 units",
        ),
        Wrong(
            CountStock,
            "/counted",
            json!(u64::MAX),
            "body.counted",
            "must be 0 to 1000000000000",
        ),
        Wrong(RecordPayment, "/attempt", json!(256), "body.attempt", "256"),
        Wrong(
            RecordPayment,
            "/result/captured/amount_minor",
            json!(9_007_199_254_740_992_u64),
            "body.result.captured.amount_minor",
            "must be 0 to 9007199254740991 minor units",
        ),
        Wrong(RecordPayment, "/result", json!({"stolen": {}}), "body.result", "stolen"),
        Wrong(CancelOrder, "/reason", json!("x".repeat(161)), "body.reason", "has 161"),
        Wrong(FulfilOrder, "/shipment_ref", json!("s/1"), "body.shipment_ref", name),
    ] {
        for encoding in [Encoding::Json, Encoding::MessagePack] {
            let refusal = refusal_in(kind, &with(kind, pointer, value.clone()), encoding);
            let told = refusal.to_string();
            assert_eq!(refusal.code(), "invalid_field", "{pointer} {value}: {told}");
            assert!(refusal.field().unwrap().starts_with(field), "{pointer} {value}: {told}");
            assert!(told.contains(says), "{pointer} {value}: {told}");
            assert!(!refusal.advice().is_empty());
        }
    }
}

#[test]
fn a_field_that_is_missing_or_misspelt_is_named() {
    let mut missing = good(CommandKind::PlaceOrder);
    missing["body"].as_object_mut().unwrap().remove("currency");
    let mut misspelt = good(CommandKind::CountStock);
    misspelt["body"]["expected_sec"] = json!(4);
    let mut nameless = good(CommandKind::CancelOrder);
    nameless.as_object_mut().unwrap().remove("command_id");
    let mut badly_named = good(CommandKind::CancelOrder);
    badly_named["command_id"] = json!("c56a4180-65aa-42ec-a945-5fd21dec0538");
    for (kind, payload, field, says) in [
        (CommandKind::PlaceOrder, &missing, "body", "missing field `currency`"),
        (CommandKind::CountStock, &misspelt, "body", "unknown field `expected_sec`"),
        (CommandKind::CancelOrder, &nameless, "payload", "missing field `command_id`"),
        (CommandKind::CancelOrder, &badly_named, "command_id", "is version 4"),
    ] {
        for encoding in [Encoding::Json, Encoding::MessagePack] {
            let refusal = refusal_in(kind, payload, encoding);
            assert!(refusal.field().is_some_and(|f| f.starts_with(field)), "{refusal:?}");
            assert!(refusal.to_string().contains(says), "{refusal}");
        }
    }
}
