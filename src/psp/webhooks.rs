//! Tells what happened, as badly as it really is told: late, twice, in another order, and with
//! forgeries among it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{debug, warn};

use super::bank::Bank;
use super::books::new_id;
use super::chance::Chance;
use super::settings::Webhooks;
use super::signature::signature;

/// How long the receiver may take. One that works for longer than this should have answered first.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often an event is sent at most. With pauses that double from half a second this is an hour:
/// who was away for longer asks for the list of events.
const TRIES_MAX: u32 = 13;

/// An event that is held back goes out after so long, when there is no next one.
const HELD_MAX: Duration = Duration::from_secs(1);

/// What forgeries are signed with: not the secret.
const FORGED: &str = "whsec_forged";

/// Posts events to the receiver.
pub(super) struct Teller {
    bank: Arc<Bank>,
    to: Webhooks,
    client: reqwest::Client,
    chance: Chance,
}

impl Teller {
    /// A teller of the bank's events.
    ///
    /// # Errors
    ///
    /// When there can be no client.
    pub(super) fn new(bank: &Arc<Bank>, to: Webhooks) -> Result<Self, reqwest::Error> {
        crate::tls::install();
        // The receiver is named; a proxy would be somebody else.
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        let chance = Chance::new(bank.settings.moods.seed);
        Ok(Self { bank: Arc::clone(bank), to, client, chance })
    }

    /// Tells events until everything stops.
    pub(super) async fn run(self, mut events: UnboundedReceiver<Value>) {
        let teller = Arc::new(self);
        let mut held: Option<Value> = None;
        loop {
            let waiting = held.is_some();
            tokio::select! {
                () = teller.bank.stop.cancelled() => return,
                event = events.recv() => {
                    let Some(event) = event else { return };
                    let number = teller.chance.call();
                    let share = teller.to.reordered;
                    if !waiting && teller.chance.happens(share, "reordered", &number) {
                        held = Some(event);
                        continue;
                    }
                    teller.tell(event, &number).await;
                }
                () = tokio::time::sleep(HELD_MAX), if waiting => {}
            }
            if let Some(event) = held.take() {
                let number = teller.chance.call();
                teller.tell(event, &number).await;
            }
        }
    }

    async fn tell(self: &Arc<Self>, event: Value, number: &[u8]) {
        let late = self.chance.time(self.to.late, "late", number);
        let body = event.to_string();
        self.deliver(body.clone(), late).await;
        if self.chance.happens(self.to.duplicated, "duplicated", number) {
            self.deliver(body, late).await;
        }
        if self.chance.happens(self.to.forged, "forged", number) {
            let forgery = forgery(event).to_string();
            // A forger does not try again.
            let _ = self.post(&forgery, FORGED).await;
        }
    }

    /// Sends an event until it is taken. What is not late is sent once before this returns, so
    /// that events arrive in their order as long as the receiver takes them.
    async fn deliver(self: &Arc<Self>, body: String, late: Duration) {
        if late.is_zero() && self.post(&body, &self.to.secret).await {
            return;
        }
        let first = if late.is_zero() { self.to.retry_after } else { late };
        let (teller, stop) = (Arc::clone(self), self.bank.stop.clone());
        self.bank.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = teller.insist(&body, first) => {}
            }
        });
    }

    async fn insist(&self, body: &str, first: Duration) {
        let mut pause = first;
        for tries in 0..TRIES_MAX {
            tokio::time::sleep(pause).await;
            if self.post(body, &self.to.secret).await {
                return;
            }
            pause = self.to.retry_after.saturating_mul(2_u32.saturating_pow(tries));
        }
        warn!(url = self.to.url, "an event was not taken, and is not sent again");
    }

    /// Whether the receiver took it.
    async fn post(&self, body: &str, secret: &str) -> bool {
        let at_s = super::render::seconds(self.bank.now_ms());
        let posting = self
            .client
            .post(&self.to.url)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("stripe-signature", signature(secret, at_s, body))
            .body(body.to_owned())
            .send();
        match posting.await {
            Ok(response) => response.status().is_success(),
            Err(error) => {
                debug!(%error, "an event was not taken");
                false
            }
        }
    }
}

/// A lie: the payment succeeded.
fn forgery(mut event: Value) -> Value {
    if let Some(event) = event.as_object_mut() {
        event.insert("id".to_owned(), json!(new_id("evt")));
        event.insert("type".to_owned(), json!("payment_intent.succeeded"));
    }
    let intent = event.pointer_mut("/data/object").and_then(Value::as_object_mut);
    if let Some(intent) = intent {
        intent.insert("status".to_owned(), json!("succeeded"));
        let amount = intent.get("amount").cloned();
        intent.insert("amount_received".to_owned(), amount.unwrap_or_default());
    }
    event
}
