//! What the process tells about itself: logs, spans, metrics.
//!
//! It knows no other room. Whoever has something to tell calls it with plain values; when nothing
//! is exported, such a call looks at one flag and returns. Ids are attributes of spans only: they
//! never stand in a name, nor on a metric.

mod init;
mod metrics;
pub mod names;
mod propagation;
mod seldom;
mod settings;
mod spans;
mod waiting;

pub use init::{Guard, TelemetryError, init, span_layer};
pub use metrics::{Metrics, install, metrics};
pub use propagation::{current, find, note_malformed, traceparent};
pub use settings::{Export, LogFormat, Target, TelemetrySettings};
pub use spans::{Kind, LINKS_MAX, begin, child, exporting, failed, linked, set, set_count};
pub use waiting::{Oldest, Waiter, Waiting};
