//! When a snapshot is worth its cost.

use super::rules::Rules;
use crate::domain::Market;
use crate::wire::Unkept;

/// Events after which a snapshot is taken however few commits they are in: they are folded in one
/// to two seconds.
const EVENTS_MAX: u64 = 500_000;

/// A snapshot is as large as what is remembered, and packing a remembered order costs about what
/// folding two events does. So no more is spent on snapshots than the folding they spare.
const EVENTS_AN_ORDER: u64 = 2;

/// Whether there is to be a snapshot. What a start has folded counts too: else committers that are
/// started often would have ever more to fold.
pub(super) fn is_due(Unkept { commits, events }: Unkept, rules: &Rules, market: &Market) -> bool {
    let many = rules.snapshot_every <= commits || EVENTS_MAX <= events;
    many && {
        let orders = u64::try_from(market.orders()).unwrap_or(u64::MAX);
        orders.saturating_mul(EVENTS_AN_ORDER) <= events
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
            assert!(!is_due(small, &rules, &market), "{commits}");
            small.note(1);
        }
        assert!(is_due(small, &rules, &market));
        let mut large = Unkept::default();
        large.note(499_999);
        assert!(!is_due(large, &rules, &market));
        large.note(1);
        assert!(is_due(large, &rules, &market));
    }

    #[test]
    fn a_market_that_remembers_much_is_kept_less_often() {
        let (rules, market) = (rules(1), busy());
        let spared = market.orders() * 2;
        let mut unkept = Unkept::default();
        unkept.note(spared - 1);
        assert!(!is_due(unkept, &rules, &market));
        unkept.note(1);
        assert!(is_due(unkept, &rules, &market));
    }
}
