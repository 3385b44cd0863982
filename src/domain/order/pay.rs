//! What news of an order's money leads to.

use super::cancel::cancelled;
use super::decide::{Answer, Decision, noted};
use super::{Order, Phase};
use crate::domain::event::{
    CancelReason, PaymentAbandoned, PaymentFailed, PaymentRequested, PaymentUnknown, Retry,
};
use crate::domain::payment::{AttemptRequest, DeclineClass, RetrySchedule};
use crate::domain::{
    ChangePaymentMethod, Event, OrderId, PaymentResult, Policy, Quantity, RecordPayment, Refusal,
    Sku, Text, Timestamp, Token,
};

/// Attempts of one order, whoever asks for them: the first and its retries. A buyer who is asked
/// for another card uses them up as well, so that nobody tries cards at a shop.
const ATTEMPTS_MAX: u8 = 1 + RetrySchedule::RETRIES_MAX;

impl Order {
    /// News of money. A result is never refused for coming late: it happened.
    pub(in crate::domain) fn record_payment(
        &self,
        command: &RecordPayment,
        (now, policy): (Timestamp, &Policy),
        is_there: impl Fn(&Sku, Quantity) -> bool,
    ) -> Decision {
        if !(1..=self.basket.attempt).contains(&command.attempt) {
            let last = self.basket.attempt;
            return Err(Refusal::UnknownAttempt { attempt: command.attempt, last });
        }
        match &command.result {
            PaymentResult::Captured { amount_minor, currency, provider_ref } => {
                let money = (*amount_minor, *currency);
                Ok(self.captured(command, (money, provider_ref), now, is_there))
            }
            PaymentResult::Declined { code } => {
                let class = policy.classes.of(&command.connector, code);
                Ok(self.failed(command, (class, code), now, policy))
            }
            PaymentResult::Unknown => Ok(self.unknown(command, now, policy)),
            PaymentResult::Failed { code } => {
                Ok(self.failed(command, (DeclineClass::Infra, code), now, policy))
            }
        }
    }

    fn failed(
        &self,
        command: &RecordPayment,
        (class, code): (DeclineClass, &Token),
        now: Timestamp,
        policy: &Policy,
    ) -> Answer {
        match &self.phase {
            // An attempt that another has followed. It failed before, or it failed too late.
            Phase::Placed if command.attempt < self.basket.attempt => {
                Answer::Append(vec![noted(command)])
            }
            Phase::Placed => match self.basket.buyer_asked {
                Some(at) => Answer::AlreadyApplied(at),
                // Who could not reach the provider cannot say what became of an attempt that has
                // been out; who looked for it can.
                None if let (PaymentResult::Failed { code }, Some((at, _))) =
                    (&command.result, &self.basket.unknown)
                    && *code != Token::NEVER_CHARGED =>
                {
                    Answer::AlreadyApplied(*at)
                }
                None => Answer::Append(self.goes_on(command, (class, code), now, policy)),
            },
            Phase::Cancelled(CancelReason::PaymentDeclined, at) => Answer::AlreadyApplied(*at),
            Phase::Paid
            | Phase::Confirmed
            | Phase::Fulfilled
            | Phase::Cancelled(..)
            | Phase::NeedsAttention(..) => Answer::Append(vec![noted(command)]),
        }
    }

    /// Nobody can say whether the money came. Nothing is given up for that, and nothing is asked
    /// for anew: the same attempt is asked after, and the stock waits.
    fn unknown(&self, command: &RecordPayment, now: Timestamp, policy: &Policy) -> Answer {
        let RecordPayment { order_id, attempt, .. } = *command;
        let current = self.phase == Phase::Placed
            && attempt == self.basket.attempt
            && self.basket.buyer_asked.is_none();
        if !current {
            return Answer::Append(vec![noted(command)]);
        }
        match &self.basket.unknown {
            Some((at, _)) => Answer::AlreadyApplied(*at),
            None => Answer::Append(vec![Event::PaymentUnknown(PaymentUnknown {
                order_id,
                attempt,
                connector: command.connector.clone(),
                hold_until: self.basket.hold_until.max(now.after(policy.unknown_hold)),
            })]),
        }
    }

    /// What follows the failure of the last attempt that was asked for.
    fn goes_on(
        &self,
        command: &RecordPayment,
        (class, code): (DeclineClass, &Token),
        now: Timestamp,
        policy: &Policy,
    ) -> Vec<Event> {
        let RecordPayment { order_id, attempt, .. } = *command;
        let connector = command.connector.clone();
        let retry = match class {
            DeclineClass::Infra | DeclineClass::Soft => self.retry(order_id, now, policy),
            DeclineClass::Customer | DeclineClass::Hard => None,
        };
        let buyer_may = class == DeclineClass::Customer && attempt < ATTEMPTS_MAX;
        if retry.is_some() || buyer_may {
            let code = code.clone();
            let failed = PaymentFailed { order_id, attempt, connector, class, code, retry };
            return vec![Event::PaymentFailed(failed)];
        }
        let code = code.clone();
        let last = PaymentAbandoned { order_id, attempt, connector, class, code };
        let mut events = vec![Event::PaymentAbandoned(last)];
        events.extend(cancelled(order_id, &self.basket, CancelReason::PaymentDeclined));
        events
    }

    /// The attempt that follows by itself, when there is one left, in time, and its hold lasts.
    fn retry(&self, order_id: OrderId, now: Timestamp, policy: &Policy) -> Option<Retry> {
        let attempt = self.basket.attempt;
        let at = policy.retries.after(order_id, attempt, now)?;
        let window = || now.after(RetrySchedule::WINDOW);
        let until = self.basket.retry_until.unwrap_or_else(window);
        if until < at || self.basket.hold_until < at.after(policy.attempt) {
            return None;
        }
        let AttemptRequest { attempt, idempotency_key } =
            AttemptRequest::of(order_id, attempt.checked_add(1)?)?;
        Some(Retry { attempt, idempotency_key, at, until: Some(until) })
    }

    /// Another means of payment, once the buyer was asked for one.
    pub(in crate::domain) fn change_payment_method(
        &self,
        command: &ChangePaymentMethod,
    ) -> Decision {
        let asked = self.phase == Phase::Placed && self.basket.buyer_asked.is_some();
        let next = self.basket.attempt.checked_add(1);
        let Some(payment) = next
            .filter(|_| asked)
            .and_then(|attempt| AttemptRequest::of(command.order_id, attempt))
        else {
            return Err(match self.phase {
                Phase::Placed => Refusal::WrongState {
                    state: Text::lossy("placed, and an attempt to take the money is under way"),
                },
                Phase::Paid
                | Phase::Confirmed
                | Phase::Fulfilled
                | Phase::Cancelled(..)
                | Phase::NeedsAttention(..) => self.wrong_state(),
            });
        };
        Ok(Answer::Append(vec![Event::PaymentRequested(PaymentRequested {
            order_id: command.order_id,
            payment,
            amount_minor: self.basket.total,
            currency: self.basket.currency,
            payment_method_token: command.payment_method_token.clone(),
        })]))
    }
}
