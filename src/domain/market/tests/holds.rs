//! Holds end once: with money, with a cancellation, or with their deadline.

use std::time::Duration;

use crate::domain::fixtures::*;
use crate::domain::market::Verdict;
use crate::domain::{AttentionKind, OrderLine, Timestamp};

fn mugs() -> [OrderLine; 1] {
    [line("mug", 2)]
}

fn waiting() -> Facts {
    history([stocked("mug", 5), bought(order(1), &mugs())])
}

fn just_before(moment: Timestamp) -> Timestamp {
    moment.before(Duration::from_millis(1))
}

#[test]
fn a_hold_does_not_end_before_its_deadline() {
    assert_eq!(overdue_by(&waiting(), just_before(hold_end())), []);
}

#[test]
fn a_hold_ends_at_its_deadline_and_its_stock_is_free_again() {
    let ended = overdue_by(&waiting(), hold_end());
    assert_eq!(ended, [(order(1), expiry(order(1), &mugs()))]);
}

#[test]
fn only_an_order_that_waits_for_money_can_expire() {
    let anna = order(1);
    let long_after = hold_end().after(hours(1));
    let mismatch = vec![
        captured("pay-1", anna, 1),
        attention(AttentionKind::AmountMismatch, anna, "too little"),
    ];
    let over: [(&str, Facts); 6] = [
        ("expired before", expired(expiry(anna, &mugs()))),
        ("paid", settled(anna, &mugs())),
        (
            "paid and gone",
            history([
                settled(anna, &mugs()),
                did(fulfil(anna, "s-1"), vec![fulfilled(anna, "s-1")]),
            ]),
        ),
        ("cancelled", did(cancel(anna), cancelled(anna, &mugs()))),
        ("declined", turned_down(anna, &mugs())),
        ("in a human's hands", did(capture(anna, 1), mismatch)),
    ];
    for (name, ending) in over {
        assert_eq!(overdue_by(&history([waiting(), ending]), long_after), [], "{name}");
    }
}

#[test]
fn the_longest_overdue_is_freed_first() {
    let mut shop = Shop::default();
    shop.send(&list("mug", PRICE, "EUR"));
    shop.send(&receive("mug", 9, "first"));
    for n in [2, 1, 3] {
        shop.send(&place(order(n), &[line("mug", 1)]));
        shop.wait(minutes(1));
    }
    let late = T0.after(hours(1));
    assert_eq!(shop.market.next_deadline(), Some(hold_end()));
    assert_eq!(shop.market.overdue(late, 10), [order(2), order(1), order(3)]);
    assert_eq!(shop.market.overdue(late, 1), [order(2)], "a sweep takes so many and no more");
}

#[test]
fn a_published_order_that_waited_is_held_from_its_promise_not_from_its_sending() {
    let mut shop = Shop::default();
    shop.send(&list("mug", PRICE, "EUR"));
    shop.send(&receive("mug", 9, "first"));
    shop.wait(minutes(10));
    shop.send(&place(order(1), &mugs()).asked_at(T0));
    assert_eq!(shop.market.next_deadline(), Some(hold_end().after(minutes(10))));
}

/// One writer: at the very moment of the deadline either may come first, and the other sees it.
#[test]
fn money_and_deadline_at_the_same_instant() {
    let mut shop = Shop::default();
    shop.send(&list("mug", PRICE, "EUR"));
    shop.send(&receive("mug", 2, "first"));
    shop.send(&place(order(1), &mugs()));
    shop.now = hold_end();
    let money = capture(order(1), 1_000).asked_at(hold_end());

    let mut money_first = shop.clone();
    money_first.send(&money);
    money_first.sweep();
    assert_eq!(money_first.market.order(order(1)).unwrap().state(), "confirmed");
    assert_eq!(money_first.market.item(&sku("mug")).unwrap().stock.sold(), 2);

    let mut deadline_first = shop;
    deadline_first.sweep();
    deadline_first.send(&money);
    assert_eq!(deadline_first.market.order(order(1)).unwrap().state(), "confirmed");
    let stock = deadline_first.market.item(&sku("mug")).unwrap().stock;
    assert_eq!((stock.available(), stock.reserved(), stock.sold()), (0, 0, 2));
}

#[test]
fn a_timer_that_fires_twice_ends_a_hold_once() {
    let mut shop = Shop::default();
    shop.send(&list("mug", PRICE, "EUR"));
    shop.send(&receive("mug", 2, "first"));
    shop.send(&place(order(1), &mugs()));
    shop.now = hold_end().after(minutes(1));
    shop.sweep();
    let once = shop.log.len();
    shop.sweep();
    assert_eq!(shop.log.len(), once);
    assert_eq!(shop.market.item(&sku("mug")).unwrap().stock.available(), 2);
}

#[test]
fn a_release_after_a_sale_is_a_defect_and_stops_the_fold() {
    let sold = fold(&history([waiting(), settled(order(1), &mugs())]));
    let mut off = sold.clone();
    for (event, says) in cancelled(order(1), &mugs()).into_iter().zip([
        Ok(()),
        Ok(()),
        Err("stock_released does not fit: mug is Sold, not Open"),
    ]) {
        let record = did(cancel(order(1)), vec![event]).remove(0).remove(0);
        let misfit = off.evolve(at(9), &record).map_err(|misfit| misfit.to_string());
        assert_eq!(misfit, says.map_err(ToOwned::to_owned));
    }
}

/// A commit says once a SKU how its availability changed, however often it changed in between.
#[test]
fn a_commit_has_one_ledger_entry_for_each_sku_whose_availability_it_changes() {
    let mut shop = Shop::default();
    shop.send_all(&[list("mug", PRICE, "EUR"), list("pot", PRICE, "EUR")]);
    assert_eq!(shop.log[0].entries, [], "offering changes no availability");
    shop.send_all(&[receive("pot", 5, "a"), receive("mug", 5, "a"), receive("mug", 5, "b")]);
    let entry = |i: usize| {
        let entry = &shop.log[1].entries[i];
        (entry.sku.as_str(), entry.delta, entry.available, entry.expected.0)
    };
    assert_eq!([entry(0), entry(1)], [("mug", 10, 10, 0), ("pot", 5, 5, 0)]);

    let verdicts = shop.send_all(&[place(order(1), &mugs()), cancel(order(1))]);
    assert!(verdicts.iter().all(|v| matches!(v, Verdict::Append { refusal: None, .. })));
    assert_eq!(shop.log[2].entries, [], "promised and freed in one commit is no change");

    shop.send(&place(order(2), &mugs()));
    assert_eq!(shop.log[3].entries[0].expected, shop.log[1].sequence.next());
    shop.send(&capture(order(2), 1_000));
    assert_eq!(shop.log[4].entries, [], "a sale takes what was promised, not what is available");
}
