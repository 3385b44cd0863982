//! Whether an order is whole: what a commit may leave it in.

use super::orders::{Hold, Order, State, illegal};
use super::{Fault, Invariant};
use crate::domain::{Amount, AttentionKind};

impl Order {
    pub(super) fn is_placed(&self) -> bool {
        self.state == State::Placed
    }

    pub(super) fn is_closed(&self) -> bool {
        let is_over = matches!(self.state, State::Fulfilled | State::Cancelled);
        let is_quiet = !self.payment.outstanding && !self.money.is_moving();
        self.state == State::Rejected || (is_over && is_quiet)
    }

    /// Where an order stands once a human has been told.
    pub(super) fn attention(&mut self, kind: AttentionKind) -> Result<State, Fault> {
        let state = self.state;
        let legal = match (state, kind) {
            (State::Rejected | State::Placed | State::Ending(_), _) => false,
            (_, AttentionKind::RefundUnknown) => self.money.is_moving(),
            (State::Cancelled, AttentionKind::PaymentUnknown) => {
                std::mem::take(&mut self.payment.unknown)
            }
            (
                State::Paid
                | State::Confirmed
                | State::Fulfilled
                | State::Cancelled
                | State::NeedsAttention,
                _,
            ) => true,
        };
        if !legal {
            return illegal(format!("attention_raised for {} while it is {state:?}", kind.name()));
        }
        self.money.told(kind);
        let late = state == State::Cancelled && kind == AttentionKind::LatePayment;
        Ok(if late || state == State::Paid { State::NeedsAttention } else { state })
    }

    /// What a commit may not leave behind.
    pub(super) fn half_done(&self) -> Option<Fault> {
        let all = |hold| self.lines.iter().all(|line| line.hold == hold);
        let none_open = self.lines.iter().all(|line| line.hold != Hold::Open);
        let whole = match self.state {
            // One that costs nothing is confirmed at once.
            State::Placed => all(Hold::Open) && self.total != Amount::ZERO,
            State::Confirmed | State::Fulfilled => {
                all(Hold::Deducted) && self.lines.iter().all(|line| line.to_restock == 0)
            }
            State::Cancelled => all(Hold::Released) || all(Hold::Returned),
            State::Paid | State::Ending(_) => false,
            State::Rejected => none_open,
            State::NeedsAttention => all(Hold::Open) || all(Hold::Released),
        };
        // One whose next event is missing, or one whose promises do not go with its state.
        let invariant = match self.state {
            State::Paid | State::Ending(_) => Invariant::I11,
            State::Rejected
            | State::Placed
            | State::Confirmed
            | State::Fulfilled
            | State::Cancelled
            | State::NeedsAttention => Invariant::I3,
        };
        if !whole {
            let holds: Vec<_> = self.lines.iter().map(|line| line.hold).collect();
            return Some((
                invariant,
                format!("it is {:?} and its holds are {holds:?}", self.state),
            ));
        }
        // The first payment is for the goods, when they cost anything.
        let is_sold = matches!(self.state, State::Confirmed | State::Fulfilled);
        let is_for_goods = is_sold && self.total != Amount::ZERO;
        self.money.half_done(is_for_goods).map(|what| (Invariant::I5, what))
    }
}
