//! Whole commits: the first ones of a market, and what is rare.

use std::collections::BTreeSet;

use kassa::domain::{
    AttentionKind, AttentionRaised, CancelReason, CommandRejected, Event, FindingKind,
    FindingReported, Fingerprint, Opened, OrderCancelled, OrderConfirmed, OrderPlaced,
    PaymentAbandoned, PaymentCaptured, PaymentFailed, PaymentNoted, PaymentResult, Recorded,
    RefundNoted, RefundReason, RefundRequested, RefundResult, Refusal, Retry, Sequence, SkuListed,
    StockAdjusted, StockHeld, StockReceived, Timestamp, payment::AttemptRequest,
    payment::DeclineClass, stock::StockDelta,
};
use kassa::wire::{Commit, CommitHead, Hash, Snapshot};

use crate::events::placed;
use crate::refusals::{every_refusal, of_refunds};
use crate::shelf::{Golden, alike, none_unread, standing};
use crate::things::{
    NOON, also, amount, asked, command, commit_as_json, currency, encode, head, order, plain,
    price, sku, source, text, token, trace, unasked, units,
};

const PLACE: &str = "commits";

fn every_commit() -> Vec<(&'static str, Commit)> {
    vec![
        ("opened", opened()),
        ("first_minutes", first_minutes()),
        ("traced", Commit { head: head(78, 88_130), events: traced() }),
        ("nothing_optional", Commit { head: head(79, 88_131), events: nothing_optional() }),
        ("every_refusal", Commit { head: head(80, 88_200), events: refused() }),
        ("every_word", Commit { head: head(81, 88_201), events: every_word() }),
        ("words_of_refunds", Commit { head: head(82, 88_202), events: words_of_refunds() }),
        ("gained_by_money", Commit { head: head(83, 88_203), events: gained_by_money() }),
    ]
}

/// The bytes of a file that is never written anew.
fn stood(name: &str) -> Vec<u8> {
    standing(PLACE, name, &Golden::new("commit", None, &[], serde_json::Value::Null)).bytes()
}

fn opened() -> Commit {
    let opened = Opened { nonce: token("6f1d2c"), build: text("0.1.0"), follows: None };
    Commit {
        head: CommitHead { epoch: 1, number: 1, at: NOON, ..CommitHead::default() },
        events: vec![unasked(Event::Opened(opened))],
    }
}

/// Two SKUs, their stock, and one order that is paid.
fn first_minutes() -> Commit {
    let listed = |name, minor| {
        Event::SkuListed(SkuListed {
            sku: sku(name),
            name: text("Größe M – 茶 “blue”"),
            unit_price_minor: price(minor),
            currency: currency("EUR"),
            per_order_max: Some(units(6)),
        })
    };
    let received = |name, reference| {
        let (sku, reference) = (sku(name), token(reference));
        Event::StockReceived(StockReceived { sku, quantity: units(500), reference })
    };
    let held =
        |name, count| StockHeld { sku: sku(name), order_id: order(1), quantity: units(count) };
    let captured = PaymentCaptured {
        order_id: order(1),
        attempt: 1,
        connector: token("simulated"),
        amount_minor: amount(3450),
        currency: currency("EUR"),
        provider_ref: token("pi_3N9x"),
    };
    let confirmed = OrderConfirmed { order_id: order(1), asked_at: NOON };
    let first = Hash::of(&stood("opened-1"));
    let at = Timestamp(NOON.0 + 61_000);
    Commit {
        head: CommitHead { epoch: 1, number: 2, at, position: Sequence(6), prev_hash: first },
        events: vec![
            asked(listed("MUG-01", 1250), "catalogue", 1),
            asked(listed("TEA-07", 950), "catalogue", 2),
            asked(received("MUG-01", "delivery-4711"), "warehouse", 3),
            asked(received("TEA-07", "delivery-4712"), "warehouse", 4),
            asked(Event::OrderPlaced(placed()), "edge-eu", 5),
            also(Event::StockReserved(held("MUG-01", 2)), "edge-eu", 5),
            also(Event::StockReserved(held("TEA-07", 1)), "edge-eu", 5),
            asked(Event::PaymentCaptured(captured), "payer", 6),
            also(Event::StockDeducted(held("MUG-01", 2)), "payer", 6),
            also(Event::StockDeducted(held("TEA-07", 1)), "payer", 6),
            also(Event::OrderConfirmed(confirmed), "payer", 6),
        ],
    }
}

