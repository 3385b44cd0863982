//! Webhooks: what a provider tells by itself is a hint. Whatever it is about is looked up at the
//! provider, and what that says is recorded as if the payer had asked.
//!
//! Woken by a webhook, wakes the committer. Run twice, it looks twice and records the same: that an
//! event is remembered for seven days only spares the calls.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tracing::{debug, info, warn};

use crate::domain::{Command, CommandId, RecordPayment, RecordRefund, Refusal, Timestamp, Token};
use crate::port::{
    BadWebhook, Batch, BoxError, Clock, Commands, Gateway, GatewayError, Hint, Log, Message, News,
    ReadError, Unanswered, new_uuid,
};
use crate::telemetry;
use crate::wire::{Encoding, OutcomeKind, Subjects};

/// Payments that are looked up at once, at most: a provider that tells a lot is not called a lot.
const LOOKS_MAX: usize = 32;

/// The attribute of what was believed.
const NO_REASON: &str = "none";

/// What became of a webhook.
#[derive(Debug)]
pub enum Heard {
    /// What it is about was looked up, and the log has it now, or had it before.
    Recorded,
    /// It was told before.
    Repeated,
    /// Nothing of ours follows from it.
    Ignored(String),
    /// It is not believed.
    Refused(BadWebhook),
    /// It cannot be settled now; the provider tells it again.
    Later(BoxError),
}

/// What is remembered of an event, under its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookView {
    /// The provider.
    pub connector: Token,
    /// What kind of event it was, in the provider's word.
    pub kind: String,
    /// The payment or the refund it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Token>,
    /// `recorded` or `ignored`.
    pub result: String,
    /// Why it was ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was heard.
    pub heard_at_ms: Timestamp,
}

/// Hears what a provider tells.
pub struct Webhooks<G, M, C, L> {
    gateway: Arc<G>,
    /// To the committer, as the payer.
    commands: M,
    clock: C,
    /// The stream behind the bucket of events that were heard, and the beginning of its keys.
    known: (L, String),
    /// One look after the other for each payment: an older answer is never recorded after a newer.
    turns: Vec<Mutex<()>>,
}

impl<G: Gateway, M: Commands, C: Clock, L: Log> Webhooks<G, M, C, L> {
    /// Hears for a provider; remembers in the bucket behind `log`, whose keys begin with `keys`.
    pub fn new(gateway: Arc<G>, (commands, clock): (M, C), (log, keys): (L, String)) -> Self {
        let turns = (0..LOOKS_MAX).map(|_| Mutex::default()).collect();
        Self { gateway, commands, clock, known: (log, keys), turns }
    }

    /// The provider.
    pub fn connector(&self) -> Token {
        self.gateway.connector()
    }

    /// Hears one webhook. `header` finds a header by its lower-case name.
    pub async fn hear(
        &self,
        header: &(dyn Fn(&str) -> Option<String> + Sync),
        body: &[u8],
    ) -> Heard {
        let heard = match self.gateway.hear(&|name| header(name), body, self.clock.now()) {
            Ok(hint) => self.follow(&hint).await.unwrap_or_else(Heard::Later),
            Err(bad) => Heard::Refused(bad),
        };
        self.count(&heard);
        heard
    }

    /// Counts a webhook whose body was not even read.
    pub fn cut(&self) -> Heard {
        let heard = Heard::Refused(BadWebhook::TooLarge);
        self.count(&heard);
        heard
    }

    async fn follow(&self, hint: &Hint) -> Result<Heard, BoxError> {
        if self.is_known(hint).await? {
            return Ok(Heard::Repeated);
        }
        let heard = match &hint.about {
            None => Heard::Ignored("about_no_payment".to_owned()),
            Some(about) => {
                let mut hasher = DefaultHasher::new();
                about.as_str().hash(&mut hasher);
                let turn = usize::try_from(hasher.finish()).unwrap_or_default();
                let turn = turn.checked_rem(self.turns.len()).and_then(|at| self.turns.get(at));
                let _turn = match turn {
                    Some(turn) => Some(turn.lock().await),
                    None => None,
                };
                self.look(about).await?
            }
        };
        self.remember(hint, &heard).await;
        Ok(heard)
    }

