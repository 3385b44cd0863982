//! The duel: many buyers for few units, and a committer that is killed among them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;
use tokio::process::{Child, Command as Process};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::catalogue::{command_id, fill, price, sku};
use super::world::{World, WorldOptions};
use crate::domain::{
    Address, Command, CommandId, Event, OrderId, OrderLine, PlaceOrder, Quantity, Sequence,
};
use crate::engine::verify_log;
use crate::nats::{Client, JsLog};
use crate::port::{Clock, Commands, Log, SystemClock, Tail, Unanswered, new_uuid};
use crate::role::committer::read_to_end;
use crate::run::Role;
use crate::wire::{Commit, Outcome, OutcomeKind, Snapshot};

/// Who fights for what, and where.
#[derive(Clone, Debug)]
pub struct DuelOptions {
    /// The servers. Its roles are not looked at: the committer is a child, the payer is ours.
    pub world: WorldOptions,
    /// Buyers, all at once.
    pub buyers: usize,
    /// SKUs. Every buyer wants one unit of each, or nothing.
    pub skus: usize,
    /// Units of each SKU.
    pub stock: u32,
    /// The committer that is killed, and the one that takes over.
    pub committer: ChildCommand,
}

/// How to start a committer as a process of its own. It is told the server by
/// `NATS_URL` and the market by `KASSA_MARKET`.
#[derive(Clone, Debug)]
pub struct ChildCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables of its environment.
    pub variables: Vec<(String, String)>,
}

/// How a duel ended. Every number but the first six should be zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DuelReport {
    /// Buyers.
    pub buyers: u64,
    /// Units of each SKU.
    pub stock: u64,
    /// Buyers who got what they wanted, by their own words.
    pub accepted: u64,
    /// Buyers who were told that there is not enough.
    pub rejected: u64,
    /// Buyers without an answer when the committer was killed.
    pub waiting_when_killed: u64,
    /// From the kill to the first answer after it. Units: milliseconds.
    pub recovered_after_ms: u64,
    /// Buyers who never got an answer.
    pub unanswered: u64,
    /// Answers that are not what the log says.
    pub untrue: u64,
    /// Orders that were decided more than once.
    pub decided_again: u64,
    /// Units, over all SKUs, that were sold and should not have been, or the other way round.
    pub missold: u64,
    /// Units, over all SKUs, that are still promised to somebody.
    pub still_held: u64,
    /// Promises that the whole log breaks somewhere.
    pub violations: u64,
}

impl DuelReport {
    /// Whether every buyer got one true answer, and every unit that could be sold was, once.
    #[must_use]
    pub fn is_fair(&self) -> bool {
        // Named one by one: a count that is added later has to be judged as well.
        let Self {
            buyers,
            stock,
            accepted,
            rejected,
            waiting_when_killed: _,
            recovered_after_ms: _,
            unanswered,
            untrue,
            decided_again,
            missold,
            still_held,
            violations,
        } = self;
        [unanswered, untrue, decided_again, missold, still_held, violations]
            .into_iter()
            .all(|count| *count == 0)
            && accepted == stock.min(buyers)
            && accepted.saturating_add(*rejected) == *buyers
    }
}

/// Connections of the buyers: one would be the bottleneck, and edges are many.
const CLIENTS: usize = 4;

/// One buyer in so many is answered before the committer is killed.
const KILLED_AFTER: u64 = 10;

/// How long a committer may take to open the market.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a buyer insists. A take-over costs seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the last payments may take to be recorded.
const DRAIN: Duration = Duration::from_secs(60);

/// Pause between two looks at the log.
const LOOK: Duration = Duration::from_millis(50);

/// Fights a duel.
///
/// # Errors
///
/// What keeps it from being fought. How it ended is in the report.
pub async fn duel(options: &DuelOptions) -> anyhow::Result<DuelReport> {
    let world = WorldOptions { roles: vec![Role::Payer], ..options.world.clone() };
    let world = World::start(&world).await?;
    let report = fight(&world, options).await;
    world.stop().await;
    report
}

