//! Nothing is taken out of the log, and every event about an order has something that makes good
//! for it: the table "What undoes what" of the protocol, row by row.

use std::collections::BTreeSet;

use crate::domain::fixtures::*;
use crate::domain::market::Request;
use crate::domain::{AttentionAction, ItemKind, PaymentResult, RefundResult};

/// The page that says so.
const PROTOCOL: &str = include_str!("../../../../docs/protocol.md");

/// A command, or the end of a hold.
type Step = Option<Request>;

const DEADLINE: Step = None;

/// What happened, what makes good for it, and what that leads to.
struct Undo {
    events: &'static [&'static str],
    before: Vec<Step>,
    by: Vec<Step>,
    leads_to: &'static [&'static str],
}

fn undo(
    events: &'static [&'static str],
    before: Vec<Step>,
    by: Vec<Step>,
    leads_to: &'static [&'static str],
) -> Undo {
    Undo { events, before, by, leads_to }
}

fn bought() -> Vec<Step> {
    vec![Some(place(order(1), &[line("mug", 2)]))]
}

fn then(mut before: Vec<Step>, more: Vec<Step>) -> Vec<Step> {
    before.extend(more);
    before
}

fn came() -> Step {
    Some(capture(order(1), 1_000))
}

fn paid() -> Vec<Step> {
    then(bought(), vec![came()])
}

fn off() -> Step {
    Some(cancel(order(1)))
}

fn sent() -> Vec<Step> {
    then(paid(), vec![Some(fulfil(order(1), "s-1"))])
}

fn returned() -> Vec<Step> {
    then(sent(), vec![Some(take_back(order(1), "r-1", &[("mug", 2, 2)]))])
}

fn asked_back() -> Vec<Step> {
    then(paid(), vec![Some(refund(order(1), "c-1", Some(400)))])
}

fn says(attempt: u8, result: RefundResult) -> Step {
    Some(record_refund(order(1), (1, attempt), result))
}

fn no(code: &str) -> RefundResult {
    RefundResult::Declined { code: token(code) }
}

fn went_back(reference: &str) -> RefundResult {
    RefundResult::Refunded { provider_ref: token(reference) }
}

fn anew() -> Step {
    Some(place(order(2), &[line("mug", 1)]))
}

fn before_it_is_paid() -> Vec<Undo> {
    let failed = || then(bought(), vec![Some(decline(order(1), "do_not_honor"))]);
    let asked = || Some(decline(order(1), "insufficient_funds"));
    let changed = || then(bought(), vec![asked(), Some(change(order(1), "pm_other"))]);
    let unknown = || then(bought(), vec![Some(record(order(1), 1, PaymentResult::Unknown))]);
    let placed: &[_] = &["order_placed", "stock_reserved"];
    let released: &[_] = &["order_cancelled", "stock_released"];
    let late_back: &[_] = &["order_cancelled", "refund_requested"];
    let goes_on: &[_] = &["order_reinstated", "stock_reserved", "order_confirmed"];
    let too_many = vec![Some(place(order(1), &[line("mug", 9)]))];
    let declined = then(bought(), vec![Some(decline(order(1), "lost_card"))]);
    let expired = || then(bought(), vec![DEADLINE]);
    vec![
        undo(placed, bought(), vec![off()], released),
        undo(placed, bought(), vec![DEADLINE], released),
        undo(&["order_rejected"], too_many, vec![anew()], &["order_placed"]),
        undo(&["payment_failed"], failed(), vec![off(), came()], late_back),
        undo(&["payment_requested"], changed(), vec![off(), came()], late_back),
        undo(&["payment_unknown"], unknown(), vec![off(), came()], late_back),
        undo(&["payment_unknown"], unknown(), vec![DEADLINE, came()], goes_on),
        undo(&["payment_abandoned", "order_cancelled"], declined, vec![came()], goes_on),
        undo(&["hold_expired", "stock_released"], expired(), vec![came()], goes_on),
        undo(&["hold_expired"], expired(), vec![anew()], &["order_placed"]),
    ]
}

fn after_it_is_paid() -> Vec<Undo> {
    let back: &[_] = &["refund_requested", "payment_refunded"];
    let all_back: &[_] = &["order_cancelled", "stock_returned", "refund_requested"];
    let confirmed: &[_] = &["order_confirmed", "stock_deducted"];
    let all = || Some(refund(order(1), "c-1", None));
    let part = || Some(refund(order(1), "c-1", Some(400)));
    let reinstated = then(bought(), vec![DEADLINE, came()]);
    let left: &[_] = &["return_received", "stock_returned"];
    vec![
        undo(&["payment_captured"], paid(), vec![part(), says(1, went_back("re-1"))], back),
        undo(&["payment_captured"], paid(), vec![off(), says(1, went_back("re-1"))], back),
        undo(confirmed, paid(), vec![off()], all_back),
        undo(confirmed, paid(), vec![all()], all_back),
        undo(&["order_reinstated"], reinstated, vec![off()], all_back),
        undo(
            &["order_fulfilled"],
            sent(),
            vec![Some(take_back(order(1), "r-1", &[("mug", 2, 2)]))],
            left,
        ),
        undo(&["order_fulfilled"], sent(), vec![all()], &["refund_requested"]),
        undo(left, returned(), vec![Some(adjust("mug", -1, "recount"))], &["stock_adjusted"]),
    ]
}