    /// Asks the provider what it is about, and tells the committer.
    async fn look(&self, about: &Token) -> Result<Heard, BoxError> {
        let connector = self.gateway.connector();
        let command = match self.gateway.look_up(about).await {
            Ok(Some(News::Charge { order_id, attempt, result })) => {
                Command::RecordPayment(RecordPayment { order_id, attempt, connector, result })
            }
            Ok(Some(News::Refund { order_id, refund, attempt, result })) => {
                let record = RecordRefund { order_id, refund, attempt, connector, result };
                Command::RecordRefund(record)
            }
            Ok(None) => return Ok(Heard::Ignored("not_ours".to_owned())),
            // Nothing final yet. What is final will be told by itself.
            Err(GatewayError::Unknown(_) | GatewayError::Pending { .. }) => {
                return Ok(Heard::Ignored("not_final".to_owned()));
            }
            Err(
                error @ (GatewayError::Unavailable(_)
                | GatewayError::Unreachable(_)
                | GatewayError::Misconfigured(_)),
            ) => {
                return Err(error.into());
            }
        };
        let id = CommandId::try_from(new_uuid(self.clock.now()))?;
        match self.commands.send(id, &command, None).await {
            Ok(outcome) => match (outcome.result, outcome.refusal) {
                (OutcomeKind::Busy, _) => Err("too many commands are waiting".into()),
                (
                    _,
                    Some(
                        refusal @ (Refusal::UnknownOrder
                        | Refusal::UnknownAttempt { .. }
                        | Refusal::UnknownRefund { .. }),
                    ),
                ) => Ok(Heard::Ignored(refusal.code().to_owned())),
                // Any other refusal is about us, not about the event.
                (_, Some(refusal)) => Err(refusal.into()),
                (OutcomeKind::Accepted | OutcomeKind::AlreadyApplied | OutcomeKind::Refused, _) => {
                    Ok(Heard::Recorded)
                }
            },
            // It is stored, and will be decided.
            Err(Unanswered::Accepted { .. }) => Ok(Heard::Recorded),
            Err(error) => Err(error.into()),
        }
    }

    fn key(&self, hint: &Hint) -> String {
        format!("{}{}", self.known.1, Subjects::webhook_key(&self.gateway.connector(), &hint.id))
    }

    async fn is_known(&self, hint: &Hint) -> Result<bool, ReadError> {
        Ok(self.known.0.last(&self.key(hint)).await?.is_some())
    }

    async fn remember(&self, hint: &Hint, heard: &Heard) {
        let view = WebhookView {
            connector: self.gateway.connector(),
            kind: hint.kind.clone(),
            about: hint.about.clone(),
            result: heard.name().to_owned(),
            reason: heard.reason().map(ToOwned::to_owned),
            heard_at_ms: self.clock.now(),
        };
        let Ok(payload) = Encoding::Json.write(&view) else { return };
        let message = Message { subject: self.key(hint), payload, ..Message::default() };
        let batch = Batch::of(vec![message]);
        if let Err(cause) = self.known.0.commit(&batch).await {
            // Told again, it is looked up again.
            debug!(%cause, event = %hint.id, "an event is not remembered");
        }
    }

    fn count(&self, heard: &Heard) {
        let connector = self.gateway.connector();
        match heard {
            Heard::Recorded | Heard::Repeated => {}
            Heard::Ignored(reason) => info!(%connector, reason, "a webhook is ignored"),
            Heard::Refused(reason) => warn!(%connector, %reason, "a webhook is not believed"),
            Heard::Later(cause) => warn!(%connector, %cause, "a webhook has to be told again"),
        }
        if let Some(metrics) = telemetry::metrics() {
            let reason = heard.reason().unwrap_or(NO_REASON);
            metrics.webhook(connector.as_str(), heard.name(), reason);
        }
    }
}

impl Heard {
    /// One word for metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Repeated => "repeated",
            Self::Ignored(_) => "ignored",
            Self::Refused(_) => "refused",
            Self::Later(_) => "later",
        }
    }

    /// Why nothing came of it, in one word.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Recorded | Self::Repeated | Self::Later(_) => None,
            Self::Ignored(why) => Some(why),
            Self::Refused(why) => Some(why.name()),
        }
    }
}
