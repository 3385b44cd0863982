//! Any value of the types that commands and events are made of, limits included.

use kassa::domain::{
    Address, Amount, AttentionAction, CommandId, Currency, FindingKind, Fingerprint, ItemKind,
    LineUnits, OrderId, OrderLine, PaymentResult, Price, PriceChange, Quantity, RefundResult,
    Refusal, ReturnedLine, Sequence, Shortfall, Sku, Source, Text, Timestamp, Token, TraceParent,
    stock::StockDelta,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Any 128 bits as a UUID of version 7.
fn uuid() -> impl Strategy<Value = uuid::Uuid> {
    any::<u128>().prop_map(|bits| {
        let bits = bits & !(0xf << 76) & !(0b11 << 62);
        uuid::Uuid::from_u128(bits | 7 << 76 | 0b10 << 62)
    })
}

pub(crate) fn order_id() -> impl Strategy<Value = OrderId> {
    uuid().prop_map(|uuid| uuid.try_into().unwrap())
}

pub(crate) fn command_id() -> impl Strategy<Value = CommandId> {
    uuid().prop_map(|uuid| uuid.try_into().unwrap())
}

pub(crate) fn token() -> impl Strategy<Value = Token> {
    vec(prop::sample::select(b"AZaz09_-".to_vec()), 1..=Token::CHARS_MAX)
        .prop_map(|bytes| String::from_utf8(bytes).unwrap().parse().unwrap())
}

pub(crate) fn sku() -> impl Strategy<Value = Sku> {
    token().prop_map(Sku)
}

pub(crate) fn source() -> impl Strategy<Value = Source> {
    token().prop_map(Source)
}

/// Characters of every length in UTF-8, and those that JSON has to escape.
pub(crate) fn text() -> impl Strategy<Value = Text> {
    let char = prop_oneof![
        4 => any::<char>().prop_filter("no control character", |c| !c.is_control()),
        1 => prop::sample::select(vec!['"', '\\', '/', ' ', '\u{2028}', '\u{10ffff}']),
    ];
    vec(char, 1..=Text::CHARS_MAX)
        .prop_map(|chars| chars.into_iter().collect::<String>().as_str().try_into().unwrap())
}

pub(crate) fn quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![Just(1), Just(Quantity::MAX), 1..=Quantity::MAX]
        .prop_map(|units| Quantity::try_new(units).unwrap())
}

pub(crate) fn delta() -> impl Strategy<Value = StockDelta> {
    let (min, max) = (-1_000_000_000_000_i64, 1_000_000_000_000);
    prop_oneof![Just(min), Just(0), Just(max), min..=max]
        .prop_map(|units| StockDelta::try_new(units).unwrap())
}

pub(crate) fn price() -> impl Strategy<Value = Price> {
    prop_oneof![Just(0), Just(Price::MAX), 0..=Price::MAX]
        .prop_map(|minor| Price::try_new(minor).unwrap())
}

pub(crate) fn amount() -> impl Strategy<Value = Amount> {
    let max = Amount::MAX.minor();
    prop_oneof![Just(0), Just(max), 0..=max].prop_map(|minor| Amount::new(minor).unwrap())
}

pub(crate) fn currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["EUR", "JPY", "KWD", "USD"])
        .prop_map(|code| Currency::from_code(code).unwrap())
}

pub(crate) fn moment() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp)
}

pub(crate) fn sequence() -> impl Strategy<Value = Sequence> {
    any::<u64>().prop_map(Sequence)
}

pub(crate) fn address() -> impl Strategy<Value = Address> {
    (sequence(), any::<u32>()).prop_map(|(sequence, index)| Address::new(sequence, index))
}

pub(crate) fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    any::<[u8; 16]>().prop_map(Fingerprint)
}

/// A trace somebody keeps: what nobody keeps is dropped on reading.
pub(crate) fn trace() -> impl Strategy<Value = TraceParent> {
    (1..=u128::MAX, 1..=u64::MAX, any::<u8>()).prop_map(|(trace, span, flags)| {
        let flags = flags | 1;
        TraceParent::parse(&format!("00-{trace:032x}-{span:016x}-{flags:02x}")).unwrap()
    })
}

pub(crate) fn line() -> impl Strategy<Value = OrderLine> {
    (sku(), quantity(), price()).prop_map(|(sku, quantity, unit_price_minor)| OrderLine {
        sku,
        quantity,
        unit_price_minor,
    })
}

pub(crate) fn payment_result() -> impl Strategy<Value = PaymentResult> {
    prop_oneof![
        (amount(), currency(), token()).prop_map(|(amount_minor, currency, provider_ref)| {
            PaymentResult::Captured { amount_minor, currency, provider_ref }
        }),
        token().prop_map(|code| PaymentResult::Declined { code }),
        token().prop_map(|code| PaymentResult::Failed { code }),
        Just(PaymentResult::Unknown),
    ]
}

