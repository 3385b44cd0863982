//! Every name that leaves the process: of spans, of attributes, of metrics.
//!
//! `messaging.*` is named by OpenTelemetry's conventions for messaging; they know no NATS, and
//! let a system bring its own word. What is ours begins with `kassa.`.

/// Who measures: the name of the instrumentation.
pub const SCOPE: &str = "kassa";

/// The service, unless the environment names it.
pub const SERVICE: &str = "kassa";

/// Target of the spans that are exported. They never reach the logs.
pub const TRACE_TARGET: &str = "kassa::trace";

/// Words that begin the name of a span about a message; the template of its subject follows.
pub mod operation {
    /// A command is stored.
    pub const PUBLISH: &str = "publish";
    /// A command is sent, and its outcome waited for.
    pub const REQUEST: &str = "request";
    /// A message is carried out.
    pub const PROCESS: &str = "process";
    /// The type of the first two.
    pub const SEND: &str = "send";
}

/// Names of spans that are about no message.
pub mod span {
    /// One commit, from the moment it is sent until it is durable.
    pub const COMMIT: &str = "commit";
    /// One attempt to take money, until its result is in the log.
    pub const PAYMENT: &str = "payment";
    /// One call to the provider for money.
    pub const CHARGE: &str = "charge";
    /// One attempt to give money back, until its result is in the log.
    pub const GIVE_BACK: &str = "give back";
    /// One call to the provider to give money back.
    pub const REFUND: &str = "refund";
}

/// Attributes of spans.
pub mod attribute {
    /// The messaging system: `nats`.
    pub const SYSTEM: &str = "messaging.system";
    /// `publish`, `request` or `process`.
    pub const OPERATION_NAME: &str = "messaging.operation.name";
    /// `send` or `process`.
    pub const OPERATION_TYPE: &str = "messaging.operation.type";
    /// The subject, with its variable tokens in braces.
    pub const DESTINATION_TEMPLATE: &str = "messaging.destination.template";
    /// The command's id.
    pub const MESSAGE_ID: &str = "messaging.message.id";
    /// How many messages a batch holds.
    pub const BATCH_MESSAGES: &str = "messaging.batch.message_count";
    /// The order.
    pub const ORDER_ID: &str = "kassa.order.id";
    /// What became of a command.
    pub const OUTCOME: &str = "kassa.outcome";
    /// Why it was refused.
    pub const REASON: &str = "kassa.reason";
    /// The sequence of the commit that holds the outcome.
    pub const EVENT_SEQ: &str = "kassa.event.seq";
    /// The commit's number.
    pub const COMMIT_NUMBER: &str = "kassa.commit.number";
    /// Commands in a commit.
    pub const COMMIT_COMMANDS: &str = "kassa.commit.commands";
    /// The view a follower keeps.
    pub const VIEW: &str = "kassa.view";
    /// The payment provider.
    pub const CONNECTOR: &str = "kassa.payment.connector";
    /// Which attempt of the order.
    pub const ATTEMPT: &str = "kassa.payment.attempt";
    /// What the provider said.
    pub const RESULT: &str = "kassa.payment.result";
    /// What went wrong, in one word.
    pub const ERROR_TYPE: &str = "error.type";
}

/// The word of this messaging system.
pub const NATS: &str = "nats";

