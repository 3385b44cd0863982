//! Buyers, who insist on an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kassa::domain::{Command, CommandId, OrderId, OrderLine, PlaceOrder, Quantity};
use kassa::nats::Client;
use kassa::port::{Clock, Commands, SystemClock, Unanswered, new_uuid};
use kassa::wire::{Outcome, OutcomeKind};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::eventually;
use super::shop::{command_id, price, sku};

/// How long a buyer insists. A fault and the take-over after it take seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody who wants to buy.
#[derive(Clone, Debug)]
pub(crate) struct Buyer {
    pub(crate) id: CommandId,
    pub(crate) order_id: OrderId,
    pub(crate) command: Command,
}

impl Buyer {
    /// A buyer of one unit of each of these SKUs.
    pub(crate) fn of(skus: &[usize]) -> Self {
        Self::paying(skus, "tok_visa")
    }

    /// The same, with a token of the provider's.
    pub(crate) fn paying(skus: &[usize], token: &str) -> Self {
        let order_id = OrderId::try_from(new_uuid(SystemClock.now())).unwrap();
        let (unit_price_minor, currency) = price();
        let quantity = Quantity::try_new(1).unwrap();
        let line = |number: &usize| OrderLine { sku: sku(*number), quantity, unit_price_minor };
        let command = Command::PlaceOrder(PlaceOrder {
            order_id,
            customer_ref: "customer-1".parse().unwrap(),
            lines: skus.iter().map(line).collect(),
            currency,
            payment_method_token: token.parse().unwrap(),
        });
        Self { id: command_id(), order_id, command }
    }

    /// Sends the order, again and again under the same ids, until it is decided.
    pub(crate) async fn insist(self, client: &Client) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match client.send(self.id, &self.command, None).await {
                Ok(outcome) => return Answer { buyer: self, outcome },
                Err(Unanswered::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
                // Not known, or not yet: ask again.
                Err(Unanswered::Unknown(_) | Unanswered::Accepted { .. }) => {}
                Err(error @ (Unanswered::Unsendable(_) | Unanswered::Denied { .. })) => {
                    panic!("{error:?}")
                }
            }
            assert!(Instant::now() < deadline, "no answer within {PATIENCE:?}");
        }
    }
}

/// What a buyer was told.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) buyer: Buyer,
    pub(crate) outcome: Outcome,
}

/// Buyers who come one after the other until they are told to stop.
pub(crate) struct Crowd {
    tasks: JoinSet<Vec<Answer>>,
    answered: Arc<AtomicUsize>,
    turned_away: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Crowd {
    /// So many at a time, each buying one unit of one of `skus` SKUs.
    pub(crate) fn start(client: &Client, at_a_time: usize, skus: usize) -> Self {
        let (answered, turned_away) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for number in 0..at_a_time {
            let (client, stop) = (client.clone(), stop.clone());
            let (answered, turned_away) = (answered.clone(), turned_away.clone());
            tasks.spawn(async move {
                let mut answers = Vec::new();
                while !stop.is_cancelled() {
                    let chosen = (number + answers.len()) % skus;
                    let answer = Buyer::of(&[chosen]).insist(&client).await;
                    let refused = answer.outcome.result == OutcomeKind::Refused;
                    turned_away.fetch_add(usize::from(refused), Ordering::Relaxed);
                    answers.push(answer);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                answers
            });
        }
        Self { tasks, answered, turned_away, stop }
    }

    /// How many have been answered so far.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until so many more have been answered.
    pub(crate) async fn more(&self, count: usize, within: Duration) {
        let wanted = self.answered() + count;
        let served = async || (wanted <= self.answered()).then_some(());
        eventually("more buyers are served", within, served).await;
    }

    /// Waits until the shelves are empty, and so many have been told so.
    pub(crate) async fn turned_away(&self, count: usize, within: Duration) {
        let told = async || (count <= self.turned_away.load(Ordering::Relaxed)).then_some(());
        eventually("buyers are turned away", within, told).await;
    }

    /// Lets nobody else in, and waits for those who are there.
    pub(crate) async fn stop(self) -> Vec<Answer> {
        self.stop.cancel();
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}
