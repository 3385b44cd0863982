//! What a run showed.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Percentiles of a latency. Units: milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Half were faster.
    pub p50_ms: f64,
    /// 95 of 100 were faster.
    pub p95_ms: f64,
    /// 99 of 100 were faster.
    pub p99_ms: f64,
    /// None was slower.
    pub max_ms: f64,
}

impl Summary {
    /// Of a histogram in microseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| micros_as_millis(histogram.value_at_quantile(quantile));
        Self {
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: micros_as_millis(histogram.max()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a latency has far fewer than 2^52 microseconds")]
fn micros_as_millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// So many of something for each of something else.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^52")]
pub(super) fn per(count: u64, of: f64) -> f64 {
    if of == 0.0 { 0.0 } else { count as f64 / of }
}

/// The whole result of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Orders confirmed and projected, or rejected, a second.
    pub orders_per_s: f64,
    /// From the moment an order was due to its end in every view.
    #[serde(flatten)]
    pub latency: Summary,
    /// From the moment an order was due to its confirmation in the log.
    pub confirmation: Summary,
    /// Orders placed.
    pub placed: u64,
    /// Orders confirmed.
    pub confirmed: u64,
    /// Orders rejected.
    pub rejected: u64,
    /// Orders cancelled.
    pub cancelled: u64,
    /// Orders that came to no end in time; the percentiles know nothing of them.
    pub unfinished: u64,
    /// Commands that were sent again because no answer came.
    pub sent_again: u64,
    /// Units sold that were not there, by the verifier's own books.
    pub oversold: u64,
    /// Commits in the log while the load ran.
    pub commits: u64,
    /// Commands a commit.
    pub commands_per_commit: f64,
    /// What the server does with raw batches.
    pub raw_batch_msgs_per_s: f64,
    /// Orders a second to raw messages a second.
    pub ratio_to_raw: f64,
    /// The most memory this process had while the load ran: every role, the load generator, and
    /// what both know of every order. Units: MB. None where the system does not tell.
    pub peak_memory_mb: Option<u64>,
    /// How long the verifier took over the whole log. Units: seconds.
    pub verified_in_s: f64,
    /// What the verifier found first; none when all is well.
    pub violation: Option<String>,
}

/// The result of a committer alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EngineReport {
    /// Orders placed and paid a second: two commands each.
    pub orders_per_s: f64,
    /// From the moment an order was begun to its confirmation.
    #[serde(flatten)]
    pub latency: Summary,
    /// Orders confirmed.
    pub confirmed: u64,
    /// Units sold that were not there, by the verifier's own books.
    pub oversold: u64,
    /// How long the verifier took over the whole log. Units: seconds.
    pub verified_in_s: f64,
    /// What the verifier found first; none when all is well.
    pub violation: Option<String>,
}

/// The most memory this process had. Units: MB.
#[must_use]
pub(super) fn peak_memory_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_div(1_000)
}
