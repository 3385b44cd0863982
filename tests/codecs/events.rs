//! Any event, any record, any commit.

use kassa::domain::{
    AttentionKind, AttentionRaised, AttentionResolved, CancelReason, CancelRequested,
    CommandRejected, Event, FindingReported, Follows, HoldExpired, Opened, OrderCancelled,
    OrderConfirmed, OrderFulfilled, OrderPlaced, OrderReinstated, OrderRejected, PaymentAbandoned,
    PaymentCaptured, PaymentFailed, PaymentNoted, PaymentRefunded, PaymentRequested,
    PaymentUnknown, Recorded, RefundFailed, RefundNoted, RefundReason, RefundRequested,
    RefundUnknown, Retry, ReturnReceived, ShortageFound, SkuDelisted, SkuListed, SkuRepriced,
    StockAdjusted, StockHeld, StockReceived, payment::AttemptRequest, payment::DeclineClass,
};
use kassa::wire::{Commit, CommitHead, Hash};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::parts::{
    amount, attention_action, command_id, currency, delta, finding_kind, fingerprint, item_kind,
    line, line_units, maybe, moment, order_id, payment_result, price, quantity, refund_result,
    refusal, returned_line, sequence, sku, source, text, token, trace,
};

pub(crate) fn commit() -> impl Strategy<Value = Commit> {
    // More than 15 events: the length of the list takes another form.
    (head(), vec(recorded(), 0..20)).prop_map(|(head, events)| Commit { head, events })
}

fn head() -> impl Strategy<Value = CommitHead> {
    (any::<u64>(), any::<u64>(), moment(), sequence(), any::<[u8; 32]>()).prop_map(
        |(epoch, number, at, position, hash)| CommitHead {
            epoch,
            number,
            at,
            position,
            prev_hash: Hash(hash),
        },
    )
}

fn follows() -> impl Strategy<Value = Follows> {
    (any::<u64>(), text(), text()).prop_map(|(last_seq, snapshot, snapshot_digest)| Follows {
        last_seq,
        snapshot,
        snapshot_digest,
    })
}

pub(crate) fn recorded() -> impl Strategy<Value = Recorded> {
    (event(), maybe(command_id()), source(), maybe(fingerprint()), maybe(trace())).prop_map(
        |(event, cause, source, body, trace)| Recorded { event, cause, source, body, trace },
    )
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    // Boxed: side by side they are larger than the stack of a test.
    prop_oneof![
        of_the_shop().boxed(),
        of_stock().boxed(),
        of_orders().boxed(),
        of_orders_ending().boxed(),
        of_money().boxed(),
        of_money_back().boxed(),
    ]
}

fn of_the_shop() -> impl Strategy<Value = Event> {
    let listed = (sku(), text(), price(), currency(), maybe(quantity())).prop_map(
        |(sku, name, unit_price_minor, currency, per_order_max)| SkuListed {
            sku,
            name,
            unit_price_minor,
            currency,
            per_order_max,
        },
    );
    let rejected = (text(), refusal(), maybe(any::<u64>()))
        .prop_map(|(kind, refusal, command_seq)| CommandRejected { kind, refusal, command_seq });
    prop_oneof![
        (token(), text(), maybe(follows()))
            .prop_map(|(nonce, build, follows)| Opened { nonce, build, follows })
            .prop_map(Event::Opened),
        listed.prop_map(Event::SkuListed),
        (sku(), price())
            .prop_map(|(sku, unit_price_minor)| SkuRepriced { sku, unit_price_minor })
            .prop_map(Event::SkuRepriced),
        sku().prop_map(|sku| Event::SkuDelisted(SkuDelisted { sku })),
        rejected.prop_map(Event::CommandRejected),
    ]
}

fn of_stock() -> impl Strategy<Value = Event> {
    let held = || {
        (sku(), order_id(), quantity()).prop_map(|(sku, order_id, quantity)| StockHeld {
            sku,
            order_id,
            quantity,
        })
    };
    let adjusted =
        (sku(), delta(), text(), maybe(token())).prop_map(|(sku, delta, reason, reference)| {
            StockAdjusted { sku, delta, reason, reference }
        });
    prop_oneof![
        (sku(), quantity(), token())
            .prop_map(|(sku, quantity, reference)| StockReceived { sku, quantity, reference })
            .prop_map(Event::StockReceived),
        adjusted.prop_map(Event::StockAdjusted),
        (sku(), any::<u64>(), vec(order_id(), 0..5))
            .prop_map(|(sku, missing, orders)| ShortageFound { sku, missing, orders })
            .prop_map(Event::ShortageFound),
        held().prop_map(Event::StockReserved),
        held().prop_map(Event::StockDeducted),
        held().prop_map(Event::StockReleased),
        held().prop_map(Event::StockReturned),
    ]
}

