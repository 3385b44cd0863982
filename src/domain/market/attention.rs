//! What a human decides about an item of the attention list.
//!
//! The list itself is a view: a market that remembered every item would grow with every command
//! that nobody can read.

use super::Market;
use super::decide::{No, Outcome};
use crate::domain::event::{AttentionAction, AttentionResolved, Event, FindingReported, ItemKind};
use crate::domain::{OrderId, Refusal, ReportFinding, ResolveAttention};

/// What was found is written down as it was found.
pub(super) fn reported(report: &ReportFinding) -> Outcome {
    let ReportFinding { kind, id, reason } = report.clone();
    Outcome::Append(vec![Event::FindingReported(FindingReported { kind, id, reason })])
}

impl Market {
    /// What is done about an item, with what follows from it.
    pub(super) fn resolve_attention(&self, resolve: &ResolveAttention) -> Result<Outcome, No> {
        let ResolveAttention { kind, id, action, reason, by } = resolve.clone();
        let follows = match action {
            AttentionAction::Discard => Vec::new(),
            AttentionAction::Retry => self.again(resolve)?,
        };
        let resolved = Event::AttentionResolved(AttentionResolved { kind, id, action, reason, by });
        Ok(Outcome::Append(std::iter::once(resolved).chain(follows).collect()))
    }

    fn again(&self, resolve: &ResolveAttention) -> Result<Vec<Event>, Refusal> {
        match resolve.kind {
            // Whoever retries sends the command again; it is decided like any other.
            ItemKind::Poison => Ok(Vec::new()),
            ItemKind::RefundFailed => {
                let order_id: OrderId = resolve
                    .id
                    .as_str()
                    .parse()
                    .map_err(|error| Refusal::invalid("body.id", &format!("{error}")))?;
                self.known(order_id)?.refund_again(order_id, &resolve.reason)
            }
            ItemKind::Shortage
            | ItemKind::LatePayment
            | ItemKind::AmountMismatch
            | ItemKind::DoubleCapture
            | ItemKind::PaymentUnknown
            | ItemKind::RefundUnknown
            | ItemKind::RefundMismatch
            | ItemKind::ViewDiffers
            | ItemKind::LogViolation => {
                let problem = format!(
                    "{} has nothing to try again, only poison and refund_failed have",
                    resolve.kind.name()
                );
                Err(Refusal::invalid("body.action", &problem))
            }
        }
    }
}
