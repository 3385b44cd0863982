//! Giving money back: on request, and what its attempts lead to.

use super::Order;
use super::decide::{Answer, Decision};
use super::money::{Capture, Refund, RefundState};
use crate::domain::event::{
    AttentionKind, AttentionRaised, PaymentRefunded, RefundFailed, RefundNoted, RefundReason,
    RefundRequested, RefundUnknown, Retry,
};
use crate::domain::payment::{AttemptRequest, DeclineClass};
use crate::domain::{
    Amount, Event, OrderId, Policy, RecordRefund, RefundOrder, RefundResult, Refusal, Text,
    Timestamp, Token,
};

/// Asks for `amount` of a capture, as refund number `refund` of its order.
pub(super) fn asked(
    order_id: OrderId,
    refund: u16,
    (capture, amount): (&Capture, Amount),
    reason: RefundReason,
) -> Option<RefundRequested> {
    Some(RefundRequested {
        order_id,
        refund,
        payment: AttemptRequest::of_refund(order_id, refund, 1)?,
        connector: capture.connector.clone(),
        capture_ref: capture.provider_ref.clone(),
        amount_minor: amount,
        currency: capture.currency,
        reason,
        note: None,
        reference: None,
    })
}

impl Order {
    /// Gives money back because somebody wants it.
    pub(in crate::domain) fn refund(&self, command: &RefundOrder) -> Decision {
        let known = |refund: &&Refund| refund.reference.as_ref() == Some(&command.reference);
        if let Some(first) = self.money.refunds.iter().find(known) {
            let amounts = self.money.refunds.iter().filter(known).map(|r| r.amount.minor());
            let sum = amounts.fold(0, u64::saturating_add);
            return match command.amount_minor {
                Some(wanted) if wanted.minor() != sum => {
                    Err(Refusal::IdConflict { field: Text::lossy("body.reference") })
                }
                Some(_) | None => Ok(Answer::AlreadyApplied(first.at)),
            };
        }
        let Some(first) = self.money.captures.first() else {
            return Err(self.wrong_state());
        };
        if let Some(wanted) = command.currency.filter(|wanted| *wanted != first.currency) {
            let problem = format!("is {wanted}, the money came in {}", first.currency);
            return Err(Refusal::invalid("body.currency", &problem));
        }
        let parts = self.parts(command.amount_minor)?;
        let mut events = Vec::with_capacity(parts.len());
        for (refund, part) in (self.money.last().saturating_add(1)..).zip(parts) {
            let Some(asked) = asked(command.order_id, refund, part, RefundReason::Requested) else {
                break;
            };
            let (note, reference) = (Some(command.reason.clone()), Some(command.reference.clone()));
            events.push(Event::RefundRequested(RefundRequested { note, reference, ..asked }));
        }
        Ok(Answer::Append(events))
    }

    /// Gives money back that a provider would not give back, once more.
    pub(in crate::domain) fn refund_again(
        &self,
        order_id: OrderId,
        why: &Text,
    ) -> Result<Vec<Event>, Refusal> {
        // Only the last one: whatever came after it may have been asked for in its place.
        let given_up = |refund: &&Refund| matches!(refund.state, RefundState::GivenUp(_));
        let last = self.money.refunds.last().filter(given_up).ok_or_else(|| self.wrong_state())?;
        let capture = self.money.capture(&last.capture_ref).ok_or_else(|| self.wrong_state())?;
        let (wanted, left) = (last.amount.minor(), self.money.left(capture));
        if left < wanted {
            return Err(Refusal::RefundTooLarge { wanted_minor: wanted, left_minor: left });
        }
        let next = self.money.last().saturating_add(1);
        let asked = asked(order_id, next, (capture, last.amount), last.reason);
        let asked = asked.map(|asked| RefundRequested { note: Some(why.clone()), ..asked });
        Ok(asked.map(Event::RefundRequested).into_iter().collect())
    }

