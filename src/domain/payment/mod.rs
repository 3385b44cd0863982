//! Taking money: attempts, and what a provider's no means.

pub(in crate::domain) mod codes;
mod decline;
mod retry;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use decline::{DeclineClass, DeclineClasses};
pub use retry::{InvalidSchedule, RetrySchedule};

use super::{OrderId, Token};

/// One attempt that is asked for. It is in the log before anybody calls a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptRequest {
    /// Which attempt of its order, from 1.
    pub attempt: u8,
    /// What makes a repeated call the same payment at the provider. New for each attempt, the
    /// same for each time this one is sent.
    pub idempotency_key: Token,
}

impl AttemptRequest {
    /// Attempt number `attempt` of an order.
    #[must_use]
    pub fn of(order_id: OrderId, attempt: u8) -> Option<Self> {
        // A UUID, a dash and three digits are always a token; the type wants to be told.
        let idempotency_key = format!("{order_id}-{attempt}").parse().ok()?;
        Some(Self { attempt, idempotency_key })
    }

    /// Attempt number `attempt` at a refund of an order.
    #[must_use]
    pub fn of_refund(order_id: OrderId, refund: u16, attempt: u8) -> Option<Self> {
        // With two more numbers and a letter it is a token all the same.
        let idempotency_key = format!("{order_id}-r{refund}-{attempt}").parse().ok()?;
        Some(Self { attempt, idempotency_key })
    }
}
