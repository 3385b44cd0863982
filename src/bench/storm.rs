//! What becomes of payments in a storm, order by order.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Serialize;

use super::report::per;
use crate::domain::payment::DeclineClass;
use crate::domain::{Event, OrderId, Timestamp};
use crate::wire::Commit;

/// How many of 100 charges fail, by class; and of 100 calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shares {
    /// Declined as if the provider were not well.
    pub infra: u64,
    /// Declined without a reason.
    pub soft: u64,
    /// Declined until the buyer does something.
    pub customer: u64,
    /// Declined for good.
    pub hard: u64,
    /// Calls that are not taken.
    pub away: u64,
    /// Calls that are carried out, and whose answer is lost.
    pub silent: u64,
}

/// A payment that is paid so much later than it was placed was held back by an outage, although no
/// failure was recorded. In the shop's own time.
const HELD: Duration = Duration::from_secs(5);

/// What is said of such a payment instead of a class.
const HELD_BACK: &str = "held_back";

/// Requirement: recovered is what is captured within 10 minutes. In the shop's own time.
const WINDOW: Duration = Duration::from_secs(10 * 60);

/// One order.
struct Trial {
    placed: Timestamp,
    /// What went wrong first, and when.
    failed: Option<(&'static str, Timestamp)>,
    attempts: u8,
    /// When the money came that is kept.
    captured: Option<Timestamp>,
    captures: u32,
    refunds: u32,
    ended: bool,
}

/// Every order.
#[derive(Default)]
pub(super) struct Storm {
    trials: HashMap<OrderId, Trial>,
}

/// The result of a storm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PaymentsReport {
    /// How much faster than in a shop everything waited.
    pub compressed: u32,
    /// Orders that were placed.
    pub payments: u64,
    /// Orders that were confirmed.
    pub confirmed: u64,
    /// What failed first, by class, and what became of it.
    pub classes: BTreeMap<&'static str, ClassReport>,
    /// Orders whose payment failed recoverably: of all classes but customer and hard.
    pub recoverable: u64,
    /// How many of 100 of them were captured within 10 minutes.
    pub recovered_percent: f64,
    /// Orders that waited for the provider, without a failure of their own: none of them was tried
    /// in vain, and not all of them were paid.
    pub held_back: ClassReport,
    /// How many of 100 were captured within 10 minutes, of those that failed recoverably and of
    /// those that were held back.
    pub recovered_or_waited_percent: f64,
    /// Orders by the number of their attempts.
    pub attempts: BTreeMap<u8, u64>,
    /// Orders for which money came twice, by the log; each second payment went back.
    pub double_captures: u64,
    /// Money that is neither for goods nor given back, by the provider's books: orders.
    pub kept_for_nothing: u64,
    /// Orders that still wait for money at the end.
    pub owed: u64,
    /// What the provider's list and the log do not agree on.
    pub differences: u64,
    /// How long it took, from the first order to the last payment. Units: seconds.
    pub took_s: f64,
    /// What the verifier found first; none when all is well.
    pub violation: Option<String>,
}

/// What became of the orders whose payment first failed in one way.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ClassReport {
    /// Orders.
    pub failed: u64,
    /// Captured within 10 minutes of the failure.
    pub recovered: u64,
    /// How long half of them took. Units: seconds, in the shop's own time.
    pub p50_s: f64,
    /// How long 95 of 100 took at most. Units: the same.
    pub p95_s: f64,
}

impl Storm {
    /// Follows a commit; tells which buyers are asked for another means of payment.
    pub(super) fn follow(&mut self, commit: &Commit) -> Vec<OrderId> {
        let mut asked = Vec::new();
        for record in &commit.events {
            self.take(&record.event, commit.head.at, &mut asked);
        }
        asked
    }

    fn take(&mut self, event: &Event, at: Timestamp, asked: &mut Vec<OrderId>) {
        let Some(order_id) = event.order_id() else { return };
        if let Event::OrderPlaced(_) = event {
            self.trials.insert(order_id, trial(at));
            return;
        }
        let Some(trial) = self.trials.get_mut(&order_id) else { return };
        if let Event::PaymentFailed(failed) = event {
            trial.fail(failed.class.name(), at);
            trial.attempts = failed.retry.as_ref().map_or(trial.attempts, |retry| retry.attempt);
            if failed.retry.is_none() {
                asked.push(order_id);
            }
        } else if let Event::PaymentRequested(requested) = event {
            trial.attempts = requested.payment.attempt;
        } else if let Event::PaymentUnknown(_) = event {
            trial.fail("unknown", at);
        } else if let Event::PaymentAbandoned(last) = event {
            trial.fail(last.class.name(), at);
        } else if let Event::PaymentCaptured(_) = event {
            trial.captures = trial.captures.saturating_add(1);
            trial.captured.get_or_insert(at);
        } else if let Event::PaymentRefunded(_) = event {
            trial.refunds = trial.refunds.saturating_add(1);
        } else if matches!(event, Event::OrderConfirmed(_)) {
            trial.ended = true;
        } else if matches!(event, Event::OrderCancelled(_)) {
            (trial.ended, trial.captured) = (true, None);
        }
    }

    /// How many orders were placed.
    pub(super) fn placed(&self) -> usize {
        self.trials.len()
    }

    /// How many orders wait for money, or for money to go back.
    pub(super) fn open(&self) -> usize {
        let open = |trial: &&Trial| {
            let goods = u32::from(trial.captured.is_some());
            !trial.ended || trial.refunds.saturating_add(goods) < trial.captures
        };
        self.trials.values().filter(open).count()
    }

