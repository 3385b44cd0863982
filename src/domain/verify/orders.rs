//! Orders, from placed to their end.

use std::collections::HashMap;
use std::time::Duration;

use super::{Fault, Invariant};
use crate::domain::{
    Amount, Currency, Event, OrderId, OrderPlaced, PaymentCaptured, Policy, Sku, StockHeld,
    Timestamp,
};

/// How long a closed order is kept beyond the window: the committer forgets by the hour.
const SLACK: Duration = Duration::from_secs(2 * 60 * 60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Rejected,
    Placed,
    Paid,
    Confirmed,
    Fulfilled,
    Cancelled,
    NeedsAttention,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Announced,
    Open,
    Deducted,
    Released,
}

#[derive(Debug)]
struct Line {
    sku: Sku,
    units: i128,
    hold: Hold,
}

#[derive(Debug)]
struct Order {
    state: State,
    lines: Vec<Line>,
    total: Amount,
    currency: Option<Currency>,
    hold_until: Timestamp,
    /// Money that fits nothing, until somebody is told.
    untold: bool,
}

/// Every order, and which of them the commit at hand has touched.
#[derive(Debug, Default)]
pub(super) struct Orders {
    orders: HashMap<OrderId, Order>,
    touched: Vec<(OrderId, u32)>,
    pub(super) placed: u64,
    swept: Timestamp,
}

type Checked = Result<(), Fault>;

fn illegal<T>(what: String) -> Result<T, Fault> {
    Err((Invariant::I11, what))
}

impl Orders {
    /// Begins a commit made at `at`.
    pub(super) fn begin(&mut self, at: Timestamp) {
        let horizon = at.before(Policy::WINDOW).before(SLACK);
        if self.swept.after(SLACK) < horizon {
            self.orders.retain(|id, order| {
                let closed =
                    matches!(order.state, State::Rejected | State::Fulfilled | State::Cancelled);
                !closed || horizon <= id.made_at()
            });
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

    pub(super) fn place(&mut self, placed: &OrderPlaced, at: Timestamp, index: u32) -> Checked {
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
                None => lines.push(Line { sku: line.sku.clone(), units, hold: Hold::Announced }),
            }
        }
        let order = Order {
            state: State::Placed,
            lines,
            total: placed.total_minor,
            currency: Some(placed.currency),
            hold_until: placed.hold_until,
            untold: false,
        };
        self.orders.insert(placed.order_id, order);
        self.touched.push((placed.order_id, index));
        if sum != i128::from(placed.total_minor.minor()) {
            let total = placed.total_minor.minor();
            return illegal(format!("the lines come to {sum}, the total is {total}"));
        }
        if placed.hold_until < at {
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
            untold: false,
        };
        self.orders.insert(order_id, order);
        Ok(())
    }

    fn new_id(&self, order_id: OrderId) -> Checked {
        if self.orders.contains_key(&order_id) {
            return Err((Invariant::I4, format!("order {order_id} was decided before")));
        }
        Ok(())
    }

    fn order(&mut self, order_id: OrderId, index: u32) -> Result<&mut Order, Fault> {
        self.touched.push((order_id, index));
        let unknown = || (Invariant::I11, format!("order {order_id} was never placed"));
        self.orders.get_mut(&order_id).ok_or_else(unknown)
    }

    /// Follows an event about the stock an order holds.
    pub(super) fn hold(&mut self, held: &StockHeld, event: &Event, index: u32) -> Checked {
        let order = self.order(held.order_id, index)?;
        let (state, free) = (order.state, order.total == Amount::ZERO);
        let (sku, units) = (&held.sku, i128::from(held.quantity.get()));
        let (from, to, legal) = if matches!(event, Event::StockReserved(_)) {
            (Hold::Announced, Hold::Open, state == State::Placed)
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
        let fits = order.total == captured.amount_minor
            && order.currency == Some(captured.currency)
            && order.state == State::Placed;
        order.untold = !fits;
        match order.state {
            State::Placed | State::Cancelled => order.state = State::Paid,
            State::Confirmed | State::Fulfilled | State::NeedsAttention => {}
            State::Paid | State::Rejected => {
                let state = order.state;
                return illegal(format!("payment_captured while the order is {state:?}"));
            }
        }
        Ok(())
    }

    /// Follows an event about an order's state.
    pub(super) fn follow(&mut self, event: &Event, (at, index): (Timestamp, u32)) -> Checked {
        let Some(order_id) = event.order_id() else { return Ok(()) };
        let order = self.order(order_id, index)?;
        let (state, kind) = (order.state, event.kind());
        let next = match (state, event) {
            (State::Paid, Event::OrderConfirmed(_)) if order.untold => {
                return Err((Invariant::I5, "confirmed for another amount than its total".into()));
            }
            (State::Paid, Event::OrderConfirmed(_)) => State::Confirmed,
            (State::Placed, Event::OrderConfirmed(_)) if order.total == Amount::ZERO => {
                State::Confirmed
            }
            (State::Placed, Event::HoldExpired(expired)) => {
                if at < order.hold_until || expired.hold_until != order.hold_until {
                    let until = order.hold_until;
                    return Err((Invariant::I12, format!("expired at {at}, held until {until}")));
                }
                State::Placed
            }
            (State::Placed, Event::PaymentAbandoned(_) | Event::CancelRequested(_)) => state,
            (State::Placed, Event::OrderCancelled(_)) => State::Cancelled,
            (State::Confirmed, Event::OrderFulfilled(_)) => State::Fulfilled,
            (State::Paid, Event::AttentionRaised(_)) => State::NeedsAttention,
            (
                State::Confirmed | State::Fulfilled | State::NeedsAttention,
                Event::AttentionRaised(_),
            )
            | (
                State::Confirmed | State::Fulfilled | State::NeedsAttention | State::Cancelled,
                Event::PaymentNoted(_),
            ) => state,
            _ => return illegal(format!("{kind} while order {order_id} is {state:?}")),
        };
        order.state = next;
        if matches!(event, Event::AttentionRaised(_)) {
            order.untold = false;
        }
        Ok(())
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

impl Order {
    /// What a commit may not leave behind.
    fn half_done(&self) -> Option<Fault> {
        if self.untold {
            return Some((Invariant::I5, "money that fits nothing, and nobody was told".into()));
        }
        let all = |hold| self.lines.iter().all(|line| line.hold == hold);
        let none_open = self.lines.iter().all(|line| line.hold != Hold::Open);
        let whole = match self.state {
            State::Placed => all(Hold::Open),
            State::Confirmed | State::Fulfilled => all(Hold::Deducted),
            State::Cancelled => all(Hold::Released),
            State::Paid => false,
            State::Rejected => none_open,
            State::NeedsAttention => all(Hold::Open) || all(Hold::Released),
        };
        (!whole).then(|| {
            let holds: Vec<_> = self.lines.iter().map(|line| line.hold).collect();
            (Invariant::I3, format!("it is {:?} and its holds are {holds:?}", self.state))
        })
    }
}
