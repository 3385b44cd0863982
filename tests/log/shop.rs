//! A day in a shop, in memory, with the real committer: every kind of event happens in it.

use std::time::Duration;

use kassa::domain::{
    AdjustStock, CancelOrder, Command, CommandId, CountStock, DelistSku, FulfilOrder, ListSku,
    Market, OrderId, OrderLine, PaymentResult, PlaceOrder, Policy, Quantity, ReceiveStock,
    RecordPayment, RepriceSku, Sequence, Sku, Source, Timestamp,
};
use kassa::engine::Candidate;
use kassa::port::model::{ModelClock, ModelLease, ModelLog, ModelSnapshots};
use kassa::port::{AnswerTo, Arrived, Asks, Batch, Log, Message, ReadError, Replies};
use kassa::role::committer::{Bounds, Ports, Rules, Settings, run};
use kassa::wire::{
    Commit, Encoding, Outcome, Outgoing, Subjects, headers, kassa_type, write_command,
    write_commands,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// 2027-01-15T08:00:00Z.
pub(crate) const T0: Timestamp = Timestamp(1_800_000_000_000);

/// Nobody requests anything here: all commands are published.
#[derive(Clone)]
struct NoAsks;

impl Asks for NoAsks {
    async fn serve(
        &self,
        _arrived: mpsc::Sender<Arrived>,
        stop: CancellationToken,
    ) -> Result<(), ReadError> {
        stop.cancelled().await;
        Ok(())
    }
}

/// Nobody waits for an answer either.
#[derive(Clone)]
struct NoReplies;

impl Replies for NoReplies {
    fn send(&self, _answers: Vec<(AnswerTo, Outcome)>) {}
}

/// The streams of a market, as one day left them.
#[derive(Clone)]
pub(crate) struct Day {
    pub(crate) events: ModelLog,
    pub(crate) commands: ModelLog,
}

pub(crate) fn subjects() -> Subjects {
    Subjects::of("main".parse().unwrap())
}

/// The id numbered `number`, made at the beginning of the day.
pub(crate) fn command_id(number: u32) -> CommandId {
    uuid(number, 1).try_into().unwrap()
}

pub(crate) fn order_id(number: u32) -> OrderId {
    uuid(number, 2).try_into().unwrap()
}

fn uuid(number: u32, kind: u8) -> uuid::Uuid {
    let [a, b, c, d] = number.to_be_bytes();
    uuid::Builder::from_unix_timestamp_millis(T0.0, &[0, 0, kind, 0, 0, 0, a, b, c, d]).into_uuid()
}

pub(crate) fn sku(name: &str) -> Sku {
    name.parse().unwrap()
}

pub(crate) fn quantity(units: u32) -> Quantity {
    Quantity::try_new(units).unwrap()
}

fn read<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

pub(crate) fn place(order: u32, lines: &[(&str, u32, u64)]) -> Command {
    let lines: Vec<OrderLine> = lines
        .iter()
        .map(|(sku, quantity, price)| {
            read(serde_json::json!({"sku": sku, "quantity": quantity, "unit_price_minor": price}))
        })
        .collect();
    Command::PlaceOrder(PlaceOrder {
        order_id: order_id(order),
        customer_ref: "customer-1".parse().unwrap(),
        lines,
        currency: read("EUR".into()),
        payment_method_token: "pm_card_visa".parse().unwrap(),
    })
}

fn record(order: u32, result: serde_json::Value) -> Command {
    Command::RecordPayment(RecordPayment {
        order_id: order_id(order),
        attempt: 1,
        connector: "simulated".parse().unwrap(),
        result: read::<PaymentResult>(result),
    })
}

fn capture(order: u32, minor: u64, reference: &str) -> Command {
    let money = serde_json::json!({
        "captured": {"amount_minor": minor, "currency": "EUR", "provider_ref": reference}
    });
    record(order, money)
}

fn decline(order: u32, code: &str) -> Command {
    record(order, serde_json::json!({"declined": {"code": code}}))
}

fn list(name: &str, price: u64) -> Command {
    let listed = serde_json::json!({
        "sku": name, "name": name, "unit_price_minor": price, "currency": "EUR"
    });
    Command::ListSku(read::<ListSku>(listed))
}

fn receive(name: &str, units: u32, reference: &str) -> Command {
    Command::ReceiveStock(ReceiveStock {
        sku: sku(name),
        quantity: quantity(units),
        reference: reference.parse().unwrap(),
    })
}

fn count(name: &str, counted: u64) -> Command {
    Command::CountStock(CountStock { sku: sku(name), counted, expected_seq: None })
}

/// Every message of the day, in order.
fn script() -> Vec<Vec<Command>> {
    let one = |command| vec![command];
    vec![
        one(list("mug", 500)),
        one(list("pen", 100)),
        one(list("sticker", 0)),
        one(receive("mug", 20, "delivery-1")),
        one(receive("pen", 20, "delivery-1")),
        one(receive("sticker", 5, "delivery-1")),
        // Paid, sent, paid again, and declined when nobody cares any more.
        one(place(1, &[("mug", 2, 500), ("pen", 1, 100)])),
        one(capture(1, 1_100, "pay-1")),
        one(Command::FulfilOrder(FulfilOrder {
            order_id: order_id(1),
            shipment_ref: "shipment-1".parse().unwrap(),
        })),
        one(capture(1, 1_100, "pay-1b")),
        one(decline(1, "lost_card")),
        // Declined, and paid all the same.
        one(place(2, &[("mug", 3, 500)])),
        one(decline(2, "stolen_card")),
        one(capture(2, 1_500, "pay-2")),
        // Called off.
        one(place(3, &[("mug", 1, 500)])),
        one(Command::CancelOrder(CancelOrder {
            order_id: order_id(3),
            reason: read("changed my mind".into()),
        })),
        // More than there is.
        one(place(4, &[("pen", 500, 100)])),
        // Nothing to pay.
        one(place(5, &[("sticker", 1, 0)])),
        one(Command::AdjustStock(AdjustStock {
            sku: sku("pen"),
            delta: read((-1).into()),
            reason: read("broken".into()),
            reference: "note-1".parse().unwrap(),
        })),
        // Two in one message, both paid with another amount than owed, or not yet.
        vec![place(6, &[("mug", 4, 500)]), place(7, &[("mug", 2, 500), ("pen", 2, 100)])],
        one(capture(7, 1, "pay-7")),
        one(count("mug", 3)),
        one(Command::RepriceSku(RepriceSku {
            sku: sku("pen"),
            unit_price_minor: read(120.into()),
        })),
        one(Command::DelistSku(DelistSku { sku: sku("sticker") })),
        one(count("pen", 18)),
    ]
}

/// Lets the day happen.
pub(crate) async fn a_day() -> Day {
    let clock = ModelClock::at(T0);
    let subjects = subjects();
    let day = Day { events: ModelLog::new(clock.clone()), commands: ModelLog::new(clock.clone()) };
    let lease = ModelLease::new(clock.clone(), Duration::from_secs(24 * 60 * 60));
    let ports = Ports {
        events: day.events.clone(),
        commands: day.commands.clone(),
        candidate: Candidate { lease, key: "main.committer".into(), holder: "test".into() },
        asks: NoAsks,
        snapshots: ModelSnapshots::default(),
        clock: clock.clone(),
        replies: NoReplies,
    };
    let settings = Settings {
        subjects: subjects.clone(),
        rules: Rules {
            policy: Policy { hold: Duration::from_secs(60) },
            bounds: Bounds::default(),
            decide: Market::decide,
            snapshot_every: 5,
        },
        queue: 16,
    };
    for half in [0, 1] {
        let stop = CancellationToken::new();
        let committer = {
            let (ports, settings, stop) = (ports.clone(), settings.clone(), stop.clone());
            tokio::spawn(async move { run(&ports, &settings, &stop).await })
        };
        if half == 0 {
            for (number, commands) in (0_u32..).zip(script()) {
                publish(&day, &commands, number * 10).await;
                clock.advance(Duration::from_millis(7));
            }
            poison(&day).await;
        } else {
            // After a restart, nobody has paid.
            publish(&day, &[place(8, &[("pen", 3, 120)])], 9_000).await;
            clock.advance(Duration::from_secs(61));
            until(&day, |commit| {
                commit.events.iter().any(|record| {
                    record.event.kind() == "hold_expired"
                        && record.event.order_id() == Some(order_id(8))
                })
            })
            .await;
        }
        stop.cancel();
        committer.await.unwrap().unwrap();
    }
    day
}

/// Publishes commands as one message, and waits until they are decided.
async fn publish(day: &Day, commands: &[Command], number: u32) {
    let payer = matches!(commands[0], Command::RecordPayment(_));
    let source: Source = if payer { "payer" } else { "web" }.parse().unwrap();
    let kind = commands[0].kind();
    let outgoing: Vec<Outgoing<'_>> = (number..)
        .zip(commands)
        .map(|(number, command)| Outgoing { id: command_id(number), command, trace: None })
        .collect();
    let payload = match &outgoing[..] {
        [one] => write_command(one, Encoding::Json),
        several => write_commands(several, Encoding::MessagePack),
    };
    let encoding = if outgoing.len() == 1 { Encoding::Json } else { Encoding::MessagePack };
    let message = Message {
        subject: subjects().command(&source, kind),
        headers: vec![
            (headers::CONTENT_TYPE, encoding.content_type().to_owned()),
            (headers::KASSA_TYPE, kassa_type(kind)),
        ],
        payload: payload.unwrap(),
        expected: None,
    };
    send(day, message).await;
}

/// Publishes what nobody can read.
async fn poison(day: &Day) {
    let message = Message {
        subject: "kassa.main.cmd.web.order.place".to_owned(),
        headers: vec![
            (headers::CONTENT_TYPE, "application/json".to_owned()),
            (headers::KASSA_TYPE, "place_order/1".to_owned()),
        ],
        payload: "{".into(),
        expected: None,
    };
    send(day, message).await;
}

async fn send(day: &Day, message: Message) {
    let batch = Batch { messages: vec![message], expected_end: None };
    let at = day.commands.commit(&batch).await.unwrap().first;
    until(day, |commit| at <= commit.head.position).await;
}

/// Waits until the log holds such a commit.
async fn until(day: &Day, wanted: impl Fn(&Commit) -> bool) {
    let found = async {
        let mut tail = day.events.follow(&subjects().commit(), Sequence::START).await.unwrap();
        loop {
            for entry in kassa::port::Tail::next(&mut tail, 64).await.unwrap() {
                if wanted(&Commit::decode(&entry.payload).unwrap()) {
                    return;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found).await.expect("it is committed in time");
}