    /// What it all came to, with every pause `compressed` so many times.
    pub(super) fn report(&self, compressed: u32) -> PaymentsReport {
        let mut times: BTreeMap<&'static str, Vec<Duration>> = BTreeMap::new();
        let mut report = PaymentsReport {
            compressed,
            payments: u64::try_from(self.trials.len()).unwrap_or(u64::MAX),
            confirmed: 0,
            classes: BTreeMap::new(),
            recoverable: 0,
            recovered_percent: 100.0,
            held_back: ClassReport::default(),
            recovered_or_waited_percent: 100.0,
            attempts: BTreeMap::new(),
            double_captures: 0,
            kept_for_nothing: 0,
            owed: u64::try_from(self.open()).unwrap_or(u64::MAX),
            differences: 0,
            took_s: 0.0,
            violation: None,
        };
        for trial in self.trials.values() {
            bump(report.attempts.entry(trial.attempts).or_default());
            if trial.captured.is_some() && trial.ended {
                bump(&mut report.confirmed);
            }
            if 1 < trial.captures {
                bump(&mut report.double_captures);
            }
            let Some((class, since)) = trial.trouble(compressed) else { continue };
            let entry = match class {
                HELD_BACK => &mut report.held_back,
                class => report.classes.entry(class).or_default(),
            };
            bump(&mut entry.failed);
            let took = trial.captured.map(|at| at.since(since).saturating_mul(compressed));
            if let Some(took) = took.filter(|took| *took <= WINDOW) {
                bump(&mut entry.recovered);
                times.entry(class).or_default().push(took);
            }
        }
        report.summarise(times);
        report
    }
}

impl PaymentsReport {
    fn summarise(&mut self, times: BTreeMap<&'static str, Vec<Duration>>) {
        for (class, mut times) in times {
            times.sort_unstable();
            let at = |percent: usize| {
                let last = times.len().saturating_sub(1);
                let index = last.saturating_mul(percent) / 100;
                times.get(index).map_or(0.0, Duration::as_secs_f64)
            };
            let (p50_s, p95_s) = (at(50), at(95));
            let entry = match class {
                HELD_BACK => Some(&mut self.held_back),
                class => self.classes.get_mut(class),
            };
            if let Some(entry) = entry {
                (entry.p50_s, entry.p95_s) = (p50_s, p95_s);
            }
        }
        let by_buyer = [DeclineClass::Customer.name(), DeclineClass::Hard.name()];
        let recoverable = self.classes.iter().filter(|(class, _)| !by_buyer.contains(class));
        let (failed, recovered) =
            recoverable.fold((0_u64, 0_u64), |(failed, recovered), (_, of)| {
                (failed.saturating_add(of.failed), recovered.saturating_add(of.recovered))
            });
        self.recoverable = failed;
        let percent = |recovered: u64, of: u64| match of {
            0 => 100.0,
            of => 100.0 * per(recovered, per(of, 1.0)),
        };
        let ClassReport { failed: waited, recovered: paid, .. } = self.held_back;
        self.recovered_percent = percent(recovered, failed);
        self.recovered_or_waited_percent =
            percent(recovered.saturating_add(paid), failed.saturating_add(waited));
    }
}

impl Trial {
    fn fail(&mut self, class: &'static str, at: Timestamp) {
        self.failed.get_or_insert((class, at));
    }

    /// What went wrong first, and since when.
    fn trouble(&self, compressed: u32) -> Option<(&'static str, Timestamp)> {
        self.failed.or_else(|| {
            let waited = match self.captured {
                Some(at) => {
                    let took = at.since(self.placed).saturating_mul(compressed);
                    // Gateways and commits take their time; that is not compressed.
                    HELD.saturating_mul(compressed.min(4)) < took
                }
                // Its hold ended before anybody was asked for its money.
                None => self.ended,
            };
            waited.then_some((HELD_BACK, self.placed))
        })
    }
}

/// An order that was placed at that moment.
const fn trial(placed: Timestamp) -> Trial {
    Trial {
        placed,
        failed: None,
        attempts: 1,
        captured: None,
        captures: 0,
        refunds: 0,
        ended: false,
    }
}

fn bump(count: &mut u64) {
    *count = count.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{Shop, capture, decline, line, list, order, place, receive};

    #[test]
    fn what_failed_first_is_what_was_recovered_from() {
        let mut shop = Shop::default();
        shop.send(&list("mug", 500, "EUR"));
        shop.send(&receive("mug", 9, "first"));
        for number in 1..=3 {
            shop.send(&place(order(number), &[line("mug", 1)]));
        }
        shop.send(&decline(order(1), "do_not_honor"));
        shop.send(&decline(order(2), "lost_card"));
        shop.wait(Duration::from_secs(2));
        shop.send(&capture(order(1), 500));
        let mut storm = Storm::default();
        for (_, made, record) in shop.events() {
            storm.take(&record.event, made, &mut Vec::new());
        }
        let mut late = trial(shop.events().next().unwrap().1);
        late.ended = true;
        storm.trials.insert(order(9), late);
        let report = storm.report(10);
        let soft = &report.classes["soft"];
        assert_eq!((soft.failed, soft.recovered, soft.p50_s), (1, 1, 20.0));
        assert_eq!((report.classes["hard"].failed, report.classes["hard"].recovered), (1, 0));
        assert_eq!((report.recoverable, report.recovered_percent), (1, 100.0));
        assert_eq!((report.payments, report.confirmed, report.owed), (4, 1, 1));
        assert_eq!(report.attempts, BTreeMap::from([(1, 3), (2, 1)]));
        // Off without a failure of its own: it waited for the provider until its hold ended.
        assert_eq!((report.held_back.failed, report.held_back.recovered), (1, 0));
        assert_eq!(report.recovered_or_waited_percent, 50.0);
    }
}
