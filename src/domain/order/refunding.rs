//! From events about refunds to what is true of them.

use super::money::RefundState;
use super::{Order, Phase};
use crate::domain::event::{PaymentRefunded, RefundFailed, RefundUnknown};
use crate::domain::{Address, Event};

impl Order {
    /// The phase after an event about a refund, which it leaves as it is; none when it does not
    /// fit, or is about something else.
    pub(super) fn evolve_refund(&mut self, at: Address, event: &Event) -> Option<Phase> {
        let fits = if let Event::RefundRequested(asked) = event {
            self.money.ask(at, asked)
        } else if let Event::PaymentRefunded(refunded) = event {
            self.refunded(at, refunded)
        } else if let Event::RefundFailed(failed) = event {
            self.refund_failed(at, failed)
        } else if let Event::RefundUnknown(unknown) = event {
            self.refund_unknown(at, unknown)
        } else if let Event::RefundNoted(noted) = event {
            self.money.refund(noted.refund).is_some()
        } else {
            false
        };
        fits.then(|| self.phase.clone())
    }

    fn refunded(&mut self, at: Address, refunded: &PaymentRefunded) -> bool {
        let Some(refund) = self.money.refund(refunded.refund) else { return false };
        // One that was given up holds nothing back: what it moves now must still be there.
        let left = self.money.capture(&refund.capture_ref).map(|capture| self.money.left(capture));
        let covered = refund.is_moving() || left.is_some_and(|left| refund.amount.minor() <= left);
        let done = matches!(refund.state, RefundState::Done { .. });
        let same = refund.amount == refunded.amount_minor;
        if let Some(refund) = self.money.refund_mut(refunded.refund) {
            let provider_ref = refunded.provider_ref.clone();
            refund.state = RefundState::Done { at, provider_ref };
        }
        covered && same && !done
    }

    fn refund_failed(&mut self, at: Address, failed: &RefundFailed) -> bool {
        let Some(refund) = self.money.refund_mut(failed.refund) else { return false };
        // What was done may come back, and is not tried again by itself.
        let came_back = matches!(refund.state, RefundState::Done { .. }) && failed.retry.is_none();
        let fits = (refund.is_moving() || came_back) && refund.attempt == failed.attempt;
        match &failed.retry {
            None => {
                refund.state = RefundState::GivenUp(at);
                fits
            }
            Some(retry) => {
                let next = refund.attempt.checked_add(1) == Some(retry.attempt);
                (refund.attempt, refund.state) = (retry.attempt, RefundState::Asked);
                fits && next
            }
        }
    }

    fn refund_unknown(&mut self, at: Address, unknown: &RefundUnknown) -> bool {
        let Some(refund) = self.money.refund_mut(unknown.refund) else { return false };
        let fits = refund.state == RefundState::Asked && refund.attempt == unknown.attempt;
        refund.state = RefundState::Unknown(at);
        refund.attention_at = Some(unknown.attention_at);
        fits
    }
}
