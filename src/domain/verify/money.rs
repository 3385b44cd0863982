//! Money that was taken, and what is given back of it.

use super::orders::{Checked, Orders};
use super::{Fault, Invariant};
use crate::domain::payment::RetrySchedule;
use crate::domain::{
    AttentionKind, Currency, PaymentCaptured, PaymentRefunded, RefundFailed, RefundNoted,
    RefundRequested, RefundUnknown, Timestamp, Token,
};

/// The money of one order.
#[derive(Debug, Default)]
pub(super) struct Money {
    captures: Vec<Capture>,
    refunds: Vec<Refund>,
}

#[derive(Debug)]
struct Capture {
    reference: Token,
    connector: Token,
    minor: i128,
    currency: Currency,
    /// Whether it is what the order costs.
    owed: bool,
    /// Whether a human was told of it.
    told: bool,
}

#[derive(Debug)]
struct Refund {
    capture: Token,
    minor: i128,
    /// One for each attempt, none twice.
    keys: Vec<Token>,
    state: State,
    /// A human has to be told of this in the same commit.
    untold: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asked,
    Unknown,
    Done,
    GivenUp,
}

fn illegal<T>(what: String) -> Result<T, Fault> {
    Err((Invariant::I5, what))
}

impl Money {
    pub(super) fn has_captured(&self, reference: &Token) -> bool {
        self.captures.iter().any(|capture| capture.reference == *reference)
    }

    /// Follows a capture, which may be what the order costs.
    pub(super) fn take(&mut self, captured: &PaymentCaptured, owed: bool) -> Checked {
        let reference = &captured.provider_ref;
        let known = self.has_captured(reference);
        self.captures.push(Capture {
            reference: reference.clone(),
            connector: captured.connector.clone(),
            minor: i128::from(captured.amount_minor.minor()),
            currency: captured.currency,
            owed,
            told: false,
        });
        if known {
            let order_id = captured.order_id;
            return Err((Invariant::I4, format!("{reference} was captured for {order_id} before")));
        }
        Ok(())
    }

    /// Whether the money that came is what the order costs, once.
    pub(super) fn is_owed(&self) -> bool {
        matches!(self.captures.as_slice(), [only] if only.owed)
    }

    pub(super) fn is_moving(&self) -> bool {
        self.refunds.iter().any(|refund| matches!(refund.state, State::Asked | State::Unknown))
    }

    /// A human was told.
    pub(super) fn told(&mut self, kind: AttentionKind) {
        match kind {
            AttentionKind::LatePayment
            | AttentionKind::AmountMismatch
            | AttentionKind::DoubleCapture => {
                self.captures.iter_mut().for_each(|capture| capture.told = true);
            }
            AttentionKind::RefundFailed | AttentionKind::RefundMismatch => {
                self.refunds.iter_mut().for_each(|refund| refund.untold = false);
            }
            AttentionKind::PaymentUnknown | AttentionKind::RefundUnknown => {}
        }
    }

    /// What of a capture is neither given back nor on its way.
    fn left(&self, capture: &Capture) -> i128 {
        let of_it = |refund: &&Refund| {
            refund.capture == capture.reference && refund.state != State::GivenUp
        };
        let gone = self.refunds.iter().filter(of_it).map(|refund| refund.minor);
        gone.fold(capture.minor, i128::saturating_sub)
    }

    /// What a commit may not leave behind: money that nobody owes and nobody gives back.
    pub(super) fn half_done(&self, is_sold: bool) -> Option<String> {
        if self.refunds.iter().any(|refund| refund.untold) {
            return Some("a refund was given up, and nobody was told".into());
        }
        // The first is for the goods. Every other was asked to go back, or a human was told; when
        // giving it back failed, a human was told as well.
        let for_nothing = self.captures.iter().skip(usize::from(is_sold));
        let kept = for_nothing.filter(|capture| !capture.told).filter(|capture| {
            let asked = self.refunds.iter().filter(|refund| refund.capture == capture.reference);
            asked.fold(capture.minor, |left, refund| left.saturating_sub(refund.minor)) > 0
        });
        let kept: Vec<_> = kept.map(|capture| capture.reference.as_str()).collect();
        (!kept.is_empty()).then(|| format!("{} is kept for nothing", kept.join(", ")))
    }

    fn refund(&mut self, refund: u16) -> Result<&mut Refund, Fault> {
        let index = usize::from(refund).checked_sub(1);
        let known = index.and_then(|index| self.refunds.get_mut(index));
        known.ok_or_else(|| (Invariant::I5, format!("refund {refund} was never asked for")))
    }

