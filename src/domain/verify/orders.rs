//! Orders, from placed to their end.

use std::collections::HashMap;

use super::money::Money;
use super::payments::Payment;
use super::{Fault, Invariant, SLACK};
use crate::domain::{
    Amount, CancelReason, Currency, Event, OrderId, OrderPlaced, PaymentCaptured, PaymentResult,
    Policy, Sku, StockHeld, Timestamp, Token,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Rejected,
    Placed,
    /// What ends it is known; `order_cancelled` has to follow.
    Ending(CancelReason),
    /// Its money came; `order_confirmed` or `order_cancelled` has to follow.
    Paid,
    Confirmed,
    Fulfilled,
    Cancelled,
    NeedsAttention,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Announced,
    Open,
    Deducted,
    Released,
    Returned,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) sku: Sku,
    pub(super) units: i128,
    pub(super) hold: Hold,
    /// Units that left, that came back of those, and that may be sold again of these.
    pub(super) shipped: i128,
    pub(super) returned: i128,
    pub(super) to_restock: i128,
}

#[derive(Debug)]
pub(super) struct Order {
    pub(super) state: State,
    pub(super) lines: Vec<Line>,
    pub(super) total: Amount,
    currency: Option<Currency>,
    pub(super) hold_until: Timestamp,
    pub(super) payment: Payment,
    pub(super) money: Money,
}

/// Every order, and which of them the commit at hand has touched.
#[derive(Debug, Default)]
pub(super) struct Orders {
    orders: HashMap<OrderId, Order>,
    /// With the index of the last event about it.
    touched: Vec<(OrderId, u32)>,
    pub(super) placed: u64,
    /// Ids made before this are no longer known, and may not be used any more.
    horizon: Timestamp,
    swept: Timestamp,
}

pub(super) type Checked = Result<(), Fault>;

pub(super) fn illegal<T>(what: String) -> Result<T, Fault> {
    Err((Invariant::I11, what))
}

impl Orders {
    /// Begins a commit made at `at`.
    pub(super) fn begin(&mut self, at: Timestamp) {
        self.horizon = at.before(Policy::WINDOW).before(SLACK);
        if self.swept.after(SLACK) < self.horizon {
            let horizon = self.horizon;
            self.orders.retain(|id, order| !order.is_closed() || horizon <= id.made_at());
            self.swept = horizon;
        }
    }

    /// Units that open holds hold of each SKU.
    pub(super) fn held(&self) -> HashMap<&Sku, i128> {
        let mut held = HashMap::new();
        for line in self.orders.values().flat_map(|order| &order.lines) {
            if line.hold == Hold::Open {
                let units: &mut i128 = held.entry(&line.sku).or_default();
                *units = units.saturating_add(line.units);
            }
        }
        held
    }

    /// Follows a placing that was decided at `since` or later.
    pub(super) fn place(&mut self, placed: &OrderPlaced, since: Timestamp, index: u32) -> Checked {
        self.placed = self.placed.saturating_add(1);
        self.new_id(placed.order_id)?;
        let mut lines: Vec<Line> = Vec::new();
        let mut sum = 0_i128;
        for line in &placed.lines {
            let units = i128::from(line.quantity.get());
            sum =
                sum.saturating_add(units.saturating_mul(i128::from(line.unit_price_minor.minor())));
            match lines.iter_mut().find(|known| known.sku == line.sku) {
                Some(known) => known.units = known.units.saturating_add(units),
                None => lines.push(Line {
                    sku: line.sku.clone(),
                    units,
                    hold: Hold::Announced,
                    shipped: 0,
                    returned: 0,
                    to_restock: 0,
                }),
            }
        }
        let order = Order {
            state: State::Placed,
            lines,
            total: placed.total_minor,
            currency: Some(placed.currency),
            hold_until: placed.hold_until,
            payment: Payment::first(placed.payment.as_ref()),
            money: Money::default(),
        };
        self.orders.insert(placed.order_id, order);
        self.touch(placed.order_id, index);
        if sum != i128::from(placed.total_minor.minor()) {
            let total = placed.total_minor.minor();
            return illegal(format!("the lines come to {sum}, the total is {total}"));
        }
        if placed.hold_until < since {
            return illegal(format!("it may be held until {} only", placed.hold_until));
        }
        Ok(())
    }

