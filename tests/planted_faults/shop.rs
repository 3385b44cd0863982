//! A shop in which everything happens that can happen, and the log of it.

use std::time::Duration;

use kassa::domain::stock::StockDelta;
use kassa::domain::{
    AdjustStock, Amount, CancelOrder, Command, CommandId, CountStock, Currency, FulfilOrder,
    LineUnits, ListSku, Market, OrderId, OrderLine, PaymentResult, PlaceOrder, Policy, Price,
    Quantity, ReceiveStock, RecordPayment, RecordRefund, RefundOrder, RefundResult, RepriceSku,
    ReturnLines, ReturnedLine, Sku, Text, Timestamp, Token,
};
use kassa::engine::Machine;
use kassa::port::model::{ModelClock, ModelLog};
use kassa::port::{AnswerTo, Arrived, Batch, Log, Message, Replies};
use kassa::role::committer::{Bounds, Committer, Rules, open};
use kassa::wire::{
    Encoding, Outcome, Outgoing, Snapshot, Subjects, headers, kassa_type, read_commands,
    write_command,
};
use tokio_util::sync::CancellationToken;

/// When the shop opens.
const T0: Timestamp = Timestamp(1_760_000_000_000);

/// Orders, by what becomes of them.
pub(crate) const FULFILLED: u8 = 1;
pub(crate) const DECLINED: u8 = 2;
pub(crate) const CALLED_OFF: u8 = 3;
pub(crate) const EXPIRED: u8 = 4;
pub(crate) const REJECTED: u8 = 5;
pub(crate) const FREE: u8 = 6;
pub(crate) const SHORT: u8 = 7;
pub(crate) const PAID_LATE: u8 = 8;
pub(crate) const PAID_TWICE: u8 = 9;
pub(crate) const WAITING: u8 = 10;
/// Called off after it was paid; its first attempt to give the money back fails.
pub(crate) const UNDONE: u8 = 12;
/// Its money comes after its hold has ended, and it goes on.
pub(crate) const REINSTATED: u8 = 13;
/// Leaves in two parts, comes back, and some of its money is given back.
pub(crate) const RETURNED: u8 = 14;
/// Another amount is taken than was owed; nobody will give it back.
pub(crate) const MISMATCHED: u8 = 15;
/// An order that nobody placed.
pub(crate) const UNKNOWN: u8 = 11;

/// The names of the market.
pub(crate) fn subjects() -> Subjects {
    Subjects::of("main".parse().unwrap())
}

/// The id of an order.
pub(crate) fn order(number: u8) -> OrderId {
    uuid(T0, [number; 10]).try_into().unwrap()
}

/// The id of a command.
pub(crate) fn command(number: u8) -> CommandId {
    command_at(Duration::ZERO, number)
}

/// The id of a command, made so long after the shop opened.
pub(crate) fn command_at(after: Duration, number: u8) -> CommandId {
    let mut random = [number; 10];
    random[0] = 0xff;
    uuid(T0.after(after), random).try_into().unwrap()
}

fn uuid(at: Timestamp, random: [u8; 10]) -> uuid::Uuid {
    uuid::Builder::from_unix_timestamp_millis(at.0, &random).into_uuid()
}

pub(crate) fn sku(name: &str) -> Sku {
    name.parse().unwrap()
}

pub(crate) fn token(name: &str) -> Token {
    name.parse().unwrap()
}

pub(crate) fn units(count: u32) -> Quantity {
    Quantity::try_new(count).unwrap()
}

/// What a SKU costs. Units: cents.
fn price(name: &str) -> Price {
    let cents = match name {
        "MUG" => 1_250,
        "TEE" => 2_000,
        _ => 0,
    };
    Price::try_new(cents).unwrap()
}

fn euro() -> Currency {
    Currency::from_code("EUR").unwrap()
}

/// The streams of a market.
#[derive(Clone)]
pub(crate) struct Streams {
    /// The log.
    pub(crate) events: ModelLog,
    /// What was published.
    pub(crate) commands: ModelLog,
}

/// Nobody waits for an answer.
struct Nobody;

impl Replies for Nobody {
    fn send(&self, _answers: Vec<(AnswerTo, Outcome)>) {}
}

struct Shop {
    streams: Streams,
    clock: ModelClock,
    committer: Committer<ModelClock, Nobody>,
    commands: u8,
}

impl Shop {
    /// Opens the market with a committer of its own.
    async fn open(streams: Streams, clock: ModelClock, mut state: Snapshot, commands: u8) -> Self {
        let abort = CancellationToken::new();
        assert!(open(&streams.events, &subjects(), &mut state, &clock, &abort).await.unwrap());
        let rules = Rules {
            policy: Policy::default(),
            bounds: Bounds::default(),
            decide: Market::decide,
            snapshot_every: 1_000,
        };
        let outlet = (clock.clone(), Nobody);
        let committer = Committer::new(state, rules, subjects(), outlet, None);
        Self { streams, clock, committer, commands }
    }

    /// Another committer takes over.
    async fn handed_over(self) -> Self {
        Self::open(self.streams, self.clock, self.committer.into_state(), self.commands).await
    }

