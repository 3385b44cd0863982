//! The connection, and what is known of its health.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::{Client, ConnectOptions, Event};
use tokio::sync::watch;
use tracing::{debug, info, warn};

/// How long a dead peer goes unnoticed is twice this. The client's own default is a minute.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Messages a subscription may hold before the client drops some: a second of commands at the
/// rate this is built for, twice over. Dropping is an error here, never a way to slow down.
const SUBSCRIPTION_CAPACITY: usize = 128 * 1024;

/// Messages on their way to the socket. A full batch fits without waiting for the writer.
const CLIENT_CAPACITY: usize = 8 * 1024;

/// How long an API call may take. JetStream's own answers come in milliseconds, except while a
/// leader is elected, and then nobody answers.
const API_TIMEOUT: Duration = Duration::from_secs(5);

/// Where to connect, and as whom.
#[derive(Clone, Debug, Default)]
pub struct ConnectionOptions {
    /// Servers, separated by commas.
    pub url: String,
    /// Name shown in the server's connection list.
    pub name: String,
    /// Credentials file.
    pub creds: Option<PathBuf>,
    /// File with an NKEY seed.
    pub nkey: Option<PathBuf>,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// Certificates to trust.
    pub ca: Option<PathBuf>,
    /// Client certificate.
    pub cert: Option<PathBuf>,
    /// Key of the client certificate.
    pub key: Option<PathBuf>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers.
    #[error("no NATS server answers at {url}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        #[source]
        source: async_nats::ConnectError,
    },
    /// The server answers and says no.
    #[error("the NATS server at {url} refuses these credentials")]
    Refused {
        /// Where.
        url: String,
        /// Why.
        #[source]
        source: async_nats::ConnectError,
    },
    /// A file with credentials cannot be read.
    #[error("{file} cannot be read")]
    Credentials {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A connection to NATS.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The client.
    pub(crate) client: Client,
    /// Its JetStream.
    pub(crate) jetstream: jetstream::Context,
    health: Arc<Health>,
}

#[derive(Debug)]
struct Health {
    /// Counts lost connections: whoever waits for an answer sees it change.
    lost: watch::Sender<u64>,
    /// Whether it is lost just now.
    away: AtomicBool,
    /// Counts messages the client dropped because nobody took them.
    dropped: AtomicU64,
    /// The last thing the server forbade.
    violation: watch::Sender<String>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; once connected, a lost connection is restored for ever.
    pub async fn open(options: &ConnectionOptions) -> Result<Self, ConnectError> {
        let health = Arc::new(Health {
            lost: watch::Sender::new(0),
            away: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            violation: watch::Sender::new(String::new()),
        });
        let watched = Arc::clone(&health);
        let client = authenticated(options)
            .await?
            .name(&options.name)
            .ping_interval(PING_INTERVAL)
            .subscription_capacity(SUBSCRIPTION_CAPACITY)
            .client_capacity(CLIENT_CAPACITY)
            .request_timeout(Some(API_TIMEOUT))
            // Subjects come from validated tokens only.
            .skip_subject_validation(true)
            .event_callback(move |event| {
                watched.note(&event);
                async {}
            })
            .connect(addresses(&options.url))
            .await
            .map_err(|source| refused_or_unreachable(&options.url, source))?;
        let jetstream =
            jetstream::context::ContextBuilder::new().timeout(API_TIMEOUT).build(client.clone());
        Ok(Self { client, jetstream, health })
    }

    /// Tells when the connection is lost: the number of times changes.
    #[must_use]
    pub fn losses(&self) -> watch::Receiver<u64> {
        self.health.lost.subscribe()
    }

    /// Tells what the server forbids.
    pub(super) fn violations(&self) -> watch::Receiver<String> {
        self.health.violation.subscribe()
    }

    /// The last thing the server forbade, in its words.
    #[must_use]
    pub fn forbidden(&self) -> Option<String> {
        let violation = self.health.violation.borrow();
        (!violation.is_empty()).then(|| violation.clone())
    }

