//! What happened to one order, as a person tells it.

mod effects;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::domain::{
    Address, CommandId, Event, PaymentResult, Recorded, RefundResult, Refusal, Retry, Shortfall,
    Source, Timestamp,
};

/// What one command led to, or what the shop did by itself: events of one commit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The first of its events.
    pub event: Address,
    /// When its commit was made.
    pub at_ms: Timestamp,
    /// How long after the step before; none for the first. Units: milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// Who asked.
    pub source: Source,
    /// The command; none for what the shop did by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<CommandId>,
    /// The trace it came in, when somebody keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// What was decided, a sentence an event.
    pub decided: Vec<String>,
    /// What it did to the buyer's money.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub money: Vec<String>,
    /// What it did to the stock.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stock: Vec<String>,
    /// Why it happened.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
}

/// The steps of one order, from its events in the order of the log.
#[derive(Clone, Debug, Default)]
pub struct Story {
    steps: Vec<Step>,
    /// The commit of the last step.
    commit: Option<(u64, Option<CommandId>)>,
}

impl Story {
    /// The event at `at`, of a commit made at `made`.
    pub fn follow(&mut self, at: Address, made: Timestamp, record: &Recorded) {
        let commit = Some((at.sequence.0, record.cause));
        if self.commit != commit {
            self.commit = commit;
            let since = |last: &Step| u64::try_from(made.since(last.at_ms).as_millis());
            self.steps.push(Step {
                event: at,
                at_ms: made,
                after_ms: self.steps.last().and_then(|last| since(last).ok()),
                source: record.source.clone(),
                cause: record.cause,
                trace: record.trace.as_ref().map(|trace| trace.as_str().to_owned()),
                decided: Vec::new(),
                money: Vec::new(),
                stock: Vec::new(),
                why: Vec::new(),
            });
        }
        let told = Told { made, event: &record.event };
        let Some(step) = self.steps.last_mut() else { return };
        step.decided.extend(told.decided());
        step.money.extend(told.money());
        step.stock.extend(told.stock());
        step.why.extend(told.why());
    }

    /// The steps, in the order of the log.
    #[must_use]
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

/// One event, to be told.
struct Told<'a> {
    made: Timestamp,
    event: &'a Event,
}

impl Told<'_> {
    /// What was decided; stock has a line of its own.
    fn decided(&self) -> Option<String> {
        Some(match self.event {
            Event::OrderPlaced(e) => {
                let lines: Vec<_> = e
                    .lines
                    .iter()
                    .map(|line| format!("{} × {}", line.quantity, line.sku))
                    .collect();
                format!(
                    "placed: {} for {}",
                    lines.join(", "),
                    e.total_minor.in_currency(e.currency)
                )
            }
            Event::OrderRejected(e) => rejected(&e.refusal),
            Event::PaymentRequested(e) => format!(
                "attempt {} at {} is asked for, with another means of payment",
                e.payment.attempt,
                e.amount_minor.in_currency(e.currency)
            ),
            Event::PaymentCaptured(e) => {
                format!("paid by attempt {} at {}, {}", e.attempt, e.connector, e.provider_ref)
            }
            Event::PaymentFailed(e) => {
                let what = format!("attempt {} at {} failed: {}", e.attempt, e.connector, e.code);
                self.with_retry(&what, e.retry.as_ref())
            }
            Event::PaymentUnknown(e) => {
                format!("nobody can say what became of attempt {} at {}", e.attempt, e.connector)
            }
            Event::PaymentAbandoned(e) => format!("attempt {} is given up: {}", e.attempt, e.code),
            Event::PaymentNoted(e) => {
                format!("news of attempt {}: {}", e.attempt, payment_word(&e.result))
            }
            Event::OrderConfirmed(e) => {
                let took = self.made.since(e.asked_at).as_millis();
                format!("confirmed, {} after it was asked for", span(took))
            }
            Event::CancelRequested(_) => "asked to be called off".to_owned(),
            Event::HoldExpired(_) => "its time to be paid is over".to_owned(),
            Event::OrderCancelled(e) => format!("off: {}", e.reason.name()),
            Event::OrderReinstated(_) => "on again".to_owned(),
            Event::OrderFulfilled(e) => {
                let some = if e.partial { ", in part" } else { "" };
                format!("sent out with {}{some}", e.shipment_ref)
            }
            Event::ReturnReceived(e) => format!("goods came back under {}", e.return_ref),
            Event::RefundRequested(e) => {
                let amount = e.amount_minor.in_currency(e.currency);
                format!("refund {} of {amount} is asked for", e.refund)
            }
            Event::PaymentRefunded(e) => format!("refund {} is done, {}", e.refund, e.provider_ref),
            Event::RefundFailed(e) => {
                let what =
                    format!("attempt {} of refund {} failed: {}", e.attempt, e.refund, e.code);
                self.with_retry(&what, e.retry.as_ref())
            }
            Event::RefundUnknown(e) => {
                format!(
                    "nobody can say what became of attempt {} of refund {}",
                    e.attempt, e.refund
                )
            }
            Event::RefundNoted(e) => {
                format!("news of refund {}: {}", e.refund, refund_word(&e.result))
            }
            Event::AttentionRaised(e) => format!("a human is told: {}", e.reason),
            Event::AttentionResolved(e) => {
                format!("{} decided on {}: {}", e.by, e.kind.name(), e.action.name())
            }
            Event::StockReserved(_)
            | Event::StockDeducted(_)
            | Event::StockReleased(_)
            | Event::StockReturned(_)
            | Event::Opened(_)
            | Event::SkuListed(_)
            | Event::SkuRepriced(_)
            | Event::SkuDelisted(_)
            | Event::StockReceived(_)
            | Event::StockAdjusted(_)
            | Event::ShortageFound(_)
            | Event::CommandRejected(_)
            | Event::FindingReported(_) => return None,
        })
    }

    fn with_retry(&self, what: &str, retry: Option<&Retry>) -> String {
        let Some(retry) = retry else { return what.to_owned() };
        let wait = span(retry.at.since(self.made).as_millis());
        format!("{what}; attempt {} follows in {wait}", retry.attempt)
    }
}

/// A refusal, with what was short.
fn rejected(refusal: &Refusal) -> String {
    let short = if let Refusal::InsufficientStock { short } = refusal { &**short } else { &[] };
    let each = short.iter().map(|item| {
        let Shortfall { sku, wanted, available, held } = item;
        format!("; {sku}: {wanted} wanted, {available} available, {held} held for others")
    });
    std::iter::once(format!("rejected: {refusal}")).chain(each).collect()
}

fn payment_word(result: &PaymentResult) -> String {
    match result {
        PaymentResult::Captured { provider_ref, .. } => format!("paid, {provider_ref}"),
        PaymentResult::Declined { code } | PaymentResult::Failed { code } => code.to_string(),
        PaymentResult::Unknown => "nobody can say".to_owned(),
    }
}

fn refund_word(result: &RefundResult) -> String {
    match result {
        RefundResult::Refunded { provider_ref } => format!("done, {provider_ref}"),
        RefundResult::Declined { code } | RefundResult::Failed { code } => code.to_string(),
        RefundResult::Unknown => "nobody can say".to_owned(),
    }
}

/// A time as a person says it. Units: milliseconds.
#[must_use]
pub fn span(millis: u128) -> String {
    let seconds = millis / 1_000;
    match (seconds / 86_400, seconds / 3_600, seconds / 60) {
        (0, 0, 0) if seconds < 10 => format!("{millis} ms"),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, _) => format!("{hours} h"),
        (days, ..) => format!("{days} days"),
    }
}
