//! `kassa bench engine`: the committer on a real log, fed in process.
//!
//! No network intake, no views, no gateway: what deciding and committing alone can do. Every
//! order is two commands, its placing and its captured payment, each decided on the answer to the
//! one before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, ensure};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::catalogue::{command_id, list_and_fill, price, sku};
use super::load::histogram;
use super::report::{EngineReport, Summary};
use super::world::{World, WorldOptions};
use crate::domain::market::{Intent, Request};
use crate::domain::{
    Amount, Command, Market, OrderId, OrderLine, PaymentResult, PlaceOrder, Policy, Quantity,
    RecordPayment, Source, Token,
};
use crate::engine::{self, drive, verify_log};
use crate::nats::JsLog;
use crate::port::{AnswerTo, Arrived, Clock, ReadError, Replies, SystemClock, new_uuid};
use crate::role::committer::{Bounds, Committer, Rules, open};
use crate::wire::{Encoding, Outcome, OutcomeKind, Snapshot, fingerprint_of};

/// What to measure.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// On what.
    pub world: WorldOptions,
    /// Orders in all.
    pub orders: u64,
    /// Orders under way at once.
    pub concurrency: usize,
    /// SKUs they choose from.
    pub skus: usize,
    /// Lines of each basket.
    pub lines: usize,
}

/// Units of each SKU: more than anybody buys.
const STOCK: i64 = 1_000_000_000;

/// Feeds a committer in process and reports what it did.
///
/// # Errors
///
/// What keeps it from running.
pub async fn bench_engine(options: &EngineOptions) -> anyhow::Result<EngineReport> {
    let world = World::start(&WorldOptions { roles: Vec::new(), ..options.world.clone() }).await?;
    let connection = world.connect("bench engine").await?;
    let subjects = world.subjects();
    let events = JsLog::events(&connection, &subjects, None).await?;
    let mut state = Snapshot::default();
    let abort = CancellationToken::new();
    ensure!(open(&events, &subjects, &mut state, &SystemClock, &abort).await?, "not opened");
    let (feed, answering) = Feed::start(options)?;
    let rules = Rules {
        policy: Policy::default(),
        bounds: Bounds::default(),
        decide: Market::decide,
        snapshot_every: u64::MAX,
    };
    let outlet = (SystemClock, feed.clone());
    let mut committer = Committer::new(state, rules, subjects.clone(), outlet, None);
    drive(&mut committer, &mut feed.clone(), &events, &abort).await?;
    answering.abort();
    let report = feed.report()?;
    let begun = Instant::now();
    let verified = verify_log(&events, &subjects, |_| {}).await?;
    world.stop().await;
    Ok(EngineReport {
        oversold: verified.oversold,
        verified_in_s: begun.elapsed().as_secs_f64(),
        violation: verified.violations.first().map(ToString::to_string),
        ..report
    })
}

/// Commands in, answers out.
#[derive(Clone)]
struct Feed {
    orders: Arc<Mutex<Orders>>,
    more: Arc<Notify>,
    answers: mpsc::UnboundedSender<Vec<(AnswerTo, Outcome)>>,
}

struct Orders {
    ready: VecDeque<Arrived>,
    filling: usize,
    begun: u64,
    under_way: Vec<Option<UnderWay>>,
    limit: u64,
    confirmed: u64,
    skus: usize,
    lines: usize,
    started: Instant,
    took: hdrhistogram::Histogram<u64>,
    error: Option<String>,
}

struct UnderWay {
    order_id: OrderId,
    total: Amount,
    begun: Instant,
    paying: bool,
}

impl Feed {
    /// The buyers, on a task of their own: the committer does not wait while they think.
    fn start(options: &EngineOptions) -> anyhow::Result<(Self, JoinHandle<()>)> {
        let mut orders = Orders {
            ready: VecDeque::new(),
            filling: 0,
            begun: 0,
            under_way: (0..options.concurrency).map(|_| None).collect(),
            limit: options.orders,
            confirmed: 0,
            skus: options.skus,
            lines: options.lines,
            started: Instant::now(),
            took: histogram()?,
            error: None,
        };
        for number in 0..options.skus {
            for command in list_and_fill(number, STOCK)? {
                orders.filling = orders.filling.saturating_add(1);
                orders.ready.push_back(arrived(command, "catalogue", None)?);
            }
        }
        let (answers, answered) = mpsc::unbounded_channel();
        let feed = Self { orders: Arc::new(Mutex::new(orders)), more: Arc::default(), answers };
        let answering = tokio::spawn(feed.clone().answer(answered));
        Ok((feed, answering))
    }

