//! What may differ between two deployments, and the only door to the environment.
//!
//! Layers, weakest first: `config/default.toml` as built in, the profile, the nats context,
//! `NATS_…`, `KASSA_…`, flags. Unknown keys are mistakes, and so is a profile that is not there.

mod context;
mod environment;
mod layers;
mod secrets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

pub use environment::{Environment, Folders};
pub use layers::{ConfigError, Layers, Origin};
pub use secrets::SecretFileError;

use crate::domain::payment::{DeclineClass, DeclineClasses, RetrySchedule};
use crate::domain::{Policy, Token};
use crate::telemetry::{LogFormat, TelemetrySettings};
use crate::wire::{Encoding, MarketName};

/// Everything that may be set. `config/default.toml` says what each setting means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The market.
    pub market: MarketName,
    /// Units: milliseconds.
    pub stop_grace_ms: u64,
    /// Where to connect.
    pub nats: NatsConfig,
    /// What is logged.
    pub log: LogConfig,
    /// Bounds of the committer.
    pub committer: CommitterConfig,
    /// Rules for orders.
    pub order: OrderConfig,
    /// Pace of the views.
    pub views: ViewsConfig,
    /// The feed.
    pub feed: FeedConfig,
    /// The payer.
    pub payer: PayerConfig,
    /// Who takes the money, and how the simulated gateway behaves.
    pub gateway: GatewayConfig,
    /// Stripe.
    pub stripe: StripeConfig,
    /// Where providers tell what happened.
    pub webhooks: WebhooksConfig,
    /// Signed heads.
    pub checkpoint: CheckpointConfig,
    /// Where closed streams of the log are kept.
    pub archive: ArchiveConfig,
}

/// Signed heads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointConfig {
    /// File with the key that they are signed with.
    pub key_file: Option<PathBuf>,
    /// File that they are written to.
    pub file: Option<PathBuf>,
    /// Units: seconds.
    pub every_s: Bounded<1, 86_400>,
}

/// Where closed streams of the log are kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveConfig {
    /// The folder.
    pub dir: Option<PathBuf>,
}

/// Where to connect, and as whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatsConfig {
    /// Servers, separated by commas.
    pub url: String,
    /// A context of the nats command line.
    pub context: Option<String>,
    /// Credentials file.
    pub creds: Option<PathBuf>,
    /// File with an NKEY seed.
    pub nkey: Option<PathBuf>,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<SecretString>,
    /// Certificates to trust.
    pub ca: Option<PathBuf>,
    /// Client certificate.
    pub cert: Option<PathBuf>,
    /// Key of the client certificate.
    pub key: Option<PathBuf>,
    /// User of the system account.
    pub system_user: Option<String>,
    /// Password of the system account.
    pub system_password: Option<SecretString>,
}

/// What is logged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or directives.
    pub filter: String,
    /// How.
    pub format: LogFormat,
}

/// Bounds of the committer.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitterConfig {
    /// Commands of one commit.
    pub commands_max: Bounded<1, 5_000>,
    /// Bytes of one commit.
    pub bytes_max: Bounded<16_384, 245_760>,
    /// SKUs whose stock one commit moves; with the commit itself at most 1,000 messages, the most
    /// that the server takes in a batch.
    pub skus_max: Bounded<100, 999>,
    /// Commits between two snapshots, unless their events are many.
    pub snapshot_every: Bounded<1, 10_000_000>,
    /// Commands that may wait.
    pub queue: Bounded<1, 1_000_000>,
}

/// Rules for orders.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderConfig {
    /// Units: seconds.
    pub hold_s: Bounded<1, 259_200>,
    /// Units: seconds. At least as long as the first five looks after what is unknown take: 2, 5,
    /// 10, 30 and 60 s, and the calls.
    pub unknown_hold_s: Bounded<120, 259_200>,
    /// Units: seconds.
    #[serde(deserialize_with = "retry_schedule")]
    pub retry_after_s: RetrySchedule,
}

fn retry_schedule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RetrySchedule, D::Error> {
    let pauses = Vec::<u64>::deserialize(deserializer)?;
    RetrySchedule::try_new(pauses.into_iter().map(Duration::from_secs).collect())
        .map_err(D::Error::custom)
}

/// Pace of the views.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewsConfig {
    /// Units: milliseconds.
    pub quiet_ms: Bounded<0, 10_000>,
    /// Units: milliseconds.
    pub busy_ms: Bounded<0, 10_000>,
    /// Units: days. Longer than the 72 hours for which something may still come of an order that is
    /// over, by the time that a view may lag.
    pub orders_kept_days: Bounded<7, 36_500>,
}

