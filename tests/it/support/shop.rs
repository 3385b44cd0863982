//! A market on servers of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kassa::domain::stock::StockDelta;
use kassa::domain::{
    AdjustStock, Command, CommandId, Currency, ListSku, Policy, Price, Sku, Text, Timestamp,
};
use kassa::gateway::{
    ChargeLine, Connector, LedgerLine, SimulatedGateway, Simulation, StripeGateway,
};
use kassa::nats::{Client, Connection, ConnectionOptions, JsLog};
use kassa::port::{Clock, Commands, Gateway, Moved, SystemClock, new_uuid};
use kassa::role::committer::Bounds;
use kassa::role::payer::Payments;
use kassa::run::{Paces, Role, Running, Setup, start};
use kassa::wire::{Encoding, OutcomeKind, Subjects};

use super::eventually;
use super::nats::Nats;

/// How long a market may take to open on a busy machine.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// Servers, the streams of a market on them, and what its roles need.
pub(crate) struct Shop {
    pub(crate) nats: Nats,
    // Apart, because tests move shops about.
    pub(crate) setup: Box<Setup<Connector>>,
    pub(crate) subjects: Subjects,
    books: PathBuf,
}

impl Shop {
    pub(crate) async fn on_one_node() -> Self {
        Self::on(Nats::one().await).await
    }

    pub(crate) async fn on_three_nodes() -> Self {
        Self::on(Nats::three().await).await
    }

    pub(crate) async fn on(nats: Nats) -> Self {
        nats.provision().await;
        let books = nats.folder.path().join("gateway.jsonl");
        let setup = Box::new(setup(&nats.url(), gateway(Simulation::default(), &books)));
        let subjects = Subjects::of(setup.market.clone());
        Self { nats, setup, subjects, books }
    }

    /// Has the provider be in other moods.
    pub(crate) fn with_moods(mut self, change: impl FnOnce(&mut Simulation)) -> Self {
        let mut moods = Simulation::default();
        change(&mut moods);
        self.setup.gateway = gateway(moods, &self.books);
        self
    }

    /// Has another provider take the money, which tells what happened at `webhooks`.
    pub(crate) fn paid_by(mut self, gateway: StripeGateway, webhooks: Option<SocketAddr>) -> Self {
        self.setup.gateway = Arc::new(Connector::Stripe(gateway));
        self.setup.webhooks = webhooks;
        self
    }

    /// Starts roles in this process.
    pub(crate) async fn start(&self, roles: &[Role]) -> Running {
        start(&self.setup, roles).await.unwrap()
    }

    /// Starts roles in this process that reach the server at `url`.
    pub(crate) async fn start_via(&self, url: &str, roles: &[Role]) -> Running {
        start(&setup(url, Arc::clone(&self.setup.gateway)), roles).await.unwrap()
    }

    pub(crate) async fn connect(&self, name: &str) -> Connection {
        self.nats.connect(name).await
    }

    /// A client of the source `web`.
    pub(crate) async fn client(&self) -> Client {
        let connection = self.connect("buyers").await;
        Client::new(&connection, self.subjects.clone(), "web".parse().unwrap()).await.unwrap()
    }

    pub(crate) async fn events(&self) -> JsLog {
        let connection = self.connect("reader").await;
        JsLog::events(&connection, &self.subjects, self.setup.older.clone()).await.unwrap()
    }

    /// A stream of the market, by its last word.
    pub(crate) async fn log(&self, word: &str) -> JsLog {
        let connection = self.connect("reader").await;
        JsLog::open(&connection, self.subjects.stream(word)).await.unwrap()
    }

    /// The stream behind the bucket of a view.
    pub(crate) async fn bucket(&self, view: &str) -> JsLog {
        let connection = self.connect("reader").await;
        let stream = Subjects::bucket_stream(&self.subjects.bucket(view));
        JsLog::open(&connection, stream).await.unwrap()
    }

    /// Puts `units` of each of `skus` SKUs on the shelves. Somebody has to be deciding.
    pub(crate) async fn fill(&self, client: &Client, skus: usize, units: i64) {
        for number in 0..skus {
            for command in [list(number), found(number, units)] {
                let id = command_id();
                let sent = async || client.send(id, &command, None).await.ok();
                let outcome = eventually("a market that decides", OPEN_TIMEOUT, sent).await;
                assert_ne!(outcome.result, OutcomeKind::Refused, "{outcome:?}");
            }
        }
    }

    /// Where the provider keeps its books.
    pub(crate) fn books_file(&self) -> &Path {
        &self.books
    }

    /// All money on the provider's list.
    pub(crate) async fn moved(&self) -> Vec<Moved> {
        let (mut moved, mut after) = (Vec::new(), None::<String>);
        loop {
            let ever = (Timestamp(0), Timestamp(u64::MAX / 2));
            let page = self.setup.gateway.list(ever.0, ever.1, after.as_deref()).await.unwrap();
            moved.extend(page.lines);
            after = page.next;
            if after.is_none() {
                return moved;
            }
        }
    }

    /// The provider's own books.
    pub(crate) fn books(&self) -> Vec<LedgerLine> {
        let text = std::fs::read_to_string(&self.books).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The charges in the provider's own books.
    pub(crate) fn charges(&self) -> Vec<ChargeLine> {
        let charge = |line| match line {
            LedgerLine::Charge(line) => Some(line),
            LedgerLine::Refund(_) => None,
        };
        self.books().into_iter().filter_map(charge).collect()
    }
}

fn gateway(simulation: Simulation, books: &Path) -> Arc<Connector> {
    let simulated = SimulatedGateway::with_ledger(simulation, books).unwrap();
    Arc::new(Connector::Simulated(Box::new(simulated)))
}

/// What the roles of a process need that reaches its server at `url`.
pub(crate) fn setup(url: &str, gateway: Arc<Connector>) -> Setup<Connector> {
    let holder = format!("test {}", std::process::id());
    Setup {
        nats: ConnectionOptions { url: url.to_owned(), ..ConnectionOptions::default() },
        market: "main".parse().unwrap(),
        policy: Policy::default(),
        bounds: Bounds::default(),
        // Few, so that whoever starts finds one.
        snapshot_every: 20,
        milestone_every: kassa::role::milestones::EVERY,
        queue: 8_192,
        pace: Paces::default(),
        feed: Encoding::Json,
        payments: Payments::default(),
        gateway,
        webhooks: None,
        checkpoints: None,
        older: None,
        orders_kept: Duration::from_secs(90 * 24 * 60 * 60),
        holder,
    }
}

pub(crate) fn command_id() -> CommandId {
    CommandId::try_from(new_uuid(SystemClock.now())).unwrap()
}

pub(crate) fn sku(number: usize) -> Sku {
    format!("SKU-{number:05}").parse().unwrap()
}

/// What every unit costs: 12.50 EUR.
pub(crate) fn price() -> (Price, Currency) {
    (Price::try_new(1_250).unwrap(), Currency::from_code("EUR").unwrap())
}

pub(crate) fn list(number: usize) -> Command {
    let (unit_price_minor, currency) = price();
    let name = Text::lossy("Thing");
    let per_order_max = None;
    Command::ListSku(ListSku { sku: sku(number), name, unit_price_minor, currency, per_order_max })
}

fn found(number: usize, units: i64) -> Command {
    Command::AdjustStock(AdjustStock {
        sku: sku(number),
        delta: StockDelta::try_new(units).unwrap(),
        reason: Text::lossy("filling the shelves"),
        reference: "first".parse().unwrap(),
    })
}
