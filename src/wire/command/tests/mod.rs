//! What a sender is told about bytes that are no command: the field, the limit, what to do.

mod private;
mod values;

use serde_json::{Value, json};

use super::*;
use crate::domain::fixtures::{T0, order, text, token};

const ID: &str = "01ba60d3-3800-7100-8000-000000000001";

/// A command of a kind as JSON, as a good sender writes it.
fn good(kind: CommandKind) -> Value {
    let order_id = order(1).to_string();
    let money = json!({"captured": {
        "amount_minor": 1000, "currency": "EUR", "provider_ref": "pay-1"
    }});
    let body = match kind {
        CommandKind::ListSku => json!({
            "sku": "mug", "name": "A mug", "unit_price_minor": 500, "currency": "EUR"
        }),
        CommandKind::RepriceSku => json!({"sku": "mug", "unit_price_minor": 500}),
        CommandKind::DelistSku => json!({"sku": "mug"}),
        CommandKind::ReceiveStock => json!({"sku": "mug", "quantity": 5, "reference": "d-1"}),
        CommandKind::AdjustStock => {
            json!({"sku": "mug", "delta": -1, "reason": "broken", "reference": "a-1"})
        }
        CommandKind::CountStock => json!({"sku": "mug", "counted": 5}),
        CommandKind::PlaceOrder => json!({
            "order_id": order_id, "customer_ref": "c-1", "currency": "EUR",
            "payment_method_token": "pm_card_visa",
            "lines": [{"sku": "mug", "quantity": 2, "unit_price_minor": 500}]
        }),
        CommandKind::ChangePaymentMethod => json!({
            "order_id": order_id,
            "payment_method_token": "pm_other",
        }),
        CommandKind::RecordPayment => json!({
            "order_id": order_id, "attempt": 1, "connector": "simulated", "result": money
        }),
        CommandKind::CancelOrder => json!({"order_id": order_id, "reason": "changed my mind"}),
        CommandKind::FulfilOrder => json!({
            "order_id": order_id, "shipment_ref": "s-1",
            "lines": [{"sku": "mug", "quantity": 1}]
        }),
        CommandKind::RefundOrder => json!({
            "order_id": order_id, "amount_minor": 500, "currency": "EUR",
            "reason": "a scratch", "reference": "c-1"
        }),
        CommandKind::RecordRefund => json!({
            "order_id": order_id, "refund": 1, "attempt": 1, "connector": "simulated",
            "result": {"refunded": {"provider_ref": "re-1"}}
        }),
        CommandKind::ReturnLines => json!({
            "order_id": order_id, "return_ref": "b-1",
            "lines": [{"sku": "mug", "quantity": 1, "restock": 1}]
        }),
        CommandKind::ReportFinding => {
            json!({"kind": "view_differs", "id": "orders", "reason": "looked"})
        }
        CommandKind::ResolveAttention => json!({
            "kind": "poison", "id": "54-0", "action": "discard", "reason": "old", "by": "ada"
        }),
    };
    json!({"command_id": ID, "body": body})
}

fn subjects() -> Subjects {
    Subjects::of("main".parse().unwrap())
}

fn subject(kind: CommandKind) -> String {
    subjects().command(&"web".parse().unwrap(), kind)
}

fn arrival<'a>(subject: &'a str, kassa_type: &'a str, payload: &'a [u8]) -> Arrival<'a> {
    Arrival {
        subject,
        content_type: Some("application/json"),
        kassa_type: Some(kassa_type),
        reply_to: None,
        traceparent: None,
        payload,
        asked_at: T0,
        command_seq: Some(Sequence(7)),
    }
}

fn read(kind: CommandKind, payload: &[u8], encoding: Encoding) -> Received {
    let (subject, kassa_type) = (subject(kind), kassa_type(kind));
    let content_type = Some(encoding.content_type());
    read_commands(&Arrival { content_type, ..arrival(&subject, &kassa_type, payload) }, &subjects())
}

/// The refusal of a payload, in one encoding.
#[track_caller]
fn refusal_in(kind: CommandKind, payload: &Value, encoding: Encoding) -> Refusal {
    let payload = match encoding {
        Encoding::MessagePack => rmp_serde::to_vec_named(payload).unwrap(),
        Encoding::Json => serde_json::to_vec(payload).unwrap(),
    };
    let received = read(kind, &payload, encoding);
    assert_eq!(received.requests.len(), 1, "one refusal, whatever it held");
    refusal_of(&received)
}

#[track_caller]
fn refusal_of(received: &Received) -> Refusal {
    match &received.requests[0].intent {
        Intent::Unusable { refusal, .. } => refusal.clone(),
        Intent::Command(command) => panic!("understood: {command:?}"),
    }
}

/// Sets a field of the body, `/lines/0/sku` for example.
fn with(kind: CommandKind, pointer: &str, value: Value) -> Value {
    let mut command = good(kind);
    *command.pointer_mut(&format!("/body{pointer}")).unwrap_or_else(|| panic!("{pointer}")) = value;
    command
}

