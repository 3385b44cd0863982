//! What happened in one minute, in numbers.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::View;
use crate::domain::payment::DeclineClass;
use crate::domain::{Address, Event, Misfit, Timestamp, Token};

/// Upper edges of the latency buckets. Units: milliseconds. They include 1, 2 and 3 s, which the
/// promises are made of: a share below a promise is counted, not interpolated.
pub const LATENCY_EDGES_MS: [u64; 14] =
    [5, 10, 25, 50, 100, 250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000];

/// Minutes that are kept: a day. The slot of a minute is used again a day later, so the view
/// needs no clean-up and never grows.
const SLOTS: u64 = 24 * 60;

/// The place of a minute in the day.
///
/// Shape: `m` and the minute of the day in UTC, `m0000` to `m1439`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MinuteSlot(u64);

impl MinuteSlot {
    /// The slot of a moment.
    #[must_use]
    pub const fn of(moment: Timestamp) -> Self {
        Self(moment.minute() % SLOTS)
    }
}

impl fmt::Display for MinuteSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{:04}", self.0)
    }
}

/// One minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MinuteView {
    /// When the minute began.
    pub minute_ms: Timestamp,
    /// Events, by type.
    pub events: BTreeMap<String, u64>,
    /// Rejected orders, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Cancelled orders, by reason.
    pub cancelled: BTreeMap<String, u64>,
    /// Attempts that failed, by class and by the provider's code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, BTreeMap<String, u64>>,
    /// From the arrival of an order's command to its confirmation: confirmed orders by bucket of
    /// [`LATENCY_EDGES_MS`], the last one for everything slower.
    pub latency: Vec<u64>,
    /// The last commit in it.
    pub event_seq: u64,
    /// The last event of that commit in it.
    pub event_index: u32,
}

impl MinuteView {
    fn begun(minute_ms: Timestamp) -> Self {
        let buckets = LATENCY_EDGES_MS.len().saturating_add(1);
        Self { minute_ms, latency: vec![0; buckets], ..Self::default() }
    }

    fn fail(&mut self, class: DeclineClass, code: &Token) {
        let codes = self.failures.entry(class.name().to_owned()).or_default();
        bump(codes, code.as_str());
    }

    fn count(&mut self, at: Address, made: Timestamp, event: &Event) {
        self.event_seq = at.sequence.0;
        self.event_index = at.index;
        bump(&mut self.events, event.kind());
        match event {
            Event::OrderRejected(rejected) => bump(&mut self.rejected, rejected.refusal.code()),
            Event::OrderCancelled(off) => bump(&mut self.cancelled, off.reason.name()),
            Event::PaymentFailed(failed) => self.fail(failed.class, &failed.code),
            Event::PaymentAbandoned(last) => self.fail(last.class, &last.code),
            Event::RefundFailed(failed) => self.fail(failed.class, &failed.code),
            Event::OrderConfirmed(confirmed) => {
                let took = made.since(confirmed.asked_at).as_millis();
                let bucket = LATENCY_EDGES_MS.partition_point(|edge| u128::from(*edge) < took);
                if let Some(count) = self.latency.get_mut(bucket) {
                    *count = count.saturating_add(1);
                }
            }
            Event::Opened(_)
            | Event::SkuListed(_)
            | Event::SkuRepriced(_)
            | Event::SkuDelisted(_)
            | Event::StockReceived(_)
            | Event::StockAdjusted(_)
            | Event::ShortageFound(_)
            | Event::OrderPlaced(_)
            | Event::StockReserved(_)
            | Event::StockDeducted(_)
            | Event::StockReleased(_)
            | Event::PaymentCaptured(_)
            | Event::PaymentUnknown(_)
            | Event::PaymentRequested(_)
            | Event::PaymentNoted(_)
            | Event::CancelRequested(_)
            | Event::HoldExpired(_)
            | Event::OrderFulfilled(_)
            | Event::StockReturned(_)
            | Event::OrderReinstated(_)
            | Event::ReturnReceived(_)
            | Event::RefundRequested(_)
            | Event::PaymentRefunded(_)
            | Event::RefundUnknown(_)
            | Event::RefundNoted(_)
            | Event::CommandRejected(_)
            | Event::AttentionRaised(_)
            | Event::FindingReported(_)
            | Event::AttentionResolved(_) => {}
        }
    }
}

/// When the minute of a moment began.
const fn minute_of(moment: Timestamp) -> Timestamp {
    Timestamp(moment.minute().saturating_mul(60_000))
}

fn bump(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count = count.saturating_add(1),
        None => drop(counts.insert(name.to_owned(), 1)),
    }
}

impl View for MinuteView {
    type Key = MinuteSlot;

    fn key(_event: &Event, made: Timestamp) -> Option<MinuteSlot> {
        Some(MinuteSlot::of(made))
    }

    fn own_key(&self) -> MinuteSlot {
        MinuteSlot::of(self.minute_ms)
    }

    fn begin(at: Address, made: Timestamp, event: &Event) -> Option<Self> {
        let mut view = Self::begun(minute_of(made));
        view.count(at, made, event);
        Some(view)
    }

    fn begins(_event: &Event) -> bool {
        // A minute may have begun before this process did.
        false
    }

    fn follow(&mut self, at: Address, made: Timestamp, event: &Event) -> Result<(), Misfit> {
        if (at.sequence.0, at.index) <= (self.event_seq, self.event_index) {
            return Ok(());
        }
        // The slot may still hold the same minute of an earlier day.
        if self.minute_ms != minute_of(made) {
            *self = Self::begun(minute_of(made));
        }
        self.count(at, made, event);
        Ok(())
    }

    fn is_active(&self) -> bool {
        false
    }
}