fn of_orders() -> impl Strategy<Value = Event> {
    let attempt = (any::<u8>(), token())
        .prop_map(|(attempt, idempotency_key)| AttemptRequest { attempt, idempotency_key });
    let bought = (order_id(), token(), vec(line(), 0..6), currency(), amount());
    let placed = (bought, token(), maybe(attempt), moment(), moment()).prop_map(
        |(bought, payment_method_token, payment, hold_until, asked_at)| {
            let (order_id, customer_ref, lines, currency, total_minor) = bought;
            OrderPlaced {
                order_id,
                customer_ref,
                lines,
                currency,
                total_minor,
                payment_method_token,
                payment,
                hold_until,
                asked_at,
            }
        },
    );
    prop_oneof![
        placed.prop_map(Event::OrderPlaced),
        (order_id(), refusal(), moment())
            .prop_map(|(order_id, refusal, asked_at)| OrderRejected { order_id, refusal, asked_at })
            .prop_map(Event::OrderRejected),
        (order_id(), moment())
            .prop_map(|(order_id, asked_at)| OrderConfirmed { order_id, asked_at })
            .prop_map(Event::OrderConfirmed),
        (order_id(), token(), vec(line_units(), 0..4), any::<bool>())
            .prop_map(|(order_id, shipment_ref, lines, partial)| OrderFulfilled {
                order_id,
                shipment_ref,
                lines,
                partial,
            })
            .prop_map(Event::OrderFulfilled),
        order_id().prop_map(|order_id| Event::OrderReinstated(OrderReinstated { order_id })),
        (order_id(), token(), vec(returned_line(), 0..4))
            .prop_map(|(order_id, return_ref, lines)| ReturnReceived {
                order_id,
                return_ref,
                lines
            })
            .prop_map(Event::ReturnReceived),
    ]
}

fn of_orders_ending() -> impl Strategy<Value = Event> {
    use CancelReason::{AmountMismatch, HoldExpired as NoMoney, PaymentDeclined, Requested};
    let ends = prop::sample::select(vec![PaymentDeclined, NoMoney, Requested, AmountMismatch]);
    let kinds = prop::sample::select(vec![
        AttentionKind::LatePayment,
        AttentionKind::AmountMismatch,
        AttentionKind::DoubleCapture,
        AttentionKind::PaymentUnknown,
        AttentionKind::RefundFailed,
        AttentionKind::RefundUnknown,
        AttentionKind::RefundMismatch,
    ]);
    prop_oneof![
        (order_id(), text())
            .prop_map(|(order_id, reason)| CancelRequested { order_id, reason })
            .prop_map(Event::CancelRequested),
        (order_id(), moment())
            .prop_map(|(order_id, hold_until)| HoldExpired { order_id, hold_until })
            .prop_map(Event::HoldExpired),
        (order_id(), ends)
            .prop_map(|(order_id, reason)| OrderCancelled { order_id, reason })
            .prop_map(Event::OrderCancelled),
        (kinds, order_id(), maybe(any::<u16>()), maybe(any::<u8>()), text())
            .prop_map(|(kind, order_id, refund, attempt, reason)| AttentionRaised {
                kind,
                order_id,
                refund,
                attempt,
                reason,
            })
            .prop_map(Event::AttentionRaised),
        (finding_kind(), token(), text())
            .prop_map(|(kind, id, reason)| FindingReported { kind, id, reason })
            .prop_map(Event::FindingReported),
        (item_kind(), token(), attention_action(), text(), token())
            .prop_map(|(kind, id, action, reason, by)| AttentionResolved {
                kind,
                id,
                action,
                reason,
                by,
            })
            .prop_map(Event::AttentionResolved),
    ]
}

