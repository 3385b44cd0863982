//! What is not a commit: commands, ledger entries, feed messages, positions, outcomes.

use std::collections::BTreeSet;

use kassa::domain::market::{Intent, LedgerEntry};
use kassa::domain::{
    Address, AdjustStock, AttentionAction, CancelOrder, ChangePaymentMethod, Command, CommandKind,
    CountStock, DelistSku, Event, FindingKind, FulfilOrder, ItemKind, ListSku, PaymentResult,
    PlaceOrder, ReceiveStock, RecordPayment, RecordRefund, Recorded, RefundOrder, RefundResult,
    Refusal, ReportFinding, RepriceSku, ResolveAttention, ReturnLines, ReturnedLine, Sequence,
    Shortfall, stock::StockDelta,
};
use kassa::wire::{
    Arrival, Encoding, Hash, Ledger, Outcome, OutcomeKind, Outgoing, Position, Reflected, Subjects,
    feed_message, fingerprint_of, kassa_type, read_commands, write_command,
};
use serde_json::{Value, json};

use crate::events::placed;
use crate::shelf::{Golden, hex, none_unread, same};
use crate::things::{
    NOON, amount, asked, command, currency, order, price, sku, source, text, token, trace, units,
};

const ENCODINGS: [(&str, Encoding); 2] =
    [("msgpack", Encoding::MessagePack), ("json", Encoding::Json)];

fn every_command() -> Vec<Command> {
    let (mug, order_id) = (|| sku("MUG-01"), order(1));
    let placed = placed();
    let captured = PaymentResult::Captured {
        amount_minor: amount(3450),
        currency: currency("EUR"),
        provider_ref: token("pi_3N9x"),
    };
    vec![
        Command::ListSku(ListSku {
            sku: mug(),
            name: text("Mug, blue"),
            unit_price_minor: price(1250),
            currency: currency("EUR"),
            per_order_max: Some(units(6)),
        }),
        Command::RepriceSku(RepriceSku { sku: mug(), unit_price_minor: price(1450) }),
        Command::DelistSku(DelistSku { sku: mug() }),
        Command::ReceiveStock(ReceiveStock {
            sku: mug(),
            quantity: units(500),
            reference: token("delivery-4711"),
        }),
        Command::AdjustStock(AdjustStock {
            sku: mug(),
            delta: StockDelta::try_new(-3).unwrap(),
            reason: text("broken in the aisle"),
            reference: token("breakage-12"),
        }),
        Command::CountStock(CountStock {
            sku: mug(),
            counted: 497,
            expected_seq: Some(Sequence(1042)),
        }),
        Command::PlaceOrder(PlaceOrder {
            order_id,
            customer_ref: placed.customer_ref,
            lines: placed.lines,
            currency: placed.currency,
            payment_method_token: placed.payment_method_token,
        }),
        Command::RecordPayment(RecordPayment {
            order_id,
            attempt: 1,
            connector: token("simulated"),
            result: captured,
        }),
        Command::ChangePaymentMethod(ChangePaymentMethod {
            order_id,
            payment_method_token: token("pm_other_card"),
        }),
        Command::CancelOrder(CancelOrder { order_id, reason: text("changed their mind") }),
        Command::FulfilOrder(FulfilOrder {
            order_id,
            shipment_ref: token("parcel-00340434"),
            lines: None,
        }),
        Command::RefundOrder(RefundOrder {
            order_id,
            amount_minor: Some(amount(950)),
            currency: Some(currency("EUR")),
            reason: text("the tea was stale"),
            reference: token("claim-88"),
        }),
        Command::RecordRefund(RecordRefund {
            order_id,
            refund: 1,
            attempt: 1,
            connector: token("simulated"),
            result: RefundResult::Refunded { provider_ref: token("re_3N9x") },
        }),
        Command::ReturnLines(ReturnLines {
            order_id,
            return_ref: token("rma-17"),
            lines: vec![ReturnedLine { sku: mug(), quantity: units(2), restock: 1 }],
        }),
        Command::ReportFinding(ReportFinding {
            kind: FindingKind::ViewDiffers,
            id: token("orders"),
            reason: text("1 of 2 keys of kassa_main_orders differ"),
        }),
        Command::ResolveAttention(ResolveAttention {
            kind: ItemKind::RefundFailed,
            id: token(&order_id.to_string()),
            action: AttentionAction::Retry,
            reason: text("the buyer has another account"),
            by: token("ada"),
        }),
    ]
}