    /// Which captures the money is taken from: one that has enough, or all that have anything.
    fn parts(&self, wanted: Option<Amount>) -> Result<Vec<(&Capture, Amount)>, Refusal> {
        let money = &self.money;
        let most = money.captures.iter().map(|capture| money.left(capture)).max().unwrap_or(0);
        let Some(wanted) = wanted else {
            let parts: Vec<_> = self.kept().collect();
            let none = Refusal::RefundTooLarge { wanted_minor: 0, left_minor: 0 };
            return if parts.is_empty() { Err(none) } else { Ok(parts) };
        };
        if wanted == Amount::ZERO {
            return Err(Refusal::invalid("body.amount_minor", "is 0, must be at least 1"));
        }
        let enough = money.captures.iter().find(|capture| wanted.minor() <= money.left(capture));
        enough
            .map(|capture| vec![(capture, wanted)])
            .ok_or(Refusal::RefundTooLarge { wanted_minor: wanted.minor(), left_minor: most })
    }

    /// What is left of each capture, where something is.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&Capture, Amount)> {
        let left = |capture| Some((capture, Amount::new(self.money.left(capture))?));
        self.money.captures.iter().filter_map(left).filter(|(_, left)| *left != Amount::ZERO)
    }

    /// News of a refund. A result is never refused for coming late: it happened.
    pub(in crate::domain) fn record_refund(
        &self,
        command: &RecordRefund,
        now: Timestamp,
        policy: &Policy,
    ) -> Decision {
        let RecordRefund { refund: number, attempt, .. } = *command;
        let Some(refund) = self.money.refund(number) else {
            return Err(Refusal::UnknownRefund { refund: number, last: self.money.last() });
        };
        if !(1..=refund.attempt).contains(&attempt) {
            return Err(Refusal::UnknownAttempt { attempt, last: refund.attempt });
        }
        let current = refund.is_moving() && attempt == refund.attempt;
        let answer = match &command.result {
            RefundResult::Refunded { provider_ref } => {
                self.refund_done(command, refund, provider_ref)
            }
            RefundResult::Declined { code }
                if attempt == refund.attempt
                    && matches!(refund.state, RefundState::Done { .. }) =>
            {
                Answer::Append(self.came_back(command, refund, code))
            }
            _ if !current => Answer::Append(vec![noted(command)]),
            RefundResult::Unknown => match refund.state {
                RefundState::Unknown { since, .. } => Answer::AlreadyApplied(since),
                RefundState::Asked | RefundState::Done { .. } | RefundState::GivenUp(_) => {
                    Answer::Append(vec![Event::RefundUnknown(RefundUnknown {
                        order_id: command.order_id,
                        refund: number,
                        attempt,
                        connector: command.connector.clone(),
                        attention_at: now.after(policy.unknown_hold),
                    })])
                }
            },
            RefundResult::Declined { code } => {
                let class = policy.classes.of(&command.connector, code);
                self.refund_goes_on(command, refund, (class, code), (now, policy))
            }
            // Who could not reach the provider cannot say what became of an attempt that has been
            // out; who looked for it can.
            RefundResult::Failed { code } if *code != Token::NEVER_CHARGED => match refund.state {
                RefundState::Unknown { since, .. } => Answer::AlreadyApplied(since),
                RefundState::Asked | RefundState::Done { .. } | RefundState::GivenUp(_) => {
                    let failure = (DeclineClass::Infra, code);
                    self.refund_goes_on(command, refund, failure, (now, policy))
                }
            },
            RefundResult::Failed { code } => {
                self.refund_goes_on(command, refund, (DeclineClass::Infra, code), (now, policy))
            }
        };
        Ok(answer)
    }

    fn refund_done(&self, command: &RecordRefund, refund: &Refund, reference: &Token) -> Answer {
        if let RefundState::Done { at, provider_ref } = &refund.state
            && provider_ref == reference
        {
            return Answer::AlreadyApplied(*at);
        }
        let capture = self.money.capture(&refund.capture_ref);
        let left = capture.map_or(0, |capture| self.money.left(capture));
        let given_up = matches!(refund.state, RefundState::GivenUp(_));
        if refund.is_moving() || (given_up && refund.amount.minor() <= left) {
            let Some(capture) = capture else { return Answer::Append(vec![noted(command)]) };
            return Answer::Append(vec![Event::PaymentRefunded(PaymentRefunded {
                order_id: command.order_id,
                refund: command.refund,
                attempt: command.attempt,
                connector: command.connector.clone(),
                amount_minor: refund.amount,
                currency: capture.currency,
                provider_ref: reference.clone(),
            })]);
        }
        let reason = format!(
            "refund {} of {} was carried out again as {reference}",
            command.refund,
            self.refund_in_words(refund)
        );
        let told = raised(AttentionKind::RefundMismatch, command.order_id, &reason);
        Answer::Append(vec![noted(command), told])
    }

    /// The buyer's bank sent it back, days later perhaps. The provider has the money again, and
    /// the buyer has to be asked where it is to go.
    fn came_back(&self, command: &RecordRefund, refund: &Refund, code: &Token) -> Vec<Event> {
        let RecordRefund { order_id, refund: number, attempt, .. } = *command;
        let connector = command.connector.clone();
        let sum = self.refund_in_words(refund);
        let reason = format!("{sum} was given back and came back to {connector}: {code}");
        let (class, code) = (DeclineClass::Hard, code.clone());
        let failed =
            RefundFailed { order_id, refund: number, attempt, connector, class, code, retry: None };
        let told = raised(AttentionKind::RefundFailed, order_id, &reason);
        vec![Event::RefundFailed(failed), told]
    }

    /// What follows the failure of the last attempt that was asked for.
    fn refund_goes_on(
        &self,
        command: &RecordRefund,
        refund: &Refund,
        (class, code): (DeclineClass, &Token),
        (now, policy): (Timestamp, &Policy),
    ) -> Answer {
        let RecordRefund { order_id, refund: number, attempt, .. } = *command;
        let retry = match class {
            DeclineClass::Infra | DeclineClass::Soft => {
                policy.retries.after(order_id, attempt, now).zip(attempt.checked_add(1)).and_then(
                    |(at, next)| {
                        let AttemptRequest { attempt, idempotency_key } =
                            AttemptRequest::of_refund(order_id, number, next)?;
                        Some(Retry { attempt, idempotency_key, at })
                    },
                )
            }
            // A buyer cannot help with money that we owe; a person has to.
            DeclineClass::Customer | DeclineClass::Hard => None,
        };
        let given_up = retry.is_none();
        let mut events = vec![Event::RefundFailed(RefundFailed {
            order_id,
            refund: number,
            attempt,
            connector: command.connector.clone(),
            class,
            code: code.clone(),
            retry,
        })];
        if given_up {
            let connector = &command.connector;
            let reason =
                format!("{connector} will not give back {}: {code}", self.refund_in_words(refund));
            events.push(raised(AttentionKind::RefundFailed, order_id, &reason));
        }
        Answer::Append(events)
    }

    /// What follows when nobody could say in time what became of a refund.
    pub(super) fn refund_overdue(&self, order_id: OrderId) -> Vec<Event> {
        let unknown = |refund: &&Refund| matches!(refund.state, RefundState::Unknown { .. });
        let Some(refund) = self.money.refunds.iter().find(unknown) else { return Vec::new() };
        let reason = format!(
            "nobody says what became of attempt {} to give back {}; it is still asked after",
            refund.attempt,
            self.refund_in_words(refund)
        );
        vec![raised(AttentionKind::RefundUnknown, order_id, &reason)]
    }

    fn refund_in_words(&self, refund: &Refund) -> String {
        let currency = self.money.capture(&refund.capture_ref).map(|capture| capture.currency);
        let amount = refund.amount.in_currency(currency.unwrap_or(self.basket.currency));
        format!("{amount} of {}", refund.capture_ref)
    }
}

fn noted(command: &RecordRefund) -> Event {
    Event::RefundNoted(RefundNoted {
        order_id: command.order_id,
        refund: command.refund,
        attempt: command.attempt,
        connector: command.connector.clone(),
        result: command.result.clone(),
    })
}

pub(super) fn raised(kind: AttentionKind, order_id: OrderId, reason: &str) -> Event {
    let reason = Text::lossy(reason);
    Event::AttentionRaised(AttentionRaised { kind, order_id, reason })
}
