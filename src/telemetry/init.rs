//! Starting to tell, and telling the rest at the end.

use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterFn, ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry, fmt};

use super::settings::{LogFormat, Target, TelemetrySettings};
use super::{metrics, names, spans};

/// What is not logged unless somebody asks for it by name. The connection tells us itself what
/// happens to it, and we say what of that is worth a warning; libraries below the exporter speak
/// of every request; exported spans are no log lines.
const QUIET: &str = "async_nats=off,hyper=warn,hyper_util=warn,reqwest=warn,opentelemetry=warn,\
                     opentelemetry_sdk=warn,opentelemetry-otlp=warn,kassa::trace=off";

/// How long the last spans and metrics may take to leave.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is no filter.
    #[error("{filter:?} does not say what to log")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: ParseError,
    },
    /// The exporter cannot be set up.
    #[error("spans or metrics cannot be exported")]
    Export(#[from] ExporterBuildError),
    /// Somebody logs already.
    #[error("telemetry is already set up in this process")]
    Twice,
}

/// Sends what has not been sent yet, when it is dropped. It is dropped last.
#[derive(Debug)]
#[must_use = "what is told last is lost when nobody keeps it"]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

impl Guard {
    /// Sends what has not been sent yet. Blocks the thread until it is, 5 s at most.
    pub fn flush(&self) {
        // What cannot be sent is logged by the exporter.
        let _ = self.traces.as_ref().map(SdkTracerProvider::force_flush);
        let _ = self.metrics.as_ref().map(SdkMeterProvider::force_flush);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.traces.as_ref().map(|traces| traces.shutdown_with_timeout(FLUSH_TIMEOUT));
        let _ = self.metrics.as_ref().map(|metrics| metrics.shutdown_with_timeout(FLUSH_TIMEOUT));
    }
}

/// Starts logging to stderr, and exporting where the settings say. Once a process, and first of
/// all: whoever asks for metrics before gets none.
///
/// Spans and metrics leave over http/protobuf, from threads of their own; a collector that is away
/// costs nobody else anything. Its address is a plain `http` one: a collector stands beside the
/// process, or an agent that speaks TLS does.
///
/// # Errors
///
/// [`TelemetryError`].
pub fn init(settings: &TelemetrySettings) -> Result<Guard, TelemetryError> {
    let filter = filter(&settings.filter)?;
    let traces = trace_provider(&settings.export.traces)?;
    let metrics = metric_provider(&settings.export.metrics)?;
    let logs = logs(settings.format).with_filter(filter);
    let subscriber = Registry::default().with(logs).with(traces.as_ref().map(span_layer));
    tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::Twice)?;
    if let Some(provider) = &metrics {
        metrics::install(provider);
    }
    Ok(Guard { traces, metrics })
}

/// What is logged: what is asked for, and of the quiet ones only who is named.
fn filter(asked: &str) -> Result<EnvFilter, TelemetryError> {
    let directives = format!("{QUIET},{asked}");
    let unusable = |source| TelemetryError::Filter { filter: asked.to_owned(), source };
    EnvFilter::builder().parse(directives).map_err(unusable)
}

/// What hands our spans to `provider`, with the warnings that were logged within them.
///
/// From the moment it is made, this process makes spans for the traces it is in.
pub fn span_layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    spans::export();
    let ours: FilterFn = filter_fn(is_exported);
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(names::SCOPE))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(ours)
}

fn is_exported(metadata: &Metadata<'_>) -> bool {
    if metadata.is_span() {
        return metadata.target() == names::TRACE_TARGET;
    }
    metadata.target().starts_with("kassa") && *metadata.level() <= Level::WARN
}

fn logs<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let lines = fmt::layer().with_writer(std::io::stderr);
    if json {
        return lines.json().flatten_event(true).with_current_span(false).boxed();
    }
    // On a terminal colours are the library's to decide: it knows NO_COLOR.
    let lines = if terminal { lines } else { lines.with_ansi(false) };
    lines.compact().with_target(false).boxed()
}

fn trace_provider(target: &Target) -> Result<Option<SdkTracerProvider>, ExporterBuildError> {
    crate::tls::install();
    let builder = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter = match target {
        Target::Nowhere => return Ok(None),
        Target::Standard => builder.build()?,
        Target::At(address) => builder.with_endpoint(address).build()?,
    };
    let provider = SdkTracerProvider::builder()
        .with_resource(resource())
        .with_max_links_per_span(spans::LINKS_MAX)
        .with_batch_exporter(exporter)
        .build();
    Ok(Some(provider))
}

fn metric_provider(target: &Target) -> Result<Option<SdkMeterProvider>, ExporterBuildError> {
    crate::tls::install();
    let builder = MetricExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter = match target {
        Target::Nowhere => return Ok(None),
        Target::Standard => builder.build()?,
        Target::At(address) => builder.with_endpoint(address).build()?,
    };
    let provider = SdkMeterProvider::builder()
        .with_resource(resource())
        .with_periodic_exporter(exporter)
        .build();
    Ok(Some(provider))
}

/// Who speaks. What the environment says of the service stands; what it does not say is ours.
fn resource() -> Resource {
    let service = opentelemetry::Key::from_static_str("service.name");
    let found = Resource::builder().build();
    let unnamed =
        found.get(&service).is_none_or(|name| name.as_str().starts_with("unknown_service"));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let mut resource = Resource::builder().with_attribute(version);
    if unnamed {
        resource = resource.with_service_name(names::SERVICE);
    }
    resource.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_quiet_until_somebody_names_them() {
        let directives = |asked: &str| filter(asked).unwrap().to_string();
        assert!(directives("debug").contains("async_nats=off"));
        let named = directives("info,async_nats=debug");
        assert!(named.contains("async_nats=debug") && !named.contains("async_nats=off"), "{named}");
        assert!(directives("kassa=debug").contains("kassa::trace=off"));
    }

    #[test]
    fn a_filter_that_says_nothing_is_an_error_that_quotes_it() {
        let error = filter("kassa=loud").unwrap_err();
        assert!(error.to_string().contains("kassa=loud"), "{error}");
    }

    #[test]
    fn the_service_has_a_name_although_the_environment_says_none() {
        let name = resource().get(&opentelemetry::Key::from_static_str("service.name"));
        assert!(name.is_some_and(|name| !name.as_str().starts_with("unknown_service")));
    }
}
