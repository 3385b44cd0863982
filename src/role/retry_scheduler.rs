//! The retry scheduler: republishes payments and refunds that failed, when their retry is due.
//!
//! The server does the waiting: each failure with a retry becomes a schedule, written in
//! one batch with the position. What fires is a hint, at least once; the payer holds it against
//! what is owed, and makes on its own what did not fire.

use std::time::Duration;

use super::outbox::Emit;
use crate::domain::{Address, Event, Recorded, Timestamp};
use crate::engine::ProjectionError;
use crate::port::Message;
use crate::view::owed::Debt;
use crate::wire::{Encoding, RetryDue, Subjects, headers, rfc3339};

/// How long the stream of timers keeps a message; see `streams/timers.json`. A scheduler that lost
/// its position begins there again: what it schedules anew is due or settled, and does no harm.
pub const AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes a schedule of everything that is to be tried again.
pub struct RetryTimers {
    subjects: Subjects,
}

impl RetryTimers {
    /// The retries of a market.
    #[must_use]
    pub const fn new(subjects: Subjects) -> Self {
        Self { subjects }
    }
}

impl Emit for RetryTimers {
    fn message(
        &self,
        _at: Address,
        _made: Timestamp,
        record: &Recorded,
    ) -> Result<Option<Message>, ProjectionError> {
        let (debt, retry) = if let Event::PaymentFailed(failed) = &record.event {
            (Debt::charge(failed.order_id), failed.retry.as_ref())
        } else if let Event::RefundFailed(failed) = &record.event {
            (Debt::refund(failed.order_id, failed.refund), failed.retry.as_ref())
        } else {
            return Ok(None);
        };
        let Some(retry) = retry else {
            return Ok(None);
        };
        let due = RetryDue { debt, attempt: retry.attempt };
        let payload =
            Encoding::Json.write(&due).map_err(|error| ProjectionError(error.to_string()))?;
        let headers = vec![
            (headers::NATS_SCHEDULE, format!("@at {}", rfc3339(retry.at))),
            (headers::NATS_SCHEDULE_TARGET, self.subjects.retry_due(debt)),
            (headers::CONTENT_TYPE, Encoding::Json.content_type().to_owned()),
        ];
        // One schedule for each of them: the next retry takes the place of the one before.
        let subject = self.subjects.retry_timer(debt);
        Ok(Some(Message { subject, headers, payload, ..Message::default() }))
    }
}
