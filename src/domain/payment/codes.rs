//! What providers' reason codes mean to us: reviewed by hand, row by row.
//!
//! A row answers one question: who can do something about this no, and when? A code that is not
//! here is hard. Trying again what must not be tried again costs fines; asking the buyer for
//! another card costs a click.

use super::DeclineClass::{self, Customer, Hard, Infra, Soft};

/// Stands for every connector that has no row of its own.
pub(in crate::domain) const ANY: &str = "*";

/// Its rows add to those of every connector.
const STRIPE: &str = "stripe";

/// Connector, code, class.
pub(in crate::domain) const REVIEWED: &[(&str, &str, DeclineClass)] = &[
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
    // Stripe: its tables of decline codes, advice codes, error codes and reasons of failed refunds.
    // Where it says "contact your card issuer", another card is quicker.
    (STRIPE, "confirm_card_data", Customer),
    (STRIPE, "card_declined", Soft),
    (STRIPE, "call_issuer", Soft),
    (STRIPE, "lock_timeout", Infra),
    // Of a refund: our account has too little just now.
    (STRIPE, "balance_insufficient", Infra),
    (STRIPE, "payment_intent_authentication_failure", Customer),
    (STRIPE, "mobile_device_authentication_required", Customer),
    (STRIPE, "resource_missing", Customer),
    (STRIPE, "card_not_supported", Customer),
    (STRIPE, "currency_not_supported", Customer),
    (STRIPE, "incorrect_address", Customer),
    (STRIPE, "incorrect_zip", Customer),
    (STRIPE, "incorrect_pin", Customer),
    (STRIPE, "invalid_account", Customer),
    (STRIPE, "invalid_amount", Customer),
    (STRIPE, "invalid_expiry_month", Customer),
    (STRIPE, "invalid_expiry_year", Customer),
    (STRIPE, "invalid_number", Customer),
    (STRIPE, "invalid_pin", Customer),
    (STRIPE, "new_account_information_available", Customer),
    (STRIPE, "not_permitted", Customer),
    (STRIPE, "offline_pin_required", Customer),
    (STRIPE, "online_or_offline_pin_required", Customer),
    (STRIPE, "pin_try_exceeded", Customer),
    (STRIPE, "card_decline_rate_limit_exceeded", Customer),
    (STRIPE, "service_not_allowed", Customer),
    (STRIPE, "transaction_not_allowed", Customer),
    (STRIPE, "testmode_decline", Customer),
    (STRIPE, "live_mode_test_card", Customer),
    // The same sum was taken a moment ago: whoever tries again takes it twice.
    (STRIPE, "duplicate_transaction", Hard),
    (STRIPE, "merchant_blacklist", Hard),
    (STRIPE, "restricted_card", Hard),
    (STRIPE, "security_violation", Hard),
    (STRIPE, "stop_payment_order", Hard),
    (STRIPE, "revocation_of_authorization", Hard),
    (STRIPE, "revocation_of_all_authorizations", Hard),
    (STRIPE, "amount_too_small", Hard),
    (STRIPE, "amount_too_large", Hard),
    // Of refunds: what goes back goes back to a card that is there, or a person sees to it.
    (STRIPE, "charge_for_pending_refund_disputed", Hard),
    (STRIPE, "charge_already_refunded", Hard),
    (STRIPE, "expired_or_canceled_card", Hard),
    (STRIPE, "lost_or_stolen_card", Hard),
    (STRIPE, "merchant_request", Hard),
];