    pub(super) fn reject(&mut self, order_id: OrderId) -> Checked {
        self.new_id(order_id)?;
        let order = Order {
            state: State::Rejected,
            lines: Vec::new(),
            total: Amount::ZERO,
            currency: None,
            hold_until: Timestamp::default(),
            payment: Payment::default(),
            money: Money::default(),
        };
        self.orders.insert(order_id, order);
        Ok(())
    }

    fn new_id(&self, order_id: OrderId) -> Checked {
        if self.orders.contains_key(&order_id) {
            return Err((Invariant::I4, format!("order {order_id} was decided before")));
        }
        if order_id.made_at() < self.horizon {
            return Err((Invariant::I4, format!("order {order_id} was too old to be decided")));
        }
        Ok(())
    }

    /// What an order went through is looked at once, at the end of the commit.
    fn touch(&mut self, order_id: OrderId, index: u32) {
        match self.touched.last_mut() {
            Some((last, last_index)) if *last == order_id => *last_index = index,
            Some(_) | None => self.touched.push((order_id, index)),
        }
    }

    pub(super) fn order(&mut self, order_id: OrderId, index: u32) -> Result<&mut Order, Fault> {
        self.touch(order_id, index);
        let unknown = || (Invariant::I11, format!("order {order_id} was never placed"));
        self.orders.get_mut(&order_id).ok_or_else(unknown)
    }

    /// Follows an event about the stock an order holds.
    pub(super) fn hold(&mut self, held: &StockHeld, event: &Event, index: u32) -> Checked {
        let order = self.order(held.order_id, index)?;
        let (state, free) = (order.state, order.total == Amount::ZERO);
        let (sku, units) = (&held.sku, i128::from(held.quantity.get()));
        let is_back = matches!(event, Event::StockReturned(_));
        if is_back && matches!(state, State::Confirmed | State::Fulfilled) {
            return order.restock(sku, units);
        }
        let (from, to, legal) = if matches!(event, Event::StockReserved(_)) {
            // In a paid order only what was let go of before is promised anew.
            (Hold::Announced, Hold::Open, matches!(state, State::Placed | State::Paid))
        } else if is_back {
            (Hold::Deducted, Hold::Returned, state == State::Cancelled)
        } else if matches!(event, Event::StockDeducted(_)) {
            let paid = state == State::Paid || (free && state == State::Placed);
            (Hold::Open, Hold::Deducted, paid)
        } else {
            (Hold::Open, Hold::Released, state == State::Cancelled)
        };
        let kind = event.kind();
        let Some(line) = order.lines.iter_mut().find(|line| line.sku == *sku) else {
            return Err((Invariant::I3, format!("{kind} of {sku}, which the order has not")));
        };
        let (before, reserved) = (std::mem::replace(&mut line.hold, to), line.units);
        if before != from {
            let order_id = held.order_id;
            return Err((
                Invariant::I3,
                format!("{kind} of {sku}: order {order_id} has it {before:?}"),
            ));
        }
        if units != reserved {
            return Err((
                Invariant::I3,
                format!("{kind} of {units} {sku}, the order has {reserved}"),
            ));
        }
        if !legal {
            return illegal(format!("{kind} while order {} is {state:?}", held.order_id));
        }
        Ok(())
    }

    pub(super) fn capture(&mut self, captured: &PaymentCaptured, index: u32) -> Checked {
        let order = self.order(captured.order_id, index)?;
        order.payment.hear(captured.attempt);
        let owed =
            order.total == captured.amount_minor && order.currency == Some(captured.currency);
        let known = order.money.take(captured, owed);
        match order.state {
            State::Placed => order.state = State::Paid,
            State::Cancelled | State::Confirmed | State::Fulfilled | State::NeedsAttention => {}
            State::Paid | State::Ending(_) | State::Rejected => {
                let state = order.state;
                return illegal(format!("payment_captured while the order is {state:?}"));
            }
        }
        known
    }

