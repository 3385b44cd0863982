//! What the provider's answers mean: the one place that knows its codes.
//!
//! | answer | meaning |
//! |---|---|
//! | 2xx | what the object says |
//! | 402 | declined: `advice_code`, else `decline_code`, else `code` |
//! | 409, `lock_timeout` | another call under this key is out: it is made again |
//! | 400 `idempotency_error` | another call was made under this key: it is looked for |
//! | 400 about what is one order's, or with a code that is not about us | declined |
//! | 401, 403, 404 of a path, any other 4xx | we are not set up as the provider needs |
//! | 429 | it would not take the call |
//! | 5xx | it may have been carried out: unknown; once it is replayed it is looked for |

use super::objects::{Failed, Intent, Ours, Problem, Refund, sum};
use crate::domain::payment::{DeclineClass, DeclineClasses};
use crate::domain::{PaymentResult, RefundResult, Token};
use crate::port::{Ask, GatewayError};

/// Fields that differ from order to order. What is wrong with them is wrong with one order, and
/// must not keep the others from paying.
const OF_ORDER: [&str; 7] = [
    "payment_method",
    "payment_method_data",
    "source",
    "amount",
    "currency",
    "payment_intent",
    "charge",
];

/// What codes about our account and our parameters begin with. Nothing an order could help.
const OF_OURS: [&str; 11] = [
    "parameter_",
    "api_key_",
    "secret_key_",
    "account_",
    "platform_",
    "testmode_",
    "livemode_",
    "url_invalid",
    "tls_version_",
    "country_",
    "payment_method_unactivated",
];

/// A status and a body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// It is the answer of an earlier call under the same key.
    pub(super) is_replayed: bool,
    /// The call could move money. One that could not leaves nothing unknown behind.
    pub(super) moves: bool,
}

/// An answer that is no object.
pub(super) enum No {
    /// The provider's reason.
    Declined(Token),
    /// There is no such thing.
    Missing,
    /// Nothing is known by it.
    Error(GatewayError),
}

impl Answer {
    /// The object it holds.
    pub(super) fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, No> {
        if (200..300).contains(&self.status) {
            return serde_json::from_slice(&self.body).map_err(|error| match self.moves {
                // Carried out, whatever it is that we cannot read.
                true => pending(Ask::ByKey, &error),
                false => No::Error(GatewayError::Misconfigured(
                    "whoever answers at stripe.base_url is not this provider".into(),
                )),
            });
        }
        Err(self.no())
    }

    fn no(&self) -> No {
        let problem = serde_json::from_slice::<Failed>(&self.body)
            .unwrap_or(Failed { error: Problem::default() });
        let problem = problem.error;
        let code = problem.code.as_deref().unwrap_or_default();
        let says = format!("{} {} {code}", self.status, problem.kind);
        match self.status {
            402 => No::Declined(reason(&problem)),
            400 if problem.kind == "idempotency_error" => pending(Ask::ByKey, &says),
            400 if is_about_order(&problem) => No::Declined(reason(&problem)),
            404 if code == "resource_missing" => No::Missing,
            409 => pending(Ask::Again, &says),
            429 if code == "lock_timeout" => pending(Ask::Again, &says),
            429 => No::Error(GatewayError::Unavailable(says.into())),
            // It failed before, and will say so to every call under this key. What became of it
            // stands in its books.
            500.. if self.is_replayed => pending(Ask::ByKey, &says),
            500.. => self.unknown(&says),
            _ => No::Error(GatewayError::Misconfigured(says.into())),
        }
    }

    fn unknown(&self, says: &impl ToString) -> No {
        let cause = says.to_string().into();
        No::Error(match self.moves {
            true => GatewayError::Unknown(cause),
            false => GatewayError::Unavailable(cause),
        })
    }
}

fn pending(ask: Ask, says: &impl ToString) -> No {
    No::Error(GatewayError::pending(ask, says.to_string()))
}

/// Whether one order has to do without; all others are paid. What nobody knows is one order's:
/// an account that is set up wrongly says so of every order, and one by one they are told.
fn is_about_order(problem: &Problem) -> bool {
    if problem.param.as_deref().is_some_and(|param| OF_ORDER.contains(&param)) {
        return true;
    }
    let code = problem.code.as_deref().unwrap_or_default();
    !code.is_empty() && !OF_OURS.iter().any(|ours| code.starts_with(ours))
}

/// The provider's reason for saying no: what it advises counts for more than what the bank said.
///
/// But for one advice: the same card in a minute helps nobody where only the buyer can help.
fn reason(problem: &Problem) -> Token {
    let Problem { advice_code, decline_code, code, .. } = problem;
    let advice = advice_code.as_deref().filter(|advice| {
        *advice != TRY_AGAIN || !decline_code.as_deref().is_some_and(is_the_buyers)
    });
    let words = [advice, decline_code.as_deref(), code.as_deref()];
    words.into_iter().flatten().next().map_or(Token::UNKNOWN_CODE, token)
}

/// What a provider advises when the same card may work in a while.
const TRY_AGAIN: &str = "try_again_later";

fn is_the_buyers(code: &str) -> bool {
    DeclineClasses::default().of(&Token::STRIPE, &token(code)) == DeclineClass::Customer
}

fn token(word: &str) -> Token {
    word.parse().unwrap_or(Token::UNKNOWN_CODE)
}

/// What an object says of itself that is not final: it is asked after by its name.
fn open(object: &impl Ours, why: &str) -> GatewayError {
    let ask = object.id().parse().map_or(Ask::ByKey, Ask::ByName);
    GatewayError::pending(ask, format!("{} is {why}", object.id()))
}

/// What a payment says of itself. A status that is not final is not known.
pub(super) fn payment(intent: &Intent) -> Result<PaymentResult, GatewayError> {
    let says = |why: &str| open(intent, why);
    match intent.status.as_str() {
        "succeeded" => {
            let received = intent.amount_received.and_then(|minor| sum(minor, &intent.currency));
            let (amount_minor, currency) = received.ok_or_else(|| says("of an odd amount"))?;
            let provider_ref = intent.id().parse().map_err(|_| says("named oddly"))?;
            Ok(PaymentResult::Captured { amount_minor, currency, provider_ref })
        }
        // Nobody is there to prove who they are: that takes another attempt with them.
        "requires_action" => Ok(PaymentResult::Declined { code: token("authentication_required") }),
        // One that was never tried has no error: a call is still out that made it, or that is
        // about to confirm it.
        "requires_payment_method" => match &intent.last_payment_error {
            Some(problem) => Ok(PaymentResult::Declined { code: reason(problem) }),
            None => Err(says("not tried yet")),
        },
        "canceled" => Ok(PaymentResult::Declined { code: token("canceled") }),
        other => Err(says(other)),
    }
}

/// What a refund says of itself. One that is pending is on its way and cannot be taken back by us;
/// when it fails later, a webhook says so.
pub(super) fn refund(refund: &Refund) -> Result<RefundResult, GatewayError> {
    let says = |why: &str| open(refund, why);
    match refund.status.as_deref().unwrap_or_default() {
        "succeeded" | "pending" => {
            let provider_ref = refund.id().parse().map_err(|_| says("named oddly"))?;
            Ok(RefundResult::Refunded { provider_ref })
        }
        "failed" | "canceled" => {
            let why = refund.failure_reason.as_deref().unwrap_or("refund_failed");
            Ok(RefundResult::Declined { code: token(why) })
        }
        other => Err(says(other)),
    }
}
