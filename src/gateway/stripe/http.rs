//! Calls over HTTP, and what is known when none is answered.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};

use super::answer::Answer;
use crate::domain::Token;
use crate::port::GatewayError;

/// The version of the provider's interface that this was written against.
const API_VERSION: &str = "2025-09-30.clover";

/// What a connection may take. One that is not there by then carried nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What one call may take; less than the payer's own patience, so that it hears why.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(9);

/// Where the provider is, and as whom it is called.
#[derive(Clone, Debug)]
pub struct StripeSettings {
    /// `https`, or `http` to a loopback address.
    pub base_url: String,
    /// The secret key; none is an account that takes nothing. Never shown.
    pub secret_key: Option<SecretString>,
    /// What webhooks are signed with: one, or two while it is being changed. Never shown.
    pub webhook_secrets: Vec<SecretString>,
}

/// Settings with which nobody can be called.
#[derive(Debug, thiserror::Error)]
pub enum StripeSettingsError {
    /// The address is none.
    #[error("stripe.base_url {0:?} is no address: write it as https://host")]
    NoUrl(String),
    /// Whatever stands in an address is shown.
    #[error("stripe.base_url holds a user or a password; the key is all that the provider needs")]
    Credentials,
    /// A secret would go over an open line.
    #[error("stripe.base_url {0:?} must be https; http is for loopback addresses")]
    NotSecret(String),
    /// The key cannot stand in a header.
    #[error("stripe.secret_key holds what a header may not hold")]
    BadKey,
    /// The client cannot be made.
    #[error("the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Fields of a form or of a query.
pub(super) type Fields = Vec<(String, String)>;

#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    base: Url,
    /// Without one nobody is called.
    has_key: bool,
}

impl Http {
    pub(super) fn new(settings: &StripeSettings) -> Result<Self, StripeSettingsError> {
        let named = || settings.base_url.clone();
        let folder = format!("{}/", settings.base_url.trim_end_matches('/'));
        let base: Url = folder.parse().map_err(|_| StripeSettingsError::NoUrl(named()))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(StripeSettingsError::Credentials);
        }
        let host = base.host_str().ok_or_else(|| StripeSettingsError::NoUrl(named()))?;
        let is_loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        if base.scheme() != "https" && !(base.scheme() == "http" && is_loopback) {
            return Err(StripeSettingsError::NotSecret(named()));
        }
        let mut headers = HeaderMap::new();
        let key = settings.secret_key.as_ref().map(ExposeSecret::expose_secret);
        let key = key.filter(|key| !key.is_empty());
        if let Some(key) = key {
            let bearer = HeaderValue::from_str(&format!("Bearer {key}"));
            let mut bearer = bearer.map_err(|_| StripeSettingsError::BadKey)?;
            bearer.set_sensitive(true);
            headers.insert(reqwest::header::AUTHORIZATION, bearer);
        }
        let version = HeaderName::from_static("stripe-version");
        headers.insert(version, HeaderValue::from_static(API_VERSION));
        crate::tls::install();
        let client = Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(StripeSettingsError::Client)?;
        Ok(Self { client, base, has_key: key.is_some() })
    }

    /// Asks; nothing moves by it.
    pub(super) async fn get(&self, path: &str, query: &Fields) -> Result<Answer, GatewayError> {
        let call = self.call(Method::GET, path)?.query(query);
        // Silence says no more than absence does.
        match sent(call, false).await {
            Err(GatewayError::Unknown(cause)) => Err(GatewayError::Unavailable(cause)),
            answered => answered,
        }
    }

    /// Has something carried out, once for each key.
    pub(super) async fn post(
        &self,
        path: &str,
        key: &Token,
        form: &Fields,
    ) -> Result<Answer, GatewayError> {
        let call = self.call(Method::POST, path)?;
        sent(call.header("idempotency-key", key.as_str()).form(form), true).await
    }

    fn call(&self, method: Method, path: &str) -> Result<RequestBuilder, GatewayError> {
        if !self.has_key {
            let why = "there is no stripe.secret_key: set KASSA_STRIPE__SECRET_KEY, or name a file";
            return Err(GatewayError::Misconfigured(why.into()));
        }
        // Behind the path of the address, if it has one: a proxy of somebody's own.
        let url = self.base.join(path.trim_start_matches('/'));
        let url = url.map_err(|error| GatewayError::Misconfigured(error.into()))?;
        Ok(self.client.request(method, url))
    }
}

async fn sent(call: RequestBuilder, moves: bool) -> Result<Answer, GatewayError> {
    let response = call.send().await.map_err(|error| failed(&error))?;
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let is_replayed = header("idempotent-replayed") == Some("true");
    // It was carried out, and the end of the answer is missing.
    let body = response.bytes().await.map_err(|error| GatewayError::Unknown(named(&error)))?;
    Ok(Answer { status, body: body.to_vec(), is_replayed, moves })
}

/// An error without the address, which may hold what is nobody's business.
fn named(error: &reqwest::Error) -> crate::port::BoxError {
    let mut words = vec![];
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        words.push(deeper.to_string());
        cause = deeper.source();
    }
    if words.is_empty() {
        words.push(if error.is_timeout() { "timed out" } else { "no answer" }.to_owned());
    }
    words.join(": ").into()
}

fn failed(error: &reqwest::Error) -> GatewayError {
    let cause = named(error);
    if !error.is_connect() {
        return GatewayError::Unknown(cause);
    }
    // A certificate does not become right by waiting.
    let is_wrong = cause.to_string().contains("certificate");
    if is_wrong { GatewayError::Misconfigured(cause) } else { GatewayError::Unreachable(cause) }
}
