//! Calling an order off, and what becomes of its goods and its money.

use super::decide::{Answer, Decision, each_line};
use super::refund::asked;
use super::{Basket, HeldLine, Hold, Order, Phase};
use crate::domain::event::{
    AttentionKind, AttentionRaised, CancelReason, CancelRequested, HoldExpired, OrderCancelled,
    RefundReason,
};
use crate::domain::{CancelOrder, Event, OrderId, Refusal, Text, Timestamp};

impl Order {
    /// Calls the order off while its goods are in the building. Money that came goes back.
    pub(in crate::domain) fn cancel(&self, command: &CancelOrder, now: Timestamp) -> Decision {
        let partly = Refusal::WrongState { state: Text::lossy("fulfilled in part") };
        match &self.phase {
            Phase::Cancelled(_, at) => return Ok(Answer::AlreadyApplied(*at)),
            Phase::Confirmed if !self.goods.shipments.is_empty() => return Err(partly),
            Phase::Paid | Phase::Fulfilled => return Err(self.wrong_state()),
            Phase::Placed | Phase::Confirmed | Phase::NeedsAttention(_) => {}
        }
        let order_id = command.order_id;
        let mut events = vec![Event::CancelRequested(CancelRequested {
            order_id,
            reason: command.reason.clone(),
        })];
        events.extend(cancelled(order_id, &self.basket, CancelReason::Requested));
        let first = self.money.last().saturating_add(1);
        let refunds = (first..).zip(self.kept()).filter_map(|(refund, part)| {
            asked(order_id, refund, part, (RefundReason::Cancelled, now))
                .map(Event::RefundRequested)
        });
        events.extend(refunds);
        Ok(Answer::Append(events))
    }

    /// What follows when its deadline has passed; nothing when nothing can expire.
    pub(in crate::domain) fn expire(&self, order_id: OrderId) -> Vec<Event> {
        if self.phase != Phase::Placed {
            return self.refund_overdue(order_id);
        }
        let expired = HoldExpired { order_id, hold_until: self.basket.hold_until };
        let mut events = vec![Event::HoldExpired(expired)];
        events.extend(cancelled(order_id, &self.basket, CancelReason::HoldExpired));
        if let Some((_, connector)) = &self.basket.unknown {
            let Basket { attempt, total, currency, .. } = &self.basket;
            let reason = format!(
                "{connector} never said what became of attempt {attempt} \
                 (key {order_id}-{attempt}) for {}; the stock is free again",
                total.in_currency(*currency)
            );
            events.push(Event::AttentionRaised(AttentionRaised {
                kind: AttentionKind::PaymentUnknown,
                order_id,
                refund: None,
                attempt: Some(*attempt),
                reason: Text::lossy(&reason),
            }));
        }
        events
    }
}

/// The order is off: what was promised to it is free, and what was the buyer's is back.
pub(super) fn cancelled(
    order_id: OrderId,
    basket: &Basket,
    reason: CancelReason,
) -> impl Iterator<Item = Event> {
    let off = Event::OrderCancelled(OrderCancelled { order_id, reason });
    let of = |hold: Hold| move |line: &&HeldLine| line.hold == hold;
    let released = each_line(order_id, basket, of(Hold::Open), Event::StockReleased);
    let returned = each_line(order_id, basket, of(Hold::Sold), Event::StockReturned);
    std::iter::once(off).chain(released).chain(returned)
}
