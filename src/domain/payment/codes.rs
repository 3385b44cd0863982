//! What providers' reason codes mean to us: reviewed by hand, row by row.
//!
//! A row answers one question: who can do something about this no, and when? A code that is not
//! here is hard. Trying again what must not be tried again costs fines; asking the buyer for
//! another card costs a click.

use super::DeclineClass::{self, Customer, Hard, Infra, Soft};

/// Stands for every connector that has no row of its own.
pub(super) const ANY: &str = "*";

/// Connector, code, class.
pub(super) const REVIEWED: &[(&str, &str, DeclineClass)] = &[
    // The provider or the network was not well. The same card works in a minute.
    (ANY, "processing_error", Infra),
    (ANY, "try_again_later", Infra),
    (ANY, "issuer_not_available", Infra),
    (ANY, "reenter_transaction", Infra),
    (ANY, "rate_limit", Infra),
    // The bank would not say why. Some of these pass on another try.
    (ANY, "do_not_honor", Soft),
    (ANY, "generic_decline", Soft),
    (ANY, "card_velocity_exceeded", Soft),
    (ANY, "approve_with_id", Soft),
    (ANY, "no_action_taken", Soft),
    // Only the buyer can help: more money, another card, a proof of who they are.
    (ANY, "insufficient_funds", Customer),
    (ANY, "authentication_required", Customer),
    (ANY, "incorrect_cvc", Customer),
    (ANY, "invalid_cvc", Customer),
    (ANY, "incorrect_number", Customer),
    (ANY, "expired_card", Customer),
    (ANY, "withdrawal_count_limit_exceeded", Customer),
    // Never again with this card. Said here although every unknown code is the same: these were
    // looked at.
    (ANY, "lost_card", Hard),
    (ANY, "stolen_card", Hard),
    (ANY, "fraudulent", Hard),
    (ANY, "pickup_card", Hard),
    (ANY, "do_not_try_again", Hard),
];
