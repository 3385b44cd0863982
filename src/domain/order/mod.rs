//! One order: from placed to fulfilled, cancelled or in need of a human.

mod decide;
mod pay;

use serde::{Deserialize, Serialize};

use super::event::{
    CancelReason, OrderPlaced, PaymentCaptured, PaymentFailed, PaymentUnknown, StockHeld,
};
use super::{
    Address, Amount, AttentionKind, Currency, Event, Fingerprint, Misfit, OrderLine, Quantity, Sku,
    Timestamp, Token,
};

pub(in crate::domain) use decide::{Answer, confirm_free};

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
}

/// Where an order stands, with what matters there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// Stock is promised, money is on its way.
    Placed,
    /// Money came; what follows from it stands next in the same commit.
    Paid(Paid),
    /// Paid, and the goods are the buyer's. Nothing was paid for an order that cost nothing.
    Confirmed(Option<Paid>),
    /// The goods have left.
    Fulfilled(Option<Paid>, Shipment),
    /// Off. The basket stays known for money that comes late.
    Cancelled(CancelReason, Address),
    /// Money came that fits nothing; a human decides.
    NeedsAttention(Paid, AttentionKind),
}

/// How the goods left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Where it is in the log.
    pub at: Address,
    /// The shipment they left with.
    pub reference: Token,
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
    /// Since when the buyer has to act before there is another attempt; none while one is asked
    /// for.
    pub buyer_asked: Option<Address>,
    /// What is not known of the last attempt: since when, and who could say.
    pub unknown: Option<(Address, Token)>,
}

impl Basket {
    /// Follows a failed attempt; false when it does not fit.
    fn fail(&mut self, at: Address, failed: &PaymentFailed) -> bool {
        if failed.attempt != self.attempt || self.buyer_asked.is_some() {
            return false;
        }
        self.unknown = None;
        match &failed.retry {
            Some(retry) => self.next(retry.attempt),
            None => {
                self.buyer_asked = Some(at);
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
        self.buyer_asked.take().is_some() && self.next(attempt)
    }

    fn next(&mut self, attempt: u8) -> bool {
        let next = self.attempt.checked_add(1) == Some(attempt);
        self.attempt = attempt;
        next
    }
}

/// What an order holds of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLine {
    /// The SKU.
    pub sku: Sku,
    /// Units, all lines of the SKU together.
    pub quantity: Quantity,
    /// Whether the promise stands. A hold begins once and ends once.
    pub hold: Hold,
}

/// The life of one promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// The order is placed, its `stock_reserved` is next.
    Announced,
    /// Units are promised.
    Open,
    /// Deducted or released.
    Ended,
}

/// Money that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// Where it is in the log.
    pub at: Address,
    /// Which attempt.
    pub attempt: u8,
    /// The provider's name for the payment.
    pub provider_ref: Token,
    /// Further captures of the same order, each of them to be given back.
    pub also: Vec<Token>,
}

impl Paid {
    /// Whether the provider's payment is one of those that are known.
    #[must_use]
    pub fn knows(&self, provider_ref: &Token) -> bool {
        self.provider_ref == *provider_ref || self.also.contains(provider_ref)
    }
}

impl Order {
    /// The order of an `order_placed`; none when its lines do not add up.
    #[must_use]
    pub fn placed(at: Address, body: Option<Fingerprint>, event: &OrderPlaced) -> Option<Self> {
        let lines = sum_by_sku(&event.lines)?
            .into_iter()
            .map(|(sku, quantity)| HeldLine { sku: sku.clone(), quantity, hold: Hold::Announced })
            .collect();
        let basket = Basket {
            lines,
            total: event.total_minor,
            currency: event.currency,
            asked_at: event.asked_at,
            hold_until: event.hold_until,
            attempt: event.payment.as_ref().map_or(0, |payment| payment.attempt),
            buyer_asked: None,
            unknown: None,
        };
        Some(Self { at, body, basket, phase: Phase::Placed })
    }