pub(crate) fn refund_result() -> impl Strategy<Value = RefundResult> {
    prop_oneof![
        token().prop_map(|provider_ref| RefundResult::Refunded { provider_ref }),
        token().prop_map(|code| RefundResult::Declined { code }),
        token().prop_map(|code| RefundResult::Failed { code }),
        Just(RefundResult::Unknown),
    ]
}

pub(crate) fn line_units() -> impl Strategy<Value = LineUnits> {
    (sku(), quantity()).prop_map(|(sku, quantity)| LineUnits { sku, quantity })
}

pub(crate) fn returned_line() -> impl Strategy<Value = ReturnedLine> {
    (sku(), quantity(), any::<u32>()).prop_map(|(sku, quantity, restock)| ReturnedLine {
        sku,
        quantity,
        restock,
    })
}

pub(crate) fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![refusal_of_message(), refusal_of_stock(), refusal_of_order()]
}

fn refusal_of_message() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        text().prop_map(|problem| Refusal::Undecodable { problem }),
        (text(), text()).prop_map(|(field, problem)| Refusal::InvalidField { field, problem }),
        any::<(u64, u64)>().prop_map(|(bytes, limit)| Refusal::TooLarge { bytes, limit }),
        text().prop_map(|found| Refusal::UnknownType { found }),
        text().prop_map(|source_name| Refusal::Forbidden { source_name }),
        (text(), any::<u64>(), any::<u64>()).prop_map(|(field, age_hours, limit_hours)| {
            Refusal::StaleId { field, age_hours, limit_hours }
        }),
        text().prop_map(|field| Refusal::IdConflict { field }),
        text().prop_map(|problem| Refusal::Defect { problem }),
    ]
}

fn refusal_of_stock() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        sku().prop_map(|sku| Refusal::UnknownSku { sku }),
        sku().prop_map(|sku| Refusal::AlreadyListed { sku }),
        sku().prop_map(|sku| Refusal::Delisted { sku }),
        (text(), any::<u64>()).prop_map(|(field, limit)| Refusal::Overflow { field, limit }),
        (sku(), any::<u64>(), any::<u64>()).prop_map(|(sku, on_hand, taken)| Refusal::BelowZero {
            sku,
            on_hand,
            taken
        }),
        (sku(), any::<u64>(), any::<u64>()).prop_map(|(sku, expected_seq, actual_seq)| {
            Refusal::StockChanged { sku, expected_seq, actual_seq }
        }),
    ]
}

fn refusal_of_order() -> impl Strategy<Value = Refusal> {
    let change = (sku(), price(), price()).prop_map(|(sku, quoted_minor, current_minor)| {
        PriceChange { sku, quoted_minor, current_minor }
    });
    let short = (sku(), any::<[u64; 3]>()).prop_map(|(sku, [wanted, available, held])| Shortfall {
        sku,
        wanted,
        available,
        held,
    });
    prop_oneof![
        vec(change, 0..4).prop_map(|changes| Refusal::PriceChanged { changes }),
        (sku(), currency(), currency())
            .prop_map(|(sku, listed, ordered)| Refusal::MixedCurrencies { sku, listed, ordered }),
        (sku(), any::<u64>(), any::<u64>())
            .prop_map(|(sku, wanted, limit)| Refusal::OverOrderLimit { sku, wanted, limit }),
        vec(short, 0..4).prop_map(|short| Refusal::InsufficientStock { short }),
        Just(Refusal::UnknownOrder),
        text().prop_map(|state| Refusal::WrongState { state }),
        any::<(u8, u8)>().prop_map(|(attempt, last)| Refusal::UnknownAttempt { attempt, last }),
        any::<(u16, u16)>().prop_map(|(refund, last)| Refusal::UnknownRefund { refund, last }),
        any::<(u64, u64)>().prop_map(|(wanted_minor, left_minor)| Refusal::RefundTooLarge {
            wanted_minor,
            left_minor
        }),
    ]
}

/// A value that may be absent.
pub(crate) fn maybe<S: Strategy>(value: S) -> impl Strategy<Value = Option<S::Value>> {
    option::of(value)
}

pub(crate) fn finding_kind() -> impl Strategy<Value = FindingKind> {
    prop::sample::select(vec![
        FindingKind::ViewDiffers,
        FindingKind::LogViolation,
        FindingKind::ConnectorMisconfigured,
    ])
}

pub(crate) fn attention_action() -> impl Strategy<Value = AttentionAction> {
    prop::sample::select(vec![AttentionAction::Retry, AttentionAction::Discard])
}

pub(crate) fn item_kind() -> impl Strategy<Value = ItemKind> {
    prop::sample::select(ItemKind::ALL.to_vec())
}
