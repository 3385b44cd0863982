//! What is told of commands and commits: added up while they are decided, told once they are
//! durable, and not even added up when nobody listens.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::Span;

use crate::domain::market::{Intent, Request};
use crate::domain::{Address, Command, Event, OrderId, Recorded, Refusal, Timestamp, TraceParent};
use crate::port::Arrived;
use crate::telemetry::names::{self, attribute, operation};
use crate::telemetry::{self, Kind, LINKS_MAX, set, set_count};
use crate::wire::{OutcomeKind, Subjects};

/// A command that was taken in, and the span around its way into the log.
pub(super) struct Taken {
    pub(super) arrived: Arrived,
    span: Span,
}

impl Taken {
    /// Takes a command in. When its trace is followed, what happens because of it is the child of
    /// our part of that trace.
    pub(super) fn new(mut arrived: Arrived) -> Self {
        let request = &mut arrived.request;
        let trace = request.trace.as_ref().map(TraceParent::as_str);
        let span = telemetry::child(trace, Kind::Consumer, || {
            format!("{} {}", operation::PROCESS, template(request))
        });
        if !span.is_disabled() {
            describe(&span, request);
            let ours = telemetry::traceparent(&span).and_then(|trace| TraceParent::parse(&trace));
            request.trace = ours.or_else(|| request.trace.take());
        }
        Self { arrived, span }
    }

    /// Says in the command's span how it ended.
    pub(super) fn ended(&self, result: OutcomeKind, at: Address, refusal: Option<&Refusal>) {
        if self.span.is_disabled() {
            return;
        }
        let result = if refusal.is_some() { OutcomeKind::Refused } else { result };
        set(&self.span, attribute::OUTCOME, result.name());
        set_count(&self.span, attribute::EVENT_SEQ, at.sequence.0);
        if let Some(refusal) = refusal {
            set(&self.span, attribute::REASON, refusal.code());
        }
    }

    fn trace(&self) -> Option<&str> {
        self.arrived.request.trace.as_ref().map(TraceParent::as_str)
    }
}

fn template(request: &Request) -> String {
    match &request.intent {
        Intent::Command(command) => Subjects::command_template(command.kind()),
        // Whatever it was meant to be: its announced type is any text.
        Intent::Unusable { .. } => Subjects::unusable_template().to_owned(),
    }
}

fn describe(span: &Span, request: &Request) {
    set(span, attribute::SYSTEM, names::NATS);
    set(span, attribute::OPERATION_NAME, operation::PROCESS);
    set(span, attribute::OPERATION_TYPE, operation::PROCESS);
    set(span, attribute::DESTINATION_TEMPLATE, template(request));
    if let Some(id) = request.id {
        set(span, attribute::MESSAGE_ID, id.to_string());
    }
    if let Intent::Command(command) = &request.intent
        && let Some(order_id) = order_of(command)
    {
        set(span, attribute::ORDER_ID, order_id.to_string());
    }
}

const fn order_of(command: &Command) -> Option<OrderId> {
    match command {
        Command::PlaceOrder(place) => Some(place.order_id),
        Command::RecordPayment(record) => Some(record.order_id),
        Command::ChangePaymentMethod(change) => Some(change.order_id),
        Command::CancelOrder(cancel) => Some(cancel.order_id),
        Command::FulfilOrder(fulfil) => Some(fulfil.order_id),
        Command::RefundOrder(refund) => Some(refund.order_id),
        Command::RecordRefund(record) => Some(record.order_id),
        Command::ReturnLines(back) => Some(back.order_id),
        Command::ListSku(_)
        | Command::RepriceSku(_)
        | Command::DelistSku(_)
        | Command::ReceiveStock(_)
        | Command::AdjustStock(_)
        | Command::CountStock(_)
        | Command::ReportFinding(_)
        | Command::ResolveAttention(_) => None,
    }
}

/// What the events of one commit add up to.
#[derive(Default)]
pub(super) struct Tally {
    /// Ends of orders, by outcome and reason.
    ends: BTreeMap<(&'static str, &'static str), u64>,
    /// When the orders were placed that are confirmed.
    confirmed: Vec<Timestamp>,
    rejections: u64,
    shortages: u64,
}

