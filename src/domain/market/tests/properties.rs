//! What holds whatever comes, in whatever order: few orders, few SKUs and few units, so that
//! collisions are common.

use proptest::prelude::*;

use crate::domain::fixtures::*;
use crate::domain::market::Verdict;
use crate::domain::{Address, Market, Policy, Sequence, Source};

fn thawed(bytes: &[u8]) -> Market {
    Market::thaw(&mut rmp_serde::Deserializer::from_read_ref(bytes)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever comes, the books of an accountant who sees nothing but the events are in order
    /// after every one of them, and agree with the shop after every commit.
    #[test]
    fn the_books_are_always_in_order(steps in any_steps()) {
        let mut shop = open_shop();
        for step in &steps {
            take(&mut shop, step);
        }
        let mut books = Books::default();
        let mut verifier = crate::domain::verify::Books::default();
        let mut market = Market::new();
        for commit in &shop.log {
            market.begin(commit.sequence);
            verifier.begin(commit.at, Sequence::START);
            for (index, record) in (0..).zip(&commit.records) {
                books.enter(record, commit.at);
                prop_assert_eq!(verifier.enter(record), vec![], "{:?}", record);
                market.evolve(Address::new(commit.sequence, index), record).unwrap();
            }
            market.finish(commit.at);
            books.agree_with(&market);
            prop_assert_eq!(verifier.end().1, vec![]);
        }
        prop_assert_eq!(verifier.close(Some(&market)), vec![]);
    }

    /// A command that is sent again gets the answer it got, and nothing is appended.
    #[test]
    fn a_command_is_decided_once(steps in any_steps(), command in any_command()) {
        let mut shop = open_shop();
        for step in &steps {
            take(&mut shop, step);
        }
        let command = command.asked_at(shop.now);
        let first = shop.send(&command);
        // An id that was used for something else is at fault itself: nothing is kept under it.
        let conflict = matches!(
            &first, Verdict::Append { records, .. } if records[0].cause.is_none());
        prop_assume!(!conflict);
        // Whatever happens in between.
        shop.send(&cancel(order(1)).under(command_made(T0, 99)).asked_at(shop.now));
        let log = shop.log.len();
        let again = shop.send(&command);
        let (is_repeated, refusal) = match &again {
            Verdict::Repeated { refusal, .. } => (true, refusal.clone()),
            Verdict::Append { refusal, .. } => (false, refusal.clone()),
        };
        prop_assert!(is_repeated, "{command:?}\n first {first:?}\n again {again:?}");
        prop_assert_eq!(shop.log.len(), log);
        let (Verdict::Append { refusal: before, .. } | Verdict::Repeated { refusal: before, .. }) =
            first;
        prop_assert_eq!(refusal, before);
    }

    /// Folding the log anew leads to the very state that deciding led to.
    #[test]
    fn the_log_is_the_truth(steps in any_steps()) {
        let mut shop = open_shop();
        for step in &steps {
            take(&mut shop, step);
        }
        prop_assert_eq!(frozen(&folded(&shop.log)), frozen(&shop.market));
    }

    /// A shop that goes on from a snapshot does what it would have done without.
    #[test]
    fn a_snapshot_changes_nothing(before in any_steps(), after in any_steps()) {
        let mut shop = open_shop();
        for step in &before {
            take(&mut shop, step);
        }
        let mut resumed = shop.clone();
        resumed.market = thawed(&frozen(&shop.market));
        for step in &after {
            take(&mut shop, step);
            take(&mut resumed, step);
            let (last, same) = (shop.log.last().unwrap(), resumed.log.last().unwrap());
            prop_assert_eq!(&last.records, &same.records);
            prop_assert_eq!(&last.entries, &same.entries);
        }
        prop_assert_eq!(frozen(&shop.market), frozen(&resumed.market));
    }

    /// Deciding asks only what stands in the log: it changes nothing by itself.
    #[test]
    fn deciding_changes_nothing(steps in any_steps(), command in any_command()) {
        let mut shop = open_shop();
        for step in &steps {
            take(&mut shop, step);
        }
        let before = frozen(&shop.market);
        let policy = Policy::default();
        let first = shop.market.decide(&command, shop.now, &policy);
        prop_assert_eq!(first, shop.market.decide(&command, shop.now, &policy));
        let _ = shop.market.expire(order(1), &Source::COMMITTER);
        prop_assert_eq!(before, frozen(&shop.market));
    }
}
