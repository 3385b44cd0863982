//! The door: who may come in, what is asked for, and how the answer is dressed.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine;
use serde_json::{Value, json};

use super::asked::Asked;
use super::bank::{Bank, Reply, Work};
use super::books::new_id;
use super::fault::Fault;
use super::form::Form;
use super::listing::{events, page};
use super::records::{Charge, Settlement};
use super::render::Render;
use super::{control, intents, refunds, search};

/// The largest form: far more than any of ours has.
const BODY_MAX: usize = 1 << 20;

/// The longest idempotency key. Source: Stripe's documentation of idempotent requests.
const KEY_MAX: usize = 255;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const ORIGINAL: HeaderName = HeaderName::from_static("original-request");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");

/// Says that the connection is cut instead of answering.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut;

/// The name of a request.
#[derive(Clone, Debug)]
struct RequestName(String);

pub(super) fn router(bank: &Arc<Bank>) -> Router {
    let intents = "/v1/payment_intents";
    Router::new()
        .route(intents, get(list_intents).post(create_intent))
        .route(&format!("{intents}/search"), get(search_intents))
        .route(&format!("{intents}/{{id}}"), get(intent))
        .route(&format!("{intents}/{{id}}/confirm"), post(confirm_intent))
        .route(&format!("{intents}/{{id}}/cancel"), post(cancel_intent))
        .route("/v1/refunds", get(list_refunds).post(create_refund))
        .route("/v1/refunds/{id}", get(refund))
        .route("/v1/charges/{id}", get(charge))
        .route("/v1/balance", get(balance))
        .route("/v1/events", get(list_events))
        .route("/v1/events/{id}", get(event))
        .fallback(no_page)
        .method_not_allowed_fallback(no_page)
        .layer(from_fn_with_state(Arc::clone(bank), door))
        .merge(control::router())
        .with_state(Arc::clone(bank))
}

/// Lets in who has the key; names the request.
async fn door(State(bank): State<Arc<Bank>>, mut request: Request, next: Next) -> Response {
    let name = new_id("req");
    let given = request.headers().get(AUTHORIZATION).and_then(|given| given.to_str().ok());
    let given = given.and_then(credential);
    let mut response = if given.as_deref() == Some(bank.settings.secret_key.as_str()) {
        request.extensions_mut().insert(RequestName(name.clone()));
        next.run(request).await
    } else {
        dressed(Reply::of(Err(Fault::unauthorized(given.as_deref()))))
    };
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(REQUEST_ID, name);
    }
    response
}

/// The key, however it is given: `Bearer key`, or `Basic` with the key as the user.
fn credential(given: &str) -> Option<String> {
    let (scheme, rest) = given.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
    let user = String::from_utf8(decoded).ok()?;
    Some(user.split_once(':').map_or(user.as_str(), |(user, _)| user).to_owned())
}

fn dressed(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if reply.cut {
        response.extensions_mut().insert(Cut);
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(retry) = reply.should_retry {
        let retry = HeaderValue::from_static(if retry { "true" } else { "false" });
        headers.insert(SHOULD_RETRY, retry);
    }
    if let Some(original) = reply.replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        if let Ok(original) = HeaderValue::from_str(&original) {
            headers.insert(ORIGINAL, original);
        }
    }
    response
}

impl FromRequest<Arc<Bank>> for Asked {
    type Rejection = Response;

    async fn from_request(request: Request, bank: &Arc<Bank>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let refused = |fault| dressed(Reply::of(Err(fault)));
        let is_query = parts.method == Method::GET;
        let form = if is_query {
            Form::read(parts.uri.query().unwrap_or_default().as_bytes())
        } else {
            let body = to_bytes(body, BODY_MAX).await.map_err(|_| {
                refused(Fault::invalid("body", "The body cannot be read.".to_owned()))
            })?;
            is_form(&parts, body.is_empty()).map_err(refused)?;
            Form::read(&body)
        };
        let key = match is_query {
            true => None,
            false => key(&parts).map_err(refused)?,
        };
        let path = RawPathParams::from_request_parts(&mut parts, bank).await;
        let id = path.ok().and_then(|path| path.iter().next().map(|(_, id)| id.to_owned()));
        let name = parts.extensions.get::<RequestName>().map(|name| name.0.clone());
        Ok(Self {
            request: name.unwrap_or_default(),
            endpoint: parts.uri.path().to_owned(),
            id: id.unwrap_or_default(),
            form,
            key,
            unlucky: None,
        })
    }
}

fn is_form(parts: &Parts, is_empty: bool) -> Result<(), Fault> {
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default();
    if is_empty || kind.starts_with("application/x-www-form-urlencoded") {
        return Ok(());
    }
    let message = format!(
        "Invalid request (check that your POST content type is application/x-www-form-urlencoded): \
         {kind}"
    );
    Err(Fault::invalid("body", message))
}

