//! Every reason for saying no, with its figures.

use kassa::domain::{PriceChange, Refusal, Shortfall};

use crate::things::{currency, price, sku, text};

pub(crate) fn every_refusal() -> Vec<Refusal> {
    let mut refusals = of_messages();
    refusals.extend(of_stock());
    refusals.extend(of_orders());
    refusals
}

/// Those that came with refunds.
pub(crate) fn of_refunds() -> Vec<Refusal> {
    vec![
        Refusal::UnknownRefund { refund: 2, last: 1 },
        Refusal::RefundTooLarge { wanted_minor: 3_451, left_minor: 3_450 },
    ]
}

fn of_messages() -> Vec<Refusal> {
    vec![
        Refusal::Undecodable { problem: text("invalid type: integer, expected a map") },
        Refusal::invalid("body.lines[2].quantity", "must be 1 to 1000000 units, is 0"),
        Refusal::TooLarge { bytes: 70_000, limit: 65_536 },
        Refusal::UnknownType { found: text("place_order/9") },
        Refusal::Forbidden { source_name: text("edge-eu") },
        Refusal::StaleId { field: text("command_id"), age_hours: 73, limit_hours: 72 },
        Refusal::IdConflict { field: text("order_id") },
        Refusal::Defect { problem: text("event 3 does not fit") },
    ]
}

fn of_stock() -> Vec<Refusal> {
    let sku = || sku("MUG-01");
    vec![
        Refusal::UnknownSku { sku: sku() },
        Refusal::AlreadyListed { sku: sku() },
        Refusal::Delisted { sku: sku() },
        Refusal::Overflow { field: text("on_hand"), limit: 1_000_000_000_000 },
        Refusal::BelowZero { sku: sku(), on_hand: 2, taken: 3 },
        Refusal::StockChanged { sku: sku(), expected_seq: 41, actual_seq: 42 },
    ]
}

fn of_orders() -> Vec<Refusal> {
    let sku = || sku("MUG-01");
    let change = PriceChange {
        sku: sku(),
        quoted_minor: price(1250),
        current_minor: price(100_000_000_000),
    };
    let short = Shortfall { sku: sku(), wanted: 1_000_001, available: 0, held: 7 };
    vec![
        Refusal::PriceChanged { changes: vec![change] },
        Refusal::MixedCurrencies { sku: sku(), listed: currency("EUR"), ordered: currency("KWD") },
        Refusal::OverOrderLimit { sku: sku(), wanted: 7, limit: 6 },
        Refusal::InsufficientStock { short: vec![short] },
        Refusal::UnknownOrder,
        Refusal::WrongState { state: text("fulfilled") },
        Refusal::UnknownAttempt { attempt: 2, last: 1 },
    ]
}
