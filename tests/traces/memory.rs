//! Telemetry that stays in memory.

use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use crate::shop::journey::Seen;

/// Spans of this thread.
pub(crate) struct Memory {
    exporter: InMemorySpanExporter,
    _listening: DefaultGuard,
}

impl Memory {
    /// Collects the spans of this thread until it is dropped.
    pub(crate) fn listen() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let subscriber = Registry::default().with(kassa::telemetry::span_layer(&provider));
        Self { exporter, _listening: tracing::subscriber::set_default(subscriber) }
    }

    /// The spans that have ended.
    pub(crate) fn spans(&self) -> Vec<Seen> {
        self.exporter.get_finished_spans().unwrap().iter().map(seen).collect()
    }
}

fn seen(span: &SpanData) -> Seen {
    let attributes = span.attributes.iter();
    Seen {
        name: span.name.to_string(),
        kind: match span.span_kind {
            SpanKind::Client => "client",
            SpanKind::Server => "server",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
            SpanKind::Internal => "internal",
        },
        trace: span.span_context.trace_id().to_string(),
        id: span.span_context.span_id().to_string(),
        parent: span.parent_span_id.to_string(),
        links: span.links.iter().map(|link| link.span_context.span_id().to_string()).collect(),
        attributes: attributes
            .map(|attribute| (attribute.key.to_string(), attribute.value.to_string()))
            .collect(),
    }
}
