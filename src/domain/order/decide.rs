//! What commands about one order lead to.

use super::{Basket, HeldLine, Order, Phase};
use crate::domain::event::{
    AttentionKind, AttentionRaised, CancelReason, CancelRequested, HoldExpired, OrderCancelled,
    OrderConfirmed, OrderFulfilled, PaymentNoted, StockHeld,
};
use crate::domain::{
    Address, CancelOrder, Event, FulfilOrder, OrderId, RecordPayment, Refusal, Text, Timestamp,
};

/// What a command about an order leads to, when it is not refused.
#[derive(Debug, PartialEq)]
pub(in crate::domain) enum Answer {
    /// Append these, all or none.
    Append(Vec<Event>),
    /// It is so already, since this address.
    AlreadyApplied(Address),
}

pub(super) type Decision = Result<Answer, Refusal>;

impl Order {
    /// Calls the order off while no money has come.
    pub(in crate::domain) fn cancel(&self, command: &CancelOrder) -> Decision {
        match &self.phase {
            Phase::Placed => {
                let mut events = vec![Event::CancelRequested(CancelRequested {
                    order_id: command.order_id,
                    reason: command.reason.clone(),
                })];
                let reason = CancelReason::Requested;
                events.extend(cancelled(command.order_id, &self.basket, reason));
                Ok(Answer::Append(events))
            }
            Phase::Cancelled(_, at) => Ok(Answer::AlreadyApplied(*at)),
            Phase::Paid(_)
            | Phase::Confirmed(_)
            | Phase::Fulfilled(..)
            | Phase::NeedsAttention(..) => Err(self.wrong_state()),
        }
    }

    /// The goods have left.
    pub(in crate::domain) fn fulfil(&self, command: &FulfilOrder) -> Decision {
        match &self.phase {
            Phase::Confirmed(_) => {
                Ok(Answer::Append(vec![Event::OrderFulfilled(OrderFulfilled {
                    order_id: command.order_id,
                    shipment_ref: command.shipment_ref.clone(),
                })]))
            }
            Phase::Fulfilled(_, shipment) if shipment.reference == command.shipment_ref => {
                Ok(Answer::AlreadyApplied(shipment.at))
            }
            Phase::Placed
            | Phase::Paid(_)
            | Phase::Fulfilled(..)
            | Phase::Cancelled(..)
            | Phase::NeedsAttention(..) => Err(self.wrong_state()),
        }
    }

    /// What follows when the deadline of its hold has passed; nothing when nothing can expire.
    pub(in crate::domain) fn expire(&self, order_id: OrderId) -> Vec<Event> {
        if self.deadline().is_none() {
            return Vec::new();
        }
        let expired = HoldExpired { order_id, hold_until: self.basket.hold_until };
        let mut events = vec![Event::HoldExpired(expired)];
        events.extend(cancelled(order_id, &self.basket, CancelReason::HoldExpired));
        if let Some((_, connector)) = &self.basket.unknown {
            let Basket { attempt, total, currency, .. } = &self.basket;
            let reason = Text::lossy(&format!(
                "{connector} never said what became of attempt {attempt} \
                 (key {order_id}-{attempt}) for {}; the stock is free again",
                total.in_currency(*currency)
            ));
            let kind = AttentionKind::PaymentUnknown;
            events.push(Event::AttentionRaised(AttentionRaised { kind, order_id, reason }));
        }
        events
    }

    pub(super) fn wrong_state(&self) -> Refusal {
        Refusal::WrongState { state: Text::lossy(self.state()) }
    }
}

/// What confirms an order that costs nothing, right after its stock is reserved.
pub(in crate::domain) fn confirm_free(
    order_id: OrderId,
    asked_at: Timestamp,
    held: &[StockHeld],
) -> Vec<Event> {
    let mut events: Vec<Event> = held.iter().cloned().map(Event::StockDeducted).collect();
    events.push(confirmed(order_id, asked_at));
    events
}

pub(super) fn confirmed(order_id: OrderId, asked_at: Timestamp) -> Event {
    Event::OrderConfirmed(OrderConfirmed { order_id, asked_at })
}

pub(super) fn noted(command: &RecordPayment) -> Event {
    Event::PaymentNoted(PaymentNoted {
        order_id: command.order_id,
        attempt: command.attempt,
        connector: command.connector.clone(),
        result: command.result.clone(),
    })
}

pub(super) fn cancelled(
    order_id: OrderId,
    basket: &Basket,
    reason: CancelReason,
) -> impl Iterator<Item = Event> {
    let off = Event::OrderCancelled(OrderCancelled { order_id, reason });
    std::iter::once(off).chain(each_line(order_id, basket, Event::StockReleased))
}

pub(super) fn each_line(
    order_id: OrderId,
    basket: &Basket,
    event: impl Fn(StockHeld) -> Event,
) -> impl Iterator<Item = Event> {
    basket.lines.iter().map(move |HeldLine { sku, quantity, .. }| {
        event(StockHeld { sku: sku.clone(), order_id, quantity: *quantity })
    })
}
