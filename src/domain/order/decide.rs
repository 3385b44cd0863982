//! What commands about one order lead to.

use super::{Basket, HeldLine, Order};
use crate::domain::event::{OrderConfirmed, PaymentNoted, StockHeld};
use crate::domain::{Address, Event, OrderId, RecordPayment, Refusal, Text, Timestamp};

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

/// An event for each line that is `chosen`.
pub(super) fn each_line(
    order_id: OrderId,
    basket: &Basket,
    chosen: impl Fn(&&HeldLine) -> bool,
    event: impl Fn(StockHeld) -> Event,
) -> impl Iterator<Item = Event> {
    basket.lines.iter().filter(chosen).map(move |HeldLine { sku, quantity, .. }| {
        event(StockHeld { sku: sku.clone(), order_id, quantity: *quantity })
    })
}