#[test]
fn every_kind_is_read_in_both_encodings() {
    for kind in CommandKind::ALL {
        let json = serde_json::to_vec(&good(kind)).unwrap();
        let packed = rmp_serde::to_vec_named(&good(kind)).unwrap();
        let (json, packed) =
            (read(kind, &json, Encoding::Json), read(kind, &packed, Encoding::MessagePack));
        assert_eq!(json, packed, "the same body is the same, whatever encoding it came in");
        let request = &json.requests[0];
        let Intent::Command(command) = &request.intent else { panic!("{:?}", request.intent) };
        assert_eq!(command.kind(), kind);
        assert_eq!(request.id, Some(ID.parse().unwrap()));
        assert_eq!(request.source.as_str(), "web");
        assert_eq!((request.asked_at, request.command_seq), (T0, Some(Sequence(7))));
    }
}

#[test]
fn what_is_written_is_read() {
    for kind in CommandKind::ALL {
        let first = read(kind, &serde_json::to_vec(&good(kind)).unwrap(), Encoding::Json);
        let Intent::Command(command) = &first.requests[0].intent else { panic!("{kind:?}") };
        let outgoing = Outgoing { id: ID.parse().unwrap(), command, trace: None };
        for encoding in [Encoding::Json, Encoding::MessagePack] {
            let one = write_command(&outgoing, encoding).unwrap();
            assert_eq!(read(kind, &one, encoding), first);
            let several = write_commands(&[outgoing, outgoing], encoding).unwrap();
            let several = read(kind, &several, encoding);
            assert!(several.several);
            assert_eq!(several.requests.len(), 2);
            assert_eq!(several.requests[0].command_seq, None, "only the last moves the position");
            assert_eq!(several.requests[1], first.requests[0]);
        }
    }
}

#[test]
fn bytes_that_are_no_command_are_undecodable() {
    let packed = rmp_serde::to_vec_named(&good(CommandKind::CancelOrder)).unwrap();
    let json = serde_json::to_vec(&good(CommandKind::CancelOrder)).unwrap();
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let twice = |bytes: &[u8]| [bytes, bytes].concat();
    for (name, encoding, payload) in [
        ("nothing", Encoding::Json, vec![]),
        ("nothing", Encoding::MessagePack, vec![]),
        ("noise", Encoding::Json, vec![0xff, 0x00, 0xfe]),
        ("noise", Encoding::MessagePack, vec![0xc1, 0xc1, 0xc1]),
        ("text", Encoding::Json, b"\"cancel it\"".to_vec()),
        ("a brace and no key", Encoding::Json, b"{oops".to_vec()),
        ("a number", Encoding::MessagePack, vec![0x07]),
        ("MessagePack sent as JSON", Encoding::Json, packed.clone()),
        ("JSON sent as MessagePack", Encoding::MessagePack, json.clone()),
        ("a command and more behind it", Encoding::Json, twice(&json)),
        ("a command and more behind it", Encoding::MessagePack, twice(&packed)),
    ] {
        let refusal = refusal_of(&read(CommandKind::CancelOrder, &payload, encoding));
        assert_eq!(refusal.code(), "undecodable", "{name} in {encoding:?}: {refusal}");
        assert!(refusal.is_poison());
    }
    for (encoding, bytes) in [(Encoding::Json, &json), (Encoding::MessagePack, &packed)] {
        let refusal = refusal_of(&read(CommandKind::CancelOrder, &half(bytes), encoding));
        assert!(matches!(refusal.code(), "undecodable" | "invalid_field"), "{refusal}");
    }
}

#[test]
fn a_refused_command_keeps_its_id_when_that_can_be_read() {
    let wrong = with(CommandKind::CancelOrder, "/reason", json!(""));
    let received =
        read(CommandKind::CancelOrder, &serde_json::to_vec(&wrong).unwrap(), Encoding::Json);
    assert_eq!(received.requests[0].id, Some(ID.parse().unwrap()));
    assert_eq!(received.requests[0].command_seq, Some(Sequence(7)));
    assert!(received.requests[0].body.is_some(), "sent again it is the same");
    let noise = read(CommandKind::CancelOrder, b"noise", Encoding::Json);
    assert_eq!(noise.requests[0].id, None);
}

