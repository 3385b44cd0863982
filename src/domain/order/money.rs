//! What was taken for an order, and what is given back of it.

use serde::{Deserialize, Serialize};

use crate::domain::event::{PaymentCaptured, RefundReason, RefundRequested};
use crate::domain::{Address, Amount, Currency, Timestamp, Token};

/// The money of one order.
///
/// Invariant: of every capture, what was given back and what is on its way never come to more than
/// what was taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Money {
    /// What was taken, in the order in which it came. One, unless something went wrong.
    pub captures: Vec<Capture>,
    /// What was asked to be given back, by number.
    pub refunds: Vec<Refund>,
}

/// Money that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// Where it is in the log.
    pub at: Address,
    /// Who took it.
    pub connector: Token,
    /// The provider's name for the payment.
    pub provider_ref: Token,
    /// How much. Units: minor units of `currency`.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
}

/// Money that is to go back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Where it was asked for.
    pub at: Address,
    /// The payment it is taken from.
    pub capture_ref: Token,
    /// Units: minor units of the capture's currency.
    pub amount: Amount,
    /// What it is for.
    pub reason: RefundReason,
    /// The paper it is on.
    pub reference: Option<Token>,
    /// The last attempt that was asked for.
    pub attempt: u8,
    /// Where it stands.
    pub state: RefundState,
    /// When a human is told, unless it is over by then; none once that has happened.
    pub attention_at: Option<Timestamp>,
    /// The refund that failed and that this one is asked for instead of.
    pub instead_of: Option<u16>,
    /// It failed, and was asked for again under another number.
    pub followed: bool,
}

/// Where a refund stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundState {
    /// An attempt is asked for.
    Asked,
    /// An attempt was made, and nobody can say what became of it, since then.
    Unknown(Address),
    /// The money is the buyer's again.
    Done {
        /// Where that stands.
        at: Address,
        /// The provider's name for it.
        provider_ref: Token,
    },
    /// No attempt will follow; a human was told.
    GivenUp(Address),
}

impl Refund {
    /// Whether the provider may still move money for it.
    #[must_use]
    pub const fn is_moving(&self) -> bool {
        matches!(self.state, RefundState::Asked | RefundState::Unknown(_))
    }
}

impl Money {
    /// The capture of that name.
    #[must_use]
    pub fn capture(&self, provider_ref: &Token) -> Option<&Capture> {
        self.captures.iter().find(|capture| capture.provider_ref == *provider_ref)
    }

    /// Refund number `refund`, from 1.
    #[must_use]
    pub fn refund(&self, refund: u16) -> Option<&Refund> {
        self.refunds.get(usize::from(refund).checked_sub(1)?)
    }

    pub(super) fn refund_mut(&mut self, refund: u16) -> Option<&mut Refund> {
        self.refunds.get_mut(usize::from(refund).checked_sub(1)?)
    }

    /// The number of the last refund; 0 when there is none.
    #[must_use]
    pub fn last(&self) -> u16 {
        u16::try_from(self.refunds.len()).unwrap_or(u16::MAX)
    }

    /// What was taken in a capture and is neither given back nor on its way. Units: minor units.
    #[must_use]
    pub fn left(&self, capture: &Capture) -> u64 {
        let of_it = |refund: &&Refund| {
            refund.capture_ref == capture.provider_ref
                && !matches!(refund.state, RefundState::GivenUp(_))
        };
        let gone = self.refunds.iter().filter(of_it).map(|refund| refund.amount.minor());
        gone.fold(capture.amount.minor(), u64::saturating_sub)
    }

    /// Whether any money came.
    #[must_use]
    pub const fn came(&self) -> bool {
        !self.captures.is_empty()
    }

    /// Whether the provider may still move some of it.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        self.refunds.iter().any(Refund::is_moving)
    }

    /// Whether some of it is neither given back nor on its way.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.captures.iter().any(|capture| 0 < self.left(capture))
    }

    /// The moment at which a human is told of a refund that is not over.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let moving = self.refunds.iter().filter(|refund| refund.is_moving());
        moving.filter_map(|refund| refund.attention_at).min()
    }

    /// A human was told of a refund that is not over: of this one, or of all in older logs.
    pub(super) fn told(&mut self, refund: Option<u16>) {
        for (number, known) in (1_u16..).zip(&mut self.refunds) {
            if refund.is_none_or(|refund| refund == number) {
                known.attention_at = None;
            }
        }
    }

    /// Follows a capture; false when it is known.
    pub(super) fn take(&mut self, at: Address, captured: &PaymentCaptured) -> bool {
        if self.capture(&captured.provider_ref).is_some() {
            return false;
        }
        // Nearly every order has one, and a list that grows by itself makes room for four.
        self.captures.reserve_exact(1);
        self.captures.push(Capture {
            at,
            connector: captured.connector.clone(),
            provider_ref: captured.provider_ref.clone(),
            amount: captured.amount_minor,
            currency: captured.currency,
        });
        true
    }

    /// Follows a refund that is asked for; false when it is not the next one, or more than is
    /// left.
    pub(super) fn ask(&mut self, at: Address, asked: &RefundRequested) -> bool {
        let Some(capture) = self.capture(&asked.capture_ref) else { return false };
        let fits = asked.currency == capture.currency
            && asked.amount_minor.minor() <= self.left(capture)
            && self.last().checked_add(1) == Some(asked.refund);
        self.refunds.push(Refund {
            at,
            capture_ref: asked.capture_ref.clone(),
            amount: asked.amount_minor,
            reason: asked.reason,
            reference: asked.reference.clone(),
            attempt: asked.payment.attempt,
            state: RefundState::Asked,
            attention_at: asked.attention_at,
            instead_of: asked.instead_of,
            followed: false,
        });
        fits && asked.instead_of.is_none_or(|before| self.follow(before))
    }

    /// A refund that failed is asked for under another number; false when it did not fail, or
    /// stands there already.
    fn follow(&mut self, before: u16) -> bool {
        let Some(before) = self.refund_mut(before) else { return false };
        let given_up = matches!(before.state, RefundState::GivenUp(_));
        given_up && !std::mem::replace(&mut before.followed, true)
    }
}