    async fn answer(self, mut answered: mpsc::UnboundedReceiver<Vec<(AnswerTo, Outcome)>>) {
        while let Some(answers) = answered.recv().await {
            let mut orders = self.orders();
            for (to, outcome) in answers {
                if let Err(error) = orders.answered(to.subject.parse().ok(), &outcome) {
                    orders.error = Some(format!("{error:#}"));
                }
            }
            drop(orders);
            self.more.notify_one();
        }
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) -> anyhow::Result<EngineReport> {
        let orders = self.orders();
        if let Some(error) = &orders.error {
            anyhow::bail!("{error}");
        }
        let seconds = orders.started.elapsed().as_secs_f64();
        Ok(EngineReport {
            orders_per_s: super::report::per(orders.confirmed, seconds),
            confirmed: orders.confirmed,
            latency: Summary::of(&orders.took),
            oversold: 0,
            verified_in_s: 0.0,
            violation: None,
        })
    }
}

impl Orders {
    /// Takes the answer to what slot `slot` waits for, and sends what follows.
    fn answered(&mut self, slot: Option<usize>, outcome: &Outcome) -> anyhow::Result<()> {
        ensure!(outcome.result == OutcomeKind::Accepted, "{outcome:?}");
        let Some(slot) = slot else {
            self.filling = self.filling.saturating_sub(1);
            if self.filling == 0 {
                self.started = Instant::now();
                for slot in 0..self.under_way.len() {
                    self.begin(slot)?;
                }
            }
            return Ok(());
        };
        let place = self.under_way.get_mut(slot).context("a slot")?;
        let Some(order) = place else { return Ok(()) };
        if order.paying {
            self.took.saturating_record(u64::try_from(order.begun.elapsed().as_micros())?);
            self.confirmed = self.confirmed.saturating_add(1);
            *place = None;
            self.begin(slot)
        } else {
            order.paying = true;
            let (_, currency) = price()?;
            let payment = Command::RecordPayment(RecordPayment {
                order_id: order.order_id,
                attempt: 1,
                connector: Token::SIMULATED,
                result: PaymentResult::Captured {
                    amount_minor: order.total,
                    currency,
                    provider_ref: Token::SIMULATED,
                },
            });
            self.ready.push_back(arrived(payment, "payer", Some(slot))?);
            Ok(())
        }
    }

    fn begin(&mut self, slot: usize) -> anyhow::Result<()> {
        if self.limit <= self.begun {
            return Ok(());
        }
        let (unit_price_minor, currency) = price()?;
        let quantity = Quantity::try_new(1)?;
        let mut total = Amount::ZERO;
        let mut lines = Vec::with_capacity(self.lines);
        let first = usize::try_from(self.begun)?.wrapping_mul(self.lines);
        for line in 0..self.lines {
            let number = first.wrapping_add(line).checked_rem(self.skus).unwrap_or(0);
            lines.push(OrderLine { sku: sku(number)?, quantity, unit_price_minor });
            total = total.plus_line(quantity, unit_price_minor).context("a total")?;
        }
        let order_id = OrderId::try_from(new_uuid(SystemClock.now()))?;
        self.begun = self.begun.saturating_add(1);
        let under_way = UnderWay { order_id, total, begun: Instant::now(), paying: false };
        *self.under_way.get_mut(slot).context("a slot")? = Some(under_way);
        let order = Command::PlaceOrder(PlaceOrder {
            order_id,
            customer_ref: "bench".parse()?,
            lines,
            currency,
            payment_method_token: "tok_visa".parse()?,
        });
        self.ready.push_back(arrived(order, "bench", Some(slot))?);
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.error.is_some() || (self.filling == 0 && self.limit <= self.confirmed)
    }
}

/// A command as it comes from the intake; its answer goes to a slot.
fn arrived(command: Command, source: &str, slot: Option<usize>) -> anyhow::Result<Arrived> {
    let now = SystemClock.now();
    let source: Source = source.parse()?;
    let request = Request {
        id: Some(command_id()?),
        source,
        asked_at: now,
        body: Some(fingerprint_of(&command)?),
        trace: None,
        command_seq: None,
        intent: Intent::Command(command),
    };
    let answer_to = AnswerTo {
        subject: slot.map_or_else(String::new, |slot| slot.to_string()),
        encoding: Encoding::MessagePack,
        part: None,
        trace: None,
    };
    Ok(Arrived { request: Box::new(request), answer_to: Some(answer_to), published: false })
}

impl engine::Source for Feed {
    type Input = Arrived;

    async fn next(&mut self, limit: usize) -> Result<Option<Vec<Arrived>>, ReadError> {
        loop {
            let more = self.more.notified();
            {
                let mut orders = self.orders();
                if orders.is_done() {
                    return Ok(None);
                }
                let count = limit.min(orders.ready.len());
                if 0 < count {
                    return Ok(Some(orders.ready.drain(..count).collect()));
                }
            }
            more.await;
        }
    }
}

impl Replies for Feed {
    fn send(&self, answers: Vec<(AnswerTo, Outcome)>) {
        // Nobody answers any more once the benchmark is over.
        drop(self.answers.send(answers));
    }
}
