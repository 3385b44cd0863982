//! When a snapshot is worth its cost.

use super::rules::Rules;
use crate::domain::Market;

/// Events after which a snapshot is taken however few commits they are in: they are folded in one
/// to two seconds.
const EVENTS_MAX: u64 = 500_000;

/// A snapshot is as large as what is remembered, and packing a remembered order costs about what
/// folding two events does. So no more is spent on snapshots than the folding they spare.
const EVENTS_AN_ORDER: u64 = 2;

/// What was committed since the last snapshot.
#[derive(Debug, Default)]
pub(super) struct Unkept {
    commits: u64,
    events: u64,
}

impl Unkept {
    /// Counts a commit of so many events.
    pub(super) fn note(&mut self, events: u32) {
        self.commits = self.commits.saturating_add(1);
        self.events = self.events.saturating_add(u64::from(events));
    }

    /// Whether there is to be a snapshot.
    pub(super) fn is_due(&self, rules: &Rules, market: &Market) -> bool {
        let many = rules.snapshot_every <= self.commits || EVENTS_MAX <= self.events;
        many && {
            let orders = u64::try_from(market.orders()).unwrap_or(u64::MAX);
            orders.saturating_mul(EVENTS_AN_ORDER) <= self.events
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Policy;
    use crate::domain::fixtures::{line, open_shop, order, place};

    fn rules(snapshot_every: u64) -> Rules {
        let (policy, decide) = (Policy::default(), Market::decide);
        Rules { policy, bounds: super::super::Bounds::default(), decide, snapshot_every }
    }

    /// A market that remembers three orders.
    fn busy() -> Market {
        let mut shop = open_shop();
        (1..=3).for_each(|number| drop(shop.send(&place(order(number), &[line("mug", 1)]))));
        assert_eq!(shop.market.orders(), 3);
        shop.market
    }

    #[test]
    fn a_snapshot_is_due_after_many_commits_or_after_many_events() {
        let (rules, market) = (rules(3), Market::new());
        let mut small = Unkept::default();
        for commits in 1..=3 {
            assert!(!small.is_due(&rules, &market), "{commits}");
            small.note(1);
        }
        assert!(small.is_due(&rules, &market));
        let mut large = Unkept::default();
        large.note(499_999);
        assert!(!large.is_due(&rules, &market));
        large.note(1);
        assert!(large.is_due(&rules, &market));
    }

    #[test]
    fn a_market_that_remembers_much_is_kept_less_often() {
        let (rules, market) = (rules(1), busy());
        let spared = u32::try_from(market.orders() * 2).unwrap();
        let mut unkept = Unkept::default();
        unkept.note(spared - 1);
        assert!(!unkept.is_due(&rules, &market));
        unkept.note(1);
        assert!(unkept.is_due(&rules, &market));
    }
}