fn key(parts: &Parts) -> Result<Option<String>, Fault> {
    let key = parts.headers.get(&KEY).and_then(|key| key.to_str().ok());
    match key.filter(|key| !key.is_empty()) {
        Some(key) if KEY_MAX < key.len() => {
            let message = format!("Idempotency keys may be at most {KEY_MAX} characters long.");
            Err(Fault::invalid("Idempotency-Key", message))
        }
        key => Ok(key.map(ToOwned::to_owned)),
    }
}

async fn no_page(request: Request) -> Response {
    dressed(Reply::of(Err(Fault::no_page(request.method().as_str(), request.uri().path()))))
}

/// Carries a call out and says which key it had.
async fn act(bank: Arc<Bank>, asked: Asked, work: Work) -> Response {
    let key = asked.key.as_deref().and_then(|key| HeaderValue::from_str(key).ok());
    let request = HeaderValue::from_str(&asked.request).ok();
    let mut response = dressed(bank.act(asked, work).await);
    if let Some(key) = key {
        response.headers_mut().insert(KEY, key);
        if let (Some(request), false) = (request, response.headers().contains_key(&ORIGINAL)) {
            response.headers_mut().insert(ORIGINAL, request);
        }
    }
    response
}

async fn create_intent(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    act(bank, asked, intents::create).await
}

async fn confirm_intent(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    act(bank, asked, intents::confirm).await
}

async fn cancel_intent(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    act(bank, asked, intents::cancel).await
}

async fn create_refund(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    act(bank, asked, refunds::create).await
}

async fn intent(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    let reply = bank.look(&asked, |books| {
        asked.form.only(&["client_secret"])?;
        intents::find(books, &asked.id).map(Render::render)
    });
    dressed(reply.await)
}

async fn list_intents(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    let reply = bank.look(&asked, |books| {
        asked.form.only(&["created", "limit", "starting_after"])?;
        let of = ("payment_intent", asked.endpoint.as_str());
        page(books.intents.newest(), &asked.form, of, |_| true)
    });
    dressed(reply.await)
}

async fn search_intents(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    let lag_ms = u64::try_from(bank.settings.search_lag.as_millis()).unwrap_or(u64::MAX);
    let visible_ms = bank.now_ms().saturating_sub(lag_ms);
    let reply = bank.look(&asked, |books| search::search(books, &asked.form, visible_ms));
    dressed(reply.await)
}

async fn refund(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    let reply = bank.look(&asked, |books| {
        let refund = books.refunds.get(&asked.id).map(Render::render);
        refund.ok_or_else(|| Fault::no_such(404, "refund", &asked.id, "id"))
    });
    dressed(reply.await)
}

async fn list_refunds(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    let form = &asked.form;
    let reply = bank.look(&asked, |books| {
        form.only(&["charge", "created", "limit", "payment_intent", "starting_after"])?;
        let (intent, charge) = (form.text("payment_intent"), form.text("charge"));
        page(books.refunds.newest(), form, ("refund", &asked.endpoint), |refund| {
            intent.is_none_or(|id| refund.intent == id)
                && charge.is_none_or(|id| refund.charge == id)
        })
    });
    dressed(reply.await)
}

async fn charge(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    let reply = bank.look(&asked, |books| {
        let charge = books.charges.get(&asked.id).map(Render::render);
        charge.ok_or_else(|| Fault::no_such(404, "charge", &asked.id, "id"))
    });
    dressed(reply.await)
}

async fn list_events(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    dressed(bank.look(&asked, |books| events(books, &asked.form)).await)
}

async fn event(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    let is_it = |event: &&Value| event.get("id").and_then(Value::as_str) == Some(&asked.id);
    let reply = bank.look(&asked, |books| {
        let event = books.events().iter().find(is_it).cloned();
        event.ok_or_else(|| Fault::no_such(404, "event", &asked.id, "id"))
    });
    dressed(reply.await)
}

/// What is there by currency: captured, and not given back.
async fn balance(State(bank): State<Arc<Bank>>, asked: Asked) -> Response {
    let reply = bank.look(&asked, |books| {
        let kept = |charge: &Charge| charge.amount.saturating_sub(charge.amount_refunded);
        let mut sums = std::collections::BTreeMap::<&str, u64>::new();
        let taken = books.charges.newest().filter(|one| one.status == Settlement::Succeeded);
        for charge in taken {
            let sum = sums.entry(&charge.currency).or_default();
            *sum = sum.saturating_add(kept(charge));
        }
        let lines = sums.into_iter().map(|(currency, amount)| {
            json!({ "amount": amount, "currency": currency, "source_types": { "card": amount } })
        });
        let available: Vec<_> = lines.collect();
        Ok(json!({
            "object": "balance", "available": available, "livemode": false, "pending": []
        }))
    });
    dressed(reply.await)
}
