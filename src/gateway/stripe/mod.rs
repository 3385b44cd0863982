//! Stripe, over its HTTP interface: our own five calls.
//!
//! An attempt is one payment intent, created and confirmed in one call under the attempt's key.
//! Whatever is ours carries its order, its attempt and its key as metadata, and is found by them.

mod amount;
mod answer;
mod http;
mod objects;
#[cfg(test)]
mod tests;
mod webhook;

use answer::{Answer, No, payment, refund};
use http::{CALL_TIMEOUT, Fields, Http};
use objects::{Balance, Intent, List, Ours, Refund, field, moment, sum};

pub use http::{StripeSettings, StripeSettingsError};

use std::time::Duration;

use secrecy::SecretString;
use serde::de::DeserializeOwned;

use crate::domain::{Amount, Currency, PaymentResult, RefundResult, Timestamp, Token};
use crate::port::{
    Ask, BadWebhook, Called, Charge, Gateway, GatewayError, GiveBack, Hint, Moved, Movement, News,
    Page,
};

/// Objects of one page: as many as the provider gives.
const PAGE: usize = 100;

/// After this a payment that the search does not find was never made, and no call that went out
/// before is carried out any more. Source: the provider's page on search says under a minute in
/// normal operation.
const SEARCH_LAG: Duration = Duration::from_secs(15 * 60);

/// How far the provider's clock and ours may be apart where its list is read by time. Both are set
/// by others all the time; what is further off is found by search, minutes later.
const CLOCKS_APART: Duration = Duration::from_secs(30);

/// Pages that are gone through for one object that the search does not know yet: what a shop with
/// a hundred payments a second has in the minute or so in which that one was made. What is further
/// away is not taken for missing.
const PAGES_MAX: usize = 100;

/// Stripe.
#[derive(Debug)]
pub struct StripeGateway {
    http: Http,
    webhook_secrets: Vec<SecretString>,
}

impl StripeGateway {
    /// The provider at that address. Nothing is called yet.
    ///
    /// # Errors
    ///
    /// [`StripeSettingsError`].
    pub fn new(settings: &StripeSettings) -> Result<Self, StripeSettingsError> {
        let webhook_secrets = settings.webhook_secrets.clone();
        Ok(Self { http: Http::new(settings)?, webhook_secrets })
    }

    /// The payment that carries this key: by search, which may lag, and else among those made when
    /// it was.
    async fn intent(
        &self,
        charge: &Charge,
        called: Called,
    ) -> Result<Option<Intent>, GatewayError> {
        let key = &charge.idempotency_key;
        let query = format!("metadata['{}']:'{key}'", field::KEY);
        let searched = self.http.get("/v1/payment_intents/search", &one("query", query)).await?;
        let found: List<Intent> = listed(&searched)?;
        if let Some(found) = found.data.into_iter().find(|intent| intent.has_key(key)) {
            // What the search says of it may be old.
            let id = found.id().parse().map_err(|_| GatewayError::Unknown("named oddly".into()))?;
            return self.retrieve("/v1/payment_intents", &id).await;
        }
        if SEARCH_LAG <= called.quiet {
            return Ok(None);
        }
        let from = called.from.before(CLOCKS_APART).0 / 1_000;
        let until = called.until.after(CALL_TIMEOUT + CLOCKS_APART).0.div_ceil(1_000);
        let then = [("created[gte]", from), ("created[lte]", until)];
        let then = then.map(|(name, second)| (name.to_owned(), second.to_string()));
        self.among("/v1/payment_intents", then.into(), key).await
    }

    /// The object with this key in a list, page by page.
    async fn among<T: DeserializeOwned + Ours>(
        &self,
        path: &str,
        mut query: Fields,
        key: &Token,
    ) -> Result<Option<T>, GatewayError> {
        for _ in 0..PAGES_MAX {
            let page: List<T> = self.page(path, &query).await?;
            let last = page.data.last().map(|object| object.id().to_owned());
            if let Some(found) = page.data.into_iter().find(|object| object.has_key(key)) {
                return Ok(Some(found));
            }
            let Some(last) = last.filter(|_| page.has_more) else { return Ok(None) };
            query.retain(|(name, _)| name != "starting_after");
            query.push(("starting_after".to_owned(), last));
        }
        Err(GatewayError::Unavailable("too many objects to look through".into()))
    }

