//! What a human decides about an item of the attention list.
//!
//! The list itself is a view: a market that remembered every item would grow with every command
//! that nobody can read.

use super::Market;
use super::decide::{No, Outcome};
use crate::domain::event::{AttentionAction, AttentionResolved, Event, FindingReported, ItemKind};
use crate::domain::{OrderId, Refusal, ReportFinding, ResolveAttention, Timestamp, Token};

/// What was found is written down as it was found.
pub(super) fn reported(report: &ReportFinding) -> Outcome {
    let ReportFinding { kind, id, reason } = report.clone();
    Outcome::Append(vec![Event::FindingReported(FindingReported { kind, id, reason })])
}

impl Market {
    /// What is done about an item, with what follows from it.
    pub(super) fn resolve_attention(
        &self,
        resolve: &ResolveAttention,
        now: Timestamp,
    ) -> Result<Outcome, No> {
        let ResolveAttention { kind, id, action, reason, by } = resolve.clone();
        let follows = match action {
            AttentionAction::Discard => Vec::new(),
            AttentionAction::Retry => self.again(resolve, now)?,
        };
        let resolved = Event::AttentionResolved(AttentionResolved { kind, id, action, reason, by });
        Ok(Outcome::Append(std::iter::once(resolved).chain(follows).collect()))
    }

    fn again(&self, resolve: &ResolveAttention, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        match resolve.kind {
            // Whoever retries sends the command again; it is decided like any other.
            ItemKind::Poison => Ok(Vec::new()),
            ItemKind::RefundFailed => {
                let (order_id, refund) = refund_of(&resolve.id)?;
                self.known(order_id)?.refund_again((order_id, refund), (&resolve.reason, now))
            }
            ItemKind::Shortage
            | ItemKind::LatePayment
            | ItemKind::AmountMismatch
            | ItemKind::DoubleCapture
            | ItemKind::PaymentUnknown
            | ItemKind::RefundUnknown
            | ItemKind::RefundMismatch
            | ItemKind::ViewDiffers
            | ItemKind::LogViolation
            | ItemKind::ConnectorMisconfigured => {
                let problem = format!(
                    "{} has nothing to try again, only poison and refund_failed have",
                    resolve.kind.name()
                );
                Err(Refusal::invalid("body.action", &problem))
            }
        }
    }
}

/// What an item about a refund is about: an order's id, and `-r` with a number behind it. Items of
/// older logs have no number.
fn refund_of(id: &Token) -> Result<(OrderId, Option<u16>), Refusal> {
    let (order, number) = match id.as_str().rsplit_once("-r") {
        Some((order, number)) => (order, Some(number)),
        None => (id.as_str(), None),
    };
    let wrong = |problem: String| Refusal::invalid("body.id", &problem);
    let order_id = order.parse().map_err(|error| wrong(format!("{error}")))?;
    let number = number.map(str::parse).transpose();
    let number =
        number.map_err(|_| wrong("must end with -r and the refund's number".to_owned()))?;
    Ok((order_id, number))
}