fn of_refunds() -> Vec<Undo> {
    let unknown = then(asked_back(), vec![says(1, RefundResult::Unknown)]);
    let busy = then(asked_back(), vec![says(1, no("processing_error"))]);
    let given_up = || then(asked_back(), vec![says(1, no("expired_or_canceled_card"))]);
    let gone = || then(asked_back(), vec![says(1, went_back("re-1"))]);
    let other = || Some(refund(order(1), "c-2", Some(400)));
    let second = || Some(record_refund(order(1), (2, 1), went_back("re-2")));
    let item = format!("{}-r1", order(1));
    let retry = Some(resolve(ItemKind::RefundFailed, &item, AttentionAction::Retry));
    let sent_back = then(gone(), vec![says(1, no("expired_or_canceled_card"))]);
    let done: &[_] = &["payment_refunded"];
    vec![
        undo(&["refund_requested"], asked_back(), vec![says(1, went_back("re-1"))], done),
        undo(&["refund_unknown"], unknown, vec![says(1, went_back("re-1"))], done),
        undo(&["refund_failed"], busy, vec![says(2, went_back("re-1"))], done),
        undo(&["refund_failed"], given_up(), vec![other(), second()], done),
        undo(&["refund_failed"], given_up(), vec![retry, second()], done),
        undo(&["payment_refunded"], gone(), vec![anew()], &["order_placed"]),
        undo(&["payment_refunded"], gone(), vec![says(1, no("lost_card"))], &["refund_failed"]),
        undo(&["payment_refunded"], sent_back, vec![other(), second()], done),
    ]
}

fn every_row() -> Vec<Undo> {
    [before_it_is_paid(), after_it_is_paid(), of_refunds()].into_iter().flatten().collect()
}

/// Events that change nothing themselves.
const NOTHING: [&str; 4] =
    ["cancel_requested", "payment_noted", "refund_noted", "attention_raised"];

/// Takes steps, of which each command has an id of its own, and tells what happened.
fn take(shop: &mut Shop, first_id: u8, steps: Vec<Step>) -> BTreeSet<&'static str> {
    let known = shop.events().count();
    for (id, step) in (first_id..).zip(steps) {
        match step {
            Some(request) => drop(shop.send(&request.under(command_made(T0, id)))),
            DEADLINE => {
                shop.wait(hours(1));
                shop.sweep();
            }
        }
    }
    shop.events().skip(known).map(|(_, _, record)| record.event.kind()).collect()
}

#[test]
fn every_event_about_an_order_is_made_good_for() {
    for Undo { events, before, by, leads_to } in every_row() {
        let mut shop = Shop::default();
        shop.send_all(&[list("mug", 500, "EUR"), receive("mug", 5, "first")]);
        let happened = take(&mut shop, 100, before);
        assert!(events.iter().all(|event| happened.contains(event)), "{events:?}: {happened:?}");
        let led_to = take(&mut shop, 200, by);
        assert!(leads_to.iter().all(|event| led_to.contains(event)), "{events:?}: {led_to:?}");
    }
}

/// What stands between backticks in the first column of a table.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2)
}

fn table(title: &str) -> impl Iterator<Item = &'static str> {
    let begin = PROTOCOL.find(title).unwrap_or_else(|| panic!("the page has {title}"));
    let rows = PROTOCOL[begin..].lines().skip_while(|line| !line.starts_with("|---"));
    rows.skip(1).take_while(|line| line.starts_with('|'))
}

#[test]
fn the_page_names_every_event_about_an_order_and_each_has_a_row_here() {
    let on_page: Vec<&str> = table("### What undoes what").flat_map(names).collect();
    let mut once = BTreeSet::new();
    assert!(on_page.iter().all(|name| once.insert(*name)), "one stands there twice: {on_page:?}");
    let rows = every_row();
    let here = rows.iter().flat_map(|undo| undo.events.iter().copied()).chain(NOTHING);
    assert_eq!(here.collect::<BTreeSet<_>>(), once);
    // The page that lists every event says which are about an order.
    let of_orders = table("| type | data |").filter(|line| line.contains("`order_id`"));
    assert_eq!(of_orders.flat_map(names).collect::<BTreeSet<_>>(), once);
}