fn of_money() -> impl Strategy<Value = Event> {
    use DeclineClass::{Customer, Hard, Infra, Soft};
    let attempt = || (order_id(), any::<u8>(), token());
    let captured = (attempt(), amount(), currency(), token()).prop_map(
        |((order_id, attempt, connector), amount_minor, currency, provider_ref)| PaymentCaptured {
            order_id,
            attempt,
            connector,
            amount_minor,
            currency,
            provider_ref,
        },
    );
    let classes = prop::sample::select(vec![Infra, Soft, Customer, Hard]);
    let retry = (any::<u8>(), token(), moment(), maybe(moment())).prop_map(
        |(attempt, idempotency_key, at, until)| Retry { attempt, idempotency_key, at, until },
    );
    let failed = (attempt(), classes.clone(), token(), maybe(retry)).prop_map(
        |((order_id, attempt, connector), class, code, retry)| PaymentFailed {
            order_id,
            attempt,
            connector,
            class,
            code,
            retry,
        },
    );
    let unknown = (attempt(), moment()).prop_map(|((order_id, attempt, connector), hold_until)| {
        PaymentUnknown { order_id, attempt, connector, hold_until }
    });
    let requested = (attempt(), token(), amount(), currency(), token()).prop_map(
        |(
            (order_id, attempt, idempotency_key),
            _,
            amount_minor,
            currency,
            payment_method_token,
        )| {
            PaymentRequested {
                order_id,
                payment: AttemptRequest { attempt, idempotency_key },
                amount_minor,
                currency,
                payment_method_token,
            }
        },
    );
    let abandoned =
        (attempt(), classes, token()).prop_map(|((order_id, attempt, connector), class, code)| {
            PaymentAbandoned { order_id, attempt, connector, class, code }
        });
    let noted =
        (attempt(), payment_result()).prop_map(|((order_id, attempt, connector), result)| {
            PaymentNoted { order_id, attempt, connector, result }
        });
    prop_oneof![
        captured.prop_map(Event::PaymentCaptured),
        failed.prop_map(Event::PaymentFailed),
        unknown.prop_map(Event::PaymentUnknown),
        requested.prop_map(Event::PaymentRequested),
        abandoned.prop_map(Event::PaymentAbandoned),
        noted.prop_map(Event::PaymentNoted),
    ]
}

fn of_money_back() -> impl Strategy<Value = Event> {
    use DeclineClass::{Customer, Hard, Infra, Soft};
    use RefundReason::{AmountMismatch, Cancelled, DoubleCapture, LatePayment, Requested};
    let reasons = vec![Requested, Cancelled, LatePayment, DoubleCapture, AmountMismatch];
    let attempt = || (order_id(), any::<u16>(), any::<u8>(), token());
    let asked = (
        (attempt(), token(), token()),
        (amount(), currency()),
        (prop::sample::select(reasons), maybe(text()), maybe(token())),
    );
    let asked = (asked, maybe(any::<u16>()), maybe(moment())).prop_map(
        |(
            (
                ((order_id, refund, attempt, idempotency_key), connector, capture_ref),
                (amount_minor, currency),
                (reason, note, reference),
            ),
            instead_of,
            attention_at,
        )| RefundRequested {
            order_id,
            refund,
            payment: AttemptRequest { attempt, idempotency_key },
            connector,
            capture_ref,
            amount_minor,
            currency,
            reason,
            note,
            reference,
            instead_of,
            attention_at,
        },
    );
    let refunded = (attempt(), amount(), currency(), token()).prop_map(
        |((order_id, refund, attempt, connector), amount_minor, currency, provider_ref)| {
            PaymentRefunded {
                order_id,
                refund,
                attempt,
                connector,
                amount_minor,
                currency,
                provider_ref,
            }
        },
    );
    let classes = prop::sample::select(vec![Infra, Soft, Customer, Hard]);
    let retry = (any::<u8>(), token(), moment(), maybe(moment())).prop_map(
        |(attempt, idempotency_key, at, until)| Retry { attempt, idempotency_key, at, until },
    );
    let failed = (attempt(), classes, token(), maybe(retry)).prop_map(
        |((order_id, refund, attempt, connector), class, code, retry)| RefundFailed {
            order_id,
            refund,
            attempt,
            connector,
            class,
            code,
            retry,
        },
    );
    let unknown =
        (attempt(), moment()).prop_map(|((order_id, refund, attempt, connector), attention_at)| {
            RefundUnknown { order_id, refund, attempt, connector, attention_at }
        });
    let noted = (attempt(), refund_result()).prop_map(
        |((order_id, refund, attempt, connector), result)| RefundNoted {
            order_id,
            refund,
            attempt,
            connector,
            result,
        },
    );
    prop_oneof![
        asked.prop_map(Event::RefundRequested),
        refunded.prop_map(Event::PaymentRefunded),
        failed.prop_map(Event::RefundFailed),
        unknown.prop_map(Event::RefundUnknown),
        noted.prop_map(Event::RefundNoted),
    ]
}