impl Tally {
    /// Adds events.
    pub(super) fn note(&mut self, records: &[Recorded]) {
        if telemetry::metrics().is_some() {
            records.iter().for_each(|record| self.add(&record.event));
        }
    }

    fn add(&mut self, event: &Event) {
        let end = match event {
            Event::OrderConfirmed(confirmed) => {
                self.confirmed.push(confirmed.asked_at);
                ("confirmed", "none")
            }
            Event::OrderRejected(rejected) => {
                let short = matches!(rejected.refusal, Refusal::InsufficientStock { .. });
                self.rejections = self.rejections.saturating_add(u64::from(short));
                ("rejected", rejected.refusal.code())
            }
            Event::OrderCancelled(cancelled) => ("cancelled", cancelled.reason.name()),
            Event::ShortageFound(_) => {
                self.shortages = self.shortages.saturating_add(1);
                return;
            }
            Event::Opened(_)
            | Event::SkuListed(_)
            | Event::SkuRepriced(_)
            | Event::SkuDelisted(_)
            | Event::StockReceived(_)
            | Event::StockAdjusted(_)
            | Event::OrderPlaced(_)
            | Event::StockReserved(_)
            | Event::StockDeducted(_)
            | Event::StockReleased(_)
            | Event::PaymentCaptured(_)
            | Event::PaymentFailed(_)
            | Event::PaymentUnknown(_)
            | Event::PaymentRequested(_)
            | Event::PaymentAbandoned(_)
            | Event::PaymentNoted(_)
            | Event::CancelRequested(_)
            | Event::HoldExpired(_)
            | Event::OrderFulfilled(_)
            | Event::OrderReinstated(_)
            | Event::ReturnReceived(_)
            | Event::StockReturned(_)
            | Event::RefundRequested(_)
            | Event::PaymentRefunded(_)
            | Event::RefundFailed(_)
            | Event::RefundUnknown(_)
            | Event::RefundNoted(_)
            | Event::CommandRejected(_)
            | Event::AttentionRaised(_)
            | Event::FindingReported(_)
            | Event::AttentionResolved(_) => return,
        };
        let count = self.ends.entry(end).or_default();
        *count = count.saturating_add(1);
    }
}

/// A commit on its way.
pub(super) struct Sent {
    tally: Tally,
    at: Instant,
    commands: u64,
    /// Ends when this is dropped.
    span: Span,
}

impl Sent {
    /// A commit that goes out now.
    pub(super) fn now<'a>(
        tally: Tally,
        number: u64,
        commands: impl ExactSizeIterator<Item = &'a Taken>,
    ) -> Self {
        let count = u64::try_from(commands.len()).unwrap_or(u64::MAX);
        let links = usize::try_from(LINKS_MAX).unwrap_or(usize::MAX);
        let traces = commands.filter_map(Taken::trace).take(links);
        let name = || names::span::COMMIT.to_owned();
        let span = telemetry::linked(traces, Kind::Internal, name);
        set_count(&span, attribute::COMMIT_NUMBER, number);
        set_count(&span, attribute::COMMIT_COMMANDS, count);
        Self { tally, at: Instant::now(), commands: count, span }
    }

    /// Tells that it is durable.
    pub(super) fn durable(self, sequence: u64, now: impl FnOnce() -> Timestamp) {
        set_count(&self.span, attribute::EVENT_SEQ, sequence);
        let Some(metrics) = telemetry::metrics() else {
            return;
        };
        let Tally { ends, confirmed, rejections, shortages } = self.tally;
        metrics.committed(self.at.elapsed(), self.commands);
        for ((outcome, reason), count) in ends {
            metrics.orders(outcome, reason, count);
        }
        metrics.stock(rejections, shortages);
        if !confirmed.is_empty() {
            let now = now();
            confirmed.iter().for_each(|placed| metrics.order_confirmed(now.since(*placed)));
        }
    }
}

/// Tells how old the oldest command is that waits for its commit; none when none waits.
pub(super) fn oldest(command: Option<&Taken>, now: impl FnOnce() -> Timestamp) {
    let Some(metrics) = telemetry::metrics() else {
        return;
    };
    match command {
        Some(taken) => {
            let age: Duration = now().since(taken.arrived.request.asked_at);
            metrics.command_age().since(age);
        }
        None => metrics.command_age().nothing(),
    }
}
