//! The instruments, made once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, MeterProvider};

use super::names::{self, metric};
use super::waiting::{Oldest, Waiting};

/// Edges for what a buyer or a reader waits for. Units: seconds. They include 1, 2 and 3 s, which
/// the promises are made of: a share below a promise is counted, not interpolated.
const WAIT_EDGES: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0];

/// Edges for commits. Units: seconds. Half a millisecond is a commit without fsync, 2 s is when
/// its answer is given up; an election of 4 to 9 s lies between the last two.
const COMMIT_EDGES: [f64; 13] =
    [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 5.0, 10.0];

/// Edges for commands of one commit, up to the bound of a commit.
const COMMAND_EDGES: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0];

/// Edges for payments that came late. Units: seconds. The three retries are at 20, 110 and 350 s,
/// and 600 s is what is promised.
const RECOVERY_EDGES: [f64; 10] = [1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 420.0, 600.0, 1_800.0];

static METRICS: OnceLock<Metrics> = OnceLock::new();

/// The instruments of this process; none when nobody reads them.
#[must_use]
pub fn metrics() -> Option<&'static Metrics> {
    METRICS.get()
}

/// Has the metrics of this process read through `provider`. Whoever came first stays.
pub fn install(provider: &impl MeterProvider) {
    let _ = METRICS.set(Metrics::new(&provider.meter(names::SCOPE)));
}

/// Every instrument. What is recorded costs some tens of nanoseconds a time: the committer adds
/// up by the commit.
#[derive(Debug)]
pub struct Metrics {
    orders: Counter<u64>,
    order_duration: Histogram<f64>,
    commit_duration: Histogram<f64>,
    commit_commands: Histogram<u64>,
    commit_ambiguous: Counter<u64>,
    fenced: Counter<u64>,
    command_age: Waiting,
    lags: Lags,
    event_delay: Histogram<f64>,
    payment_attempts: Counter<u64>,
    payment_duration: Histogram<f64>,
    payment_recovery: Histogram<f64>,
    payment_unknown: Oldest,
    payment_circuit: Gauge<u64>,
    webhooks: Counter<u64>,
    stock_rejections: Counter<u64>,
    stock_shortages: Counter<u64>,
    oversold: Counter<u64>,
    violations: Counter<u64>,
    attention_items: Gauge<u64>,
    attention_age: Waiting,
}

/// How far each view is behind.
type Lags = Arc<Mutex<BTreeMap<String, Waiting>>>;

impl Metrics {
    /// The instruments of a meter.
    #[must_use]
    pub fn new(meter: &Meter) -> Self {
        let seconds = |name, edges: &[f64]| {
            meter.f64_histogram(name).with_unit("s").with_boundaries(edges.to_vec()).build()
        };
        let counter = |name, unit| meter.u64_counter(name).with_unit(unit).build();
        let (command_age, lags) = (Waiting::default(), Lags::default());
        let payment_unknown = Oldest::default();
        let attention_age = Waiting::default();
        observe_ages(meter, (&command_age, &payment_unknown), &lags);
        observe_known_age(meter, metric::ATTENTION_AGE, &attention_age);
        Self {
            orders: counter(metric::ORDERS, "{order}"),
            order_duration: seconds(metric::ORDER_DURATION, &WAIT_EDGES),
            commit_duration: seconds(metric::COMMIT_DURATION, &COMMIT_EDGES),
            commit_commands: meter
                .u64_histogram(metric::COMMIT_COMMANDS)
                .with_unit("{command}")
                .with_boundaries(COMMAND_EDGES.to_vec())
                .build(),
            commit_ambiguous: counter(metric::COMMIT_AMBIGUOUS, "{commit}"),
            fenced: counter(metric::FENCED, "{time}"),
            command_age,
            lags,
            event_delay: seconds(metric::EVENT_DELAY, &WAIT_EDGES),
            payment_attempts: counter(metric::PAYMENT_ATTEMPTS, "{call}"),
            payment_duration: seconds(metric::PAYMENT_DURATION, &WAIT_EDGES),
            payment_recovery: seconds(metric::PAYMENT_RECOVERY, &RECOVERY_EDGES),
            payment_unknown,
            payment_circuit: meter.u64_gauge(metric::PAYMENT_CIRCUIT).build(),
            webhooks: counter(metric::WEBHOOKS, "{webhook}"),
            stock_rejections: counter(metric::STOCK_REJECTIONS, "{order}"),
            stock_shortages: counter(metric::STOCK_SHORTAGES, "{shortage}"),
            oversold: counter(metric::OVERSOLD, "{unit}"),
            violations: counter(metric::INVARIANT_VIOLATIONS, "{violation}"),
            attention_items: meter.u64_gauge(metric::ATTENTION_ITEMS).with_unit("{item}").build(),
            attention_age,
        }
    }

    /// Orders that ended in one way, for one reason.
    pub fn orders(&self, outcome: &'static str, reason: &'static str, count: u64) {
        let how = [KeyValue::new(metric::OUTCOME, outcome), KeyValue::new(metric::REASON, reason)];
        self.orders.add(count, &how);
    }

    /// An order was confirmed so long after it was placed.
    pub fn order_confirmed(&self, took: Duration) {
        self.order_duration.record(took.as_secs_f64(), &[]);
    }

