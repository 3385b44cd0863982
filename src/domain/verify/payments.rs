//! Attempts to take money: how many, in which order, under which keys.

use super::orders::{Checked, Order, Orders};
use super::{Fault, Invariant};
use crate::domain::payment::{AttemptRequest, RetrySchedule};
use crate::domain::{PaymentFailed, PaymentRequested, PaymentUnknown, Timestamp, Token};

/// The attempts of one order.
#[derive(Debug, Default)]
pub(super) struct Payment {
    /// One for each attempt, none twice.
    keys: Vec<Token>,
    /// Whether the buyer has to act before there is another.
    pub(super) asks_buyer: bool,
    /// Whether nobody can say what became of the last one.
    pub(super) unknown: bool,
    /// Whether nobody has said yet what became of it.
    pub(super) outstanding: bool,
    /// Whether either has ever been so: a command may have said it again.
    pub(super) has_asked_buyer: bool,
    pub(super) was_unknown: bool,
}

impl Payment {
    /// The attempts of an order that is placed.
    pub(super) fn first(request: Option<&AttemptRequest>) -> Self {
        let keys = request.map(|request| request.idempotency_key.clone());
        Self { outstanding: keys.is_some(), keys: keys.into_iter().collect(), ..Self::default() }
    }

    fn last(&self) -> usize {
        self.keys.len()
    }

    /// Somebody has said what became of an attempt.
    pub(super) fn hear(&mut self, attempt: u8) {
        if usize::from(attempt) == self.last() {
            self.outstanding = false;
        }
    }

    fn next(&mut self, attempt: u8, key: &Token) -> Checked {
        let (attempt, most) = (usize::from(attempt), 1 + usize::from(RetrySchedule::RETRIES_MAX));
        if attempt != self.last().saturating_add(1) {
            return illegal(format!("attempt {attempt} after attempt {}", self.last()));
        }
        if most < attempt {
            return illegal(format!("attempt {attempt}, at most {most} are made"));
        }
        if self.keys.contains(key) {
            return illegal(format!("attempt {attempt} under the key of another: {key}"));
        }
        self.keys.push(key.clone());
        self.outstanding = true;
        Ok(())
    }
}

fn illegal(what: String) -> Checked {
    Err((Invariant::I5, what))
}

impl Order {
    /// Whether another attempt may be asked for.
    fn is_payable(&self, kind: &str) -> Checked {
        if self.is_placed() {
            return Ok(());
        }
        let fault: Fault = (Invariant::I11, format!("{kind} while the order is not placed"));
        Err(fault)
    }
}

impl Orders {
    /// Follows an attempt that failed and was not the last. It was decided at `since` or later.
    pub(super) fn fail(
        &mut self,
        failed: &PaymentFailed,
        (since, index): (Timestamp, u32),
    ) -> Checked {
        let order = self.order(failed.order_id, index)?;
        order.is_payable("payment_failed")?;
        let last = order.payment.last();
        if usize::from(failed.attempt) != last || order.payment.asks_buyer {
            return illegal(format!("attempt {} failed, asked for is {last}", failed.attempt));
        }
        order.payment.unknown = false;
        let Some(retry) = &failed.retry else {
            order.payment.asks_buyer = true;
            order.payment.outstanding = false;
            order.payment.has_asked_buyer = true;
            return Ok(());
        };
        if retry.at < since || order.hold_until < retry.at {
            let (due, until) = (retry.at, order.hold_until);
            let what = format!("a retry at {due}, asked for after {since}, held until {until}");
            return illegal(what);
        }
        order.payment.next(retry.attempt, &retry.idempotency_key)
    }

    /// Follows an attempt of which nobody can say what became.
    pub(super) fn lose_sight(&mut self, unknown: &PaymentUnknown, index: u32) -> Checked {
        let order = self.order(unknown.order_id, index)?;
        order.is_payable("payment_unknown")?;
        let (last, until) = (order.payment.last(), order.hold_until);
        order.hold_until = unknown.hold_until;
        if usize::from(unknown.attempt) != last || order.payment.asks_buyer {
            return illegal(format!("attempt {} is unknown, asked for is {last}", unknown.attempt));
        }
        order.payment.was_unknown = true;
        if std::mem::replace(&mut order.payment.unknown, true) {
            return illegal(format!("attempt {last} is unknown twice"));
        }
        if unknown.hold_until < until {
            let what = format!("held until {until}, and until {} only", unknown.hold_until);
            return Err((Invariant::I12, what));
        }
        Ok(())
    }

    /// Follows an attempt that the buyer asked for.
    pub(super) fn request(&mut self, requested: &PaymentRequested, index: u32) -> Checked {
        let order = self.order(requested.order_id, index)?;
        order.is_payable("payment_requested")?;
        if !std::mem::take(&mut order.payment.asks_buyer) {
            return illegal("another attempt, and the buyer was not asked for one".into());
        }
        order.payment.next(requested.payment.attempt, &requested.payment.idempotency_key)
    }
}
