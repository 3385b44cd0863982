//! Taking money.

use std::future::Future;

use super::log::BoxError;
use crate::domain::{Amount, Currency, OrderId, PaymentResult, Token};

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

/// What the provider said.
pub type GatewayWord = PaymentResult;

/// A payment provider.
///
/// Invariant: two calls with one idempotency key move money once and give one answer.
pub trait Gateway: Send + Sync + 'static {
    /// The name under which its results are recorded.
    fn connector(&self) -> Token;

    /// Takes the money, or says why not. Called again with the same key it says the same.
    ///
    /// # Errors
    ///
    /// See [`GatewayError`]: in both cases the same call may be made again.
    fn charge(
        &self,
        charge: &Charge,
    ) -> impl Future<Output = Result<GatewayWord, GatewayError>> + Send;

    /// What became of a charge, by its key; none when it never came. Moves no money.
    ///
    /// # Errors
    ///
    /// See [`GatewayError`]: in both cases it may be asked again.
    fn find(
        &self,
        charge: &Charge,
    ) -> impl Future<Output = Result<Option<GatewayWord>, GatewayError>> + Send;
}

/// Why nothing is known yet.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The call never reached the provider, or the provider would not take it.
    #[error("the provider is not available")]
    Unavailable(#[source] BoxError),
    /// The call went out and no answer came: money may have moved.
    #[error("the outcome of the charge is unknown")]
    Unknown(#[source] BoxError),
}