/// Metrics, and their attributes. Few values each: no order, no SKU, no subject.
pub mod metric {
    /// Orders that ended, by [`OUTCOME`] and [`REASON`].
    pub const ORDERS: &str = "kassa.orders";
    /// From placed to confirmed.
    pub const ORDER_DURATION: &str = "kassa.order.duration";
    /// From sent to durable.
    pub const COMMIT_DURATION: &str = "kassa.commit.duration";
    /// Commands of one commit.
    pub const COMMIT_COMMANDS: &str = "kassa.commit.commands";
    /// Commits that nobody answered for.
    pub const COMMIT_AMBIGUOUS: &str = "kassa.commit.ambiguous";
    /// Times a writer found that somebody else writes, by [`ROLE`].
    pub const FENCED: &str = "kassa.fenced";
    /// Age of the oldest command that is taken in and not durable.
    pub const COMMAND_AGE: &str = "kassa.command.age";
    /// Age of the oldest commit that a view has read and not written, by [`VIEW`].
    pub const PROJECTION_LAG: &str = "kassa.projection.lag";
    /// From a commit to the view that reflects it, by [`VIEW`].
    pub const EVENT_DELAY: &str = "kassa.event.delay";
    /// Calls to a provider, by [`CONNECTOR`], [`RESULT`] and [`CLASS`].
    pub const PAYMENT_ATTEMPTS: &str = "kassa.payment.attempts";
    /// What such a call took, by [`CONNECTOR`] and [`RESULT`].
    pub const PAYMENT_DURATION: &str = "kassa.payment.duration";
    /// Whether a provider is called, by [`CONNECTOR`]: 0 as always, 1 carefully after an outage,
    /// 2 not at all.
    pub const PAYMENT_CIRCUIT: &str = "kassa.payment.circuit";
    /// From the moment an order's money was asked for to the moment it came, of orders that were
    /// not paid by their first attempt.
    pub const PAYMENT_RECOVERY: &str = "kassa.payment.recovery.duration";
    /// Age of the oldest attempt of which nobody can say whether money moved.
    pub const PAYMENT_UNKNOWN_AGE: &str = "kassa.payment.unknown.age";
    /// What providers told by themselves, by [`CONNECTOR`], [`RESULT`] and [`REASON`].
    pub const WEBHOOKS: &str = "kassa.webhooks";
    /// Orders that were refused for want of stock.
    pub const STOCK_REJECTIONS: &str = "kassa.stock.rejections";
    /// Times promised units turned out not to exist.
    pub const STOCK_SHORTAGES: &str = "kassa.stock.shortages";
    /// Units that were promised and were not there, as the verifier counts. Never anything but 0.
    pub const OVERSOLD: &str = "kassa.oversold";
    /// Promises that the log breaks, as the verifier counts. Never anything but 0.
    pub const INVARIANT_VIOLATIONS: &str = "kassa.invariant.violations";
    /// Items that a human must look at and nobody has resolved, by [`KIND`].
    pub const ATTENTION_ITEMS: &str = "kassa.attention.items";
    /// Age of the oldest of them, exported by whoever keeps the list. An alert is due long before
    /// the 24 hours that are promised.
    pub const ATTENTION_AGE: &str = "kassa.attention.age";

    /// `confirmed`, `rejected` or `cancelled`.
    pub const OUTCOME: &str = "outcome";
    /// The code of the refusal or of the cancellation; `none` for a confirmed order. Of a webhook:
    /// why it is ignored or not believed.
    pub const REASON: &str = "reason";
    /// `committer`, `orders`, `stock`, …
    pub const ROLE: &str = "role";
    /// `orders`, `stock`, `metrics`, …
    pub const VIEW: &str = "view";
    /// The payment provider.
    pub const CONNECTOR: &str = "connector";
    /// `captured`, `declined`, `failed` or `unknown`. Of a webhook: `recorded`, `repeated`,
    /// `ignored`, `refused` or `later`.
    pub const RESULT: &str = "result";
    /// Of a decline: `soft`, `customer`, `hard` or `infra`; `infra` for a call that failed;
    /// `none` otherwise.
    pub const CLASS: &str = "class";
    /// What an attention item is about: `poison`, `shortage`, …
    pub const KIND: &str = "kind";
}

/// The standard variables that say where to export to. Read by the room of the configuration
/// and, all others with the same prefix too, by the exporters themselves.
pub mod variable {
    /// For both signals.
    pub const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    /// For spans.
    pub const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    /// For metrics.
    pub const METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    /// `none` for no spans.
    pub const TRACES_EXPORTER: &str = "OTEL_TRACES_EXPORTER";
    /// `none` for no metrics.
    pub const METRICS_EXPORTER: &str = "OTEL_METRICS_EXPORTER";
    /// `true` for nothing at all.
    pub const DISABLED: &str = "OTEL_SDK_DISABLED";
}
