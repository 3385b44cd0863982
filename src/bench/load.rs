//! The load: buyers who come when they come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::catalogue::{command_id, price, sku};
use super::observer::{Ended, Observer};
use crate::domain::{Command, OrderId, OrderLine, PlaceOrder, Quantity};
use crate::nats::Client;
use crate::port::{Clock, Commands, SystemClock, Unanswered, new_uuid};
use crate::wire::OutcomeKind;

/// How the buyers come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many a second, whether those before them are served or not.
    Rate(f64),
    /// So many at a time, each followed by the next as soon as it is served.
    Concurrency(usize),
}

/// What the buyers do.
#[derive(Clone, Debug)]
pub struct Load {
    /// How they come.
    pub pace: Pace,
    /// How many come in all; no limit when absent.
    pub orders: Option<u64>,
    /// For how long they come; no limit when absent.
    pub duration: Option<Duration>,
    /// SKUs they choose from.
    pub skus: usize,
    /// Lines of each basket.
    pub lines: usize,
}

/// What the generator saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) placed: u64,
    pub(super) sent_again: u64,
    pub(super) started: Instant,
    /// From the moment a buyer was due to the confirmation. Units: microseconds.
    pub(super) confirmed: Histogram<u64>,
}

/// A histogram of microseconds up to a minute, with three digits.
pub(super) fn histogram() -> anyhow::Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, 60_000_000, 3).context("the histogram's bounds")
}

/// How long the last orders may take.
const DRAIN: Duration = Duration::from_secs(60);

/// Runs a load to its end.
///
/// # Errors
///
/// What keeps it from running.
pub(super) async fn run_load(
    clients: &[Client],
    observer: &Observer,
    load: &Load,
) -> anyhow::Result<Seen> {
    let started = Instant::now();
    let deadline = load.duration.map(|duration| started + duration);
    let shared = Arc::new(Buyers {
        load: load.clone(),
        observer: observer.clone(),
        next: AtomicU64::new(0),
        placed: AtomicU64::new(0),
        sent_again: AtomicU64::new(0),
        confirmed: Mutex::new(histogram()?),
        deadline,
    });
    let mut tasks = JoinSet::new();
    match load.pace {
        Pace::Concurrency(concurrency) => {
            for (_, client) in (0..concurrency).zip(clients.iter().cycle()) {
                let (buyers, client) = (Arc::clone(&shared), client.clone());
                tasks.spawn(async move { buyers.one_after_the_other(&client).await });
            }
        }
        Pace::Rate(rate) => {
            let every = Duration::from_secs_f64(1.0 / rate);
            let mut clients = clients.iter().cycle();
            while let Some(number) = shared.next_number() {
                let due = started + every.mul_f64(number as f64);
                tokio::time::sleep_until(due).await;
                let client = clients.next().context("a client")?.clone();
                let buyers = Arc::clone(&shared);
                tasks.spawn(async move { buyers.buy(&client, number, due).await });
                while let Some(ended) = tasks.try_join_next() {
                    ended??;
                }
            }
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let drained = started.elapsed() + DRAIN;
    while !observer.observed().is_settled() && started.elapsed() < drained {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(Seen {
        placed: shared.placed.load(Ordering::Relaxed),
        sent_again: shared.sent_again.load(Ordering::Relaxed),
        started,
        confirmed: shared.confirmed().clone(),
    })
}

struct Buyers {
    load: Load,
    observer: Observer,
    next: AtomicU64,
    placed: AtomicU64,
    sent_again: AtomicU64,
    /// One for all buyers: it takes 0.1 MB.
    confirmed: Mutex<Histogram<u64>>,
    deadline: Option<Instant>,
}

impl Buyers {
    /// The next buyer's number; none when enough have come.
    fn next_number(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let enough = self.load.orders.is_some_and(|orders| orders <= number)
            || self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        (!enough).then_some(number)
    }

    fn confirmed(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn one_after_the_other(&self, client: &Client) -> anyhow::Result<()> {
        while let Some(number) = self.next_number() {
            self.buy(client, number, Instant::now()).await?;
        }
        Ok(())
    }

    /// Places an order and waits until it has ended.
    async fn buy(&self, client: &Client, number: u64, due: Instant) -> anyhow::Result<()> {
        let (order_id, command) = self.order(number)?;
        let ended = self.observer.expect(order_id, due);
        let id = command_id()?;
        self.placed.fetch_add(1, Ordering::Relaxed);
        loop {
            match client.send(id, &command, None).await {
                Ok(outcome) if outcome.result == OutcomeKind::Refused => break,
                Ok(_) | Err(Unanswered::Accepted { .. }) => break,
                Err(Unanswered::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
                // The same command again: it is decided once.
                Err(Unanswered::Unknown(_)) => {
                    self.sent_again.fetch_add(1, Ordering::Relaxed);
                }
                Err(error @ (Unanswered::Unsendable(_) | Unanswered::Denied { .. })) => {
                    self.observer.forget(order_id);
                    return Err(error.into());
                }
            }
        }
        match tokio::time::timeout(DRAIN, ended).await {
            Ok(Ok(Ended::Confirmed)) => {
                let took = u64::try_from(due.elapsed().as_micros())?;
                self.confirmed().saturating_record(took);
            }
            Ok(Ok(Ended::Rejected | Ended::Cancelled)) => {}
            Ok(Err(_)) | Err(_) => self.observer.forget(order_id),
        }
        Ok(())
    }

    fn order(&self, number: u64) -> anyhow::Result<(OrderId, Command)> {
        let order_id = OrderId::try_from(new_uuid(SystemClock.now()))?;
        let (unit_price_minor, currency) = price()?;
        let skus = u64::try_from(self.load.skus)?;
        let lines = u64::try_from(self.load.lines)?;
        let line = |line: u64| {
            // Neighbouring buyers choose SKUs far apart, and every SKU is chosen equally often.
            let scattered = number.wrapping_mul(lines).wrapping_add(line).wrapping_mul(SCATTER);
            let chosen = usize::try_from(scattered.checked_rem(skus).unwrap_or(0))?;
            let quantity = Quantity::try_new(1)?;
            anyhow::Ok(OrderLine { sku: sku(chosen)?, quantity, unit_price_minor })
        };
        let command = Command::PlaceOrder(PlaceOrder {
            order_id,
            customer_ref: format!("buyer-{number}").parse()?,
            lines: (0..lines).map(line).collect::<anyhow::Result<_>>()?,
            currency,
            payment_method_token: "tok_visa".parse()?,
        });
        Ok((order_id, command))
    }
}

/// A large prime: it has no factor in common with any number of SKUs below it.
const SCATTER: u64 = 2_654_435_761;
