//! Any command.

use kassa::domain::{
    AdjustStock, CancelOrder, ChangePaymentMethod, Command, CommandKind, CountStock, DelistSku,
    FulfilOrder, LINES_MAX, ListSku, PlaceOrder, ReceiveStock, RecordPayment, RecordRefund,
    RefundOrder, ReportFinding, RepriceSku, ResolveAttention, ReturnLines,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::parts::{
    amount, attention_action, currency, delta, finding_kind, item_kind, line, line_units, maybe,
    order_id, payment_result, price, quantity, refund_result, returned_line, sequence, sku, text,
    token,
};

pub(crate) fn command() -> impl Strategy<Value = Command> {
    prop::sample::select(CommandKind::ALL.to_vec()).prop_flat_map(of_kind)
}

/// Any command of one kind. A new kind does not compile until it is in here.
pub(crate) fn of_kind(kind: CommandKind) -> BoxedStrategy<Command> {
    match kind {
        CommandKind::ListSku => (sku(), text(), price(), currency(), maybe(quantity()))
            .prop_map(|(sku, name, unit_price_minor, currency, per_order_max)| ListSku {
                sku,
                name,
                unit_price_minor,
                currency,
                per_order_max,
            })
            .prop_map(Command::ListSku)
            .boxed(),
        CommandKind::RepriceSku => (sku(), price())
            .prop_map(|(sku, unit_price_minor)| RepriceSku { sku, unit_price_minor })
            .prop_map(Command::RepriceSku)
            .boxed(),
        CommandKind::DelistSku => {
            sku().prop_map(|sku| Command::DelistSku(DelistSku { sku })).boxed()
        }
        CommandKind::ReceiveStock => (sku(), quantity(), token())
            .prop_map(|(sku, quantity, reference)| ReceiveStock { sku, quantity, reference })
            .prop_map(Command::ReceiveStock)
            .boxed(),
        CommandKind::AdjustStock => (sku(), delta(), text(), token())
            .prop_map(|(sku, delta, reason, reference)| AdjustStock {
                sku,
                delta,
                reason,
                reference,
            })
            .prop_map(Command::AdjustStock)
            .boxed(),
        CommandKind::CountStock => (sku(), 0..=1_000_000_000_000_u64, maybe(sequence()))
            .prop_map(|(sku, counted, expected_seq)| CountStock { sku, counted, expected_seq })
            .prop_map(Command::CountStock)
            .boxed(),
        CommandKind::PlaceOrder => place_order().prop_map(Command::PlaceOrder).boxed(),
        CommandKind::RecordPayment => (order_id(), any::<u8>(), token(), payment_result())
            .prop_map(|(order_id, attempt, connector, result)| RecordPayment {
                order_id,
                attempt,
                connector,
                result,
            })
            .prop_map(Command::RecordPayment)
            .boxed(),
        CommandKind::ChangePaymentMethod => (order_id(), token())
            .prop_map(|(order_id, payment_method_token)| ChangePaymentMethod {
                order_id,
                payment_method_token,
            })
            .prop_map(Command::ChangePaymentMethod)
            .boxed(),
        CommandKind::CancelOrder => (order_id(), text())
            .prop_map(|(order_id, reason)| Command::CancelOrder(CancelOrder { order_id, reason }))
            .boxed(),
        CommandKind::FulfilOrder => (order_id(), token(), maybe(vec(line_units(), 1..4)))
            .prop_map(|(order_id, shipment_ref, lines)| FulfilOrder {
                order_id,
                shipment_ref,
                lines,
            })
            .prop_map(Command::FulfilOrder)
            .boxed(),
        CommandKind::RefundOrder => {
            (order_id(), maybe(amount()), maybe(currency()), text(), token())
                .prop_map(|(order_id, amount_minor, currency, reason, reference)| RefundOrder {
                    order_id,
                    amount_minor,
                    currency,
                    reason,
                    reference,
                })
                .prop_map(Command::RefundOrder)
                .boxed()
        }
        CommandKind::RecordRefund => {
            (order_id(), any::<u16>(), any::<u8>(), token(), refund_result())
                .prop_map(|(order_id, refund, attempt, connector, result)| RecordRefund {
                    order_id,
                    refund,
                    attempt,
                    connector,
                    result,
                })
                .prop_map(Command::RecordRefund)
                .boxed()
        }
        CommandKind::ReturnLines => (order_id(), token(), vec(returned_line(), 1..4))
            .prop_map(|(order_id, return_ref, lines)| ReturnLines { order_id, return_ref, lines })
            .prop_map(Command::ReturnLines)
            .boxed(),
        CommandKind::ReportFinding => (finding_kind(), token(), text())
            .prop_map(|(kind, id, reason)| ReportFinding { kind, id, reason })
            .prop_map(Command::ReportFinding)
            .boxed(),
        CommandKind::ResolveAttention => {
            (item_kind(), token(), attention_action(), text(), token())
                .prop_map(|(kind, id, action, reason, by)| ResolveAttention {
                    kind,
                    id,
                    action,
                    reason,
                    by,
                })
                .prop_map(Command::ResolveAttention)
                .boxed()
        }
    }
}

fn place_order() -> impl Strategy<Value = PlaceOrder> {
    // Mostly small baskets; the largest one is a limit to be tried.
    let lines = prop_oneof![9 => vec(line(), 1..6), 1 => vec(line(), LINES_MAX)];
    (order_id(), token(), lines, currency(), token()).prop_map(
        |(order_id, customer_ref, lines, currency, payment_method_token)| PlaceOrder {
            order_id,
            customer_ref,
            lines,
            currency,
            payment_method_token,
        },
    )
}