impl ViewsConfig {
    /// How long an order that is over stays in its view.
    #[must_use]
    pub const fn orders_kept(&self) -> Duration {
        Duration::from_secs(self.orders_kept_days.get().saturating_mul(24 * 60 * 60))
    }
}

/// The feed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// How events are written.
    pub encoding: FeedEncoding,
}

/// How events are written to the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedEncoding {
    /// JSON.
    Json,
    /// MessagePack.
    Msgpack,
}

impl FeedEncoding {
    /// As the wire knows it.
    #[must_use]
    pub const fn encoding(self) -> Encoding {
        match self {
            Self::Json => Encoding::Json,
            Self::Msgpack => Encoding::MessagePack,
        }
    }
}

/// The payer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayerConfig {
    /// Calls under way at once.
    pub concurrency: Bounded<1, 100_000>,
    /// Classes of reason codes that differ from the reviewed table, by connector and code.
    #[serde(default)]
    pub classes: BTreeMap<Token, BTreeMap<Token, DeclineClass>>,
}

/// Who takes the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectorName {
    /// Nobody: it is simulated.
    Simulated,
    /// Stripe.
    Stripe,
}

/// Stripe.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeConfig {
    /// Where it is.
    pub base_url: String,
    /// The secret key.
    pub secret_key: Option<SecretString>,
    /// File with the secret key.
    pub secret_key_file: Option<PathBuf>,
    /// What webhooks are signed with: one, or two while it is being changed.
    #[serde(default)]
    pub webhook_secrets: Vec<SecretString>,
    /// File with them, one a line.
    pub webhook_secrets_file: Option<PathBuf>,
}

/// Where providers tell what happened.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Address and port; nobody is heard without one.
    pub listen: Option<SocketAddr>,
}

/// Who takes the money, and how the simulated gateway behaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Who takes the money.
    pub connector: ConnectorName,
    /// Two gateways with one seed behave alike.
    pub seed: u64,
    /// Units: milliseconds.
    pub latency_min_ms: Bounded<0, 600_000>,
    /// Units: milliseconds.
    pub latency_max_ms: Bounded<0, 600_000>,
    /// Units: of 100,000 charges.
    pub declined_per_100k: Bounded<0, 100_000>,
    /// Codes for them, in turn.
    pub decline_codes: Vec<Token>,
    /// Units: of 100,000 calls.
    pub unavailable_per_100k: Bounded<0, 100_000>,
    /// Units: of 100,000 calls.
    pub answer_lost_per_100k: Bounded<0, 100_000>,
    /// Units: seconds.
    pub outage_after_s: Bounded<0, 86_400>,
    /// Units: seconds.
    pub outage_for_s: Bounded<0, 86_400>,
    /// Where its books are.
    pub ledger: Option<PathBuf>,
}

impl Config {
    /// What the domain goes by.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            hold: Duration::from_secs(self.order.hold_s.get()),
            attempt: Policy::ATTEMPT_DEFAULT,
            unknown_hold: Duration::from_secs(self.order.unknown_hold_s.get()),
            retries: self.order.retry_after_s.clone(),
            classes: DeclineClasses::with(self.payer.classes.clone()),
        }
    }

    /// What is wrong with settings that are right one by one; nothing when they go together.
    fn discord(&self) -> Option<String> {
        let (hold, plan) = (self.order.hold_s.get(), &self.order.retry_after_s);
        let (retries, attempts) = (plan.longest(), plan.attempts());
        let each = Policy::ATTEMPT_DEFAULT.as_secs();
        let needed = retries.as_secs().saturating_add(each.saturating_mul(attempts));
        (hold < needed).then(|| {
            format!(
                "order.hold_s is {hold}, must be at least {needed}: the pauses of \
                 order.retry_after_s take up to {} s, and its {attempts} attempts {each} s each",
                retries.as_secs(),
            )
        })
    }

    /// What is told, and to whom.
    #[must_use]
    pub fn telemetry(&self, environment: &Environment) -> TelemetrySettings {
        let LogConfig { filter, format } = self.log.clone();
        TelemetrySettings { filter, format, export: environment.export.clone() }
    }

    /// How long the roles of a group have to stop.
    #[must_use]
    pub const fn stop_grace(&self) -> Duration {
        Duration::from_millis(self.stop_grace_ms)
    }
}

/// A number between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Bounded<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Bounded<MIN, MAX> {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number, as a count of things in memory.
    #[must_use]
    pub fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MIN: u64, const MAX: u64> TryFrom<u64> for Bounded<MIN, MAX> {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        if (MIN..=MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!("must be {MIN} to {MAX}, is {number}"))
        }
    }
}