    async fn page<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Fields,
    ) -> Result<List<T>, GatewayError> {
        let mut query = query.clone();
        query.push(("limit".to_owned(), PAGE.to_string()));
        listed(&self.http.get(path, &query).await?)
    }

    async fn retrieve<T: DeserializeOwned>(
        &self,
        path: &str,
        id: &Token,
    ) -> Result<Option<T>, GatewayError> {
        match self.http.get(&format!("{path}/{id}"), &Fields::new()).await?.read() {
            Ok(object) => Ok(Some(object)),
            Err(No::Missing) => Ok(None),
            Err(no) => Err(error(no)),
        }
    }
}

fn one(name: &str, value: String) -> Fields {
    vec![(name.to_owned(), value)]
}

fn listed<T: DeserializeOwned>(answer: &Answer) -> Result<List<T>, GatewayError> {
    answer.read().map_err(error)
}

/// A no where none was expected.
fn error(no: No) -> GatewayError {
    match no {
        No::Error(error) => error,
        No::Missing => GatewayError::Misconfigured("the provider has no such path".into()),
        No::Declined(code) => GatewayError::Misconfigured(format!("declined: {code}").into()),
    }
}

fn metadata(rows: &[(&str, String)]) -> impl Iterator<Item = (String, String)> {
    rows.iter().map(|(name, value)| (format!("metadata[{name}]"), value.clone()))
}

impl Gateway for StripeGateway {
    fn connector(&self) -> Token {
        Token::STRIPE
    }

    fn final_after(&self) -> Duration {
        SEARCH_LAG
    }

