//! A shop on a server of its own, with every role in this process.

pub(crate) mod journey;

use std::time::Duration;

use kassa::bench::{Embedded, Nodes, Servers, World, WorldOptions};
use kassa::config::Environment;
use kassa::domain::stock::StockDelta;
use kassa::domain::{
    AdjustStock, Command, CommandId, Currency, Event, ListSku, OrderId, OrderLine, PlaceOrder,
    Price, Quantity, Recorded, Sequence, Text, TraceParent,
};
use kassa::nats::{Client, JsLog};
use kassa::port::{Clock, Commands, Log, SystemClock, Tail, new_uuid};
use kassa::run::Role;
use kassa::server::{Staging, Sync, find};
use kassa::wire::{Commit, Outcome, OutcomeKind, Subjects};

/// Far above what anything here takes, so that a failure is one.
const PATIENCE: Duration = Duration::from_secs(20);

/// A shop that sells one thing.
pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) subjects: Subjects,
    pub(crate) client: Client,
    events: JsLog,
    _folder: tempfile::TempDir,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let environment = Environment::read();
        let (named, path) = (environment.nats_server.as_deref(), environment.path.as_deref());
        let server = find(named, path, &environment.folders.cache, |_| {}).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded {
            program: server.program,
            folder: folder.path().to_path_buf(),
            nodes: Nodes::One,
            sync: Sync::Default,
            staging: Staging::Memory,
        };
        let options = WorldOptions::new(Servers::Embedded(embedded), Role::ALL.to_vec());
        let world = World::start(&options).await.unwrap();
        let subjects = world.subjects();
        let connection = world.connect("edge").await.unwrap();
        let client =
            Client::new(&connection, subjects.clone(), "edge".parse().unwrap()).await.unwrap();
        let events = JsLog::events(&connection, &subjects, None).await.unwrap();
        let shop = Self { world, subjects, client, events, _folder: folder };
        shop.stock(1_000).await;
        shop
    }

    async fn stock(&self, units: i64) {
        let sku: kassa::domain::Sku = "CUP".parse().unwrap();
        let list = ListSku {
            sku: sku.clone(),
            name: Text::try_from("A cup").unwrap(),
            unit_price_minor: Price::try_new(1_250).unwrap(),
            currency: Currency::from_code("EUR").unwrap(),
            per_order_max: None,
        };
        let adjust = AdjustStock {
            sku,
            delta: StockDelta::try_new(units).unwrap(),
            reason: Text::try_from("the first delivery").unwrap(),
            reference: "first".parse().unwrap(),
        };
        for command in [Command::ListSku(list), Command::AdjustStock(adjust)] {
            let outcome = self.client.send(command_id(), &command, None).await.unwrap();
            assert_eq!(outcome.result, OutcomeKind::Accepted, "{outcome:?}");
        }
    }

    /// Places an order for one cup.
    pub(crate) async fn place(&self, order_id: OrderId, trace: Option<&TraceParent>) -> Outcome {
        let outcome = self.client.send(command_id(), &one_cup(order_id), trace).await.unwrap();
        assert_eq!(outcome.result, OutcomeKind::Accepted, "{outcome:?}");
        outcome
    }

    /// Waits until an order is confirmed, and returns its events in the order of the log.
    pub(crate) async fn history(&self, order_id: OrderId) -> Vec<Recorded> {
        let follow = async {
            let mut found = Vec::new();
            let mut tail =
                self.events.follow(&self.subjects.commit(), Sequence::START).await.unwrap();
            loop {
                for entry in tail.next(64).await.unwrap() {
                    let events = Commit::decode(&entry.payload).unwrap().events;
                    found.extend(
                        events.into_iter().filter(|e| e.event.order_id() == Some(order_id)),
                    );
                    if found.iter().any(|e| matches!(e.event, Event::OrderConfirmed(_))) {
                        return found;
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, follow).await.expect("the order is confirmed")
    }
}

/// Asks again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("in time: {what}"))
}

pub(crate) fn command_id() -> CommandId {
    CommandId::try_from(new_uuid(SystemClock.now())).unwrap()
}

pub(crate) fn order_id() -> OrderId {
    OrderId::try_from(new_uuid(SystemClock.now())).unwrap()
}

/// The command that orders one cup.
pub(crate) fn one_cup(order_id: OrderId) -> Command {
    cups(order_id, 1)
}

/// The command that orders cups.
pub(crate) fn cups(order_id: OrderId, units: u32) -> Command {
    let line = OrderLine {
        sku: "CUP".parse().unwrap(),
        quantity: Quantity::try_new(units).unwrap(),
        unit_price_minor: Price::try_new(1_250).unwrap(),
    };
    Command::PlaceOrder(PlaceOrder {
        order_id,
        customer_ref: "anna".parse().unwrap(),
        lines: vec![line],
        currency: Currency::from_code("EUR").unwrap(),
        payment_method_token: "tok_visa".parse().unwrap(),
    })
}
