//! Spans.
//!
//! A trace begins where somebody wants something: at an edge. What follows is the child of what
//! caused it; only what covers many orders at once, a commit or a view, is in a trace of its own
//! and links to theirs.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, Value};
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::names;
use super::propagation::read;

/// Links of one span. A commit's commands fit; the standard's 128 do not hold them.
pub const LINKS_MAX: u32 = 512;

/// Whether this process exports spans. Set once, before the first span, and never taken back.
static EXPORTING: AtomicBool = AtomicBool::new(false);

/// What a span is to the messages around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It sends a message.
    Producer,
    /// It carries a message out.
    Consumer,
    /// It waits for somebody else's answer.
    Client,
    /// None of these.
    Internal,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Client => "client",
            Self::Internal => "internal",
        }
    }
}

/// Whether spans are exported. What it costs to be told no is all that tracing costs then.
#[must_use]
pub fn exporting() -> bool {
    EXPORTING.load(Ordering::Relaxed)
}

pub(super) fn export() {
    EXPORTING.store(true, Ordering::Relaxed);
}

/// A span that begins a trace, at an edge; it is named by the kind of the command. Whether the
/// trace is kept is the sampler's to say: `OTEL_TRACES_SAMPLER`.
#[must_use]
pub fn begin(name: &'static str) -> Span {
    if exporting() { start(Kind::Internal, name) } else { Span::none() }
}

/// A span below the one that `traceparent` points at. Without a trace, or an export, it is none,
/// and `name` is not even made.
///
/// It lasts until its last clone is dropped.
pub fn child(traceparent: Option<&str>, kind: Kind, name: impl FnOnce() -> String) -> Span {
    let parent = traceparent.filter(|_| exporting()).and_then(read);
    parent.map_or_else(Span::none, |parent| {
        let span = start(kind, &name());
        // It fails only where nobody listens to the span.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
        span
    })
}

/// A span in a trace of its own, linked to the spans that `traceparents` point at. Without any, or
/// an export, it is none.
pub fn linked<'a>(
    traceparents: impl IntoIterator<Item = &'a str>,
    kind: Kind,
    name: impl FnOnce() -> String,
) -> Span {
    if !exporting() {
        return Span::none();
    }
    let mut links = traceparents.into_iter().filter_map(read).peekable();
    if links.peek().is_none() {
        return Span::none();
    }
    let span = start(kind, &name());
    links.for_each(|link| span.add_link(link));
    span
}

/// Says something of a span.
pub fn set(span: &Span, attribute: &'static str, value: impl Into<Value>) {
    if !span.is_disabled() {
        span.set_attribute(attribute, value);
    }
}

/// Says a number of a span.
pub fn set_count(span: &Span, attribute: &'static str, count: u64) {
    set(span, attribute, i64::try_from(count).unwrap_or(i64::MAX));
}

/// Marks a span as failed, by what went wrong in one word.
pub fn failed(span: &Span, error: &'static str) {
    if !span.is_disabled() {
        set(span, names::attribute::ERROR_TYPE, error);
        span.set_status(Status::error(error));
    }
}

fn start(kind: Kind, name: &str) -> Span {
    info_span!(
        target: names::TRACE_TARGET,
        parent: None,
        "kassa",
        otel.name = name,
        otel.kind = kind.word(),
    )
}
