//! What may differ between two providers.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Tells the time. Units: milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How long a result is kept under its idempotency key. Source: Stripe's documentation of
/// idempotent requests.
const IDEMPOTENCY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long something stays pending: long enough to be seen, short enough to be waited for.
const SETTLES_AFTER: Duration = Duration::from_secs(2);

/// Everything that may differ between two providers.
#[derive(Clone)]
pub struct Settings {
    /// Where it listens. Port 0 is any free one.
    pub listen: SocketAddr,
    /// Who knows it may use the account.
    pub secret_key: String,
    /// Append-only file of everything that happened; without one a stop forgets it all.
    pub ledger: Option<PathBuf>,
    /// How long a result is kept under its idempotency key.
    pub idempotency: Duration,
    /// How long payments and refunds stay pending that do.
    pub settles_after: Duration,
    /// How long new payments are not found by search.
    pub search_lag: Duration,
    /// How it behaves.
    pub moods: Moods,
    /// Whom it tells.
    pub webhooks: Option<Webhooks>,
    /// Where the time comes from.
    pub clock: Clock,
}

impl Settings {
    /// A provider without moods or memory on any free port of this machine.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            secret_key: "sk_test_kassa".to_owned(),
            ledger: None,
            idempotency: IDEMPOTENCY,
            settles_after: SETTLES_AFTER,
            search_lag: Duration::ZERO,
            moods: Moods::default(),
            webhooks: None,
            clock,
        }
    }
}

impl fmt::Debug for Settings {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("ledger", &self.ledger)
            .field("moods", &self.moods)
            .finish_non_exhaustive()
    }
}

/// Moods by share. All zero: it is instant and says yes.
///
/// Units: shares are of 100,000 calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moods {
    /// Two providers with one seed behave alike.
    pub seed: u64,
    /// How long a call takes at least.
    pub latency_min: Duration,
    /// How long a call takes at most, but for those that are slow.
    pub latency_max: Duration,
    /// Calls that take ten times as long as the longest of the others.
    pub slow: u64,
    /// Calls that are answered with 429 and not carried out.
    pub rate_limited: u64,
    /// Calls that are answered with 500; every other one of them is carried out.
    pub errors: u64,
    /// Calls that are carried out, and the connection is cut without an answer.
    pub answers_lost: u64,
    /// Payments that are declined.
    pub declined: u64,
    /// Codes for them, drawn by chance; `generic_decline` when there is none.
    pub decline_codes: Vec<String>,
    /// An outage from this long after the start, for so long.
    pub outage: Option<(Duration, Duration)>,
}

/// Whom the provider tells what happened, and how badly.
///
/// Units: shares are of 100,000 events.
#[derive(Clone)]
pub struct Webhooks {
    /// Where events are posted to.
    pub url: String,
    /// What they are signed with: `whsec_…`.
    pub secret: String,
    /// Events that are sent twice.
    pub duplicated: u64,
    /// Each event waits up to so long.
    pub late: Duration,
    /// Events that are held back until after the next one.
    pub reordered: u64,
    /// Events that are followed by a forgery of themselves.
    pub forged: u64,
    /// The pause before an event is sent again that was not taken; doubles each time.
    pub retry_after: Duration,
}

impl Webhooks {
    /// Reports everything once, in order, and at once.
    #[must_use]
    pub fn new(url: String, secret: String) -> Self {
        Self {
            url,
            secret,
            duplicated: 0,
            late: Duration::ZERO,
            reordered: 0,
            forged: 0,
            // The receiver is on this machine: when it starts again it is there in a second.
            retry_after: Duration::from_millis(500),
        }
    }
}
