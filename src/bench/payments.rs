//! `kassa bench payments`: a storm of failures, and what was recovered.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::catalogue::{command_id, fill, price, sku};
use super::storm::{PaymentsReport, Shares, Storm};
use super::world::{World, WorldOptions};
use crate::domain::{
    ChangePaymentMethod, Command, OrderId, OrderLine, PlaceOrder, Quantity, Timestamp, Token,
};
use crate::engine::{Input, Source, verify_log};
use crate::gateway::{SimulatedGateway, Simulation};
use crate::nats::{Client, JsLog};
use crate::port::{Clock, Commands, Gateway, Log, Movement, SystemClock, Unanswered, new_uuid};
use crate::role::follow::Follow;
use crate::role::reconcile::{Period, reconcile};

/// A storm.
#[derive(Clone, Debug)]
pub struct PaymentsOptions {
    /// On what, and at which provider.
    pub world: WorldOptions,
    /// Where that provider keeps its books.
    pub books: PathBuf,
    /// Orders in all.
    pub payments: u64,
    /// Orders a second.
    pub rate: f64,
    /// How much faster than in a shop everything waits.
    pub compress: u32,
    /// How long it may take after the last order was placed.
    pub drain: Duration,
}

impl Shares {
    /// The moods of a provider in this storm, which is out for `outage` from `after` on.
    ///
    /// # Errors
    ///
    /// None: the codes are those of the reviewed table.
    pub fn simulation(
        &self,
        seed: u64,
        outage: Option<(Duration, Duration)>,
    ) -> anyhow::Result<Simulation> {
        let mut decline_codes = Vec::new();
        let classes = [
            ("processing_error", self.infra),
            ("do_not_honor", self.soft),
            ("insufficient_funds", self.customer),
            ("lost_card", self.hard),
        ];
        for (code, share) in classes {
            let code: Token = code.parse()?;
            decline_codes.extend((0..share).map(|_| code.clone()));
        }
        let hundredth = |share: u64| share.saturating_mul(1_000);
        Ok(Simulation {
            seed,
            latency_min: Duration::from_millis(20),
            latency_max: Duration::from_millis(120),
            declined: hundredth(u64::try_from(decline_codes.len())?),
            decline_codes,
            unavailable: hundredth(self.away),
            answer_lost: hundredth(self.silent),
            outage,
        })
    }
}

/// How often it is looked whether all is over.
const LOOK: Duration = Duration::from_millis(100);

/// Runs a storm and reports what became of it.
///
/// # Errors
///
/// What keeps it from running.
pub async fn bench_payments(options: &PaymentsOptions) -> anyhow::Result<PaymentsReport> {
    let world = World::start(&options.world).await?;
    let measured = measure(&world, options).await;
    world.stop().await;
    measured
}

async fn measure(world: &World, options: &PaymentsOptions) -> anyhow::Result<PaymentsReport> {
    let control = world.connect("bench control").await?;
    let subjects = world.subjects();
    let client = Client::new(&control, subjects.clone(), "bench".parse()?).await?.bundled();
    fill(&client, 1, 1_000_000_000).await?;
    let events = JsLog::events(&control, &subjects, None).await?;
    let commits = world.commits(events.end().await?).context("the roles run")?;
    let storm = Arc::new(Mutex::new(Storm::default()));
    let (asks, asked) = mpsc::unbounded_channel();
    let mut following = JoinSet::new();
    following.spawn(follow(commits, Arc::clone(&storm), asks));
    following.spawn(pay_otherwise(client.clone(), asked));
    let began = Instant::now();
    place_all(&client, options, began).await?;
    let until = Instant::now() + options.drain;
    while !is_over(&storm, options.payments) && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
    let took = began.elapsed();
    drop(following);
    let verified = verify_log(&events, &subjects, |_| {}).await?;
    let always = Period { from: Timestamp(0), until: SystemClock.now().after(options.drain) };
    // Its moods are over; its books are the same.
    let calm = SimulatedGateway::with_ledger(Simulation::default(), &options.books)?;
    let gateway = &calm;
    let reconciled = reconcile((&events, &subjects), gateway, always).await?;
    let report = locked(&storm).report(options.compress);
    Ok(PaymentsReport {
        kept_for_nothing: kept_for_nothing(gateway, always, report.confirmed).await?,
        differences: u64::try_from(reconciled.differences.len())?,
        took_s: took.as_secs_f64(),
        violation: verified.violations.first().map(ToString::to_string),
        ..report
    })
}

