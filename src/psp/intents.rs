//! Payments: made, confirmed, called off, settled.

use super::asked::{Asked, Done};
use super::books::{Books, new_id};
use super::decline::Decline;
use super::fault::Fault;
use super::method::{Fate, Method, Telling, attempt};
use super::records::{Charge, Intent, IntentStatus, Line, Settlement, What};
use super::render::{Render, tried};

/// The least that is taken, in minor units. Source: Stripe's table of minimum amounts, where it is
/// fifty for most currencies.
const AMOUNT_MIN: u64 = 50;

/// The most that is taken, in minor units. Source: Stripe's documentation: eight digits.
const AMOUNT_MAX: u64 = 99_999_999;

/// The metadata in which the caller says which attempt of an order it is.
pub(super) const ATTEMPT: &str = "kassa_attempt";

/// What a new payment is made of.
const CREATE: &[&str] = &[
    "amount",
    "automatic_payment_methods",
    "capture_method",
    "confirm",
    "currency",
    "description",
    "error_on_requires_action",
    "metadata",
    "off_session",
    "payment_method",
    "payment_method_types",
    "return_url",
];

const CONFIRM: &[&str] =
    &["error_on_requires_action", "off_session", "payment_method", "return_url"];

/// `POST /v1/payment_intents`
pub(super) fn create(_books: &Books, asked: &Asked, now_ms: u64) -> Result<Done, Fault> {
    let form = &asked.form;
    form.only(CREATE)?;
    let amount = amount(asked)?;
    let currency = currency(form.required("currency")?)?;
    if !matches!(form.text("capture_method"), None | Some("automatic" | "automatic_async")) {
        let message = "The simulator captures at once; capture_method must be automatic.";
        return Err(Fault::invalid("capture_method", message.to_owned()));
    }
    let types = form.list("payment_method_types");
    if let Some(other) = types.iter().find(|kind| *kind != "card") {
        let message = format!("The payment method type \"{other}\" is invalid.");
        return Err(Fault::invalid("payment_method_types", message));
    }
    let payment_method = form.text("payment_method").map(existing).transpose()?;
    let confirm = form.flag("confirm")?;
    if confirm && payment_method.is_none() {
        return Err(no_method());
    }
    let intent = Intent {
        id: new_id("pi"),
        amount,
        amount_received: 0,
        currency,
        status: match payment_method {
            Some(_) => IntentStatus::RequiresConfirmation,
            None => IntentStatus::RequiresPaymentMethod,
        },
        payment_method,
        payment_method_types: vec!["card".to_owned()],
        description: form.text("description").map(ToOwned::to_owned),
        metadata: form.metadata()?,
        created_ms: now_ms,
        canceled_ms: None,
        cancellation_reason: None,
        last_error: None,
        latest_charge: None,
    };
    if confirm {
        return pay(intent, asked, now_ms);
    }
    let answer = Ok(intent.render());
    let line = Line::of_intent(What::Created, now_ms, intent, None);
    Ok(Done { line, answer, telling: Telling::Answered })
}

/// `POST /v1/payment_intents/{id}/confirm`
pub(super) fn confirm(books: &Books, asked: &Asked, now_ms: u64) -> Result<Done, Fault> {
    asked.form.only(CONFIRM)?;
    let mut intent = find(books, &asked.id)?.clone();
    match intent.status {
        IntentStatus::RequiresPaymentMethod
        | IntentStatus::RequiresConfirmation
        | IntentStatus::RequiresAction => {}
        status @ (IntentStatus::Processing | IntentStatus::Succeeded | IntentStatus::Canceled) => {
            let name = status.name();
            let message =
                format!("You cannot confirm this PaymentIntent because it has a status of {name}.");
            let fault = Fault::state(&message).about("payment_intent", intent.render());
            return Ok(Done::refused(now_ms, fault));
        }
    }
    if let Some(method) = asked.form.text("payment_method") {
        intent.payment_method = Some(existing(method)?);
    } else if intent.status == IntentStatus::RequiresPaymentMethod {
        return Err(no_method());
    }
    pay(intent, asked, now_ms)
}

/// `POST /v1/payment_intents/{id}/cancel`
pub(super) fn cancel(books: &Books, asked: &Asked, now_ms: u64) -> Result<Done, Fault> {
    asked.form.only(&["cancellation_reason"])?;
    let mut intent = find(books, &asked.id)?.clone();
    match intent.status {
        IntentStatus::RequiresPaymentMethod
        | IntentStatus::RequiresConfirmation
        | IntentStatus::RequiresAction => {}
        status @ (IntentStatus::Processing | IntentStatus::Succeeded | IntentStatus::Canceled) => {
            let name = status.name();
            let message = format!(
                "You cannot cancel this PaymentIntent because it has a status of {name}. Only a \
                 PaymentIntent with one of the following statuses may be canceled: \
                 requires_payment_method, requires_confirmation, requires_action."
            );
            let fault = Fault::state(&message).about("payment_intent", intent.render());
            return Ok(Done::refused(now_ms, fault));
        }
    }
    intent.status = IntentStatus::Canceled;
    intent.canceled_ms = Some(now_ms);
    intent.cancellation_reason = asked.form.text("cancellation_reason").map(ToOwned::to_owned);
    let answer = Ok(intent.render());
    let line = Line::of_intent(What::Canceled, now_ms, intent, None);
    Ok(Done { line, answer, telling: Telling::Answered })
}

/// The payment of that name.
pub(super) fn find<'a>(books: &'a Books, id: &str) -> Result<&'a Intent, Fault> {
    books.intents.get(id).ok_or_else(|| Fault::no_such(404, "payment_intent", id, "intent"))
}