    /// Has these commands decided, in one commit.
    async fn send<const N: usize>(&mut self, commands: [Command; N]) {
        self.clock.advance(Duration::from_millis(100));
        let mut arrived = Vec::with_capacity(N);
        for wanted in commands {
            arrived.push(self.publish(wanted).await);
        }
        self.committer.take_in(arrived).await.unwrap();
        self.commit().await;
    }

    /// Publishes a command, and takes it as the committer's reader does.
    async fn publish(&mut self, wanted: Command) -> Arrived {
        self.commands += 1;
        let of_money = matches!(wanted, Command::RecordPayment(_) | Command::RecordRefund(_));
        let source = if of_money { "payer" } else { "web" };
        let message = published(source, command(self.commands), &wanted);
        let batch = Batch::of(vec![message]);
        self.streams.commands.commit(&batch).await.unwrap();
        let stored = self.streams.commands.entries().pop().unwrap();
        let mut received = read_commands(&stored.as_command(), &subjects());
        let request = Box::new(received.requests.remove(0));
        Arrived { request, answer_to: None, published: true }
    }

    /// Time goes by, and what is overdue ends.
    async fn wait(&mut self, span: Duration) {
        self.clock.advance(span);
        self.committer.wake().unwrap();
        self.commit().await;
    }

    async fn commit(&mut self) {
        while let Some(batch) = self.committer.draft(false).unwrap() {
            let committed = self.streams.events.commit(&batch).await.unwrap();
            self.committer.committed(committed).unwrap();
        }
    }
}

/// A command as a message.
pub(crate) fn published(source: &str, id: CommandId, wanted: &Command) -> Message {
    let encoding = Encoding::Json;
    let outgoing = Outgoing { id, command: wanted, trace: None };
    Message {
        subject: subjects().command(&source.parse().unwrap(), wanted.kind()),
        headers: vec![
            (headers::CONTENT_TYPE, encoding.content_type().to_owned()),
            (headers::KASSA_TYPE, kassa_type(wanted.kind())),
        ],
        payload: write_command(&outgoing, encoding).unwrap(),
        ..Message::default()
    }
}

fn list(name: &str) -> Command {
    Command::ListSku(ListSku {
        sku: sku(name),
        name: Text::lossy(name),
        unit_price_minor: price(name),
        currency: euro(),
        per_order_max: None,
    })
}

fn receive(name: &str, count: u32, reference: &str) -> Command {
    let (sku, quantity, reference) = (sku(name), units(count), token(reference));
    Command::ReceiveStock(ReceiveStock { sku, quantity, reference })
}

fn adjust(name: &str, delta: i64, reference: &str) -> Command {
    Command::AdjustStock(AdjustStock {
        sku: sku(name),
        delta: StockDelta::try_new(delta).unwrap(),
        reason: Text::lossy("damaged"),
        reference: token(reference),
    })
}

pub(crate) fn place(number: u8, lines: &[(&str, u32)]) -> Command {
    let line = |(name, count): &(&str, u32)| OrderLine {
        sku: sku(name),
        quantity: units(*count),
        unit_price_minor: price(name),
    };
    Command::PlaceOrder(PlaceOrder {
        order_id: order(number),
        customer_ref: token("c-1"),
        lines: lines.iter().map(line).collect(),
        currency: euro(),
        payment_method_token: token("pm-1"),
    })
}

fn paid(number: u8, cents: u64, provider_ref: &str) -> Command {
    let result = PaymentResult::Captured {
        amount_minor: Amount::new(cents).unwrap(),
        currency: euro(),
        provider_ref: token(provider_ref),
    };
    recorded(number, result)
}

fn recorded(number: u8, result: PaymentResult) -> Command {
    let (order_id, connector) = (order(number), Token::SIMULATED);
    Command::RecordPayment(RecordPayment { order_id, attempt: 1, connector, result })
}

fn call_off(number: u8) -> Command {
    let (order_id, reason) = (order(number), Text::lossy("changed my mind"));
    Command::CancelOrder(CancelOrder { order_id, reason })
}

fn fulfil(number: u8) -> Command {
    let (order_id, shipment_ref) = (order(number), token("ship-1"));
    Command::FulfilOrder(FulfilOrder { order_id, shipment_ref, lines: None })
}

fn ship_one(number: u8, name: &str) -> Command {
    let lines = Some(vec![LineUnits { sku: sku(name), quantity: units(1) }]);
    let (order_id, shipment_ref) = (order(number), token("ship-0"));
    Command::FulfilOrder(FulfilOrder { order_id, shipment_ref, lines })
}

fn take_back(number: u8, name: &str, count: u32, restock: u32) -> Command {
    let lines = vec![ReturnedLine { sku: sku(name), quantity: units(count), restock }];
    let (order_id, return_ref) = (order(number), token("back-1"));
    Command::ReturnLines(ReturnLines { order_id, return_ref, lines })
}

fn refund(number: u8, cents: u64) -> Command {
    Command::RefundOrder(RefundOrder {
        order_id: order(number),
        amount_minor: Amount::new(cents),
        currency: Some(euro()),
        reason: Text::lossy("a scratch"),
        reference: token("claim-1"),
    })
}

