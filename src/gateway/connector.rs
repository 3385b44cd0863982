//! The provider that a shop has chosen.

use std::time::Duration;

use super::simulated::SimulatedGateway;
use super::stripe::StripeGateway;
use crate::domain::{PaymentResult, RefundResult, Timestamp, Token};
use crate::port::{BadWebhook, Called, Charge, Gateway, GatewayError, GiveBack, Hint, News, Page};

/// Any of the providers we can talk to.
#[derive(Debug)]
pub enum Connector {
    /// The one that is not there.
    Simulated(Box<SimulatedGateway>),
    /// Stripe.
    Stripe(StripeGateway),
}

impl Gateway for Connector {
    fn connector(&self) -> Token {
        match self {
            Self::Simulated(gateway) => gateway.connector(),
            Self::Stripe(gateway) => gateway.connector(),
        }
    }

    fn final_after(&self) -> Duration {
        match self {
            Self::Simulated(gateway) => gateway.final_after(),
            Self::Stripe(gateway) => gateway.final_after(),
        }
    }

    async fn charge(&self, charge: &Charge) -> Result<PaymentResult, GatewayError> {
        match self {
            Self::Simulated(gateway) => gateway.charge(charge).await,
            Self::Stripe(gateway) => gateway.charge(charge).await,
        }
    }

    async fn find(
        &self,
        charge: &Charge,
        called: Called,
    ) -> Result<Option<PaymentResult>, GatewayError> {
        match self {
            Self::Simulated(gateway) => gateway.find(charge, called).await,
            Self::Stripe(gateway) => gateway.find(charge, called).await,
        }
    }

    async fn refund(&self, refund: &GiveBack) -> Result<RefundResult, GatewayError> {
        match self {
            Self::Simulated(gateway) => gateway.refund(refund).await,
            Self::Stripe(gateway) => gateway.refund(refund).await,
        }
    }

    async fn find_refund(&self, refund: &GiveBack) -> Result<Option<RefundResult>, GatewayError> {
        match self {
            Self::Simulated(gateway) => gateway.find_refund(refund).await,
            Self::Stripe(gateway) => gateway.find_refund(refund).await,
        }
    }

    async fn look_up(&self, provider_ref: &Token) -> Result<Option<News>, GatewayError> {
        match self {
            Self::Simulated(gateway) => gateway.look_up(provider_ref).await,
            Self::Stripe(gateway) => gateway.look_up(provider_ref).await,
        }
    }

    async fn list(
        &self,
        from: Timestamp,
        until: Timestamp,
        after: Option<&str>,
    ) -> Result<Page, GatewayError> {
        match self {
            Self::Simulated(gateway) => gateway.list(from, until, after).await,
            Self::Stripe(gateway) => gateway.list(from, until, after).await,
        }
    }

    fn hear(
        &self,
        header: &dyn Fn(&str) -> Option<String>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Hint, BadWebhook> {
        match self {
            Self::Simulated(gateway) => gateway.hear(header, body, now),
            Self::Stripe(gateway) => gateway.hear(header, body, now),
        }
    }

    async fn check(&self) -> Result<(), GatewayError> {
        match self {
            Self::Simulated(gateway) => gateway.check().await,
            Self::Stripe(gateway) => gateway.check().await,
        }
    }
}
