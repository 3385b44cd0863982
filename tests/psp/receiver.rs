//! Somebody who is told what happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::caller::PATIENCE;

pub(crate) const SECRET: &str = "whsec_test";

/// What came, as it came.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) event: Value,
    pub(crate) body: String,
    pub(crate) signature: String,
}

impl Told {
    pub(crate) fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap()
    }

    pub(crate) fn id(&self) -> &str {
        self.event["id"].as_str().unwrap()
    }

    /// Whether the signature is one of who knows the secret, checked as Stripe says it is.
    pub(crate) fn is_genuine(&self) -> bool {
        let part = |name: &str| {
            let mut parts = self.signature.split(',');
            parts.find_map(|part| part.strip_prefix(name)).unwrap_or_else(|| panic!("{self:?}"))
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{}.{}", part("t="), self.body).as_bytes());
        let expected = mac.finalize().into_bytes();
        let hex: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
        hex == part("v1=")
    }
}

/// An address to which events are posted; the first few it does not take.
pub(crate) struct Receiver {
    pub(crate) url: String,
    told: UnboundedReceiver<Told>,
}

type Desk = (UnboundedSender<Told>, Arc<AtomicUsize>);

impl Receiver {
    pub(crate) async fn open(refuses: usize) -> Self {
        let (tell, told) = unbounded_channel();
        let desk: Desk = (tell, Arc::new(AtomicUsize::new(refuses)));
        let router = Router::new().route("/webhooks", post(take)).with_state(desk);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
        // It ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, told }
    }

    pub(crate) async fn next(&mut self) -> Told {
        tokio::time::timeout(PATIENCE, self.told.recv()).await.expect("something is told").unwrap()
    }

    pub(crate) async fn some(&mut self, count: usize) -> Vec<Told> {
        let mut all = Vec::new();
        while all.len() < count {
            all.push(self.next().await);
        }
        all
    }
}

async fn take(State((tell, refuses)): State<Desk>, headers: HeaderMap, body: String) -> StatusCode {
    let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
    let event = serde_json::from_str(&body).unwrap();
    tell.send(Told { event, body, signature }).unwrap();
    let refused =
        refuses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    if refused.is_ok() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
}
