//! What a provider's reason for saying no means to us.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::codes::{ANY, REVIEWED};
use crate::domain::Token;

/// What kind of no it was, and therefore who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

/// The classes of reason codes: the reviewed table, and what a shop has set above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeclineClasses {
    /// By connector, then by code.
    overrides: BTreeMap<Token, BTreeMap<Token, DeclineClass>>,
}

impl DeclineClasses {
    /// The reviewed table with rows of a shop's own, by connector and code.
    #[must_use]
    pub const fn with(overrides: BTreeMap<Token, BTreeMap<Token, DeclineClass>>) -> Self {
        Self { overrides }
    }

    /// The class of a code that a connector gave; hard when nobody has looked at it.
    #[must_use]
    pub fn of(&self, connector: &Token, code: &Token) -> DeclineClass {
        let own = self.overrides.get(connector).and_then(|codes| codes.get(code)).copied();
        let reviewed = |wanted: &str| {
            let row = |row: &&(&str, &str, DeclineClass)| row.0 == wanted && row.1 == code.as_str();
            REVIEWED.iter().find(row).map(|row| row.2)
        };
        own.or_else(|| reviewed(connector.as_str()))
            .or_else(|| reviewed(ANY))
            .unwrap_or(DeclineClass::Hard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token {
        text.parse().unwrap()
    }

    #[test]
    fn a_code_nobody_knows_is_never_tried_again() {
        let class = |code: &str| DeclineClasses::default().of(&token("simulated"), &token(code));
        assert_eq!(class("lost_card"), DeclineClass::Hard);
        assert_eq!(class("a_code_of_next_year"), DeclineClass::Hard);
        assert_eq!(class("insufficient_funds"), DeclineClass::Customer);
        assert_eq!(class("do_not_honor"), DeclineClass::Soft);
        assert_eq!(class("processing_error"), DeclineClass::Infra);
    }

    #[test]
    fn a_shop_may_know_better_about_one_connector() {
        let row = BTreeMap::from([(token("do_not_honor"), DeclineClass::Hard)]);
        let classes = DeclineClasses::with(BTreeMap::from([(token("stripe"), row)]));
        let class = |connector: &str| classes.of(&token(connector), &token("do_not_honor"));
        assert_eq!(class("stripe"), DeclineClass::Hard);
        assert_eq!(class("simulated"), DeclineClass::Soft);
    }

    #[test]
    fn what_only_one_connector_says_means_nothing_from_another() {
        let class = |connector: &str, code: &str| {
            DeclineClasses::default().of(&token(connector), &token(code))
        };
        assert_eq!(class("stripe", "confirm_card_data"), DeclineClass::Customer);
        assert_eq!(class("stripe", "card_declined"), DeclineClass::Soft);
        assert_eq!(class("stripe", "duplicate_transaction"), DeclineClass::Hard);
        assert_eq!(class("another", "card_declined"), DeclineClass::Hard);
        assert_eq!(class("stripe", "insufficient_funds"), DeclineClass::Customer);
    }

    #[test]
    fn no_code_is_reviewed_twice_and_each_can_be_a_code() {
        let mut seen = std::collections::BTreeSet::new();
        for (connector, code, _) in REVIEWED {
            assert!(seen.insert((connector, code)), "{code} has two rows");
            assert!(code.parse::<Token>().is_ok(), "{code}");
        }
    }
}
