//! A shop whose money goes over HTTP, to a provider that speaks like Stripe.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use kassa::gateway::{StripeGateway, StripeSettings};
use kassa::port::{Clock, SystemClock};
use kassa::psp::{Moods, Provider, Running, Settings, Webhooks};
use kassa::server::free_port;
use tempfile::TempDir;

use super::shop::Shop;

/// What webhooks are signed with.
pub(crate) const SECRET: &str = "whsec_shop";

const KEY: &str = "sk_test_kassa";

/// A provider, and where it tells what happened.
pub(crate) struct Psp {
    pub(crate) running: Running,
    pub(crate) hears: SocketAddr,
    settings: Settings,
    /// Where its ledger lies.
    _folder: TempDir,
}

impl Psp {
    pub(crate) async fn open(differ: impl FnOnce(&mut Settings)) -> Self {
        let hears = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port(None).unwrap()));
        let mut settings = Settings::new(Arc::new(|| SystemClock.now().0));
        let url = format!("http://{hears}/webhooks/stripe");
        settings.webhooks = Some(Webhooks::new(url, SECRET.to_owned()));
        let folder = tempfile::tempdir().unwrap();
        settings.ledger = Some(folder.path().join("psp.jsonl"));
        differ(&mut settings);
        let running = Provider::start(settings.clone()).await.unwrap();
        Self { running, hears, settings, _folder: folder }
    }

    /// The same provider after a restart, without moods: for whoever wants to read its books.
    pub(crate) async fn calm(self) -> Self {
        self.running.stop().await;
        let settings = Settings { moods: Moods::default(), webhooks: None, ..self.settings };
        let running = Provider::start(settings.clone()).await.unwrap();
        Self { running, settings, ..self }
    }

    /// A connector to it.
    pub(crate) fn connector(&self, secret_key: &str) -> StripeGateway {
        let settings = StripeSettings {
            base_url: self.running.url(),
            secret_key: Some(secret_key.into()),
            webhook_secrets: vec![SECRET.into()],
        };
        StripeGateway::new(&settings).unwrap()
    }

    /// Has it take the money of a shop, which hears what it tells.
    pub(crate) fn paying(&self, shop: Shop) -> Shop {
        shop.paid_by(self.connector(KEY), Some(self.hears))
    }
}