    async fn charge(&self, charge: &Charge) -> Result<PaymentResult, GatewayError> {
        let Some(amount) = amount::to_provider(charge.amount, charge.currency) else {
            return Ok(PaymentResult::Declined { code: Token::AMOUNT_NOT_REPRESENTABLE });
        };
        let mut form: Fields = [
            ("amount", amount.to_string()),
            ("currency", charge.currency.code().to_ascii_lowercase()),
            ("payment_method", charge.payment_method_token.to_string()),
            ("confirm", "true".to_owned()),
            // Nobody is there who could be sent to a bank's page: it declines instead.
            ("error_on_requires_action", "true".to_owned()),
            ("payment_method_types[]", "card".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        form.extend(metadata(&[
            (field::ORDER, charge.order_id.to_string()),
            (field::ATTEMPT, charge.attempt.to_string()),
            (field::KEY, charge.idempotency_key.to_string()),
        ]));
        let path = "/v1/payment_intents";
        let answer = self.http.post(path, &charge.idempotency_key, &form).await?;
        match answer.read::<Intent>() {
            Ok(intent) => payment(&intent),
            Err(No::Declined(code)) => Ok(PaymentResult::Declined { code }),
            Err(No::Missing) => Ok(PaymentResult::Declined { code: Token::RESOURCE_MISSING }),
            Err(no) => Err(error(no)),
        }
    }

    async fn find(
        &self,
        charge: &Charge,
        called: Called,
    ) -> Result<Option<PaymentResult>, GatewayError> {
        self.intent(charge, called).await?.map(|intent| payment(&intent)).transpose()
    }

    async fn refund(&self, give_back: &GiveBack) -> Result<RefundResult, GatewayError> {
        let Some(amount) = amount::to_provider(give_back.amount, give_back.currency) else {
            return Ok(RefundResult::Declined { code: Token::AMOUNT_NOT_REPRESENTABLE });
        };
        let mut form: Fields =
            [("payment_intent", give_back.capture_ref.to_string()), ("amount", amount.to_string())]
                .map(|(name, value)| (name.to_owned(), value))
                .into();
        form.extend(metadata(&[
            (field::ORDER, give_back.order_id.to_string()),
            (field::REFUND, give_back.refund.to_string()),
            (field::ATTEMPT, give_back.attempt.to_string()),
            (field::KEY, give_back.idempotency_key.to_string()),
        ]));
        let answer = self.http.post("/v1/refunds", &give_back.idempotency_key, &form).await?;
        match answer.read::<Refund>() {
            Ok(made) => refund(&made),
            Err(No::Declined(code)) => Ok(RefundResult::Declined { code }),
            // We took that payment. It is another account's key that does not know it, and that
            // is put right some day: until then it is asked for again.
            Err(No::Missing) => {
                let why = "our key's account does not know the payment";
                Err(GatewayError::pending(Ask::Again, why))
            }
            Err(no) => Err(error(no)),
        }
    }

    async fn find_refund(
        &self,
        give_back: &GiveBack,
    ) -> Result<Option<RefundResult>, GatewayError> {
        let query = one("payment_intent", give_back.capture_ref.to_string());
        let key = &give_back.idempotency_key;
        let found: Option<Refund> = self.among("/v1/refunds", query, key).await?;
        found.map(|found| refund(&found)).transpose()
    }

    async fn look_up(&self, provider_ref: &Token) -> Result<Option<News>, GatewayError> {
        if provider_ref.as_str().starts_with("pi_") {
            let intent: Option<Intent> = self.retrieve("/v1/payment_intents", provider_ref).await?;
            let Some(intent) = intent else { return Ok(None) };
            let ours = intent.order().zip(intent.number(field::ATTEMPT));
            return ours
                .map(|(order_id, attempt)| {
                    Ok(News::Charge { order_id, attempt, result: payment(&intent)? })
                })
                .transpose();
        }
        let found: Option<Refund> = self.retrieve("/v1/refunds", provider_ref).await?;
        let Some(found) = found else { return Ok(None) };
        let numbers = found.number(field::REFUND).zip(found.number(field::ATTEMPT));
        let Some((order_id, (number, attempt))) = found.order().zip(numbers) else {
            return Ok(None);
        };
        Ok(Some(News::Refund { order_id, refund: number, attempt, result: refund(&found)? }))
    }

    async fn list(
        &self,
        from: Timestamp,
        until: Timestamp,
        after: Option<&str>,
    ) -> Result<Page, GatewayError> {
        let mut query = vec![
            ("created[gte]".to_owned(), (from.0 / 1_000).to_string()),
            ("created[lt]".to_owned(), until.0.div_ceil(1_000).to_string()),
        ];
        // Two lists, one after the other: `p` and `r`, with the last id behind it.
        let (refunds, last) = match after.and_then(|after| after.split_once(':')) {
            Some((list, last)) => (list == "r", last),
            None => (false, ""),
        };
        if !last.is_empty() {
            query.push(("starting_after".to_owned(), last.to_owned()));
        }
        if refunds {
            let page: List<Refund> = self.page("/v1/refunds", &query).await?;
            let next = page.data.last().filter(|_| page.has_more);
            let next = next.map(|last| format!("r:{}", last.id));
            let lines = page.data.iter().filter_map(|made| given_back(made).transpose());
            return Ok(Page { lines: lines.collect::<Result<_, _>>()?, next });
        }
        let page: List<Intent> = self.page("/v1/payment_intents", &query).await?;
        let last = page.data.last().filter(|_| page.has_more);
        let next = last.map_or_else(|| "r:".to_owned(), |last| format!("p:{}", last.id));
        let lines = page.data.iter().filter_map(|intent| captured(intent).transpose());
        Ok(Page { lines: lines.collect::<Result<_, _>>()?, next: Some(next) })
    }

    fn hear(
        &self,
        header: &dyn Fn(&str) -> Option<String>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Hint, BadWebhook> {
        if self.webhook_secrets.is_empty() {
            return Err(BadWebhook::Unexpected);
        }
        let signature = header(webhook::SIGNATURE);
        webhook::verify(body, signature.as_deref(), &self.webhook_secrets, now)
    }

    async fn check(&self) -> Result<(), GatewayError> {
        let answer = self.http.get("/v1/balance", &Fields::new()).await?;
        match answer.read::<Balance>() {
            Ok(Balance { object }) if object == "balance" => Ok(()),
            Ok(Balance { object }) => {
                let why = format!("asked for the balance, whoever answers gave a {object}");
                Err(GatewayError::Misconfigured(why.into()))
            }
            Err(no) => Err(error(no)),
        }
    }
}

/// The money that came by a payment, when any did.
fn captured(intent: &Intent) -> Result<Option<Moved>, GatewayError> {
    if intent.status != "succeeded" {
        return Ok(None);
    }
    let received = intent.amount_received.and_then(|minor| sum(minor, &intent.currency));
    moved(intent, Movement::Captured, (received, intent.created)).map(Some)
}

/// The money that went back by a refund, when any did.
fn given_back(made: &Refund) -> Result<Option<Moved>, GatewayError> {
    if !matches!(made.status.as_deref(), Some("succeeded" | "pending")) {
        return Ok(None);
    }
    let back = sum(made.amount, &made.currency);
    moved(made, Movement::Refunded, (back, made.created)).map(Some)
}

/// A line of the list. One that cannot be read is not left out: then the list would not be whole.
fn moved(
    object: &impl Ours,
    movement: Movement,
    (sum, created): (Option<(Amount, Currency)>, u64),
) -> Result<Moved, GatewayError> {
    let unreadable = || GatewayError::Unknown(format!("{} cannot be read", object.id()).into());
    let (amount, currency) = sum.ok_or_else(unreadable)?;
    Ok(Moved {
        movement,
        provider_ref: object.id().parse().map_err(|_| unreadable())?,
        order_id: object.order(),
        amount,
        currency,
        at: moment(created),
    })
}
