//! What an event did to money and stock, and why it happened.

use super::{Told, payment_word, refund_word, span};
use crate::domain::payment::DeclineClass;
use crate::domain::{AttentionKind, CancelReason, Event, RefundReason, StockHeld, Timestamp};

impl Told<'_> {
    /// What it did to the buyer's money.
    pub(super) fn money(&self) -> Option<String> {
        if let Event::PaymentCaptured(e) = self.event {
            return Some(format!("+{} to the shop", e.amount_minor.in_currency(e.currency)));
        }
        let Event::PaymentRefunded(e) = self.event else { return None };
        Some(format!("-{} to the buyer", e.amount_minor.in_currency(e.currency)))
    }

    /// What it did to the stock.
    pub(super) fn stock(&self) -> Option<String> {
        let (StockHeld { sku, quantity, .. }, sign, what) =
            if let Event::StockReserved(held) = self.event {
                (held, "-", "available, promised to the order")
            } else if let Event::StockDeducted(held) = self.event {
                (held, "", "of the promised are sold")
            } else if let Event::StockReleased(held) = self.event {
                (held, "+", "available, promised to nobody any more")
            } else if let Event::StockReturned(held) = self.event {
                (held, "+", "available, back on the shelf")
            } else {
                return None;
            };
        Some(format!("{sku} {sign}{quantity} {what}"))
    }

    /// Why it happened; nothing for what the step says anyway.
    pub(super) fn why(&self) -> Option<String> {
        self.why_of_the_order()
            .or_else(|| self.why_of_its_payment())
            .or_else(|| self.why_of_refunds())
    }

    fn why_of_the_order(&self) -> Option<String> {
        if let Event::OrderPlaced(e) = self.event {
            let hold = self.until(e.hold_until);
            let pay = if e.payment.is_some() { "the payer owes an attempt" } else { "it is free" };
            return Some(format!(
                "every line was there, at the price the buyer saw; the units are held for {hold}; \
                 {pay}"
            ));
        }
        if let Event::OrderRejected(_) = self.event {
            return Some("an order is taken whole or not at all; nothing was reserved".to_owned());
        }
        if let Event::OrderConfirmed(_) = self.event {
            return Some("the whole sum has come".to_owned());
        }
        if let Event::OrderFulfilled(e) = self.event {
            let why = if e.partial {
                "the warehouse has sent these; the rest is still promised to the order"
            } else {
                "the warehouse has sent all of it; what is wrong with it now comes back as a return"
            };
            return Some(why.to_owned());
        }
        if let Event::ReturnReceived(e) = self.event {
            let (came, kept) = e.lines.iter().fold((0_u64, 0_u64), |(came, kept), line| {
                let (units, restock) = (line.quantity.get(), line.restock);
                (came.saturating_add(units.into()), kept.saturating_add(restock.into()))
            });
            return Some(format!("{came} units came back, {kept} of them can be sold again"));
        }
        if let Event::AttentionRaised(e) = self.event {
            return Some(attention(e.kind).to_owned());
        }
        if let Event::AttentionResolved(e) = self.event {
            return Some(format!("{:?} was given as the reason", e.reason.to_string()));
        }
        if let Event::OrderReinstated(_) = self.event {
            return Some("its money came late, and its units were still there".to_owned());
        }
        if let Event::CancelRequested(e) = self.event {
            return Some(format!("{:?} was given as the reason", e.reason.to_string()));
        }
        if let Event::HoldExpired(e) = self.event {
            let late = span(self.made.since(e.hold_until).as_millis());
            return Some(format!("no money came in time; the deadline passed {late} before"));
        }
        let Event::OrderCancelled(e) = self.event else { return None };
        let why = match e.reason {
            CancelReason::PaymentDeclined => "this means of payment will never do",
            CancelReason::HoldExpired => "its units are free for others",
            CancelReason::Requested => "nothing had left yet",
            CancelReason::AmountMismatch => "another amount came than was owed, and goes back",
        };
        Some(why.to_owned())
    }

    fn why_of_its_payment(&self) -> Option<String> {
        if let Event::PaymentCaptured(e) = self.event {
            return Some(format!("{} says that the money is there", e.connector));
        }
        if let Event::PaymentFailed(e) = self.event {
            return Some(class(e.class, e.retry.is_some()));
        }
        if let Event::PaymentUnknown(e) = self.event {
            let hold = self.until(e.hold_until);
            return Some(format!(
                "the call got no answer; the provider is asked what became of it, nothing is \
                 charged meanwhile, and the units are held for {hold}"
            ));
        }
        if let Event::PaymentAbandoned(e) = self.event {
            return Some(class(e.class, false));
        }
        if let Event::PaymentRequested(_) = self.event {
            return Some("the buyer chose another means of payment".to_owned());
        }
        let Event::PaymentNoted(e) = self.event else { return None };
        Some(format!("it was settled before; {} changes nothing", payment_word(&e.result)))
    }

    fn why_of_refunds(&self) -> Option<String> {
        if let Event::RefundFailed(e) = self.event {
            return Some(class(e.class, e.retry.is_some()));
        }
        if let Event::RefundUnknown(e) = self.event {
            let told = self.until(e.attention_at);
            return Some(format!(
                "the call got no answer; the provider is asked what became of it, and a human is \
                 told in {told}"
            ));
        }
        if let Event::PaymentRefunded(e) = self.event {
            return Some(format!("{} says that the money is back", e.connector));
        }
        if let Event::RefundNoted(e) = self.event {
            return Some(format!(
                "it was settled before; {} changes nothing",
                refund_word(&e.result)
            ));
        }
        let Event::RefundRequested(e) = self.event else { return None };
        let reason = match e.reason {
            RefundReason::Requested => "somebody asked for it",
            RefundReason::Cancelled => "the order is off, and was paid",
            RefundReason::LatePayment => "the money came after the order was off",
            RefundReason::DoubleCapture => "the order was paid twice",
            RefundReason::AmountMismatch => "another amount came than was owed",
        };
        let note = e.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
        Some(format!("{reason}{note}"))
    }

    fn until(&self, moment: Timestamp) -> String {
        span(moment.since(self.made).as_millis())
    }
}

/// Why a human has to look.
const fn attention(kind: AttentionKind) -> &'static str {
    match kind {
        AttentionKind::LatePayment => "the money came after the order was off",
        AttentionKind::AmountMismatch => "the sum that came is not the sum that was owed",
        AttentionKind::DoubleCapture => "two attempts have taken the money, and one was owed",
        AttentionKind::PaymentUnknown => "its hold ended before the provider could say",
        AttentionKind::RefundFailed => "no attempt to give it back succeeded, and none is left",
        AttentionKind::RefundUnknown => "the provider could not say in time whether it is back",
        AttentionKind::RefundMismatch => "more was given back than was asked for",
    }
}

/// Who can do something about a failure, and what follows.
fn class(class: DeclineClass, goes_on: bool) -> String {
    let who = match class {
        DeclineClass::Infra => "the provider was not well",
        DeclineClass::Soft => "the bank would not say, and may think otherwise later",
        DeclineClass::Customer => "the buyer has to do something",
        DeclineClass::Hard => "never again with this means of payment",
    };
    let then = if goes_on { "it is tried again by itself" } else { "nothing follows by itself" };
    format!("{who}; {then}")
}