#[test]
fn what_stands_around_the_payload_has_to_be_right() {
    let payload = serde_json::to_vec(&good(CommandKind::PlaceOrder)).unwrap();
    let place = subject(CommandKind::PlaceOrder);
    let ok = arrival(&place, "place_order/1", &payload);
    assert!(matches!(read_commands(&ok, &subjects()).requests[0].intent, Intent::Command(_)));
    let large = vec![b' '; COMMAND_BYTES_MAX + 1];
    let invalid = "invalid_field";
    for (arrival, code, field, says) in [
        (
            Arrival { content_type: None, ..ok },
            invalid,
            Some("Content-Type"),
            "is missing, must be application/msgpack or application/json",
        ),
        (
            Arrival { content_type: Some("text/xml"), ..ok },
            invalid,
            Some("Content-Type"),
            "is \"text/xml\", use application/msgpack",
        ),
        (Arrival { kassa_type: None, ..ok }, invalid, Some("Kassa-Type"), "place_order/1"),
        (
            Arrival { kassa_type: Some("place_order"), ..ok },
            "unknown_type",
            Some("Kassa-Type"),
            "place_order",
        ),
        (
            Arrival { kassa_type: Some("place_order/2"), ..ok },
            "unknown_type",
            Some("Kassa-Type"),
            "place_order/2",
        ),
        (
            Arrival { kassa_type: Some("place_order/x"), ..ok },
            "unknown_type",
            Some("Kassa-Type"),
            "place_order/x",
        ),
        (
            Arrival { kassa_type: Some("steal_order/1"), ..ok },
            "unknown_type",
            Some("Kassa-Type"),
            "steal_order/1",
        ),
        (
            Arrival { kassa_type: Some("cancel_order/1"), ..ok },
            invalid,
            Some("subject"),
            "cancel_order/1 belongs on .order.cancel",
        ),
        (
            Arrival { subject: "kassa.main.cmd.web.order", ..ok },
            invalid,
            Some("subject"),
            "<source>",
        ),
        (
            Arrival { subject: "kassa.main.cmd.we b.order.place", ..ok },
            invalid,
            Some("subject"),
            "1 to 64 of",
        ),
        (
            Arrival { reply_to: Some("kassa.main.evt.commit"), ..ok },
            invalid,
            Some("Kassa-Reply-To"),
            "must begin with _INBOX or kassa.main.outcome.web.",
        ),
        (Arrival { payload: &large, ..ok }, "too_large", None, "65537 bytes, at most 65536"),
    ] {
        let refusal = refusal_of(&read_commands(&arrival, &subjects()));
        assert_eq!((refusal.code(), refusal.field()), (code, field), "{refusal}");
        assert!(refusal.to_string().contains(says), "{refusal}");
    }
}

#[test]
fn a_command_for_another_market_is_refused() {
    let mut command = good(CommandKind::DelistSku);
    command["market"] = json!("main");
    let payload = serde_json::to_vec(&command).unwrap();
    let received = read(CommandKind::DelistSku, &payload, Encoding::Json);
    assert!(matches!(received.requests[0].intent, Intent::Command(_)));
    command["market"] = json!("berlin");
    let refusal = refusal_in(CommandKind::DelistSku, &command, Encoding::Json);
    assert_eq!(refusal, Refusal::invalid("market", "is berlin, this market is main"));
}

#[test]
fn an_array_with_something_wrong_in_it_is_refused_as_a_whole() {
    let one = good(CommandKind::DelistSku);
    let mut wrong = one.clone();
    wrong["body"]["sku"] = json!("a.b");
    let limit = COMMANDS_PER_MESSAGE_MAX;
    for (payload, field, says) in [
        (json!([one, wrong]), "[1].body.sku", "must be 1 to 64"),
        (json!([]), "payload", "must hold 1 to 250 commands, holds 0"),
        (json!(vec![one; limit + 1]), "payload", "must hold 1 to 250 commands, holds 251"),
    ] {
        for encoding in [Encoding::Json, Encoding::MessagePack] {
            let refusal = refusal_in(CommandKind::DelistSku, &payload, encoding);
            assert_eq!(refusal.field(), Some(field), "{refusal}");
            assert!(refusal.to_string().contains(says), "{refusal}");
        }
    }
}

#[test]
fn a_trace_is_kept_when_somebody_keeps_it() {
    let (sampled, not) = (
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    );
    let payload = serde_json::to_vec(&good(CommandKind::DelistSku)).unwrap();
    let delist = subject(CommandKind::DelistSku);
    let trace = |header, inside: Option<&str>| {
        let mut command: Value = serde_json::from_slice(&payload).unwrap();
        if let Some(inside) = inside {
            command["traceparent"] = json!(inside);
        }
        let payload = serde_json::to_vec(&command).unwrap();
        let ok = arrival(&delist, "delist_sku/1", &payload);
        let read = read_commands(&Arrival { traceparent: header, ..ok }, &subjects());
        read.requests[0].trace.as_ref().map(|trace| trace.as_str().to_owned())
    };
    assert_eq!(trace(Some(sampled), None).as_deref(), Some(sampled));
    assert_eq!(trace(None, Some(sampled)).as_deref(), Some(sampled));
    assert_eq!(trace(Some(not), None), None);
    assert_eq!(trace(Some("nonsense"), None), None, "a broken trace refuses nothing");
}

/// Whatever is refused can be kept in a commit and printed in one line.
#[test]
fn a_refusal_never_repeats_all_that_was_sent() {
    let noise = "\u{7}".repeat(10_000);
    let wrong = with(CommandKind::DelistSku, "/sku", json!(noise));
    let refusal = refusal_in(CommandKind::DelistSku, &wrong, Encoding::Json);
    let told = refusal.to_string();
    assert!(told.chars().count() < 300 && !told.contains('\u{7}'), "{told}");
    assert_eq!(refusal.field(), Some(text("body.sku").as_str()));
    assert_eq!(token("mug").as_str(), "mug");
}
