//! Money that came: on time, too late, twice, or not what was owed.

use super::cancel::cancelled;
use super::decide::{Answer, confirmed, each_line, noted};
use super::refund::{asked, raised};
use super::{Capture, HeldLine, Order, Phase};
use crate::domain::event::{
    AttentionKind, CancelReason, OrderReinstated, PaymentCaptured, RefundReason,
};
use crate::domain::{
    Address, Amount, Currency, Event, OrderId, Quantity, RecordPayment, Sequence, Sku, Timestamp,
    Token,
};

/// Money, and in which currency.
type Sum = (Amount, Currency);

impl Order {
    /// What money leads to. It is never refused: it came.
    ///
    /// `is_there` says whether so many units of a SKU can be promised.
    pub(super) fn captured(
        &self,
        command: &RecordPayment,
        (money, provider_ref): (Sum, &Token),
        now: Timestamp,
        is_there: impl Fn(&Sku, Quantity) -> bool,
    ) -> Answer {
        if let Some(known) = self.money.capture(provider_ref) {
            return Answer::AlreadyApplied(known.at);
        }
        if self.basket.attempt == 0 {
            // Nothing was asked for, so `record_payment` has refused it before.
            return Answer::Append(vec![noted(command)]);
        }
        let order_id = command.order_id;
        let mut events = vec![Event::PaymentCaptured(PaymentCaptured {
            order_id,
            attempt: command.attempt,
            connector: command.connector.clone(),
            amount_minor: money.0,
            currency: money.1,
            provider_ref: provider_ref.clone(),
        })];
        let fits = money == (self.basket.total, self.basket.currency);
        let give_back = |reason| self.give_back(command, (money, provider_ref), (reason, now));
        match &self.phase {
            Phase::Placed if fits => events.extend(self.goods_are_sold(order_id)),
            Phase::Placed => {
                let reason = CancelReason::AmountMismatch;
                events.extend(cancelled(order_id, &self.basket, reason));
                events.extend(give_back(RefundReason::AmountMismatch));
                events.push(self.mismatch(order_id, money, provider_ref));
            }
            Phase::Cancelled(why, _) if fits && self.may_go_on(*why, is_there) => {
                events.push(Event::OrderReinstated(OrderReinstated { order_id }));
                events.extend(each_line(order_id, &self.basket, |_| true, Event::StockReserved));
                let sold = each_line(order_id, &self.basket, |_| true, Event::StockDeducted);
                events.extend(sold);
                events.push(confirmed(order_id, self.basket.asked_at));
            }
            Phase::Cancelled(..) => events.extend(give_back(RefundReason::LatePayment)),
            Phase::Paid | Phase::Confirmed | Phase::Fulfilled | Phase::NeedsAttention(_) => {
                events.extend(give_back(RefundReason::DoubleCapture));
            }
        }
        Answer::Append(events)
    }

    fn goods_are_sold(&self, order_id: OrderId) -> impl Iterator<Item = Event> {
        let sold = each_line(order_id, &self.basket, |_| true, Event::StockDeducted);
        sold.chain([confirmed(order_id, self.basket.asked_at)])
    }

    /// Whether an order that is off goes on now that its money is there: nobody wanted it off, no
    /// other money came for it, and every line can be promised again.
    fn may_go_on(&self, why: CancelReason, is_there: impl Fn(&Sku, Quantity) -> bool) -> bool {
        let wanted = match why {
            CancelReason::HoldExpired | CancelReason::PaymentDeclined => true,
            CancelReason::Requested | CancelReason::AmountMismatch => false,
        };
        let is_there = |line: &HeldLine| is_there(&line.sku, line.quantity);
        wanted && !self.money.came() && self.basket.lines.iter().all(is_there)
    }

    /// The whole of a capture goes back.
    fn give_back(
        &self,
        command: &RecordPayment,
        ((amount, currency), provider_ref): (Sum, &Token),
        why: (RefundReason, Timestamp),
    ) -> Option<Event> {
        if amount == Amount::ZERO {
            return None;
        }
        // It stands in front of the refund, in the same commit; where that is matters to nobody.
        let at = Address::new(Sequence::START, 0);
        let (connector, provider_ref) = (command.connector.clone(), provider_ref.clone());
        let capture = Capture { at, connector, provider_ref, amount, currency };
        let refund = self.money.last().saturating_add(1);
        asked(command.order_id, refund, (&capture, amount), why).map(Event::RefundRequested)
    }

    fn mismatch(&self, order_id: OrderId, money: Sum, provider_ref: &Token) -> Event {
        let reason = format!(
            "{} captured as {provider_ref}, owed were {}; it goes back, and the order is off",
            money.0.in_currency(money.1),
            self.basket.total.in_currency(self.basket.currency),
        );
        raised(AttentionKind::AmountMismatch, (order_id, None), &reason)
    }
}
