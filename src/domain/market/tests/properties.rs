//! What holds whatever comes, in whatever order: few orders, few SKUs and few units, so that
//! collisions are common.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::domain::fixtures::*;
use crate::domain::market::{Intent, Request, Verdict};
use crate::domain::{
    Address, Command, Market, PaymentResult, Policy, RefundResult, Sequence, Source,
};

/// What comes next.
#[derive(Clone, Debug)]
enum Step {
    /// Commands that are decided in one commit.
    Commands(Vec<Request>),
    /// Time passes, and deadlines are looked at.
    Wait(u64),
}

const SKUS: [&str; 2] = ["mug", "pot"];

fn any_lines() -> impl Strategy<Value = Vec<crate::domain::OrderLine>> {
    let units = (0..SKUS.len(), 1u32..=3).prop_map(|(s, units)| line(SKUS[s], units));
    // Now and then somebody quotes a price of yesterday.
    let any_line = prop_oneof![
        9 => units,
        1 => (0..SKUS.len()).prop_map(|s| line_at(SKUS[s], 1, PRICE - 1)),
    ];
    vec(any_line, 1..=3)
}

fn any_result() -> impl Strategy<Value = PaymentResult> {
    let captured = |(minor, n): (u64, u8)| PaymentResult::Captured {
        amount_minor: amount(minor),
        currency: currency("EUR"),
        provider_ref: token(&format!("pay-{n}")),
    };
    let code = prop_oneof![
        2 => Just("do_not_honor"),
        2 => Just("insufficient_funds"),
        1 => Just("processing_error"),
        1 => Just("lost_card"),
        1 => Just("moon_phase"),
    ];
    prop_oneof![
        // Every basket of up to nine units has its price among these.
        6 => ((1u64..=9).prop_map(|units| units * PRICE), 1u8..=2).prop_map(captured),
        6 => code.prop_map(|code| PaymentResult::Declined { code: token(code) }),
        1 => Just(PaymentResult::Failed { code: token("gateway_unavailable") }),
        2 => Just(PaymentResult::Unknown),
    ]
}

fn any_refund_result() -> impl Strategy<Value = RefundResult> {
    let code = prop_oneof![Just("processing_error"), Just("expired_or_canceled_card")];
    let refunded = |n: u8| RefundResult::Refunded { provider_ref: token(&format!("re-{n}")) };
    prop_oneof![
        4 => (1u8..=3).prop_map(refunded),
        3 => code.prop_map(|code| RefundResult::Declined { code: token(code) }),
        1 => Just(RefundResult::Failed { code: token("gateway_unavailable") }),
        2 => Just(RefundResult::Unknown),
    ]
}

/// Mostly one that may have been asked for.
fn any_attempt() -> impl Strategy<Value = u8> {
    prop_oneof![9 => Just(1), 6 => Just(2), 4 => Just(3), 3 => Just(4), 1 => Just(5)]
}

fn any_method() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("pm_one"), Just("pm_other")]
}

fn any_command() -> impl Strategy<Value = Request> {
    let any_order = || (1u8..=4).prop_map(order);
    let any_sku = || (0..SKUS.len()).prop_map(|s| SKUS[s]);
    let reference = || (1u8..=9).prop_map(|n| format!("ref-{n}"));
    let command = prop_oneof![
        2 => (any_sku(), 0u64..=1)
            .prop_map(|(sku, dearer)| list(sku, PRICE + dearer, "EUR")),
        1 => any_sku().prop_map(|sku| reprice(sku, PRICE)),
        1 => any_sku().prop_map(delist),
        3 => (any_sku(), 1u32..=4, reference()).prop_map(|(s, n, r)| receive(s, n, &r)),
        1 => (any_sku(), -3i64..=3, reference()).prop_map(|(s, n, r)| adjust(s, n, &r)),
        1 => (any_sku(), 0u64..=4).prop_map(|(s, n)| count(s, n)),
        8 => (any_order(), any_lines()).prop_map(|(id, lines)| place(id, &lines)),
        6 => (any_order(), any_attempt(), any_result())
            .prop_map(|(id, attempt, result)| record(id, attempt, result)),
        2 => (any_order(), any_method()).prop_map(|(id, method)| change(id, method)),
        2 => any_order().prop_map(cancel),
        2 => (any_order(), 1u8..=2).prop_map(|(id, n)| fulfil(id, &format!("s-{n}"))),
        2 => (any_order(), any_sku(), 1u32..=2, 1u8..=3)
            .prop_map(|(id, sku, units, n)| ship(id, &format!("s-{n}"), &[(sku, units)])),
        2 => (any_order(), any_sku(), (1u32..=2, 0u32..=2), 1u8..=2)
            .prop_map(|(id, sku, (units, good), n)| {
                take_back(id, &format!("b-{n}"), &[(sku, units, good)])
            }),
        3 => (any_order(), 1u8..=3, proptest::option::of(1u64..=3))
            .prop_map(|(id, n, units)| refund(id, &format!("c-{n}"), units.map(|n| n * PRICE / 2))),
        6 => (any_order(), 1u16..=3, any_attempt(), any_refund_result())
            .prop_map(|(id, n, attempt, result)| record_refund(id, (n, attempt), result)),
    ];
    // Most commands have an id of their own; some come under one that was used before. Orders and
    // money do not: their own ids tell them apart, and which command they came under is not kept.
    (command, 0u8..20).prop_map(|(command, n)| match (&command.intent, n) {
        (Intent::Command(Command::PlaceOrder(_) | Command::RecordPayment(_)), _) => command,
        (_, 0..=2) => command.under(command_made(T0, n)),
        _ => command,
    })
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => vec(any_command(), 1..=4).prop_map(Step::Commands),
        1 => (1u64..=10).prop_map(Step::Wait),
    ];
    vec(step, 1..60)
}

/// A shop in which everything is offered and something of it is there.
fn open_shop() -> Shop {
    let mut shop = Shop::default();
    for sku in SKUS {
        shop.send_all(&[list(sku, PRICE, "EUR"), receive(sku, 4, "ref-0")]);
    }
    shop
}

fn take(shop: &mut Shop, step: &Step) {
    match step {
        Step::Commands(commands) => {
            let now = shop.now;
            let commands: Vec<_> = commands.iter().map(|c| c.clone().asked_at(now)).collect();
            shop.send_all(&commands);
        }
        Step::Wait(span) => {
            shop.wait(minutes(*span));
            shop.sweep();
        }
    }
}

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
