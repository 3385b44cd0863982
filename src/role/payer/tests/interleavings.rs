//! Results, timers, cancels, webhooks, refunds, expiries and payers that die, in any order: in the
//! end the provider's books say of every order what they have to (I5).

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bank::{Balance, Bank};
use crate::domain::fixtures::*;
use crate::domain::market::{Intent, Request, Verdict};
use crate::domain::order::RefundState;
use crate::domain::payment::DeclineClasses;
use crate::domain::{
    Command, CommandId, Event, Fingerprint, OrderId, RecordPayment, RecordRefund, RefundReason,
    Timestamp, Token, TraceParent,
};
use crate::engine::Projection;
use crate::port::testing::{Dice, SeedOnPanic};
use crate::port::{Clock, Commands, Gateway, News, Unanswered, new_uuid};
use crate::role::payer::{Drive, OwedProjection, Payer, Payments};
use crate::view::owed::Debt;
use crate::wire::{Commit, CommitHead, Outcome, OutcomeKind, RetryDue};

const ORDERS: u8 = 5;

/// What one order costs.
const COSTS: u64 = 1_000;

/// The time that tokio shows.
#[derive(Clone)]
struct Watch(Instant);

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        T0.after(self.0.elapsed())
    }
}

struct Market {
    shop: Shop,
    dice: Dice,
    /// The payer's, and how many commits it has heard of.
    payer: Option<(OwedProjection, Drive, usize)>,
}

/// A committer that decides at once, and may be silent about it.
#[derive(Clone)]
struct Committer {
    market: Arc<Mutex<Market>>,
    watch: Watch,
}

impl Committer {
    fn market(&self) -> MutexGuard<'_, Market> {
        self.market.lock().unwrap()
    }

    fn decide(&self, request: &Request) -> Verdict {
        let mut market = self.market();
        market.shop.now = self.watch.now();
        let verdict = market.shop.send(request);
        market.tell();
        verdict
    }
}

impl Market {
    /// The payer hears of what was committed, and timers are set.
    fn tell(&mut self) {
        let Self { shop, dice, payer: Some((bucket, drive, heard)) } = self else { return };
        for committed in shop.log.iter().skip(*heard) {
            let head = CommitHead { at: committed.at, ..CommitHead::default() };
            let commit = Commit { head, events: committed.records.clone() };
            bucket.fold(committed.sequence, 0, &commit).unwrap();
            for record in &commit.events {
                if let Some((debt, retry)) = retried(&record.event) {
                    set_timers(dice, drive, (debt, retry.attempt), retry.at.since(shop.now));
                }
            }
        }
        *heard = shop.log.len();
    }
}

fn retried(event: &Event) -> Option<(Debt, &crate::domain::Retry)> {
    if let Event::PaymentFailed(failed) = event {
        return Some((Debt::charge(failed.order_id), failed.retry.as_ref()?));
    }
    let Event::RefundFailed(failed) = event else { return None };
    Some((Debt::refund(failed.order_id, failed.refund), failed.retry.as_ref()?))
}

/// A timer fires on time, late, twice or never.
fn set_timers(dice: &mut Dice, drive: &Drive, (debt, attempt): (Debt, u8), wait: Duration) {
    for _ in 0..dice.below(3) {
        let late = Duration::from_millis(u64::try_from(dice.below(4_000)).unwrap());
        let drive = drive.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait + late).await;
            drive.due(RetryDue { debt, attempt });
        });
    }
}

impl Commands for Committer {
    async fn send(
        &self,
        id: CommandId,
        command: &Command,
        _: Option<&TraceParent>,
    ) -> Result<Outcome, Unanswered> {
        let (lost_before, lost_after) = {
            let dice = &mut self.market().dice;
            (dice.chance(5), dice.chance(5))
        };
        if lost_before {
            return Err(Unanswered::Unknown("lost".into()));
        }
        let hash = blake3::hash(format!("{command:?}").as_bytes());
        let request = Request {
            id: Some(id),
            source: source("payer"),
            asked_at: self.watch.now(),
            body: Some(Fingerprint(std::array::from_fn(|i| hash.as_bytes()[i]))),
            trace: None,
            command_seq: None,
            intent: Intent::Command(command.clone()),
        };
        let verdict = self.decide(&request);
        if lost_after {
            return Err(Unanswered::Unknown("lost".into()));
        }
        let (refusal, at) = match verdict {
            Verdict::Repeated { at, refusal } => (refusal, at),
            Verdict::Append { refusal, .. } => (refusal, at(1)),
        };
        Ok(Outcome::decided(Some(id), OutcomeKind::Accepted, at, refusal))
    }
}

