//! Money going back.

use super::asked::{Asked, Done};
use super::books::{Books, new_id};
use super::fault::Fault;
use super::intents::{ATTEMPT, find as find_intent};
use super::method::{Fate, Method, RefundFate, Telling, attempt};
use super::records::{Charge, Line, Refund, Settlement, What};
use super::render::Render;

const CREATE: &[&str] = &["amount", "charge", "metadata", "payment_intent", "reason"];

/// Source: Stripe's reference of refunds.
const REASONS: &[&str] = &["duplicate", "fraudulent", "requested_by_customer"];

/// What Stripe says when the bank sends the money back. Source: Stripe's reference of refunds.
const LATE_FAILURE: &str = "expired_or_canceled_card";

/// `POST /v1/refunds`
pub(super) fn create(books: &Books, asked: &Asked, now_ms: u64) -> Result<Done, Fault> {
    asked.form.only(CREATE)?;
    let wanted = asked.form.positive("amount")?;
    let metadata = asked.form.metadata()?;
    let reason = asked.form.text("reason");
    if let Some(reason) = reason.filter(|reason| !REASONS.contains(reason)) {
        let message =
            format!("Invalid reason: must be one of {}, not {reason}", REASONS.join(", "));
        return Err(Fault::invalid("reason", message));
    }
    let charge = match charge_of(books, asked)? {
        Ok(charge) => charge.clone(),
        Err(fault) => return Ok(Done::refused(now_ms, fault)),
    };
    let attempt = attempt(metadata.get(ATTEMPT));
    let Some(method) = Method::of(&charge.payment_method) else {
        return Err(Fault::no_such(400, "PaymentMethod", &charge.payment_method, "payment_method"));
    };
    match method.refund_refused(attempt) {
        Some(Fate::Away) => return Err(Fault::outage()),
        Some(_) => return Err(Fault::busy()),
        None => {}
    }
    let amount = match left(&charge, wanted) {
        Ok(amount) => amount,
        Err(fault) => return Ok(Done::refused(now_ms, fault)),
    };
    let refund = Refund {
        id: new_id("re"),
        intent: charge.intent.clone(),
        charge: charge.id.clone(),
        amount,
        currency: charge.currency.clone(),
        status: Settlement::Succeeded,
        failure_reason: None,
        reason: reason.map(ToOwned::to_owned),
        metadata,
        created_ms: now_ms,
        fails_later: false,
    };
    let (fate, telling) = (method.refund_fate(attempt), method.refund_telling(attempt));
    let mut done = carried_out(refund, charge, fate, now_ms);
    done.telling = telling;
    Ok(done)
}

/// The charge to refund. The outer error is a mistake of the caller's.
fn charge_of<'a>(books: &'a Books, asked: &Asked) -> Result<Result<&'a Charge, Fault>, Fault> {
    let missing = |id: &str| Fault::no_such(404, "charge", id, "charge");
    let form = &asked.form;
    let charge = match (form.text("payment_intent"), form.text("charge")) {
        (Some(id), _) => find_intent(books, id)?.latest_charge.clone(),
        (None, Some(id)) => Some(books.charges.get(id).ok_or_else(|| missing(id))?.id.clone()),
        (None, None) => {
            let message = "One of the following params should be provided for this request: \
                           payment_intent or charge.";
            return Err(Fault::coded("parameter_missing", "payment_intent", message));
        }
    };
    let charge = charge.and_then(|id| books.charges.get(&id));
    Ok(charge.filter(|charge| charge.status == Settlement::Succeeded).ok_or_else(|| {
        let message = "This PaymentIntent does not have a successful charge to refund.";
        Fault::invalid("payment_intent", message.to_owned())
    }))
}

/// How much goes back: what is wanted, or all that is left.
fn left(charge: &Charge, wanted: Option<u64>) -> Result<u64, Fault> {
    let left = charge.amount.saturating_sub(charge.amount_refunded);
    match wanted.unwrap_or(left) {
        _ if left == 0 => {
            let message = format!("Charge {} has already been refunded.", charge.id);
            Err(Fault::coded("charge_already_refunded", "charge", &message))
        }
        amount if left < amount => {
            let message = format!(
                "Refund amount ({amount}) is greater than unrefunded amount on charge ({left}), in \
                 minor units"
            );
            Err(Fault::coded("amount_too_large", "amount", &message))
        }
        amount => Ok(amount),
    }
}

fn carried_out(mut refund: Refund, mut charge: Charge, fate: RefundFate, now_ms: u64) -> Done {
    let what = match fate {
        RefundFate::Succeeds => What::Refund,
        RefundFate::FailsLater => {
            refund.fails_later = true;
            What::Refund
        }
        RefundFate::Pending => {
            refund.status = Settlement::Pending;
            What::RefundPending
        }
        RefundFate::Fails(reason) => {
            refund.status = Settlement::Failed;
            refund.failure_reason = Some(reason);
            What::RefundFailed
        }
    };
    if refund.status != Settlement::Failed {
        charge.amount_refunded = charge.amount_refunded.saturating_add(refund.amount);
    }
    let answer = Ok(refund.render());
    let line = Line::of_refund(what, now_ms, refund, charge);
    Done { line, answer, telling: Telling::Answered }
}

/// What becomes of a refund that is not at its end.
pub(super) fn settle(books: &Books, id: &str, now_ms: u64) -> Option<Line> {
    let mut refund = books.refunds.get(id)?.clone();
    let mut charge = books.charges.get(&refund.charge)?.clone();
    let what = match (refund.status, refund.fails_later) {
        (Settlement::Pending, _) => {
            refund.status = Settlement::Succeeded;
            What::Refund
        }
        (Settlement::Succeeded, true) => {
            refund.status = Settlement::Failed;
            refund.failure_reason = Some(LATE_FAILURE.to_owned());
            charge.amount_refunded = charge.amount_refunded.saturating_sub(refund.amount);
            What::RefundFailed
        }
        (Settlement::Succeeded | Settlement::Failed, _) => return None,
    };
    Some(Line::of_refund(what, now_ms, refund, charge))
}
