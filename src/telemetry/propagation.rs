//! The W3C's `traceparent`, in and out.
//!
//! `tracestate` is not handed on. It would have to stand beside every event for ever, and a trace
//! is whole without it: it only carries what one vendor's agents tell each other.

use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::seldom::Seldom;
use super::spans::exporting;

/// The header's name, as it is written.
const TRACEPARENT: &str = "traceparent";

/// One sender that gets it wrong gets it wrong with every message.
static MALFORMED: Seldom = Seldom::every(Duration::from_secs(60));

/// The first `traceparent` of a message. Its name is read in any case: NATS compares names byte by
/// byte, and Go writes `Traceparent`.
pub fn find<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<&'a str> {
    let mut headers = headers.into_iter();
    headers.find(|(name, _)| name.eq_ignore_ascii_case(TRACEPARENT)).map(|(_, value)| value)
}

/// Says that a `traceparent` was ignored because it is none; once a minute at most. The trace ends
/// there, the command does not.
pub fn note_malformed(subject: &str) {
    if let Some(unsaid) = MALFORMED.due(Instant::now()) {
        warn!(subject, unsaid, "a traceparent is malformed and was ignored");
    }
}

/// The `traceparent` of the span that is current here, when somebody keeps it.
#[must_use]
pub fn current() -> Option<String> {
    exporting().then(|| write(&Context::current())).flatten()
}

/// The `traceparent` of a span, when somebody keeps it.
#[must_use]
pub fn traceparent(span: &Span) -> Option<String> {
    if span.is_disabled() { None } else { write(&span.context()) }
}

/// What a `traceparent` points at; none when it is malformed.
pub(super) fn read(traceparent: &str) -> Option<SpanContext> {
    let context =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &One(traceparent));
    let found = context.span().span_context().clone();
    found.is_valid().then_some(found)
}

fn write(context: &Context) -> Option<String> {
    let mut written = Written(None);
    if context.span().span_context().is_sampled() {
        TraceContextPropagator::new().inject_context(context, &mut written);
    }
    written.0
}

/// Headers of which only one is known.
struct One<'a>(&'a str);

impl Extractor for One<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// Headers of which only one is kept.
struct Written(Option<String>);

impl Injector for Written {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_header_is_found_in_any_spelling() {
        for name in ["traceparent", "Traceparent", "TraceParent", "TRACEPARENT"] {
            let headers = [("Content-Type", "application/json"), (name, SAMPLED)];
            assert_eq!(find(headers), Some(SAMPLED), "{name}");
        }
        assert_eq!(find([("tracestate", "a=b"), ("x-traceparent", SAMPLED)]), None);
    }

    #[test]
    fn what_is_read_is_written_the_same() {
        let read = read(SAMPLED).unwrap();
        let context = Context::new().with_remote_span_context(read);
        assert_eq!(write(&context).as_deref(), Some(SAMPLED));
    }

    #[test]
    fn a_trace_that_nobody_keeps_is_not_handed_on() {
        let read = read(&SAMPLED.replace("-01", "-00")).unwrap();
        assert_eq!(write(&Context::new().with_remote_span_context(read)), None);
    }

    #[test]
    fn what_is_malformed_points_at_nothing() {
        let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        for bad in ["", "1", "00-0af7651916cd43dd8448eb211c80319c", zero, &SAMPLED[3..]] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
