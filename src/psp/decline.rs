//! Why a card is declined, as Stripe says it.

use serde::{Deserialize, Serialize};

/// A decline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decline {
    /// What kind of error it is: `card_declined` mostly.
    pub(super) code: String,
    /// What the bank says. Only `card_declined` and `authentication_required` have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) decline_code: Option<String>,
    /// What to do about it, when the network says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) advice_code: Option<String>,
    /// For people.
    pub(super) message: String,
}

/// Errors of the card that are told before a bank is asked, so that they have a code of their own
/// and no decline code. Source: Stripe's table of test cards.
const OWN_CODES: &[&str] =
    &["expired_card", "incorrect_cvc", "incorrect_number", "processing_error"];

/// What to do about a lost card and the like. Source: Stripe's documentation of advice codes.
const FOR_GOOD: &[&str] = &["lost_card", "stolen_card", "fraudulent", "pickup_card"];

impl Decline {
    /// A decline by its code.
    pub(super) fn of(code: &str) -> Self {
        let own = OWN_CODES.contains(&code);
        let authentication = code == "authentication_required";
        Self {
            code: if own || authentication { code } else { "card_declined" }.to_owned(),
            decline_code: (!own).then(|| code.to_owned()),
            advice_code: advice(code).map(ToOwned::to_owned),
            message: message(code).to_owned(),
        }
    }

    /// A general decline with this advice.
    pub(super) fn advised(advice: &str) -> Self {
        Self { advice_code: Some(advice.to_owned()), ..Self::of("generic_decline") }
    }

    /// The code that says most: what the bank says, or what kind of error it is.
    pub(super) fn reason(&self) -> &str {
        self.decline_code.as_deref().unwrap_or(&self.code)
    }
}

fn advice(code: &str) -> Option<&'static str> {
    if FOR_GOOD.contains(&code) {
        return Some("do_not_try_again");
    }
    (code == "insufficient_funds").then_some("try_again_later")
}

fn message(code: &str) -> &'static str {
    match code {
        "insufficient_funds" => "Your card has insufficient funds.",
        "expired_card" => "Your card has expired.",
        "incorrect_cvc" => "Your card's security code is incorrect.",
        "incorrect_number" => "Your card number is incorrect.",
        "processing_error" => {
            "An error occurred while processing your card. Try again in a little bit."
        }
        "authentication_required" => {
            "Your card was declined. This transaction requires authentication."
        }
        "card_velocity_exceeded" => {
            "Your card was declined for making repeated attempts too frequently or exceeding its \
             amount limit."
        }
        _ => "Your card was declined.",
    }
}