/// The fingerprint is in the log: were it to change, a repeated command would be a conflict.
#[test]
fn a_command_is_read_for_ever_and_keeps_its_fingerprint() {
    let mut read = BTreeSet::new();
    let subjects = Subjects::of("main".parse().unwrap());
    for (sent, kind) in every_command().into_iter().zip(CommandKind::ALL) {
        assert_eq!(sent.kind(), kind, "every kind of command has its golden value, in order");
        let trace = trace();
        let outgoing = Outgoing { id: command(1), command: &sent, trace: Some(&trace) };
        let text = write_command(&outgoing, Encoding::Json).unwrap();
        for (extension, encoding) in ENCODINGS {
            let name = format!("{}-1-{extension}", kind.name());
            let says = json!({
                "payload": serde_json::from_slice::<Value>(&text).unwrap(),
                "fingerprint": hex(&fingerprint_of(&sent).unwrap().0),
            });
            let bytes = write_command(&outgoing, encoding).unwrap();
            let golden = same("commands", &name, &Golden::new(kind.name(), Some(1), &bytes, says));
            let payload = golden.bytes();
            let received = read_commands(
                &Arrival {
                    subject: &subjects.command(&source("edge-eu"), kind),
                    content_type: Some(encoding.content_type()),
                    kassa_type: Some(&kassa_type(kind)),
                    reply_to: None,
                    traceparent: None,
                    payload: &payload,
                    asked_at: NOON,
                    command_seq: None,
                },
                &subjects,
            );
            let request = &received.requests[0];
            assert_eq!(request.intent, Intent::Command(sent.clone()), "{name}");
            assert_eq!(request.body, Some(fingerprint_of(&sent).unwrap()), "{name}");
            assert_eq!((request.id, &request.trace), (Some(command(1)), &Some(trace.clone())));
            read.insert(name);
        }
    }
    none_unread("commands", &read);
}

#[test]
fn a_ledger_entry_is_read_for_ever_and_written_as_it_was() {
    let entry = |delta, on_hand, reserved, available| {
        let (sku, expected) = (sku("MUG-01"), Sequence::START);
        LedgerEntry { sku, delta, on_hand, reserved, available, expected }
    };
    let rows = [
        ("received", Ledger::new(2, &entry(500, 500, 0, 500))),
        ("shortage", Ledger::new(70_000, &entry(-498, 2, 5, -3))),
    ];
    for (name, entry) in rows {
        let today = Golden::new("ledger", Some(1), &entry.encode(), json!(entry));
        let golden = same("ledger", name, &today);
        assert_eq!(Ledger::decode(&golden.bytes()), Ok(entry), "{name}");
    }
    none_unread("ledger", &rows.map(|row| row.0.to_owned()).into());
}

#[test]
fn a_feed_message_is_written_as_it_was() {
    let made = NOON;
    let record =
        Recorded { trace: Some(trace()), ..asked(Event::OrderPlaced(placed()), "edge-eu", 1) };
    let mut read = BTreeSet::new();
    for (extension, encoding) in ENCODINGS {
        let name = format!("order_placed-1-{extension}");
        let at = Address::new(Sequence(1042), 3);
        let (payload, headers) = feed_message(at, made, &record, encoding).unwrap();
        let headers: serde_json::Map<String, Value> =
            headers.into_iter().map(|(header, value)| (header.to_owned(), json!(value))).collect();
        let says = json!({
            "headers": headers,
            "payload": encoding.read::<Value>(&payload).unwrap(),
        });
        same("feed", &name, &Golden::new("order_placed", Some(1), &payload, says));
        read.insert(name);
    }
    none_unread("feed", &read);
}

#[test]
fn a_position_is_read_for_ever_and_written_as_it_was() {
    let bare = Position {
        event_seq: Sequence(1042),
        event_index: 3,
        epoch: 2,
        number: 77,
        nonce: "6f1d2c".to_owned(),
        commit: None,
    };
    let hash = Hash([0x2a; 32]).to_string();
    let commit = Some(Reflected { sequence: Sequence(1041), hash });
    let proved = Position { commit, ..bare.clone() };
    let mut read = BTreeSet::new();
    for (name, position) in [("position", bare), ("position-proved", proved)] {
        let today = Golden::new("position", None, &position.encode(), json!(position));
        let golden = same("position", name, &today);
        assert_eq!(Position::decode(&golden.bytes()).unwrap(), position);
        read.insert(name.to_owned());
    }
    none_unread("position", &read);
}

#[test]
fn an_outcome_is_read_for_ever_and_written_as_it_was() {
    let at = Address::new(Sequence(1042), 3);
    let id = Some(command(1));
    let short = Shortfall { sku: sku("MUG-01"), wanted: 3, available: 1, held: 2 };
    let refusal = Refusal::InsufficientStock { short: vec![short] };
    // The sentences are for people and may be worded anew; their fields may not.
    let refused = Outcome {
        message: Some("a sentence".to_owned()),
        field: Some("body.lines".to_owned()),
        advice: Some("another one".to_owned()),
        ..Outcome::decided(None, OutcomeKind::Refused, at, Some(refusal))
    };
    let busy = Outcome {
        message: Some("a sentence".to_owned()),
        advice: Some("another one".to_owned()),
        ..Outcome::busy(id, 250)
    };
    let rows = [
        ("accepted", Outcome::decided(id, OutcomeKind::Accepted, at, None)),
        ("already_applied", Outcome::decided(id, OutcomeKind::AlreadyApplied, at, None)),
        ("refused", refused),
        ("busy", busy),
    ];
    let mut read = BTreeSet::new();
    for (name, outcome) in &rows {
        for (extension, encoding) in ENCODINGS {
            let name = format!("{name}-{extension}");
            let bytes = encoding.write(outcome).unwrap();
            let golden =
                same("outcome", &name, &Golden::new("outcome", None, &bytes, json!(outcome)));
            assert_eq!(encoding.read::<Outcome>(&golden.bytes()).unwrap(), *outcome, "{name}");
            read.insert(name);
        }
    }
    none_unread("outcome", &read);
}
