//! Taking money, and giving it back.

use std::future::Future;
use std::time::Duration;

use super::log::BoxError;
use super::webhook::{BadWebhook, Hint};
use crate::domain::{Amount, Currency, OrderId, PaymentResult, RefundResult, Timestamp, Token};

/// One attempt to take money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// For the provider's books; not what makes the charge unique.
    pub order_id: OrderId,
    /// Which attempt of the order.
    pub attempt: u8,
    /// What makes a repeated call the same charge.
    pub idempotency_key: Token,
    /// Units: minor units of `currency`.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
    /// What to charge.
    pub payment_method_token: Token,
}

/// One attempt to give money back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GiveBack {
    /// For the provider's books; not what makes the refund unique.
    pub order_id: OrderId,
    /// Which refund of the order, from 1.
    pub refund: u16,
    /// Which attempt at it, from 1.
    pub attempt: u8,
    /// What makes a repeated call the same refund.
    pub idempotency_key: Token,
    /// The provider's name for the payment it is taken from.
    pub capture_ref: Token,
    /// Units: minor units of `currency`.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
}

/// What a provider knows about money of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// What became of a charge.
    Charge {
        /// The order it was for.
        order_id: OrderId,
        /// Which attempt of it.
        attempt: u8,
        /// What became of it.
        result: PaymentResult,
    },
    /// What became of a refund.
    Refund {
        /// The order it was for.
        order_id: OrderId,
        /// Which refund of it.
        refund: u16,
        /// Which attempt at it.
        attempt: u8,
        /// What became of it.
        result: RefundResult,
    },
}

/// What moved, in a provider's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Movement {
    /// Money came.
    Captured,
    /// Money went back.
    Refunded,
}

/// One line of a provider's list: money that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which way.
    pub movement: Movement,
    /// The provider's name for it.
    pub provider_ref: Token,
    /// The order, when the provider was told one.
    pub order_id: Option<OrderId>,
    /// Units: minor units of `currency`.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
    /// When, by the provider's clock.
    pub at: Timestamp,
}

/// A part of a provider's list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The lines, in no order that counts.
    pub lines: Vec<Moved>,
    /// Where the next part begins; none when this was the last.
    pub next: Option<String>,
}

/// When calls under one key may have gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called {
    /// The first one, not before this.
    pub from: Timestamp,
    /// The last one, not after this.
    pub until: Timestamp,
    /// How long ago that was.
    pub quiet: Duration,
}

/// How to find out what a provider does not say yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// By the same call, with the same key.
    Again,
    /// By looking for our key in its books: it answers every further call under that key alike.
    ByKey,
    /// By its own name for the payment or the refund.
    ByName(Token),
}

/// A payment provider.
///
/// Invariant: two calls with one idempotency key move money once and give one answer.
pub trait Gateway: Send + Sync + 'static {
    /// The name under which its results are recorded.
    fn connector(&self) -> Token;

    /// How long after a call went out the provider may still carry it out, or have it appear in
    /// its books. What is not there by then never was, and never will be.
    fn final_after(&self) -> Duration;

    /// Takes the money, or says why not. Called again with the same key it says the same.
    ///
    /// # Errors
    ///
    /// See [`GatewayError`]: the same call may be made again.
    fn charge(
        &self,
        charge: &Charge,
    ) -> impl Future<Output = Result<PaymentResult, GatewayError>> + Send;

    /// What became of a charge, by its key; none when it never came. Moves no money.
    ///
    /// # Errors
    ///
    /// See [`GatewayError`]: it may be asked again.
    fn find(
        &self,
        charge: &Charge,
        called: Called,
    ) -> impl Future<Output = Result<Option<PaymentResult>, GatewayError>> + Send;

    /// Gives money back, or says why not. Called again with the same key it says the same.
    ///
    /// # Errors
    ///
    /// See [`GatewayError`]: the same call may be made again.
    fn refund(
        &self,
        refund: &GiveBack,
    ) -> impl Future<Output = Result<RefundResult, GatewayError>> + Send;

    /// What became of a refund, by its key; none when it never came. Moves no money.
    ///
    /// # Errors
    ///
    /// See [`GatewayError`]: it may be asked again.
    fn find_refund(
        &self,
        refund: &GiveBack,
    ) -> impl Future<Output = Result<Option<RefundResult>, GatewayError>> + Send;

    /// What became of a charge or a refund, by the provider's name for it; none when there is no
    /// such thing, or it is not ours.
    ///
    /// # Errors
    ///
    /// See [`GatewayError`]: it may be asked again.
    fn look_up(
        &self,
        provider_ref: &Token,
    ) -> impl Future<Output = Result<Option<News>, GatewayError>> + Send;

    /// Money that moved from `from` until before `until`, by the provider's clock; from the part
    /// `after`, when one is named.
    ///
    /// # Errors
    ///
    /// See [`GatewayError`]: it may be asked again.
    fn list(
        &self,
        from: Timestamp,
        until: Timestamp,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page, GatewayError>> + Send;

    /// Reads what the provider told by itself, and believes it when it is signed. `header` finds a
    /// header by its name, which is lower case. What it is about has to be looked up all the same.
    ///
    /// # Errors
    ///
    /// See [`BadWebhook`]: whoever sent it is told why.
    fn hear(
        &self,
        header: &dyn Fn(&str) -> Option<String>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Hint, BadWebhook>;

    /// Whether the provider is there and takes our credentials. Moves no money.
    ///
    /// # Errors
    ///
    /// See [`GatewayError`].
    fn check(&self) -> impl Future<Output = Result<(), GatewayError>> + Send;
}

impl GatewayError {
    /// The provider is there, and does not know yet.
    pub fn pending(ask: Ask, cause: impl Into<BoxError>) -> Self {
        Self::Pending { ask, cause: cause.into() }
    }

    /// Whether the provider is not there for anybody: what it says of one order is no sign of that.
    #[must_use]
    pub const fn is_of_all(&self) -> bool {
        match self {
            Self::Unavailable(_)
            | Self::Unreachable(_)
            | Self::Misconfigured(_)
            | Self::Unknown(_) => true,
            Self::Pending { .. } => false,
        }
    }
}

/// Why nothing is known yet.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The provider would not take the call.
    #[error("the provider is not available")]
    Unavailable(#[source] BoxError),
    /// Nobody is there: the provider is away, or never was at that address.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] BoxError),
    /// The provider does not take our credentials, or is not at that address. Only a person can
    /// help; until then nothing is an order's fault.
    #[error("the connector is not configured for this provider")]
    Misconfigured(#[source] BoxError),
    /// The call went out and no answer came: money may have moved.
    #[error("the outcome of the call is unknown")]
    Unknown(#[source] BoxError),
    /// The provider answered, and what it says is not final: money may have moved, or move yet.
    /// Nothing is wrong with the provider.
    #[error("the provider does not know yet")]
    Pending {
        /// How to find out.
        ask: Ask,
        /// What it said.
        #[source]
        cause: BoxError,
    },
}