/// A refusal with everything around it.
fn traced() -> Vec<Recorded> {
    let refusal = Refusal::UnknownSku { sku: sku("CUP-02") };
    let rejected =
        CommandRejected { kind: text("receive_stock"), refusal, command_seq: Some(88_130) };
    vec![Recorded {
        event: Event::CommandRejected(rejected),
        cause: Some(command(7)),
        source: source("warehouse"),
        body: Some(Fingerprint(*b"sixteen of them!")),
        trace: Some(trace()),
    }]
}

/// What may be absent is absent.
fn nothing_optional() -> Vec<Recorded> {
    let listed = SkuListed {
        sku: sku("GIFT"),
        name: text("Gift"),
        unit_price_minor: price(0),
        currency: currency("JPY"),
        per_order_max: None,
    };
    let counted = StockAdjusted {
        sku: sku("GIFT"),
        delta: StockDelta::try_new(0).unwrap(),
        reason: text("counted"),
        reference: None,
    };
    let free = OrderPlaced { total_minor: amount(0), payment: None, ..placed() };
    let refusal = Refusal::Undecodable { problem: text("end of input") };
    let rejected = CommandRejected { kind: text("-"), refusal, command_seq: None };
    let events = [
        Event::SkuListed(listed),
        Event::StockAdjusted(counted),
        Event::OrderPlaced(free),
        Event::CommandRejected(rejected),
    ];
    events.into_iter().map(unasked).collect()
}

fn refused() -> Vec<Recorded> {
    let rejected = |refusal| {
        Event::CommandRejected(CommandRejected {
            kind: text("place_order"),
            refusal,
            command_seq: None,
        })
    };
    every_refusal().into_iter().map(|refusal| also(rejected(refusal), "edge-eu", 8)).collect()
}

/// Every word that stands for a kind of something.
fn every_word() -> Vec<Recorded> {
    let (order_id, connector) = (order(1), token("simulated"));
    let cancelled =
        [CancelReason::PaymentDeclined, CancelReason::HoldExpired, CancelReason::Requested]
            .map(|reason| Event::OrderCancelled(OrderCancelled { order_id, reason }));
    let classes =
        [DeclineClass::Infra, DeclineClass::Soft, DeclineClass::Customer, DeclineClass::Hard];
    let abandoned = classes.map(|class| {
        let (connector, code) = (connector.clone(), token("a_code"));
        Event::PaymentAbandoned(PaymentAbandoned { order_id, attempt: 1, connector, class, code })
    });
    let kinds =
        [AttentionKind::LatePayment, AttentionKind::AmountMismatch, AttentionKind::DoubleCapture];
    let raised = kinds.map(|kind| {
        let reason = text("a person looks");
        Event::AttentionRaised(AttentionRaised {
            kind,
            order_id,
            refund: None,
            attempt: None,
            reason,
        })
    });
    let result = PaymentResult::Declined { code: token("a_code") };
    let noted = PaymentNoted { order_id, attempt: 255, connector: connector.clone(), result };
    let words = cancelled.into_iter().chain(abandoned).chain(raised);
    words.chain([Event::PaymentNoted(noted)]).map(unasked).collect()
}

/// Every word that came with refunds.
fn words_of_refunds() -> Vec<Recorded> {
    use RefundReason::{AmountMismatch, Cancelled, DoubleCapture, LatePayment, Requested};
    let (order_id, connector) = (order(1), token("simulated"));
    let off = OrderCancelled { order_id, reason: CancelReason::AmountMismatch };
    let reasons = [Requested, Cancelled, LatePayment, DoubleCapture, AmountMismatch];
    let asked = (1..).zip(reasons).map(|(refund, reason)| {
        Event::RefundRequested(RefundRequested {
            order_id,
            refund,
            payment: AttemptRequest::of_refund(order_id, refund, 1).unwrap(),
            connector: connector.clone(),
            capture_ref: token("pi_3N9x"),
            amount_minor: amount(10),
            currency: currency("EUR"),
            reason,
            note: None,
            reference: None,
            instead_of: None,
            attention_at: None,
        })
    });
    let kinds = [
        AttentionKind::PaymentUnknown,
        AttentionKind::RefundFailed,
        AttentionKind::RefundUnknown,
        AttentionKind::RefundMismatch,
    ];
    let raised = kinds.map(|kind| {
        let reason = text("a person looks");
        Event::AttentionRaised(AttentionRaised {
            kind,
            order_id,
            refund: None,
            attempt: None,
            reason,
        })
    });
    let results = [
        RefundResult::Refunded { provider_ref: token("re_1") },
        RefundResult::Declined { code: token("a_code") },
        RefundResult::Failed { code: token("gateway_unavailable") },
        RefundResult::Unknown,
    ];
    let noted = results.map(|result| {
        let connector = connector.clone();
        Event::RefundNoted(RefundNoted { order_id, refund: 1, attempt: 255, connector, result })
    });
    let rejected = of_refunds().into_iter().map(|refusal| {
        let kind = text("refund_order");
        Event::CommandRejected(CommandRejected { kind, refusal, command_seq: None })
    });
    let words = std::iter::once(Event::OrderCancelled(off)).chain(asked).chain(raised);
    words.chain(noted).chain(rejected).map(unasked).collect()
}

