//! What a provider's reason for saying no means to us.

use serde::{Deserialize, Serialize};

use crate::domain::Token;

/// What kind of no it was, and therefore who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineClass {
    /// The provider was not well.
    Infra,
    /// The bank would not say, and may think otherwise later.
    Soft,
    /// The buyer has to do something.
    Customer,
    /// Never again with this means of payment.
    Hard,
}

impl DeclineClass {
    /// The class of a reason code. A code nobody has reviewed is hard: trying again what must
    /// not be tried again costs fines, asking the buyer costs a click.
    #[must_use]
    pub fn of(code: &Token) -> Self {
        match code.as_str() {
            "processing_error" | "try_again_later" => Self::Infra,
            "do_not_honor" | "card_velocity_exceeded" | "generic_decline" => Self::Soft,
            "insufficient_funds" | "authentication_required" | "incorrect_cvc" | "expired_card" => {
                Self::Customer
            }
            _ => Self::Hard,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Infra => "infra",
            Self::Soft => "soft",
            Self::Customer => "customer",
            Self::Hard => "hard",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_nobody_knows_is_never_tried_again() {
        let class = |code: &str| DeclineClass::of(&code.parse().unwrap());
        assert_eq!(class("lost_card"), DeclineClass::Hard);
        assert_eq!(class("a_code_of_next_year"), DeclineClass::Hard);
        assert_eq!(class("insufficient_funds"), DeclineClass::Customer);
        assert_eq!(class("do_not_honor"), DeclineClass::Soft);
        assert_eq!(class("processing_error"), DeclineClass::Infra);
    }
}
