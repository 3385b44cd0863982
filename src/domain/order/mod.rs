//! One order: from placed to fulfilled, cancelled or in need of a human.

mod cancel;
mod decide;
mod goods;
mod held;
mod late;
mod money;
mod pay;
mod refund;
mod refunding;

use serde::{Deserialize, Serialize};

use super::event::{CancelReason, OrderPlaced, PaymentFailed, PaymentUnknown};
use super::{
    Address, Amount, AttentionKind, Currency, Event, Fingerprint, Misfit, OrderLine, PaymentResult,
    Quantity, Sku, Timestamp, Token,
};

pub(in crate::domain) use decide::{Answer, confirm_free};
pub use goods::{Goods, Shipment};
pub use held::{HeldLine, Hold};
pub use money::{Capture, Money, Refund, RefundState};

/// What is known of one order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Where it was placed.
    pub at: Address,
    /// What was asked; the same id with another body is a conflict.
    pub body: Option<Fingerprint>,
    /// What it holds and costs.
    pub basket: Basket,
    /// Where it stands.
    pub phase: Phase,
    /// What was taken for it and given back.
    pub money: Money,
    /// What left and came back.
    pub goods: Goods,
}

/// Where an order stands, with what matters there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// Stock is promised, money is on its way.
    Placed,
    /// Money came; what follows from it stands next in the same commit.
    Paid,
    /// Paid, and the goods are the buyer's.
    Confirmed,
    /// The goods have left.
    Fulfilled,
    /// Off. The basket stays known for money that comes late.
    Cancelled(CancelReason, Address),
    /// Money came that fits nothing, before refunds were; a human decides.
    NeedsAttention(AttentionKind),
}

/// What an order holds, and what it costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Basket {
    /// One line a SKU.
    pub lines: Box<[HeldLine]>,
    /// Units: minor units of `currency`.
    pub total: Amount,
    /// The currency of every amount in it.
    pub currency: Currency,
    /// When its command arrived.
    pub asked_at: Timestamp,
    /// When the stock goes back unless money has come.
    pub hold_until: Timestamp,
    /// The last attempt that was asked for; 0 when there is nothing to pay.
    pub attempt: u8,
    /// Whether nobody has said yet what became of it: money may still come.
    pub outstanding: bool,
    /// Since when the buyer has to act before there is another attempt; none while one is asked
    /// for.
    pub buyer_asked: Option<Address>,
    /// What is not known of the last attempt: since when, and who could say.
    pub unknown: Option<(Address, Token)>,
    /// No retry of this means of payment is later than this; none before one has failed.
    pub retry_until: Option<Timestamp>,
}

impl Basket {
    /// Follows a failed attempt; false when it does not fit.
    fn fail(&mut self, at: Address, failed: &PaymentFailed) -> bool {
        if failed.attempt != self.attempt || self.buyer_asked.is_some() {
            return false;
        }
        self.unknown = None;
        match &failed.retry {
            Some(retry) => {
                self.retry_until = retry.until;
                self.next(retry.attempt)
            }
            None => {
                self.buyer_asked = Some(at);
                self.outstanding = false;
                true
            }
        }
    }

    /// Follows an attempt of which nobody can say what became; false when it does not fit.
    fn lose_sight(&mut self, at: Address, unknown: &PaymentUnknown) -> bool {
        let fits = unknown.attempt == self.attempt
            && self.buyer_asked.is_none()
            && self.hold_until <= unknown.hold_until;
        self.hold_until = unknown.hold_until;
        fits && self.unknown.replace((at, unknown.connector.clone())).is_none()
    }

    /// Follows the buyer's new means of payment; false when nobody asked for one.
    fn request(&mut self, attempt: u8) -> bool {
        self.retry_until = None;
        self.buyer_asked.take().is_some() && self.next(attempt)
    }

    fn next(&mut self, attempt: u8) -> bool {
        let next = self.attempt.checked_add(1) == Some(attempt);
        self.attempt = attempt;
        self.outstanding = true;
        next
    }

    /// Somebody has said what became of an attempt.
    fn hear(&mut self, attempt: u8) {
        if attempt == self.attempt {
            self.outstanding = false;
        }
    }
}

impl Order {
    /// The order of an `order_placed`; none when its lines do not add up.
    #[must_use]
    pub fn placed(at: Address, body: Option<Fingerprint>, event: &OrderPlaced) -> Option<Self> {
        let lines = sum_by_sku(&event.lines)?
            .into_iter()
            .map(|(sku, quantity)| HeldLine::announced(sku.clone(), quantity))
            .collect();
        let basket = Basket {
            lines,
            total: event.total_minor,
            currency: event.currency,
            asked_at: event.asked_at,
            hold_until: event.hold_until,
            attempt: event.payment.as_ref().map_or(0, |payment| payment.attempt),
            outstanding: event.payment.is_some(),
            buyer_asked: None,
            unknown: None,
            retry_until: None,
        };
        let (money, goods) = (Money::default(), Goods::default());
        Some(Self { at, body, basket, phase: Phase::Placed, money, goods })
    }