async fn fight(world: &World, options: &DuelOptions) -> anyhow::Result<DuelReport> {
    let subjects = world.subjects();
    let events = JsLog::events(&world.connect("duel judge").await?, &subjects, None).await?;
    let mut committer = start(&options.committer, world)?;
    opened(&events).await?;
    let mut clients = Vec::with_capacity(CLIENTS);
    for number in 0..CLIENTS {
        let connection = world.connect(&format!("duel buyers {number}")).await?;
        clients.push(Client::new(&connection, subjects.clone(), "duel".parse()?).await?);
    }
    let first = clients.first().context("a client")?;
    fill(first, options.skus, i64::from(options.stock)).await?;
    let buyers = u64::try_from(options.buyers)?;
    let (answered, mut seen) = watch::channel(0_u64);
    let mut fighting = JoinSet::new();
    for (number, client) in (0..options.buyers).zip(clients.iter().cycle()) {
        let (buyer, client, answered) =
            (Buyer::new(number, options.skus)?, client.clone(), answered.clone());
        fighting.spawn(async move {
            let outcome = buyer.insist(&client).await;
            answered.send_modify(|count| *count = count.saturating_add(1));
            (buyer, outcome)
        });
    }
    let enough = buyers.checked_div(KILLED_AFTER).unwrap_or(0).max(1);
    seen.wait_for(|count| enough <= *count).await?;
    committer.kill().await?;
    let killed = Instant::now();
    let before = *seen.borrow_and_update();
    let _successor = start(&options.committer, world)?;
    let mut report = DuelReport {
        buyers,
        stock: options.stock.into(),
        waiting_when_killed: buyers.saturating_sub(before),
        ..DuelReport::default()
    };
    if before < buyers {
        seen.changed().await?;
        report.recovered_after_ms = u64::try_from(killed.elapsed().as_millis())?;
    }
    let told = fighting.join_all().await;
    judge(&events, world, options, (&told, &mut report)).await?;
    report.violations = verify_log(&events, &subjects, |_| {}).await?.violations_total;
    Ok(report)
}

fn start(command: &ChildCommand, world: &World) -> anyhow::Result<Child> {
    let ChildCommand { program, arguments, variables } = command;
    let mut process = Process::new(program);
    process.args(arguments).envs(variables.iter().cloned());
    process.env("NATS_URL", world.url()).env("KASSA_MARKET", world.subjects().market().as_str());
    process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let spawned = process.kill_on_drop(true).spawn();
    spawned.with_context(|| format!("starting {}", program.display()))
}

