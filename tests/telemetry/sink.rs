//! Where the collector hands on what it received: OTLP over HTTP, taken apart.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::shop::journey::Seen;

/// Everything that has come.
#[derive(Clone)]
pub(crate) struct Sink {
    address: SocketAddr,
    received: Arc<Mutex<Received>>,
}

#[derive(Default)]
struct Received {
    spans: Vec<Seen>,
    services: BTreeSet<String>,
    metrics: BTreeMap<String, Measured>,
}

/// The last state of one metric with one set of attributes.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) unit: String,
    /// Of a sum its value, of a histogram its records, of a gauge 1.
    pub(crate) count: u64,
    /// Of a histogram.
    pub(crate) edges: Vec<f64>,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sink = Self { address, received: Arc::default() };
        let serving = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sink = serving.clone();
                // A connection that ends in the middle of a request brings nothing.
                tokio::spawn(async move { sink.serve(stream).await.ok() });
            }
        });
        sink
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn spans(&self) -> Vec<Seen> {
        self.received.lock().unwrap().spans.clone()
    }

    pub(crate) fn services(&self) -> Vec<String> {
        self.received.lock().unwrap().services.iter().cloned().collect()
    }

    pub(crate) fn metrics(&self) -> BTreeMap<String, Measured> {
        self.received.lock().unwrap().metrics.clone()
    }

    /// As much of HTTP as one exporter speaks.
    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut path, mut length, mut zipped) = (None, 0, false);
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await? == 0 {
                    return Ok(());
                }
                let line = line.trim_end().to_ascii_lowercase();
                if line.is_empty() {
                    break;
                }
                if path.is_none() {
                    path = line.split(' ').nth(1).map(ToOwned::to_owned);
                } else if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                } else if let Some(value) = line.strip_prefix("content-encoding:") {
                    zipped = value.trim() == "gzip";
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            if zipped {
                let mut plain = Vec::new();
                GzDecoder::new(body.as_slice()).read_to_end(&mut plain)?;
                body = plain;
            }
            match path.as_deref() {
                Some("/v1/traces") => self.take_traces(&body),
                Some("/v1/metrics") => self.take_metrics(&body),
                other => panic!("the collector asks for {other:?}"),
            }
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n\
                          Content-Length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await?;
        }
    }

    fn take_traces(&self, body: &[u8]) {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let mut received = self.received.lock().unwrap();
        for resource in request.resource_spans {
            let attributes = resource.resource.map(|found| words(&found.attributes));
            received.services.extend(attributes.and_then(|mut found| found.remove("service.name")));
            let spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
            received.spans.extend(spans.map(seen));
        }
    }

    fn take_metrics(&self, body: &[u8]) {
        let request = ExportMetricsServiceRequest::decode(body).unwrap();
        let mut received = self.received.lock().unwrap();
        let scopes = request.resource_metrics.into_iter().flat_map(|found| found.scope_metrics);
        for metric in scopes.flat_map(|scope| scope.metrics) {
            received.metrics.extend(measured(&metric));
        }
    }
}

fn seen(span: &Span) -> Seen {
    Seen {
        name: span.name.clone(),
        kind: match span.kind {
            1 => "internal",
            2 => "server",
            3 => "client",
            4 => "producer",
            5 => "consumer",
            _ => "unspecified",
        },
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
        attributes: words(&span.attributes),
    }
}

fn measured(metric: &Metric) -> Vec<(String, Measured)> {
    let measured = |attributes: &[KeyValue], count, edges: &[f64]| {
        let attributes: Vec<String> =
            words(attributes).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        let name = format!("{}{{{}}}", metric.name, attributes.join(","));
        (name, Measured { unit: metric.unit.clone(), count, edges: edges.to_vec() })
    };
    match metric.data.as_ref() {
        Some(Data::Sum(sum)) => sum
            .data_points
            .iter()
            .map(|point| match point.value {
                Some(number_data_point::Value::AsInt(value)) => {
                    measured(&point.attributes, u64::try_from(value).unwrap(), &[])
                }
                other => panic!("{}: {other:?}", metric.name),
            })
            .collect(),
        Some(Data::Histogram(histogram)) => {
            let points = histogram.data_points.iter();
            points.map(|p| measured(&p.attributes, p.count, &p.explicit_bounds)).collect()
        }
        Some(Data::Gauge(gauge)) => {
            gauge.data_points.iter().map(|point| measured(&point.attributes, 1, &[])).collect()
        }
        other => panic!("{}: {other:?}", metric.name),
    }
}

fn words(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|v| v.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|found| (found.key.clone(), text(&found.value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