    /// The state's name, as views and refusals say it.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match self.phase {
            Phase::Placed | Phase::Paid(_) => "placed",
            Phase::Confirmed(_) => "confirmed",
            Phase::Fulfilled(..) => "fulfilled",
            Phase::Cancelled(..) => "cancelled",
            Phase::NeedsAttention(..) => "needs_attention",
        }
    }

    /// Whether nothing more is expected of it.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Fulfilled(..) | Phase::Cancelled(..))
    }

    /// When its stock goes back unless money comes; none when nothing of it can expire.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Placed => Some(self.basket.hold_until),
            Phase::Paid(_)
            | Phase::Confirmed(_)
            | Phase::Fulfilled(..)
            | Phase::Cancelled(..)
            | Phase::NeedsAttention(..) => None,
        }
    }

    /// Follows an event about its money or its state.
    ///
    /// # Errors
    ///
    /// [`Misfit`] when the event cannot follow the phase the order is in; the order is spoilt.
    pub fn evolve(&mut self, at: Address, event: &Event) -> Result<(), Misfit> {
        let state = self.state();
        let free = self.basket.total == Amount::ZERO;
        let phase = std::mem::replace(&mut self.phase, Phase::Placed);
        let next = match (phase, event) {
            (phase, Event::PaymentCaptured(captured)) => captured_in(phase, at, captured),
            (Phase::Paid(paid), Event::OrderConfirmed(_)) => Some(Phase::Confirmed(Some(paid))),
            (Phase::Placed, Event::OrderConfirmed(_)) if free => Some(Phase::Confirmed(None)),
            (Phase::Placed, Event::OrderCancelled(off)) => Some(Phase::Cancelled(off.reason, at)),
            (Phase::Placed, Event::PaymentFailed(failed)) => {
                self.basket.fail(at, failed).then_some(Phase::Placed)
            }
            (Phase::Placed, Event::PaymentUnknown(unknown)) => {
                self.basket.lose_sight(at, unknown).then_some(Phase::Placed)
            }
            (Phase::Placed, Event::PaymentRequested(requested)) => {
                self.basket.request(requested.payment.attempt).then_some(Phase::Placed)
            }
            (
                Phase::Placed,
                Event::PaymentAbandoned(_) | Event::CancelRequested(_) | Event::HoldExpired(_),
            ) => Some(Phase::Placed),
            (Phase::Paid(paid), Event::AttentionRaised(raised)) => {
                Some(Phase::NeedsAttention(paid, raised.kind))
            }
            // A second capture is a human's business; the goods stay the buyer's.
            (
                phase @ (Phase::Confirmed(_) | Phase::Fulfilled(..) | Phase::NeedsAttention(..)),
                Event::AttentionRaised(_) | Event::PaymentNoted(_),
            ) => Some(phase),
            (phase @ (Phase::Placed | Phase::Cancelled(..)), Event::PaymentNoted(_)) => Some(phase),
            // Off while nobody could say whether it was paid: a human finds out.
            (phase @ Phase::Cancelled(CancelReason::HoldExpired, _), Event::AttentionRaised(e))
                if e.kind == AttentionKind::PaymentUnknown =>
            {
                Some(phase)
            }
            (Phase::Confirmed(paid), Event::OrderFulfilled(fulfilled)) => {
                // What left the building is no longer held: only the id stays.
                self.basket.lines = Box::default();
                let reference = fulfilled.shipment_ref.clone();
                Some(Phase::Fulfilled(paid, Shipment { at, reference }))
            }
            _ => None,
        };
        self.phase =
            next.ok_or_else(|| Misfit::new(event.kind(), format_args!("the order is {state}")))?;
        Ok(())
    }

    /// Follows an event about the stock it holds.
    ///
    /// # Errors
    ///
    /// [`Misfit`] when it does not hold exactly that, or may not let go of it yet.
    pub fn evolve_hold(&mut self, event: &Event, held: &StockHeld) -> Result<(), Misfit> {
        let state = self.state();
        let misfit = |why: &str| Misfit::new(event.kind(), format_args!("{} {why}", held.sku));
        let free = self.basket.total == Amount::ZERO;
        let (from, to) = match (&self.phase, event) {
            (Phase::Placed, Event::StockReserved(_)) => (Hold::Announced, Hold::Open),
            (Phase::Paid(_), Event::StockDeducted(_)) => (Hold::Open, Hold::Ended),
            (Phase::Placed, Event::StockDeducted(_)) if free => (Hold::Open, Hold::Ended),
            (Phase::Cancelled(..), Event::StockReleased(_)) => (Hold::Open, Hold::Ended),
            _ => return Err(misfit(&format!("while the order is {state}"))),
        };
        let line = self
            .basket
            .lines
            .iter_mut()
            .find(|line| line.sku == held.sku && line.quantity == held.quantity)
            .ok_or_else(|| misfit("is not what the order holds"))?;
        if line.hold != from {
            return Err(misfit(&format!("is {:?}, not {from:?}", line.hold)));
        }
        line.hold = to;
        Ok(())
    }
}

/// Where a capture leads; none where it cannot follow.
fn captured_in(phase: Phase, at: Address, captured: &PaymentCaptured) -> Option<Phase> {
    let with_another = |mut paid: Paid| {
        paid.also.push(captured.provider_ref.clone());
        paid
    };
    match phase {
        Phase::Placed | Phase::Cancelled(..) => Some(Phase::Paid(Paid {
            at,
            attempt: captured.attempt,
            provider_ref: captured.provider_ref.clone(),
            also: Vec::new(),
        })),
        Phase::Confirmed(Some(known)) => Some(Phase::Confirmed(Some(with_another(known)))),
        Phase::Fulfilled(Some(known), shipment) => {
            Some(Phase::Fulfilled(Some(with_another(known)), shipment))
        }
        Phase::NeedsAttention(known, kind) => {
            Some(Phase::NeedsAttention(with_another(known), kind))
        }
        Phase::Paid(_) | Phase::Confirmed(None) | Phase::Fulfilled(None, _) => None,
    }
}

/// The lines with one entry a SKU, in the order in which the SKUs first appear; none when the
/// units of one SKU pass what a line may hold.
#[must_use]
pub fn sum_by_sku(lines: &[OrderLine]) -> Option<Vec<(&Sku, Quantity)>> {
    let mut sums: Vec<(&Sku, Quantity)> = Vec::with_capacity(lines.len());
    for line in lines {
        match sums.iter_mut().find(|(sku, _)| **sku == line.sku) {
            Some((_, sum)) => *sum = sum.plus(line.quantity)?,
            None => sums.push((&line.sku, line.quantity)),
        }
    }
    Some(sums)
}