    /// A commit of so many commands became durable.
    pub fn committed(&self, took: Duration, commands: u64) {
        self.commit_duration.record(took.as_secs_f64(), &[]);
        self.commit_commands.record(commands, &[]);
    }

    /// Nobody answered for a commit.
    pub fn ambiguous(&self) {
        self.commit_ambiguous.add(1, &[]);
    }

    /// A writer found that somebody else writes.
    pub fn fenced(&self, role: &str) {
        self.fenced.add(1, &[KeyValue::new(metric::ROLE, role.to_owned())]);
    }

    /// The oldest command that is taken in and not durable.
    #[must_use]
    pub const fn command_age(&self) -> &Waiting {
        &self.command_age
    }

    /// The oldest commit that a view has read and not written.
    #[must_use]
    pub fn lag(&self, view: &str) -> Waiting {
        let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        lags.entry(view.to_owned()).or_default().clone()
    }

    /// A view came to reflect commits that were made so long ago.
    pub fn reflected(&self, view: &str, delays: impl IntoIterator<Item = Duration>) {
        let view = [KeyValue::new(metric::VIEW, view.to_owned())];
        for delay in delays {
            self.event_delay.record(delay.as_secs_f64(), &view);
        }
    }

    /// A provider was called.
    pub fn payment(
        &self,
        connector: &str,
        (result, class): (&'static str, &'static str),
        took: Duration,
    ) {
        let connector = KeyValue::new(metric::CONNECTOR, connector.to_owned());
        let result = KeyValue::new(metric::RESULT, result);
        self.payment_duration.record(took.as_secs_f64(), &[connector.clone(), result.clone()]);
        self.payment_attempts.add(1, &[connector, result, KeyValue::new(metric::CLASS, class)]);
    }

    /// An order was paid so long after its money was asked for, not by its first attempt.
    pub fn recovered(&self, took: Duration) {
        self.payment_recovery.record(took.as_secs_f64(), &[]);
    }

    /// Attempts of which nobody can say whether money moved.
    #[must_use]
    pub const fn unknown(&self) -> &Oldest {
        &self.payment_unknown
    }

    /// How a provider is called: 0 as always, 1 carefully, 2 not at all.
    pub fn circuit(&self, connector: &str, degree: u64) {
        let connector = KeyValue::new(metric::CONNECTOR, connector.to_owned());
        self.payment_circuit.record(degree, &[connector]);
    }

    /// A provider told something, and this became of it.
    pub fn webhook(&self, connector: &str, result: &'static str, reason: &str) {
        let what = [
            KeyValue::new(metric::CONNECTOR, connector.to_owned()),
            KeyValue::new(metric::RESULT, result),
            KeyValue::new(metric::REASON, reason.to_owned()),
        ];
        self.webhooks.add(1, &what);
    }

    /// Orders were refused for want of stock, and promised units turned out not to exist.
    pub fn stock(&self, rejections: u64, shortages: u64) {
        if 0 < rejections {
            self.stock_rejections.add(rejections, &[]);
        }
        if 0 < shortages {
            self.stock_shortages.add(shortages, &[]);
        }
    }

    /// The verifier has found so much more. Told with zeros too: a counter that is not there cannot
    /// be told from a verifier that does not run.
    pub fn audited(&self, violations: u64, oversold: u64) {
        self.violations.add(violations, &[]);
        self.oversold.add(oversold, &[]);
    }

    /// The oldest item that is open.
    #[must_use]
    pub const fn attention_age(&self) -> &Waiting {
        &self.attention_age
    }

    /// So many items of a kind are open.
    pub fn attention(&self, kind: &str, items: u64) {
        self.attention_items.record(items, &[KeyValue::new(metric::KIND, kind.to_owned())]);
    }
}

/// Ages are looked at when they are read.
fn observe_ages(meter: &Meter, (command_age, unknown): (&Waiting, &Oldest), lags: &Lags) {
    observe_age(meter, metric::COMMAND_AGE, command_age);
    let (unknown, lags) = (unknown.clone(), Arc::clone(lags));
    meter
        .f64_observable_gauge(metric::PAYMENT_UNKNOWN_AGE)
        .with_unit("s")
        .with_callback(move |observer| observer.observe(unknown.age().as_secs_f64(), &[]))
        .build();
    meter
        .f64_observable_gauge(metric::PROJECTION_LAG)
        .with_unit("s")
        .with_callback(move |observer| {
            for (view, lag) in lags.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                let view = KeyValue::new(metric::VIEW, view.clone());
                observer.observe(lag.age().as_secs_f64(), &[view]);
            }
        })
        .build();
}

fn observe_age(meter: &Meter, name: &'static str, waiting: &Waiting) {
    let waiting = waiting.clone();
    meter
        .f64_observable_gauge(name)
        .with_unit("s")
        .with_callback(move |observer| observer.observe(waiting.age().as_secs_f64(), &[]))
        .build();
}

/// An age that only one process of a market knows: one that has never known it says nothing, so
/// that somebody may be told when nobody does.
fn observe_known_age(meter: &Meter, name: &'static str, waiting: &Waiting) {
    let waiting = waiting.clone();
    meter
        .f64_observable_gauge(name)
        .with_unit("s")
        .with_callback(move |observer| {
            if let Some(age) = waiting.known() {
                observer.observe(age.as_secs_f64(), &[]);
            }
        })
        .build();
}