struct World {
    committer: Committer,
    bank: Arc<Bank>,
    stop: CancellationToken,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut shop = Shop::default();
        shop.send_all(&[list("mug", COSTS / 2, "EUR"), receive("mug", 8, "first")]);
        let market = Market { shop, dice: Dice::new(seed), payer: None };
        let watch = Watch(Instant::now());
        let committer = Committer { market: Arc::new(Mutex::new(market)), watch };
        Self { committer, bank: Arc::new(Bank::new(!seed)), stop: CancellationToken::new() }
    }

    /// A payer takes over from one that may not know it: the log is read from its beginning.
    fn take_over(&mut self) {
        self.stop.cancel();
        self.stop = CancellationToken::new();
        let ports = (self.committer.clone(), self.committer.watch.clone());
        let gateway = Arc::clone(&self.bank);
        let payer = Payer::new(gateway, ports, Payments::default(), DeclineClasses::default());
        let drive = payer.drive();
        let bucket = OwedProjection::new("$KV.payer.".to_owned(), drive.clone());
        let mut market = self.committer.market();
        market.payer = Some((bucket, drive, 0));
        market.tell();
        let (bucket, ..) = market.payer.as_mut().unwrap();
        bucket.caught_up();
        let stop = self.stop.clone();
        tokio::spawn(async move { payer.run(&stop).await });
    }

    /// Somebody looks up what the provider told of, and tells the market, late or twice.
    async fn hear(&self) {
        let Some(name) = self.bank.hint() else { return };
        let Ok(Some(news)) = self.bank.look_up(&name).await else { return };
        let connector = Token::SIMULATED;
        let command = match news {
            News::Charge { order_id, attempt, result } => {
                Command::RecordPayment(RecordPayment { order_id, attempt, connector, result })
            }
            News::Refund { order_id, refund, attempt, result } => {
                let record = RecordRefund { order_id, refund, attempt, connector, result };
                Command::RecordRefund(record)
            }
        };
        let id = CommandId::try_from(new_uuid(self.committer.watch.now())).unwrap();
        let _ = self.committer.send(id, &command, None).await;
    }

    /// Something that a buyer, a warehouse or a shopkeeper does.
    fn somebody_does(&self, number: usize) {
        let (order_id, what) = {
            let dice = &mut self.committer.market().dice;
            (order(1 + u8::try_from(dice.below(ORDERS.into())).unwrap()), dice.below(10))
        };
        let request = match what {
            0..4 => place(order_id, &[line("mug", 2)]),
            4 | 5 => cancel(order_id),
            6 => change(order_id, "pm_other"),
            7 => refund(order_id, &format!("c-{number}"), Some(300)),
            8 => refund(order_id, &format!("c-{number}"), None),
            _ => fulfil(order_id, "s-1"),
        };
        let id = CommandId::try_from(new_uuid(self.committer.watch.now())).unwrap();
        let now = self.committer.watch.now();
        self.committer.decide(&request.under(id).asked_at(now));
    }

    async fn goes_on(&self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut market = self.committer.market();
            market.shop.now = self.committer.watch.now();
            market.shop.sweep();
            market.tell();
        }
    }

    /// What is wrong with the money of an order.
    fn wrong(&self, order_id: OrderId, balance: Balance) -> Option<String> {
        let market = self.committer.market();
        let Some(order) = market.shop.market.order(order_id) else {
            return (balance != Balance::default()).then(|| "nobody placed it".to_owned());
        };
        let refunds = order.money.refunds.iter();
        let given_up = refunds.clone().any(|r| matches!(r.state, RefundState::GivenUp(_)));
        let goodwill: u64 = refunds
            .filter(|r| {
                r.reason == RefundReason::Requested && matches!(r.state, RefundState::Done { .. })
            })
            .map(|r| r.amount.minor())
            .sum();
        let kept = balance.captured.checked_sub(balance.refunded);
        let wanted = match order.state() {
            "confirmed" | "fulfilled" => Some(COSTS - goodwill),
            "cancelled" | "refunded" => Some(0),
            // A human has been told of a refund that nobody takes.
            "needs_attention" if given_up => None,
            state => return Some(format!("it is still {state}")),
        };
        let too_many = 4 < balance.keys;
        let off = wanted.is_some() && kept != wanted && !given_up;
        (kept.is_none() || too_many || off)
            .then(|| format!("{balance:?}, {wanted:?} wanted; {order:#?}"))
    }
}

async fn all_adds_up(seed: u64) {
    let _said = SeedOnPanic(seed);
    let mut world = World::new(seed);
    world.take_over();
    for number in 0..40 {
        let (wait, hears, dies) = {
            let dice = &mut world.committer.market().dice;
            (dice.below(90), dice.chance(40), dice.chance(8))
        };
        world.goes_on(Duration::from_secs(u64::try_from(wait).unwrap())).await;
        world.somebody_does(number);
        if hears {
            world.hear().await;
        }
        if dies {
            world.take_over();
        }
    }
    // Long enough for every plan, poll and bound to come to its end, one after the other.
    world.goes_on(hours(6)).await;
    world.stop.cancel();
    let balances = world.bank.balances();
    for number in 1..=ORDERS {
        let balance = balances.get(&order(number)).copied().unwrap_or_default();
        let wrong = world.wrong(order(number), balance);
        assert_eq!(wrong, None, "order {number}");
    }
    let market = world.committer.market();
    assert_eq!(frozen(&folded(&market.shop.log)), frozen(&market.shop.market));
}

#[tokio::test(start_paused = true)]
async fn whatever_comes_in_whatever_order_the_money_is_where_it_belongs() {
    for seed in 0..60 {
        all_adds_up(seed).await;
    }
}