    /// Follows an event about an order's state.
    pub(super) fn follow(&mut self, event: &Event, (at, index): (Timestamp, u32)) -> Checked {
        let Some(order_id) = event.order_id() else { return Ok(()) };
        let order = self.order(order_id, index)?;
        let (state, kind) = (order.state, event.kind());
        let mut fault = Ok(());
        let next = match (state, event) {
            (State::Paid, Event::OrderConfirmed(_)) => {
                if !order.money.is_owed() {
                    let what =
                        format!("order {order_id} is confirmed for another amount than owed");
                    fault = Err((Invariant::I5, what));
                }
                State::Confirmed
            }
            (State::Placed, Event::OrderConfirmed(_)) if order.total == Amount::ZERO => {
                State::Confirmed
            }
            (State::Placed, Event::HoldExpired(expired)) => {
                if at < order.hold_until || expired.hold_until != order.hold_until {
                    let until = order.hold_until;
                    let what = format!("order {order_id} expired at {at}, is held until {until}");
                    fault = Err((Invariant::I12, what));
                }
                State::Ending(CancelReason::HoldExpired)
            }
            (State::Placed, Event::PaymentAbandoned(last)) => {
                order.payment.hear(last.attempt);
                State::Ending(CancelReason::PaymentDeclined)
            }
            (State::Placed | State::NeedsAttention, Event::CancelRequested(_)) => {
                State::Ending(CancelReason::Requested)
            }
            (State::Confirmed, Event::CancelRequested(_)) if !order.has_shipped() => {
                State::Ending(CancelReason::Requested)
            }
            (State::Ending(why), Event::OrderCancelled(off)) if why == off.reason => {
                State::Cancelled
            }
            (State::Paid, Event::OrderCancelled(off))
                if off.reason == CancelReason::AmountMismatch && !order.money.is_owed() =>
            {
                State::Cancelled
            }
            (State::Cancelled, Event::OrderReinstated(_)) if order.money.is_owed() => {
                for line in &mut order.lines {
                    line.hold = match line.hold {
                        Hold::Released => Hold::Announced,
                        other
                        @ (Hold::Announced | Hold::Open | Hold::Deducted | Hold::Returned) => other,
                    };
                }
                State::Paid
            }
            (State::Confirmed, Event::OrderFulfilled(fulfilled)) => {
                let remains = order.ship(fulfilled)?;
                if remains { State::Confirmed } else { State::Fulfilled }
            }
            (State::Confirmed | State::Fulfilled, Event::ReturnReceived(back)) => {
                order.take_back(back)?;
                state
            }
            (_, Event::AttentionRaised(raised)) => order.attention(raised.kind)?,
            (
                State::Placed
                | State::Confirmed
                | State::Fulfilled
                | State::NeedsAttention
                | State::Cancelled,
                Event::PaymentNoted(noted),
            ) => {
                if noted.result != PaymentResult::Unknown {
                    order.payment.hear(noted.attempt);
                }
                state
            }
            _ => return illegal(format!("{kind} while order {order_id} is {state:?}")),
        };
        order.state = next;
        fault
    }

    /// Orders that still expect something.
    pub(super) fn open(&self) -> usize {
        self.orders.values().filter(|order| !order.is_closed()).count()
    }

    /// Whether an order was placed or rejected, as far back as orders are kept.
    pub(super) fn is_known(&self, order_id: OrderId) -> bool {
        self.orders.contains_key(&order_id)
    }

    /// Whether an order is off.
    pub(super) fn is_cancelled(&self, order_id: OrderId) -> bool {
        self.orders.get(&order_id).is_some_and(|order| order.state == State::Cancelled)
    }

    /// Whether the buyer of an order was ever asked to pay with something else.
    pub(super) fn has_asked_buyer(&self, order_id: OrderId) -> bool {
        self.orders.get(&order_id).is_some_and(|order| order.payment.has_asked_buyer)
    }

    /// Whether nobody could ever say what became of an attempt of an order.
    pub(super) fn was_unknown(&self, order_id: OrderId) -> bool {
        self.orders.get(&order_id).is_some_and(|order| order.payment.was_unknown)
    }

    /// Whether anything of an order has left.
    pub(super) fn is_shipped(&self, order_id: OrderId) -> bool {
        self.orders.get(&order_id).is_some_and(Order::has_shipped)
    }

    /// Whether that refund of an order was ever asked for.
    pub(super) fn is_refund_asked(&self, order_id: OrderId, refund: u16) -> bool {
        self.orders.get(&order_id).is_some_and(|order| order.money.is_asked(refund))
    }

    /// Whether a payment was captured for an order.
    pub(super) fn is_captured(&self, order_id: OrderId, reference: &Token) -> bool {
        self.orders.get(&order_id).is_some_and(|order| order.money.has_captured(reference))
    }

    /// Ends a commit: every order it touched is whole again.
    pub(super) fn end(&mut self) -> Vec<(u32, Fault)> {
        let mut faults = Vec::new();
        for (order_id, index) in std::mem::take(&mut self.touched) {
            let Some(order) = self.orders.get(&order_id) else { continue };
            if let Some(fault) = order.half_done() {
                faults.push((index, (fault.0, format!("order {order_id}: {}", fault.1))));
            }
        }
        faults
    }
}