/// What becomes of a payment that was processing: the money comes.
pub(super) fn settle(books: &Books, id: &str, now_ms: u64) -> Option<Line> {
    let mut intent = books.intents.get(id)?.clone();
    if intent.status != IntentStatus::Processing {
        return None;
    }
    let mut charge = books.charges.get(intent.latest_charge.as_deref()?)?.clone();
    charge.status = Settlement::Succeeded;
    intent.status = IntentStatus::Succeeded;
    intent.amount_received = charge.amount;
    Some(Line::of_intent(What::Capture, now_ms, intent, Some(charge)))
}

fn amount(asked: &Asked) -> Result<u64, Fault> {
    let amount = asked.form.positive("amount")?.ok_or_else(|| Fault::missing("amount"))?;
    match amount {
        ..AMOUNT_MIN => {
            let message = format!("Amount must be at least {AMOUNT_MIN}, in minor units.");
            Err(Fault::coded("amount_too_small", "amount", &message))
        }
        AMOUNT_MIN..=AMOUNT_MAX => Ok(amount),
        _ => {
            let message = format!("Amount must be no more than {AMOUNT_MAX}, in minor units.");
            Err(Fault::coded("amount_too_large", "amount", &message))
        }
    }
}

fn currency(text: &str) -> Result<String, Fault> {
    let upper = text.to_ascii_uppercase();
    match iso_currency::Currency::from_code(&upper) {
        Some(_) => Ok(upper.to_ascii_lowercase()),
        None => Err(Fault::invalid("currency", format!("Invalid currency: {text}"))),
    }
}

/// A payment method that there is.
fn existing(name: &str) -> Result<String, Fault> {
    match Method::of(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(Fault::no_such(400, "PaymentMethod", name, "payment_method")),
    }
}

fn no_method() -> Fault {
    Fault::state(
        "You cannot confirm this PaymentIntent because it's missing a payment method. To confirm \
         the PaymentIntent with a payment method, specify a payment method attached to this \
         customer along with the confirm parameter.",
    )
}

/// One attempt.
fn pay(mut intent: Intent, asked: &Asked, now_ms: u64) -> Result<Done, Fault> {
    let Some(name) = intent.payment_method.clone() else { return Err(no_method()) };
    let Some(method) = Method::of(&name) else { return Err(no_method()) };
    let attempt = attempt(intent.metadata.get(ATTEMPT));
    let unlucky = asked.unlucky.as_deref().map(|code| Fate::Declined(Decline::of(code)));
    let said = method.fate(attempt);
    let fate = if said == Fate::Captured { unlucky.unwrap_or(said) } else { said };
    let absent = asked.form.flag("error_on_requires_action")? || is_off_session(asked);
    let charge = Charge {
        id: new_id("ch"),
        intent: intent.id.clone(),
        amount: intent.amount,
        amount_refunded: 0,
        currency: intent.currency.clone(),
        status: Settlement::Pending,
        payment_method: name.clone(),
        failure: None,
        description: intent.description.clone(),
        metadata: intent.metadata.clone(),
        created_ms: now_ms,
    };
    intent.last_error = None;
    let telling = method.telling(attempt);
    let mut done = match fate {
        Fate::Captured => captured(intent, charge, now_ms),
        Fate::WrongAmount => {
            let amount = intent.amount.saturating_add(1);
            captured(intent, Charge { amount, ..charge }, now_ms)
        }
        Fate::Declined(decline) => declined(intent, charge, decline, now_ms),
        Fate::Authentication if absent => {
            declined(intent, charge, Decline::of("authentication_required"), now_ms)
        }
        Fate::Authentication => {
            intent.status = IntentStatus::RequiresAction;
            let answer = Ok(intent.render());
            let line = Line::of_intent(What::Action, now_ms, intent, None);
            Done { line, answer, telling }
        }
        Fate::Processing => {
            intent.status = IntentStatus::Processing;
            intent.latest_charge = Some(charge.id.clone());
            let answer = Ok(intent.render());
            let line = Line::of_intent(What::Processing, now_ms, intent, Some(charge));
            Done { line, answer, telling }
        }
        Fate::Busy => return Err(Fault::busy()),
        Fate::Away => return Err(Fault::outage()),
        Fate::Broken => return Ok(Done::refused(now_ms, Fault::internal())),
    };
    done.telling = telling;
    Ok(done)
}

/// Whether the customer is not there: `true`, or a word that says why.
fn is_off_session(asked: &Asked) -> bool {
    !matches!(asked.form.text("off_session"), None | Some("false"))
}

fn captured(mut intent: Intent, mut charge: Charge, now_ms: u64) -> Done {
    charge.status = Settlement::Succeeded;
    intent.status = IntentStatus::Succeeded;
    intent.amount_received = charge.amount;
    intent.latest_charge = Some(charge.id.clone());
    let answer = Ok(intent.render());
    let line = Line::of_intent(What::Capture, now_ms, intent, Some(charge));
    Done { line, answer, telling: Telling::Answered }
}

fn declined(mut intent: Intent, mut charge: Charge, decline: Decline, now_ms: u64) -> Done {
    charge.status = Settlement::Failed;
    charge.failure = Some(decline.clone());
    intent.status = IntentStatus::RequiresPaymentMethod;
    intent.last_error = Some(decline.clone());
    intent.latest_charge = Some(charge.id.clone());
    let fault = Fault::declined(&decline, tried(&charge));
    let answer = Err(fault.about("payment_intent", intent.render()));
    let line = Line::of_intent(What::Decline, now_ms, intent, Some(charge));
    Done { line, answer, telling: Telling::Answered }
}
