//! What tests and people do to the provider at run time: `/_sim/…`. No key is needed: it listens
//! on this machine only.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bank::Bank;
use super::outage::OutageKind;

pub(super) fn router() -> Router<Arc<Bank>> {
    Router::new()
        .route("/_sim/outage", post(outage))
        .route("/_sim/heal", post(heal))
        .route("/_sim/webhooks/replay", post(replay))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutageOrder {
    for_s: u32,
    #[serde(default)]
    kind: OutageKind,
}

/// Which events are told again; all, when nothing is said.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ReplayOrder {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
}

async fn outage(State(bank): State<Arc<Bank>>, body: Bytes) -> Response {
    match serde_json::from_slice::<OutageOrder>(&body) {
        Ok(order) => {
            bank.weather.outage(Duration::from_secs(order.for_s.into()), order.kind);
            said(StatusCode::OK, &json!({ "outage_for_s": order.for_s }))
        }
        Err(error) => said(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() })),
    }
}

async fn heal(State(bank): State<Arc<Bank>>) -> Response {
    bank.weather.heal();
    said(StatusCode::OK, &json!({ "healed": true }))
}

async fn replay(State(bank): State<Arc<Bank>>, body: Bytes) -> Response {
    let order = match body.is_empty() {
        true => Ok(ReplayOrder::default()),
        false => serde_json::from_slice::<ReplayOrder>(&body),
    };
    match order {
        Ok(order) => {
            let is = |event: &Value, name: &str, wanted: &Option<String>| {
                let own = event.get(name).and_then(Value::as_str);
                wanted.is_none() || own == wanted.as_deref()
            };
            let sent = bank
                .tell_again(|event| is(event, "id", &order.id) && is(event, "type", &order.kind));
            said(StatusCode::OK, &json!({ "sent": sent }))
        }
        Err(error) => said(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() })),
    }
}

fn said(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