    /// The state's name, as views and refusals say it.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self.phase {
            Phase::Placed | Phase::Paid => "placed",
            Phase::Confirmed => "confirmed",
            Phase::Fulfilled => "fulfilled",
            Phase::Cancelled(..) if self.money.is_moving() => "refunding",
            Phase::Cancelled(..) if self.money.is_kept() => "needs_attention",
            Phase::Cancelled(..) if self.money.came() => "refunded",
            Phase::Cancelled(..) => "cancelled",
            Phase::NeedsAttention(..) => "needs_attention",
        }
    }

    /// Whether nothing more is expected of it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let is_over = matches!(self.phase, Phase::Fulfilled | Phase::Cancelled(..));
        is_over && !self.basket.outstanding && !self.money.is_moving()
    }

    /// When something has to be done about it unless there is news: its stock goes back while it
    /// waits for money, a human is told while a refund is unknown.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Placed => Some(self.basket.hold_until),
            Phase::Paid
            | Phase::Confirmed
            | Phase::Fulfilled
            | Phase::Cancelled(..)
            | Phase::NeedsAttention(..) => self.money.deadline(),
        }
    }

    /// Follows an event about its money or its state.
    ///
    /// # Errors
    ///
    /// [`Misfit`] when the event cannot follow the phase the order is in; the order is spoilt.
    pub fn evolve(&mut self, at: Address, event: &Event) -> Result<(), Misfit> {
        let state = self.state();
        let next = self.evolve_goods(at, event).or_else(|| self.evolve_refund(at, event));
        let next = next.or_else(|| self.evolve_phase(at, event));
        self.phase =
            next.ok_or_else(|| Misfit::new(event.kind(), format_args!("the order is {state}")))?;
        Ok(())
    }

    /// The phase after an event about taking money, or about the whole order; none when it does
    /// not fit.
    fn evolve_phase(&mut self, at: Address, event: &Event) -> Option<Phase> {
        let free = self.basket.total == Amount::ZERO;
        let phase = std::mem::replace(&mut self.phase, Phase::Placed);
        match (phase, event) {
            (phase, Event::PaymentCaptured(captured)) => {
                self.basket.hear(captured.attempt);
                self.money.take(at, captured).then_some(())?;
                let placed = phase == Phase::Placed;
                Some(if placed { Phase::Paid } else { phase })
            }
            (Phase::Paid, Event::OrderConfirmed(_)) => Some(Phase::Confirmed),
            (Phase::Placed, Event::OrderConfirmed(_)) if free => Some(Phase::Confirmed),
            (
                Phase::Placed | Phase::Paid | Phase::Confirmed | Phase::NeedsAttention(_),
                Event::OrderCancelled(off),
            ) => Some(Phase::Cancelled(off.reason, at)),
            (Phase::Cancelled(..), Event::OrderReinstated(_)) if self.money.came() => {
                self.basket.lines.iter_mut().for_each(HeldLine::announce);
                Some(Phase::Paid)
            }
            (Phase::Placed, Event::PaymentFailed(failed)) => {
                self.basket.fail(at, failed).then_some(Phase::Placed)
            }
            (Phase::Placed, Event::PaymentUnknown(unknown)) => {
                self.basket.lose_sight(at, unknown).then_some(Phase::Placed)
            }
            (Phase::Placed, Event::PaymentRequested(requested)) => {
                self.basket.request(requested.payment.attempt).then_some(Phase::Placed)
            }
            (Phase::Placed, Event::PaymentAbandoned(_)) => {
                self.basket.outstanding = false;
                Some(Phase::Placed)
            }
            (Phase::Placed, Event::HoldExpired(_)) => Some(Phase::Placed),
            (
                phase @ (Phase::Placed | Phase::Confirmed | Phase::NeedsAttention(_)),
                Event::CancelRequested(_),
            ) => Some(phase),
            (phase, Event::PaymentNoted(noted)) if phase != Phase::Paid => {
                if noted.result != PaymentResult::Unknown {
                    self.basket.hear(noted.attempt);
                }
                Some(phase)
            }
            (phase, Event::AttentionRaised(raised)) => {
                self.raised(phase, (raised.kind, raised.refund))
            }
            _ => None,
        }
    }

    /// Where an order stands once a human has been told.
    fn raised(
        &mut self,
        phase: Phase,
        (kind, refund): (AttentionKind, Option<u16>),
    ) -> Option<Phase> {
        match (phase, kind) {
            (Phase::Placed, _) => None,
            (phase, AttentionKind::RefundUnknown) => {
                self.money.told(refund);
                Some(phase)
            }
            (Phase::Paid | Phase::Cancelled(..), AttentionKind::LatePayment) => {
                Some(Phase::NeedsAttention(kind))
            }
            (Phase::Paid, _) => Some(Phase::NeedsAttention(kind)),
            // Its goods and its state stay what they are.
            (phase, _) => Some(phase),
        }
    }
}

/// The lines with one entry a SKU, in the order in which the SKUs first appear; none when the
/// units of one SKU pass what a line may hold.
#[must_use]
pub fn sum_by_sku(lines: &[OrderLine]) -> Option<Vec<(&Sku, Quantity)>> {
    summed(lines.iter().map(|line| (&line.sku, line.quantity)))
}

/// Units by SKU, in the order in which the SKUs first appear; none when the units of one SKU pass
/// what a line may hold.
pub(in crate::domain) fn summed<'a>(
    lines: impl Iterator<Item = (&'a Sku, Quantity)>,
) -> Option<Vec<(&'a Sku, Quantity)>> {
    let mut sums: Vec<(&Sku, Quantity)> = Vec::with_capacity(lines.size_hint().0);
    for (sku, quantity) in lines {
        match sums.iter_mut().find(|(known, _)| *known == sku) {
            Some((_, sum)) => *sum = sum.plus(quantity)?,
            None => sums.push((sku, quantity)),
        }
    }
    Some(sums)
}
