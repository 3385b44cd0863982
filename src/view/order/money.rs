//! Money of one order that is more than one payment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OrderView, PaymentView};
use crate::domain::payment::DeclineClass;
use crate::domain::{
    Amount, Currency, PaymentCaptured, PaymentNoted, PaymentRefunded, PaymentResult, RefundFailed,
    RefundReason, RefundRequested, RefundUnknown, Timestamp, Token,
};

/// What was taken, and what is given back of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MoneyView {
    /// The payments that are to go back, all or in part.
    pub captures: Vec<CaptureView>,
    /// What was asked to be given back, by number.
    pub refunds: Vec<RefundView>,
}

/// Money that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaptureView {
    /// The provider's name for the payment.
    pub provider_ref: Token,
    /// Units: minor units of `currency`.
    pub amount_minor: Amount,
    /// In which currency.
    pub currency: Currency,
}

/// Money that is to go back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundView {
    /// Which refund of the order, from 1.
    pub refund: u16,
    /// `requested`, `retrying`, `unknown`, `refunded` or `failed`.
    pub state: String,
    /// What it is for.
    pub reason: RefundReason,
    /// The provider's name for the payment it is taken from.
    pub capture_ref: Token,
    /// Units: minor units of `currency`.
    pub amount_minor: Amount,
    /// In which currency.
    pub currency: Currency,
    /// The last attempt.
    pub attempt: u8,
    /// The paper it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Token>,
    /// The provider's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<Token>,
    /// The provider's reason for saying no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Token>,
    /// What kind of no it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<DeclineClass>,
    /// When the next attempt is made by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at_ms: Option<Timestamp>,
}

impl MoneyView {
    fn knows(&self, provider_ref: &Token) -> bool {
        self.captures.iter().any(|capture| capture.provider_ref == *provider_ref)
    }

    pub(super) fn is_moving(&self) -> bool {
        let moves = |refund: &RefundView| {
            matches!(refund.state.as_str(), "requested" | "retrying" | "unknown")
        };
        self.refunds.iter().any(moves)
    }

    fn is_kept(&self) -> bool {
        let of = |capture: &CaptureView| {
            let of_it = |refund: &&RefundView| {
                refund.capture_ref == capture.provider_ref && refund.state != "failed"
            };
            let gone = self.refunds.iter().filter(of_it).map(|refund| refund.amount_minor.minor());
            gone.fold(capture.amount_minor.minor(), u64::saturating_sub)
        };
        self.captures.iter().any(|capture| 0 < of(capture))
    }
}

impl OrderView {
    fn is_paid(&self) -> bool {
        self.payment.as_ref().is_some_and(|payment| payment.state == "captured")
    }

    pub(super) fn captured(&mut self, captured: &PaymentCaptured) {
        let owed = self.total_minor == Some(captured.amount_minor)
            && self.currency == Some(captured.currency);
        if !owed || self.is_paid() || self.off {
            let capture = CaptureView {
                provider_ref: captured.provider_ref.clone(),
                amount_minor: captured.amount_minor,
                currency: captured.currency,
            };
            self.money.get_or_insert_default().captures.push(capture);
        }
        // Only the first is the order's; any other goes back.
        if !self.is_paid() {
            self.pay(captured.attempt, "captured", Some(&captured.connector), |payment| {
                payment.provider_ref = Some(captured.provider_ref.clone());
                // Money after a decline: what was said before is no longer so.
                (payment.code, payment.class) = (None, None);
            });
        }
        self.settle();
    }

    pub(super) fn refund_asked(&mut self, asked: &RefundRequested) {
        let known = self.money.get_or_insert_default();
        if !known.knows(&asked.capture_ref) {
            // The order's own payment: what it costs.
            known.captures.push(CaptureView {
                provider_ref: asked.capture_ref.clone(),
                amount_minor: self.total_minor.unwrap_or(asked.amount_minor),
                currency: asked.currency,
            });
        }
        known.refunds.push(RefundView {
            refund: asked.refund,
            state: "requested".to_owned(),
            reason: asked.reason,
            capture_ref: asked.capture_ref.clone(),
            amount_minor: asked.amount_minor,
            currency: asked.currency,
            attempt: asked.payment.attempt,
            reference: asked.reference.clone(),
            provider_ref: None,
            code: None,
            class: None,
            retry_at_ms: None,
        });
        self.settle();
    }

    pub(super) fn refunded(&mut self, refunded: &PaymentRefunded) {
        self.follow_refund(refunded.refund, "refunded", |refund| {
            refund.provider_ref = Some(refunded.provider_ref.clone());
            (refund.code, refund.class) = (None, None);
        });
    }

    pub(super) fn refund_failed(&mut self, failed: &RefundFailed) {
        let state = if failed.retry.is_some() { "retrying" } else { "failed" };
        self.follow_refund(failed.refund, state, |refund| {
            refund.code = Some(failed.code.clone());
            refund.class = Some(failed.class);
            refund.retry_at_ms = failed.retry.as_ref().map(|retry| retry.at);
            refund.attempt = failed.retry.as_ref().map_or(failed.attempt, |retry| retry.attempt);
        });
    }

    pub(super) fn refund_unknown(&mut self, unknown: &RefundUnknown) {
        self.follow_refund(unknown.refund, "unknown", |_| {});
    }

    fn follow_refund(&mut self, refund: u16, state: &str, more: impl FnOnce(&mut RefundView)) {
        let money = self.money.get_or_insert_default();
        if let Some(refund) = money.refunds.iter_mut().find(|known| known.refund == refund) {
            state.clone_into(&mut refund.state);
            refund.retry_at_ms = None;
            more(refund);
        }
        self.settle();
    }

    /// What became of the last attempt of an order that is off: once no money came of it, none is
    /// on its way.
    pub(super) fn noted(&mut self, noted: &PaymentNoted) {
        let PaymentNoted { attempt, connector, result, .. } = noted;
        let code = match result {
            PaymentResult::Declined { code } | PaymentResult::Failed { code } => code,
            PaymentResult::Captured { .. } | PaymentResult::Unknown => return,
        };
        let last = self.payment.as_ref().filter(|payment| self.off && payment.attempt == *attempt);
        if last.is_some_and(PaymentView::is_moving) {
            self.pay(*attempt, "declined", Some(connector), |payment| {
                payment.code = Some(code.clone());
                payment.class = None;
            });
        }
    }

    /// The state of an order that is off says what becomes of its money.
    pub(super) fn settle(&mut self) {
        let Some(money) = self.money.as_ref().filter(|_| self.off) else { return };
        let state = if money.is_moving() {
            "refunding"
        } else if money.is_kept() {
            "needs_attention"
        } else if money.captures.is_empty() {
            "cancelled"
        } else {
            "refunded"
        };
        state.clone_into(&mut self.state);
    }
}
