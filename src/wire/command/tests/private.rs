//! What may not be written down is refused, and not repeated in the refusal.

use super::*;

const CARD: &str = "4242424242424242";

#[test]
fn a_card_number_is_refused_in_every_field_that_takes_words() {
    for (kind, pointer, field) in [
        (CommandKind::PlaceOrder, "/payment_method_token", "body.payment_method_token"),
        (CommandKind::PlaceOrder, "/customer_ref", "body.customer_ref"),
        (CommandKind::ChangePaymentMethod, "/payment_method_token", "body.payment_method_token"),
        (CommandKind::CancelOrder, "/reason", "body.reason"),
        (CommandKind::ListSku, "/name", "body.name"),
        (CommandKind::ReceiveStock, "/reference", "body.reference"),
        (CommandKind::ReturnLines, "/lines/0/sku", "body.lines[0].sku"),
        (CommandKind::ResolveAttention, "/by", "body.by"),
    ] {
        for encoding in [Encoding::Json, Encoding::MessagePack] {
            let refusal = refusal_in(kind, &with(kind, pointer, json!(CARD)), encoding);
            assert_eq!((refusal.code(), refusal.field()), ("invalid_field", Some(field)));
            let told = serde_json::to_string(&refusal).unwrap();
            assert!(told.contains("a card number") && !told.contains(CARD), "{told}");
        }
    }
}

#[test]
fn mail_addresses_codes_and_secrets_are_refused_as_well() {
    for (words, what) in [
        ("anna@example.com wants it blue", "a mail address"),
        ("cvc: 123", "security code"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "a secret"),
    ] {
        let command = with(CommandKind::CancelOrder, "/reason", json!(words));
        let refusal = refusal_in(CommandKind::CancelOrder, &command, Encoding::Json);
        assert_eq!(refusal.field(), Some("body.reason"));
        assert!(refusal.to_string().contains(what), "{refusal}");
    }
}

#[test]
fn escapes_hide_nothing() {
    let kind = CommandKind::CancelOrder;
    let command = with(kind, "/reason", json!("REASON")).to_string();
    let command = command.replace("REASON", r"\u0034242424242424242");
    let refusal = refusal_of(&read(kind, command.as_bytes(), Encoding::Json));
    assert_eq!(refusal.field(), Some("body.reason"));
    let harmless = with(kind, "/reason", json!("it says \"no\"")).to_string();
    let received = read(kind, harmless.as_bytes(), Encoding::Json);
    assert!(matches!(received.requests[0].intent, Intent::Command(_)), "{received:?}");
}

#[test]
fn in_several_commands_the_one_is_named() {
    let kind = CommandKind::CancelOrder;
    let both = json!([good(kind), with(kind, "/reason", json!(CARD))]);
    let refusal = refusal_in(kind, &both, Encoding::MessagePack);
    assert_eq!(refusal.field(), Some("[1].body.reason"));
}

#[test]
fn what_cannot_be_read_is_not_repeated_either() {
    let payload = format!("{{\"command_id\": \"{ID}\", \"body\": {{\"reason\": \"{CARD}\"");
    let received = read(CommandKind::CancelOrder, payload.as_bytes(), Encoding::Json);
    let refusal = refusal_of(&received);
    assert_eq!(refusal.code(), "undecodable");
    assert!(!serde_json::to_string(&refusal).unwrap().contains(CARD), "{refusal}");
}

#[test]
fn money_that_moved_is_recorded_whatever_its_provider_calls_it() {
    let money = json!({"captured": {
        "amount_minor": 1000, "currency": "EUR", "provider_ref": CARD
    }});
    let command = with(CommandKind::RecordPayment, "/result", money);
    let payload = serde_json::to_vec(&command).unwrap();
    let received = read(CommandKind::RecordPayment, &payload, Encoding::Json);
    assert!(matches!(received.requests[0].intent, Intent::Command(_)), "{received:?}");
}

#[test]
fn figures_that_look_like_a_card_number_are_taken() {
    let kind = CommandKind::RefundOrder;
    let command = with(kind, "/amount_minor", json!(4_242_424_242_424_242_u64));
    for (encoding, payload) in [
        (Encoding::Json, serde_json::to_vec(&command).unwrap()),
        (Encoding::MessagePack, rmp_serde::to_vec_named(&command).unwrap()),
    ] {
        let received = read(kind, &payload, encoding);
        assert!(matches!(received.requests[0].intent, Intent::Command(_)), "{received:?}");
    }
}