    /// Waits until the server forbids something.
    pub async fn until_forbidden(&self) -> String {
        let mut violations = self.violations();
        match violations.wait_for(|violation| !violation.is_empty()).await {
            Ok(violation) => violation.clone(),
            Err(_) => std::future::pending().await,
        }
    }

    /// How many messages were dropped because nobody took them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.health.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything published has reached the server.
    pub async fn flush(&self) {
        // A connection that is gone has nothing to flush.
        let _ = tokio::time::timeout(API_TIMEOUT, self.client.flush()).await;
    }
}

impl Health {
    fn note(&self, event: &Event) {
        match event {
            Event::Disconnected => {
                warn!("disconnected from NATS");
                self.away.store(true, Ordering::Relaxed);
                self.lost.send_modify(|count| *count = count.saturating_add(1));
            }
            Event::SlowConsumer(subscription) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                warn!(subscription, "a subscription is full, messages are dropped");
            }
            Event::ServerError(error) => {
                warn!(%error, "NATS server error");
                self.violation.send_replace(error.to_string());
            }
            // Every attempt to connect again that fails is one; the loss was told.
            Event::ClientError(error) if self.away.load(Ordering::Relaxed) => {
                debug!(%error, "NATS client error");
            }
            Event::ClientError(error) => warn!(%error, "NATS client error"),
            Event::Connected if self.away.swap(false, Ordering::Relaxed) => {
                info!("connected to NATS again");
            }
            // A process has a dozen connections, and says itself what it is connected to.
            Event::Connected => debug!("connected to NATS"),
            Event::LameDuckMode => info!("the NATS server is about to stop"),
            Event::Draining | Event::Closed => {}
        }
    }
}

fn addresses(url: &str) -> Vec<String> {
    url.split(',').map(|address| address.trim().to_owned()).collect()
}

async fn authenticated(options: &ConnectionOptions) -> Result<ConnectOptions, ConnectError> {
    let unreadable = |file: &PathBuf| {
        let file = file.clone();
        move |source| ConnectError::Credentials { file, source }
    };
    let mut connect = ConnectOptions::new();
    if let Some(file) = &options.creds {
        connect = connect.credentials_file(file).await.map_err(unreadable(file))?;
    }
    if let Some(file) = &options.nkey {
        let seed = tokio::fs::read_to_string(file).await.map_err(unreadable(file))?;
        connect = connect.nkey(seed.trim().to_owned());
    }
    if let (Some(user), Some(password)) = (&options.user, &options.password) {
        connect = connect.user_and_password(user.clone(), password.clone());
    }
    if let Some(file) = &options.ca {
        connect = connect.add_root_certificates(file.clone());
    }
    if let (Some(cert), Some(key)) = (&options.cert, &options.key) {
        connect = connect.add_client_certificate(cert.clone(), key.clone());
    }
    Ok(connect)
}

fn refused_or_unreachable(url: &str, source: async_nats::ConnectError) -> ConnectError {
    use async_nats::ConnectErrorKind as Kind;
    let url = without_credentials(url);
    match source.kind() {
        Kind::Authentication | Kind::AuthorizationViolation => {
            ConnectError::Refused { url, source }
        }
        Kind::ServerParse
        | Kind::Dns
        | Kind::Tls
        | Kind::TimedOut
        | Kind::Io
        | Kind::MaxReconnects => ConnectError::Unreachable { url, source },
    }
}

/// Addresses as they may be shown: what stands before the host is nobody's business.
fn without_credentials(url: &str) -> String {
    let shown = url.split(',').map(|address| match address.rsplit_once('@') {
        Some((before, host)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://{host}"),
            None => host.to_owned(),
        },
        None => address.to_owned(),
    });
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn no_password_is_shown_with_an_address() {
        let shown = without_credentials("nats://ann:se@cret@one:4222,two:4222,bob:x@three:4222");
        assert_eq!(shown, "nats://one:4222,two:4222,three:4222");
    }
}
