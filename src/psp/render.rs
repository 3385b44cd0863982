//! Records as Stripe shows them.
//!
//! The fields are those of Stripe's objects that a payment by card has; what the simulator does not
//! do is there as null, as in an answer of Stripe's.

use serde_json::{Map, Value, json};

use super::decline::Decline;
use super::records::{Charge, EventName, Intent, IntentStatus, Line, Refund, Settlement};

/// Milliseconds in a second: Stripe tells time in seconds.
const MILLIS: u64 = 1_000;

/// The version of Stripe's interface whose shapes these are.
const API_VERSION: &str = "2025-09-30.clover";

pub(super) fn seconds(at_ms: u64) -> u64 {
    at_ms.checked_div(MILLIS).unwrap_or_default()
}

/// A record that has a picture.
pub(super) trait Render {
    fn id(&self) -> &str;
    fn created_ms(&self) -> u64;
    fn render(&self) -> Value;
}

fn payment_method(id: &str) -> Value {
    json!({
        "id": id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": { "address": null, "email": null, "name": null, "phone": null },
        "card": { "brand": "visa", "country": "US", "funding": "credit", "last4": "4242" },
        "created": 0,
        "customer": null,
        "livemode": false,
        "metadata": {},
        "type": "card",
    })
}

/// What a decline says besides its own fields.
pub(super) fn tried(charge: &Charge) -> Map<String, Value> {
    let mut more = Map::new();
    more.insert("charge".to_owned(), json!(charge.id));
    more.insert("payment_method".to_owned(), payment_method(&charge.payment_method));
    more
}

fn last_error(decline: &Decline, intent: &Intent) -> Value {
    let mut error = json!({
        "type": "card_error",
        "code": decline.code,
        "message": decline.message,
        "charge": intent.latest_charge,
        "payment_method": intent.payment_method.as_deref().map(payment_method),
    });
    if let Some(error) = error.as_object_mut() {
        for (name, value) in
            [("decline_code", &decline.decline_code), ("advice_code", &decline.advice_code)]
        {
            if let Some(value) = value {
                error.insert(name.to_owned(), json!(value));
            }
        }
    }
    error
}

impl Render for Intent {
    fn id(&self) -> &str {
        &self.id
    }

    fn created_ms(&self) -> u64 {
        self.created_ms
    }

    fn render(&self) -> Value {
        // The method that failed is named in the error; the payment waits for another one.
        let waits = self.status == IntentStatus::RequiresPaymentMethod;
        let action = json!({ "type": "use_stripe_sdk", "use_stripe_sdk": {} });
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_details": { "tip": {} },
            "amount_received": self.amount_received,
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": null,
            "canceled_at": self.canceled_ms.map(seconds),
            "cancellation_reason": self.cancellation_reason,
            "capture_method": "automatic",
            "client_secret": format!("{}_secret_simulated", self.id),
            "confirmation_method": "automatic",
            "created": seconds(self.created_ms),
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "last_payment_error": self.last_error.as_ref().map(|error| last_error(error, self)),
            "latest_charge": self.latest_charge,
            "livemode": false,
            "metadata": self.metadata,
            "next_action": (self.status == IntentStatus::RequiresAction).then_some(action),
            "on_behalf_of": null,
            "payment_method": self.payment_method.as_ref().filter(|_| !waits),
            "payment_method_configuration_details": null,
            "payment_method_options": {},
            "payment_method_types": self.payment_method_types,
            "processing": null,
            "receipt_email": null,
            "review": null,
            "setup_future_usage": null,
            "shipping": null,
            "source": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": self.status.name(),
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

impl Charge {
    fn outcome(&self) -> Value {
        let advice = self.failure.as_ref().and_then(|failure| failure.advice_code.as_ref());
        let (network, kind) = match self.status {
            Settlement::Failed => ("declined_by_network", "issuer_declined"),
            Settlement::Pending | Settlement::Succeeded => ("approved_by_network", "authorized"),
        };
        json!({
            "advice_code": advice,
            "network_status": network,
            "reason": self.failure.as_ref().map(Decline::reason),
            "risk_level": "normal",
            "seller_message": self.failure.as_ref().map(|failure| &failure.message),
            "type": kind,
        })
    }
}

impl Render for Charge {
    fn id(&self) -> &str {
        &self.id
    }

    fn created_ms(&self) -> u64 {
        self.created_ms
    }

    fn render(&self) -> Value {
        let succeeded = self.status == Settlement::Succeeded;
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if succeeded { self.amount } else { 0 },
            "amount_refunded": self.amount_refunded,
            "application": null,
            "balance_transaction": null,
            "billing_details": { "address": null, "email": null, "name": null, "phone": null },
            "captured": succeeded,
            "created": seconds(self.created_ms),
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "disputed": false,
            "failure_code": self.failure.as_ref().map(|failure| &failure.code),
            "failure_message": self.failure.as_ref().map(|failure| &failure.message),
            "fraud_details": {},
            "livemode": false,
            "metadata": self.metadata,
            "outcome": self.outcome(),
            "paid": succeeded,
            "payment_intent": self.intent,
            "payment_method": self.payment_method,
            "payment_method_details": { "card": { "brand": "visa" }, "type": "card" },
            "receipt_url": null,
            "refunded": 0 < self.amount && self.amount == self.amount_refunded,
            "review": null,
            "shipping": null,
            "source": null,
            "statement_descriptor": null,
            "status": self.status.name(),
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

impl Render for Refund {
    fn id(&self) -> &str {
        &self.id
    }

    fn created_ms(&self) -> u64 {
        self.created_ms
    }

    fn render(&self) -> Value {
        let mut refund = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": null,
            "charge": self.charge,
            "created": seconds(self.created_ms),
            "currency": self.currency,
            "metadata": self.metadata,
            "payment_intent": self.intent,
            "reason": self.reason,
            "receipt_number": null,
            "source_transfer_reversal": null,
            "status": self.status.name(),
            "transfer_reversal": null,
        });
        // Only a refund that failed has a reason.
        if let (Some(reason), Some(refund)) = (&self.failure_reason, refund.as_object_mut()) {
            refund.insert("failure_reason".to_owned(), json!(reason));
        }
        refund
    }
}

/// An event as it was when it happened; none when the line has no such object.
pub(super) fn event(line: &Line, name: &EventName) -> Option<Value> {
    let object = match name.kind.split('.').next() {
        Some("payment_intent") => line.intent.as_ref().map(Render::render),
        Some("charge") => line.charge.as_ref().map(Render::render),
        _ => line.refund.as_ref().map(Render::render),
    };
    Some(json!({
        "id": name.id,
        "object": "event",
        "api_version": API_VERSION,
        "created": seconds(line.at_ms),
        "data": { "object": object? },
        "livemode": false,
        "pending_webhooks": 0,
        "request": {
            "id": line.saved.as_ref().map(|saved| &saved.request),
            "idempotency_key": line.key,
        },
        "type": name.kind,
    }))
}