    fn ask(&mut self, asked: &RefundRequested) -> Checked {
        let next = self.refunds.len().saturating_add(1);
        let capture = self.captures.iter().find(|c| c.reference == asked.capture_ref);
        let reference = &asked.capture_ref;
        let minor = i128::from(asked.amount_minor.minor());
        let fault = match capture {
            None => Some(format!("{reference} is to go back and never came")),
            Some(capture) if self.left(capture) < minor => {
                let left = self.left(capture);
                Some(format!("{minor} of {reference} are to go back, {left} are left"))
            }
            Some(capture)
                if capture.currency != asked.currency || capture.connector != asked.connector =>
            {
                Some(format!("{reference} is to go back another way than it came"))
            }
            Some(_) if usize::from(asked.refund) != next => {
                Some(format!("refund {} is asked for, {next} is next", asked.refund))
            }
            Some(_) => None,
        };
        self.refunds.push(Refund {
            capture: reference.clone(),
            minor,
            keys: vec![asked.payment.idempotency_key.clone()],
            state: State::Asked,
            untold: false,
        });
        fault.map_or(Ok(()), illegal)
    }

    fn done(&mut self, refunded: &PaymentRefunded) -> Checked {
        let refund = self.refund(refunded.refund)?;
        let (before, minor) = (refund.state, refund.minor);
        let capture = refund.capture.clone();
        refund.state = State::Done;
        let said = i128::from(refunded.amount_minor.minor());
        if before == State::Done {
            return illegal(format!("refund {} is done twice", refunded.refund));
        }
        if said != minor {
            return illegal(format!("{said} went back, {minor} were asked for"));
        }
        let capture = self.captures.iter().find(|known| known.reference == capture);
        match capture.map(|capture| self.left(capture)) {
            Some(left) if left < 0 => illegal(format!("{} more went back than came", left.abs())),
            Some(_) | None => Ok(()),
        }
    }

    /// Follows a failure that was decided at `since` or later.
    fn fail(&mut self, failed: &RefundFailed, since: Timestamp) -> Checked {
        let refund = self.refund(failed.refund)?;
        let last = refund.keys.len();
        // What was done may come back, and is not tried again by itself.
        let may = match refund.state {
            State::Asked | State::Unknown => true,
            State::Done => failed.retry.is_none(),
            State::GivenUp => false,
        };
        refund.state = State::Asked;
        if !may || usize::from(failed.attempt) != last {
            return illegal(format!("attempt {} failed, asked for is {last}", failed.attempt));
        }
        let Some(retry) = &failed.retry else {
            refund.state = State::GivenUp;
            refund.untold = true;
            return Ok(());
        };
        let next = last.saturating_add(1);
        let most = 1 + usize::from(RetrySchedule::RETRIES_MAX);
        let fits = usize::from(retry.attempt) == next && next <= most && since <= retry.at;
        let fresh = !refund.keys.contains(&retry.idempotency_key);
        refund.keys.push(retry.idempotency_key.clone());
        if fits && fresh {
            return Ok(());
        }
        illegal(format!(
            "attempt {} at {} under {}",
            retry.attempt, retry.at, retry.idempotency_key
        ))
    }

    fn lose_sight(&mut self, unknown: &RefundUnknown) -> Checked {
        let refund = self.refund(unknown.refund)?;
        let (last, before) = (refund.keys.len(), refund.state);
        refund.state = State::Unknown;
        if before != State::Asked || usize::from(unknown.attempt) != last {
            return illegal(format!("attempt {} is unknown, asked for is {last}", unknown.attempt));
        }
        Ok(())
    }

    /// Whether that refund was ever asked for.
    pub(super) fn is_asked(&self, refund: u16) -> bool {
        let index = usize::from(refund).checked_sub(1);
        index.is_some_and(|index| index < self.refunds.len())
    }
}

impl Orders {
    pub(super) fn ask_refund(&mut self, asked: &RefundRequested, index: u32) -> Checked {
        self.order(asked.order_id, index)?.money.ask(asked)
    }

    pub(super) fn refund(&mut self, refunded: &PaymentRefunded, index: u32) -> Checked {
        self.order(refunded.order_id, index)?.money.done(refunded)
    }

    pub(super) fn refund_fails(
        &mut self,
        failed: &RefundFailed,
        (since, index): (Timestamp, u32),
    ) -> Checked {
        self.order(failed.order_id, index)?.money.fail(failed, since)
    }

    pub(super) fn refund_unknown(&mut self, unknown: &RefundUnknown, index: u32) -> Checked {
        self.order(unknown.order_id, index)?.money.lose_sight(unknown)
    }

    pub(super) fn refund_noted(&mut self, noted: &RefundNoted, index: u32) -> Checked {
        self.order(noted.order_id, index)?.money.refund(noted.refund).map(drop)
    }
}