/// Waits until somebody has opened the market.
async fn opened(events: &JsLog) -> anyhow::Result<()> {
    let deadline = Instant::now() + OPEN_TIMEOUT;
    while events.end().await? == Sequence::START {
        ensure!(Instant::now() < deadline, "the committer does not open the market");
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

struct Buyer {
    id: CommandId,
    order_id: OrderId,
    command: Command,
}

impl Buyer {
    fn new(number: usize, skus: usize) -> anyhow::Result<Self> {
        let order_id = OrderId::try_from(new_uuid(SystemClock.now()))?;
        let (unit_price_minor, currency) = price()?;
        let line = |number: usize| {
            let quantity = Quantity::try_new(1)?;
            anyhow::Ok(OrderLine { sku: sku(number)?, quantity, unit_price_minor })
        };
        let command = Command::PlaceOrder(PlaceOrder {
            order_id,
            customer_ref: format!("buyer-{number}").parse()?,
            lines: (0..skus).map(line).collect::<anyhow::Result<_>>()?,
            currency,
            payment_method_token: "tok_visa".parse()?,
        });
        Ok(Self { id: command_id()?, order_id, command })
    }

    /// Sends the order under the same ids until it is decided; none when that takes too long.
    async fn insist(&self, client: &Client) -> Option<Outcome> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match client.send(self.id, &self.command, None).await {
                Ok(outcome) => return Some(outcome),
                Err(Unanswered::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
                Err(Unanswered::Unknown(_) | Unanswered::Accepted { .. }) => {}
                Err(Unanswered::Unsendable(_) | Unanswered::Denied { .. }) => return None,
            }
        }
        None
    }
}

/// Compares what buyers were told with the log, once everything is paid.
async fn judge(
    events: &JsLog,
    world: &World,
    options: &DuelOptions,
    (told, report): (&[(Buyer, Option<Outcome>)], &mut DuelReport),
) -> anyhow::Result<()> {
    let decided = decisions(events, world).await?;
    for (buyer, outcome) in told {
        let found = decided.get(&buyer.order_id).map(Vec::as_slice).unwrap_or_default();
        let again = u64::try_from(found.len().saturating_sub(1))?;
        report.decided_again = report.decided_again.saturating_add(again);
        let Some(outcome) = outcome else {
            report.unanswered = report.unanswered.saturating_add(1);
            continue;
        };
        let accepted = outcome.result != OutcomeKind::Refused;
        let count = if accepted { &mut report.accepted } else { &mut report.rejected };
        *count = count.saturating_add(1);
        if outcome.address().is_none_or(|at| found != [(at, accepted)]) {
            report.untrue = report.untrue.saturating_add(1);
        }
    }
    let wanted = report.stock.min(report.buyers);
    let deadline = Instant::now() + DRAIN;
    let mut state = Snapshot::default();
    loop {
        read_to_end(events, &world.subjects(), &mut state).await?;
        (report.missold, report.still_held) = (0, 0);
        for number in 0..options.skus {
            let stock = state.market.item(&sku(number)?).context("a listed SKU")?.stock;
            report.missold = report.missold.saturating_add(stock.sold().abs_diff(wanted));
            report.still_held = report.still_held.saturating_add(stock.reserved());
        }
        if report.still_held == 0 || deadline <= Instant::now() {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Where each order was decided, and whether it was accepted there.
async fn decisions(
    events: &JsLog,
    world: &World,
) -> anyhow::Result<HashMap<OrderId, Vec<(Address, bool)>>> {
    let mut decided: HashMap<OrderId, Vec<_>> = HashMap::new();
    let mut tail = events.follow(&world.subjects().commit(), Sequence::START).await?;
    while 0 < tail.remaining() {
        for entry in tail.next(256).await? {
            let commit = Commit::decode(&entry.payload)?;
            for (index, record) in (0_u32..).zip(&commit.events) {
                let at = Address::new(entry.sequence, index);
                if let Event::OrderPlaced(placed) = &record.event {
                    decided.entry(placed.order_id).or_default().push((at, true));
                } else if let Event::OrderRejected(rejected) = &record.event {
                    decided.entry(rejected.order_id).or_default().push((at, false));
                }
            }
        }
    }
    Ok(decided)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_went_wrong_is_called_fair() {
        let fair = DuelReport {
            buyers: 10,
            stock: 3,
            accepted: 3,
            rejected: 7,
            waiting_when_killed: 9,
            recovered_after_ms: 4_000,
            ..DuelReport::default()
        };
        assert!(fair.is_fair());
        let wrong: [fn(&mut DuelReport); 9] = [
            |report| report.accepted = 4,
            |report| report.accepted = 2,
            |report| report.rejected = 6,
            |report| report.unanswered = 1,
            |report| report.untrue = 1,
            |report| report.decided_again = 1,
            |report| report.missold = 1,
            |report| report.still_held = 1,
            |report| report.violations = 1,
        ];
        for spoil in wrong {
            let mut report = fair.clone();
            spoil(&mut report);
            assert!(!report.is_fair(), "{report:?}");
        }
    }
}
