//! What is told of payments.

use std::time::Instant;

use tracing::Span;

use super::word::Word;
use crate::domain::payment::{DeclineClass, DeclineClasses};
use crate::domain::{Token, TraceParent};
use crate::port::GatewayError;
use crate::telemetry::names::{attribute, span};
use crate::telemetry::{self, Kind, set, set_count};
use crate::view::owed::{Owed, Way};

/// The span around one attempt: every call of it, and telling the committer.
pub(super) fn payment(owed: &Owed, connector: &Token) -> Span {
    let trace = owed.trace.as_ref().map(TraceParent::as_str);
    let name = match owed.way {
        Way::Charge { .. } => span::PAYMENT,
        Way::Refund { .. } => span::GIVE_BACK,
    };
    let payment = telemetry::child(trace, Kind::Internal, || name.to_owned());
    if !payment.is_disabled() {
        set(&payment, attribute::ORDER_ID, owed.order_id.to_string());
        set(&payment, attribute::CONNECTOR, connector.to_string());
        set_count(&payment, attribute::ATTEMPT, u64::from(owed.attempt));
    }
    payment
}

/// One call to a provider, under way.
pub(super) struct Called {
    started: Instant,
    span: Span,
}

impl Called {
    /// A call that goes out now.
    pub(super) fn start(connector: &Token, way: &Way) -> Self {
        let around = telemetry::current();
        let name = match way {
            Way::Charge { .. } => span::CHARGE,
            Way::Refund { .. } => span::REFUND,
        };
        let span = telemetry::child(around.as_deref(), Kind::Client, || name.to_owned());
        if !span.is_disabled() {
            set(&span, attribute::CONNECTOR, connector.to_string());
        }
        Self { started: Instant::now(), span }
    }

    /// What to make the call in.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Tells what came of it.
    pub(super) fn end(
        self,
        (connector, classes): (&Token, &DeclineClasses),
        answer: &Result<Word, GatewayError>,
    ) {
        let (result, class) = in_words(answer, |code| classes.of(connector, code));
        set(&self.span, attribute::RESULT, result);
        if answer.is_err() {
            telemetry::failed(&self.span, result);
        }
        if let Some(metrics) = telemetry::metrics() {
            metrics.payment(connector.as_str(), (result, class), self.started.elapsed());
        }
    }
}

/// What came of a call, and whose it is to do something about it.
fn in_words(
    answer: &Result<Word, GatewayError>,
    class: impl Fn(&Token) -> DeclineClass,
) -> (&'static str, &'static str) {
    match answer {
        Ok(word) => word.in_words(class),
        Err(
            GatewayError::Unavailable(_)
            | GatewayError::Unreachable(_)
            | GatewayError::Misconfigured(_),
        ) => ("failed", "infra"),
        Err(GatewayError::Unknown(_) | GatewayError::Pending { .. }) => ("unknown", "infra"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PaymentResult;

    #[test]
    fn a_provider_that_says_no_is_told_from_one_that_says_nothing() {
        let simulated = "simulated".parse().unwrap();
        let in_words =
            |answer: &_| in_words(answer, |code| DeclineClasses::default().of(&simulated, code));
        let declined = |code: &str| {
            in_words(&Ok(Word::Charge(PaymentResult::Declined { code: code.parse().unwrap() })))
        };
        assert_eq!(declined("lost_card"), ("declined", "hard"));
        assert_eq!(declined("do_not_honor"), ("declined", "soft"));
        let away = Err(GatewayError::Unavailable("closed".into()));
        let silent = Err(GatewayError::Unknown("lost".into()));
        assert_eq!(in_words(&away), ("failed", "infra"));
        assert_eq!(in_words(&silent), ("unknown", "infra"));
    }
}