/// Fields and words that events about money were given later.
fn gained_by_money() -> Vec<Recorded> {
    let (order_id, connector) = (order(1), token("simulated"));
    let retry = Retry {
        attempt: 2,
        idempotency_key: token("019ca945-0a00-7aaa-8aaa-000000000001-2"),
        at: Timestamp(NOON.0 + 20_000),
        until: Some(Timestamp(NOON.0 + 600_000)),
    };
    let (class, code) = (DeclineClass::Soft, token("do_not_honor"));
    let failed = PaymentFailed {
        order_id,
        attempt: 1,
        connector: connector.clone(),
        class,
        code,
        retry: Some(retry),
    };
    let asked = RefundRequested {
        order_id,
        refund: 2,
        payment: AttemptRequest::of_refund(order_id, 2, 1).unwrap(),
        connector: connector.clone(),
        capture_ref: token("pi_3N9x"),
        amount_minor: amount(950),
        currency: currency("EUR"),
        reason: RefundReason::Requested,
        note: Some(text("the bank answers again")),
        reference: None,
        instead_of: Some(1),
        attention_at: Some(Timestamp(NOON.0 + 3_600_000)),
    };
    let raised = |kind, refund, attempt| {
        let reason = text("a person looks");
        Event::AttentionRaised(AttentionRaised { kind, order_id, refund, attempt, reason })
    };
    let found = FindingReported {
        kind: FindingKind::ConnectorMisconfigured,
        id: connector,
        reason: text("401 invalid_request_error"),
    };
    let events = [
        Event::PaymentFailed(failed),
        raised(AttentionKind::PaymentUnknown, None, Some(1)),
        Event::RefundRequested(asked),
        raised(AttentionKind::RefundFailed, Some(1), None),
        Event::FindingReported(found),
    ];
    events.map(unasked).into()
}

#[test]
fn a_commit_is_read_for_ever_and_written_as_it_was() {
    let mut read = BTreeSet::new();
    for (name, commit) in every_commit() {
        for version in [1, 2] {
            if version == 1 && ["words_of_refunds", "gained_by_money"].contains(&name) {
                // There was nothing of it yet when commits were not packed.
                continue;
            }
            let file = format!("{name}-{version}");
            let (bytes, says) = (encode(&commit), commit_as_json(&commit));
            let today = Golden::new("commit", Some(version), &bytes, says);
            let golden = standing(PLACE, &file, &today);
            if version == 2 {
                // The next release of zstd may pack the same bytes differently.
                alike(PLACE, &file, (&golden, &today), |bytes| {
                    let (head, records) = plain(bytes);
                    [head, &records].concat()
                });
            }
            let decoded = Commit::decode(&golden.bytes())
                .unwrap_or_else(|error| panic!("tests/golden/{PLACE}/{file}.json: {error}"));
            assert_eq!(decoded, commit, "tests/golden/{PLACE}/{file}.json says something else");
            read.insert(file);
        }
    }
    none_unread(PLACE, &read);
}

#[test]
fn the_first_commits_of_a_market_fold_to_its_stock() {
    let mut state = Snapshot::default();
    // A log goes on in the version of today wherever it began.
    for (sequence, payload) in [(1, stood("opened-1")), (2, encode(&first_minutes()))] {
        state.follow(Sequence(sequence), &payload).unwrap();
    }
    let left = |name| state.market.item(&sku(name)).unwrap().stock.on_hand();
    assert_eq!((left("MUG-01"), left("TEA-07")), (498, 499));
}
