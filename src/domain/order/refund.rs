//! Giving money back: on request, and what its attempts lead to.

use super::cancel::cancelled;
use super::decide::{Answer, Decision};
use super::money::{Capture, Refund, RefundState};
use super::{Order, Phase};
use crate::domain::event::{
    AttentionKind, AttentionRaised, CancelReason, CancelRequested, PaymentRefunded, RefundFailed,
    RefundNoted, RefundReason, RefundRequested, RefundUnknown, Retry,
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
    (reason, now): (RefundReason, Timestamp),
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
        instead_of: None,
        attention_at: Some(now.after(Policy::REFUND_PATIENCE)),
    })
}

impl Order {
    /// Gives money back because somebody wants it. An order whose goods are all in the building is
    /// off when nothing of its money is left.
    pub(in crate::domain) fn refund(&self, command: &RefundOrder, now: Timestamp) -> Decision {
        if let Some(known) = self.refunded_under(command)? {
            return Ok(known);
        }
        let Some(first) = self.money.captures.first() else {
            return Err(self.wrong_state());
        };
        if let Some(wanted) = command.currency.filter(|wanted| *wanted != first.currency) {
            let problem = format!("is {wanted}, the money came in {}", first.currency);
            return Err(Refusal::invalid("body.currency", &problem));
        }
        let parts = self.parts(command.amount_minor)?;
        let taken = parts.iter().fold(0, |sum: u64, (_, part)| sum.saturating_add(part.minor()));
        let kept = self.kept().fold(0, |sum: u64, (_, left)| sum.saturating_add(left.minor()));
        let is_off =
            self.phase == Phase::Confirmed && self.goods.shipments.is_empty() && kept == taken;
        let mut events = Vec::with_capacity(parts.len());
        if is_off {
            let (order_id, reason) = (command.order_id, command.reason.clone());
            events.push(Event::CancelRequested(CancelRequested { order_id, reason }));
            events.extend(cancelled(order_id, &self.basket, CancelReason::Requested));
        }
        for (refund, part) in (self.money.last().saturating_add(1)..).zip(parts) {
            let why = (RefundReason::Requested, now);
            let Some(asked) = asked(command.order_id, refund, part, why) else {
                break;
            };
            let (note, reference) = (Some(command.reason.clone()), Some(command.reference.clone()));
            events.push(Event::RefundRequested(RefundRequested { note, reference, ..asked }));
        }
        Ok(Answer::Append(events))
    }

    /// What a reference was used for before.
    fn refunded_under(&self, command: &RefundOrder) -> Result<Option<Answer>, Refusal> {
        let known = |refund: &&Refund| refund.reference.as_ref() == Some(&command.reference);
        let Some(first) = self.money.refunds.iter().find(known) else { return Ok(None) };
        let amounts = self.money.refunds.iter().filter(known).map(|refund| refund.amount.minor());
        let sum = amounts.fold(0, u64::saturating_add);
        if command.amount_minor.is_some_and(|wanted| wanted.minor() != sum) {
            return Err(Refusal::IdConflict { field: Text::lossy("body.reference") });
        }
        // Who is told that it is done believes that the money is back.
        let failed =
            |refund: &&Refund| matches!(refund.state, RefundState::GivenUp(_)) && !refund.followed;
        if self.money.refunds.iter().filter(known).any(|refund| failed(&refund)) {
            let state = "with a refund of that reference that failed: retry its attention item, or \
                         ask under another reference";
            return Err(Refusal::WrongState { state: Text::lossy(state) });
        }
        Ok(Some(Answer::AlreadyApplied(first.at)))
    }

    /// Gives money back that a provider would not give back, once more: the refund of that number,
    /// or the last one.
    pub(in crate::domain) fn refund_again(
        &self,
        (order_id, number): (OrderId, Option<u16>),
        (why, now): (&Text, Timestamp),
    ) -> Result<Vec<Event>, Refusal> {
        let number = number.unwrap_or_else(|| self.money.last());
        let failed = self
            .money
            .refund(number)
            .filter(|refund| matches!(refund.state, RefundState::GivenUp(_)) && !refund.followed);
        let failed = failed.filter(|failed| !self.is_replaced(number, failed));
        let failed = failed.ok_or_else(|| self.wrong_state())?;
        let capture = self.money.capture(&failed.capture_ref).ok_or_else(|| self.wrong_state())?;
        let (wanted, left) = (failed.amount.minor(), self.money.left(capture));
        if left < wanted {
            return Err(Refusal::RefundTooLarge { wanted_minor: wanted, left_minor: left });
        }
        let next = self.money.last().saturating_add(1);
        let asked = asked(order_id, next, (capture, failed.amount), (failed.reason, now));
        let asked = asked.map(|asked| RefundRequested {
            note: Some(why.clone()),
            instead_of: Some(number),
            ..asked
        });
        Ok(asked.map(Event::RefundRequested).into_iter().collect())
    }

    /// Whether somebody may have asked for the same money in another way since.
    fn is_replaced(&self, number: u16, failed: &Refund) -> bool {
        let later = self.money.refunds.iter().skip(usize::from(number));
        let same = |refund: &&Refund| {
            refund.capture_ref == failed.capture_ref
                && refund.amount == failed.amount
                && refund.instead_of.is_none()
                && !matches!(refund.state, RefundState::GivenUp(_))
        };
        later.filter(same).count() > 0
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
                RefundState::Unknown(since) => Answer::AlreadyApplied(since),
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
                RefundState::Unknown(since) => Answer::AlreadyApplied(since),
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
        let about = (command.order_id, Some(command.refund));
        let told = raised(AttentionKind::RefundMismatch, about, &reason);
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
        let told = raised(AttentionKind::RefundFailed, (order_id, Some(number)), &reason);
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
                        Some(Retry { attempt, idempotency_key, at, until: None })
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
            let about = (order_id, Some(number));
            events.push(raised(AttentionKind::RefundFailed, about, &reason));
        }
        Answer::Append(events)
    }

    /// What follows when refunds are not over in time.
    pub(super) fn refund_overdue(&self, order_id: OrderId) -> Vec<Event> {
        let due = self.money.deadline();
        let numbered = (1_u16..).zip(&self.money.refunds);
        let overdue = numbered.filter(|(_, refund)| {
            refund.is_moving() && due.is_some() && refund.attention_at == due
        });
        let told = overdue.map(|(number, refund)| {
            let (attempt, sum) = (refund.attempt, self.refund_in_words(refund));
            let reason = match refund.state {
                RefundState::Unknown(_) => format!(
                    "nobody says what became of attempt {attempt} to give back {sum}; it is still \
                     asked after"
                ),
                RefundState::Asked | RefundState::Done { .. } | RefundState::GivenUp(_) => format!(
                    "nobody has given back {sum} yet, attempt {attempt} is asked for: look at \
                     `kassa doctor`, whether a payer runs and its provider is the one that took it"
                ),
            };
            raised(AttentionKind::RefundUnknown, (order_id, Some(number)), &reason)
        });
        told.collect()
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

/// A human is told about an order, or about one refund of it.
pub(super) fn raised(
    kind: AttentionKind,
    (order_id, refund): (OrderId, Option<u16>),
    reason: &str,
) -> Event {
    let reason = Text::lossy(reason);
    Event::AttentionRaised(AttentionRaised { kind, order_id, refund, attempt: None, reason })
}
