//! What commands about one order lead to.

use super::{Basket, HeldLine, Order, Phase};
use crate::domain::event::{
    AttentionKind, AttentionRaised, CancelReason, CancelRequested, HoldExpired, OrderCancelled,
    OrderConfirmed, OrderFulfilled, PaymentAbandoned, PaymentCaptured, PaymentNoted, StockHeld,
};
use crate::domain::payment::DeclineClass;
use crate::domain::{
    Address, Amount, CancelOrder, Currency, Event, FulfilOrder, OrderId, PaymentResult,
    RecordPayment, Refusal, Text, Timestamp, Token,
};

/// What a command about an order leads to, when it is not refused.
#[derive(Debug, PartialEq)]
pub(in crate::domain) enum Answer {
    /// Append these, all or none.
    Append(Vec<Event>),
    /// It is so already, since this address.
    AlreadyApplied(Address),
}

type Decision = Result<Answer, Refusal>;

impl Order {
    /// News of money. A result is never refused for coming late: it happened.
    pub(in crate::domain) fn record_payment(&self, command: &RecordPayment) -> Decision {
        if !(1..=self.basket.attempt).contains(&command.attempt) {
            let last = self.basket.attempt;
            return Err(Refusal::UnknownAttempt { attempt: command.attempt, last });
        }
        match &command.result {
            PaymentResult::Captured { amount_minor, currency, provider_ref } => {
                Ok(self.captured(command, (*amount_minor, *currency), provider_ref))
            }
            PaymentResult::Declined { code } => Ok(self.declined(command, code)),
        }
    }

    fn captured(
        &self,
        command: &RecordPayment,
        money: (Amount, Currency),
        provider_ref: &Token,
    ) -> Answer {
        let owed = (self.basket.total, self.basket.currency);
        let attention = match &self.phase {
            Phase::Placed if money == owed => None,
            Phase::Placed => Some(AttentionKind::AmountMismatch),
            Phase::Cancelled(..) => Some(AttentionKind::LatePayment),
            Phase::Paid(paid)
            | Phase::Confirmed(Some(paid))
            | Phase::Fulfilled(Some(paid), _)
            | Phase::NeedsAttention(paid, _) => {
                if paid.knows(provider_ref) {
                    return Answer::AlreadyApplied(paid.at);
                }
                Some(AttentionKind::DoubleCapture)
            }
            // Nothing was asked for, so `record_payment` has refused it before.
            Phase::Confirmed(None) | Phase::Fulfilled(None, _) => {
                return Answer::Append(vec![noted(command)]);
            }
        };
        let order_id = command.order_id;
        let mut events = vec![Event::PaymentCaptured(PaymentCaptured {
            order_id,
            attempt: command.attempt,
            connector: command.connector.clone(),
            amount_minor: money.0,
            currency: money.1,
            provider_ref: provider_ref.clone(),
        })];
        match attention {
            None => {
                events.extend(each_line(order_id, &self.basket, Event::StockDeducted));
                events.push(confirmed(order_id, self.basket.asked_at));
            }
            Some(kind) => {
                let reason = Text::lossy(&format!(
                    "{} captured as {provider_ref} while the order is {} and owes {}",
                    money.0.in_currency(money.1),
                    self.state(),
                    owed.0.in_currency(owed.1),
                ));
                events.push(Event::AttentionRaised(AttentionRaised { kind, order_id, reason }));
            }
        }
        Answer::Append(events)
    }

    fn declined(&self, command: &RecordPayment, code: &Token) -> Answer {
        match &self.phase {
            Phase::Placed => {
                let mut events = vec![Event::PaymentAbandoned(PaymentAbandoned {
                    order_id: command.order_id,
                    attempt: command.attempt,
                    connector: command.connector.clone(),
                    class: DeclineClass::of(code),
                    code: code.clone(),
                })];
                let reason = CancelReason::PaymentDeclined;
                events.extend(cancelled(command.order_id, &self.basket, reason));
                Answer::Append(events)
            }
            Phase::Cancelled(CancelReason::PaymentDeclined, at) => Answer::AlreadyApplied(*at),
            Phase::Paid(_)
            | Phase::Confirmed(_)
            | Phase::Fulfilled(..)
            | Phase::Cancelled(..)
            | Phase::NeedsAttention(..) => Answer::Append(vec![noted(command)]),
        }
    }

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
        events
    }

    fn wrong_state(&self) -> Refusal {
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

fn confirmed(order_id: OrderId, asked_at: Timestamp) -> Event {
    Event::OrderConfirmed(OrderConfirmed { order_id, asked_at })
}

fn noted(command: &RecordPayment) -> Event {
    Event::PaymentNoted(PaymentNoted {
        order_id: command.order_id,
        attempt: command.attempt,
        connector: command.connector.clone(),
        result: command.result.clone(),
    })
}

fn cancelled(
    order_id: OrderId,
    basket: &Basket,
    reason: CancelReason,
) -> impl Iterator<Item = Event> {
    let off = Event::OrderCancelled(OrderCancelled { order_id, reason });
    std::iter::once(off).chain(each_line(order_id, basket, Event::StockReleased))
}

fn each_line(
    order_id: OrderId,
    basket: &Basket,
    event: impl Fn(StockHeld) -> Event,
) -> impl Iterator<Item = Event> {
    basket.lines.iter().map(move |HeldLine { sku, quantity, .. }| {
        event(StockHeld { sku: sku.clone(), order_id, quantity: *quantity })
    })
}