fn refunding(number: u8, attempt: u8, result: RefundResult) -> Command {
    let (order_id, connector) = (order(number), Token::SIMULATED);
    Command::RecordRefund(RecordRefund { order_id, refund: 1, attempt, connector, result })
}

fn went_back(reference: &str) -> RefundResult {
    RefundResult::Refunded { provider_ref: token(reference) }
}

fn reprice(name: &str, cents: u64) -> Command {
    let unit_price_minor = Price::try_new(cents).unwrap();
    Command::RepriceSku(RepriceSku { sku: sku(name), unit_price_minor })
}

/// The log of a shop in which everything happens.
pub(crate) async fn good_log() -> ModelLog {
    good_streams().await.events
}

/// The streams of that shop.
pub(crate) async fn good_streams() -> Streams {
    let clock = ModelClock::at(T0);
    let (events, commands) = (ModelLog::new(clock.clone()), ModelLog::new(clock.clone()));
    let streams = Streams { events, commands };
    let mut shop = Shop::open(streams.clone(), clock, Snapshot::default(), 0).await;
    shop.send([list("MUG"), list("TEE"), list("GIFT")]).await;
    let delivery = |name, count| receive(name, count, "delivery-1");
    shop.send([delivery("MUG", 10), delivery("TEE", 11), delivery("GIFT", 5)]).await;
    shop.send([adjust("TEE", -1, "note-1")]).await;
    shop.send([place(FULFILLED, &[("MUG", 1), ("TEE", 1), ("MUG", 1)])]).await;
    shop.send([place(DECLINED, &[("MUG", 3)]), place(CALLED_OFF, &[("TEE", 2)])]).await;
    shop.send([paid(FULFILLED, 4_500, "ch-1")]).await;
    let declined = PaymentResult::Declined { code: token("lost_card") };
    shop.send([recorded(DECLINED, declined)]).await;
    shop.send([call_off(CALLED_OFF)]).await;
    shop.send([fulfil(FULFILLED)]).await;
    shop.send([place(EXPIRED, &[("MUG", 1), ("TEE", 1)])]).await;
    shop.send([place(FREE, &[("GIFT", 1)])]).await;
    shop.send([place(REJECTED, &[("MUG", 500)])]).await;
    // The second one is refused: nobody lists it.
    shop.send([reprice("GIFT", 100), reprice("HAT", 100)]).await;
    let mut shop = shop.handed_over().await;
    shop.wait(Policy::HOLD_DEFAULT).await;
    shop.send([place(SHORT, &[("MUG", 5)])]).await;
    let counted = CountStock { sku: sku("MUG"), counted: 3, expected_seq: None };
    shop.send([Command::CountStock(counted)]).await;
    shop.send([receive("MUG", 4, "delivery-2")]).await;
    shop.send([place(PAID_LATE, &[("TEE", 1)])]).await;
    shop.send([call_off(PAID_LATE)]).await;
    shop.send([paid(PAID_LATE, 2_000, "ch-2")]).await;
    shop.send([place(PAID_TWICE, &[("TEE", 3)])]).await;
    shop.send([paid(PAID_TWICE, 6_000, "ch-3")]).await;
    shop.send([paid(PAID_TWICE, 6_000, "ch-4")]).await;
    shop.send([refunding(PAID_LATE, 1, went_back("re-2"))]).await;
    shop.send([place(UNDONE, &[("TEE", 1)])]).await;
    shop.send([paid(UNDONE, 2_000, "ch-5")]).await;
    shop.send([call_off(UNDONE)]).await;
    shop.send([refunding(UNDONE, 1, RefundResult::Unknown)]).await;
    let busy = RefundResult::Declined { code: token("processing_error") };
    shop.send([refunding(UNDONE, 1, busy)]).await;
    shop.send([refunding(UNDONE, 2, went_back("re-5"))]).await;
    shop.send([place(RETURNED, &[("MUG", 2), ("TEE", 1)])]).await;
    shop.send([paid(RETURNED, 4_500, "ch-6")]).await;
    shop.send([ship_one(RETURNED, "MUG")]).await;
    shop.send([fulfil(RETURNED)]).await;
    shop.send([take_back(RETURNED, "MUG", 2, 1)]).await;
    shop.send([refund(RETURNED, 1_250)]).await;
    shop.send([refunding(RETURNED, 1, went_back("re-6"))]).await;
    shop.send([place(MISMATCHED, &[("MUG", 1)])]).await;
    shop.send([paid(MISMATCHED, 1_251, "ch-7")]).await;
    let gone = RefundResult::Declined { code: token("expired_or_canceled_card") };
    shop.send([refunding(MISMATCHED, 1, gone)]).await;
    shop.send([place(REINSTATED, &[("TEE", 1)])]).await;
    shop.wait(Policy::HOLD_DEFAULT).await;
    shop.send([paid(REINSTATED, 2_000, "ch-8")]).await;
    // What was asked for before is so already; the second one is decided anew.
    shop.send([receive("MUG", 10, "delivery-1"), place(WAITING, &[("TEE", 2)])]).await;
    streams
}