fn locked(storm: &Mutex<Storm>) -> MutexGuard<'_, Storm> {
    storm.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_over(storm: &Mutex<Storm>, payments: u64) -> bool {
    let storm = locked(storm);
    u64::try_from(storm.placed()).is_ok_and(|placed| payments <= placed) && storm.open() == 0
}

/// Follows the log, and tells which buyers are asked.
async fn follow(
    mut commits: Follow<JsLog>,
    storm: Arc<Mutex<Storm>>,
    asks: mpsc::UnboundedSender<OrderId>,
) -> anyhow::Result<()> {
    while let Some(inputs) = commits.next(64).await? {
        for Input { commit, .. } in inputs {
            for order_id in locked(&storm).follow(&commit) {
                let _ = asks.send(order_id);
            }
        }
    }
    Ok(())
}

/// Buyers who are asked pay with another card, at once.
async fn pay_otherwise(
    client: Client,
    mut asked: mpsc::UnboundedReceiver<OrderId>,
) -> anyhow::Result<()> {
    let mut buyers = JoinSet::new();
    while let Some(order_id) = asked.recv().await {
        let payment_method_token = "tok_other".parse()?;
        let change =
            Command::ChangePaymentMethod(ChangePaymentMethod { order_id, payment_method_token });
        let client = client.clone();
        buyers.spawn(async move { insist(&client, &change).await });
        while buyers.try_join_next().is_some() {}
    }
    Ok(())
}

/// Buyers come at their rate, whether those before them are served or not.
async fn place_all(
    client: &Client,
    options: &PaymentsOptions,
    began: Instant,
) -> anyhow::Result<()> {
    let (unit_price_minor, currency) = price()?;
    let every = Duration::from_secs_f64(1.0 / options.rate);
    let mut buyers = JoinSet::new();
    let mut due = began;
    for _ in 0..options.payments {
        tokio::time::sleep_until(due).await;
        due += every;
        let order = Command::PlaceOrder(PlaceOrder {
            order_id: OrderId::try_from(new_uuid(SystemClock.now()))?,
            customer_ref: "buyer".parse()?,
            lines: vec![OrderLine {
                sku: sku(0)?,
                quantity: Quantity::try_new(1)?,
                unit_price_minor,
            }],
            currency,
            payment_method_token: "tok_visa".parse()?,
        });
        let client = client.clone();
        buyers.spawn(async move { insist(&client, &order).await });
        while let Some(ended) = buyers.try_join_next() {
            ended??;
        }
    }
    while let Some(ended) = buyers.join_next().await {
        ended??;
    }
    Ok(())
}

/// Sends a command until it is decided.
async fn insist(client: &Client, command: &Command) -> anyhow::Result<()> {
    let id = command_id()?;
    loop {
        match client.send(id, command, None).await {
            Ok(_) | Err(Unanswered::Accepted { .. }) => return Ok(()),
            Err(Unanswered::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
            Err(Unanswered::Unknown(_)) => {}
            Err(error @ (Unanswered::Unsendable(_) | Unanswered::Denied { .. })) => {
                return Err(error.into());
            }
        }
    }
}

/// Orders for which the provider kept more than one payment, or one that is for no goods.
async fn kept_for_nothing(
    gateway: &SimulatedGateway,
    period: Period,
    confirmed: u64,
) -> anyhow::Result<u64> {
    let mut kept: HashMap<Option<OrderId>, i64> = HashMap::new();
    let mut after = None;
    loop {
        // The whole of its books is one list: it is down when the storm is.
        let page = gateway.list(period.from, period.until, after.as_deref()).await?;
        for line in page.lines {
            let count = kept.entry(line.order_id).or_default();
            *count = count.saturating_add(match line.movement {
                Movement::Captured => 1,
                Movement::Refunded => -1,
            });
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let twice = kept.values().filter(|count| 1 < **count).count();
    let paid = kept.values().filter(|count| 0 < **count).count();
    let beyond = u64::try_from(paid)?.saturating_sub(confirmed);
    Ok(u64::try_from(twice)?.saturating_add(beyond))
}
