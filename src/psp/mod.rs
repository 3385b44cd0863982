//! A payment provider that is not there: speaks a subset of Stripe's HTTP interface, with the moods
//! of a real one.
//!
//! It uses no room but the one that chooses the cryptography. What a connector gets right against
//! it, it does not get right because both share code.

mod asked;
mod bank;
mod books;
mod chance;
mod control;
mod decline;
mod fault;
mod form;
mod http;
mod intents;
mod ledger;
mod listener;
mod listing;
mod method;
mod outage;
mod records;
mod refunds;
mod render;
mod search;
mod settings;
mod signature;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tracing::warn;

use bank::Bank;
use books::Books;
use webhooks::Teller;

pub use ledger::LedgerError;
pub use outage::OutageKind;
pub use settings::{Clock, Moods, Settings, Webhooks};

/// How long calls under way may take when it stops.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Why a provider did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It cannot listen there.
    #[error("listening on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It cannot tell anybody anything.
    #[error("sending webhooks")]
    Webhooks(#[source] reqwest::Error),
}

/// The simulated provider.
#[derive(Debug)]
pub struct Provider;

impl Provider {
    /// Starts one. It answers as soon as this returns.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn start(settings: Settings) -> Result<Running, StartError> {
        let books = Books::open(settings.ledger.as_deref())?;
        let address = settings.listen;
        let failed = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let outage = settings.moods.outage;
        let told = settings.webhooks.clone().map(|to| (to, tokio::sync::mpsc::unbounded_channel()));
        let (told, teller) = match told {
            Some((to, (told, events))) => (Some(told), Some((to, events))),
            None => (None, None),
        };
        let bank = Bank::open(settings, books, told);
        if let Some((to, events)) = teller {
            let teller = Teller::new(&bank, to).map_err(StartError::Webhooks)?;
            bank.tasks.spawn(teller.run(events));
        }
        bank.settle_rest();
        if let Some((after, lasts)) = outage {
            let planned = Arc::clone(&bank);
            bank.tasks.spawn(async move {
                tokio::select! {
                    () = planned.stop.cancelled() => {}
                    () = tokio::time::sleep(after) => {
                        planned.weather.outage(lasts, OutageKind::default());
                    }
                }
            });
        }
        let router = http::router(&bank);
        bank.tasks.spawn(listener::serve(Arc::clone(&bank), listener, router));
        Ok(Running { address, bank })
    }
}

/// A provider that runs. Dropped, it goes on until its runtime ends.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    bank: Arc<Bank>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Running {
    /// What stands before `/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Begins an outage; another one ends.
    pub fn outage(&self, lasts: Duration, kind: OutageKind) {
        self.bank.weather.outage(lasts, kind);
    }

    /// Ends the outage, if there is one.
    pub fn heal(&self) {
        self.bank.weather.heal();
    }

    /// Stops it: takes no more calls, and lets those under way finish.
    pub async fn stop(self) {
        self.bank.stop.cancel();
        self.bank.tasks.close();
        if tokio::time::timeout(STOP_GRACE, self.bank.tasks.wait()).await.is_err() {
            warn!("calls were under way for too long and are cut");
        }
    }
}
