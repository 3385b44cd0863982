//! Names of headers. NATS compares them byte by byte, so readers that must accept another
//! spelling say so.

/// How the payload is encoded.
pub const CONTENT_TYPE: &str = "Content-Type";
/// Type and version of the payload: `place_order/1`.
pub const KASSA_TYPE: &str = "Kassa-Type";
/// Where the outcome of a published command goes.
pub const KASSA_REPLY_TO: &str = "Kassa-Reply-To";
/// The address of the event a feed message is about.
pub const KASSA_EVENT: &str = "Kassa-Event";
/// When the server publishes a message again: `@at` and a moment.
pub const NATS_SCHEDULE: &str = "Nats-Schedule";
/// Where it publishes it then.
pub const NATS_SCHEDULE_TARGET: &str = "Nats-Schedule-Target";
/// W3C trace context. Written lower case; read in any case, because Go writes `Traceparent`.
pub const TRACEPARENT: &str = "traceparent";
