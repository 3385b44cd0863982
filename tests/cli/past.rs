//! Looking back: the shop as it was, and what has changed since.

use crate::rebuild::plant;
use crate::replay::placed;
use crate::shop::{Dev, failure, kassa};

#[test]
fn the_shop_is_shown_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.kassa");
    let file = file.to_str().unwrap();
    let dev = Dev::ephemeral();
    let order = placed(&dev);
    let (bought, shelf) =
        (dev.tells(&["order", "show", &order]), dev.tells(&["stock", "show", "MUG-01"]));
    // It is called off later, and its units and its money go back.
    dev.says(&["order", "cancel", &order]);
    assert!(dev.says(&["order", "watch", &order]).trim_end().ends_with("refunded"));
    let then = bought["event_seq"].to_string();
    assert_eq!(dev.tells(&["at", &then, "order", &order]), bought);
    assert_eq!(dev.tells(&["at", &then, "stock", "MUG-01"]), shelf);
    let (before, after) =
        (dev.tells(&["at", &then, "summary"]), dev.tells(&["order", "show", &order]));
    let last = after["event_seq"].to_string();
    let now = dev.tells(&["at", &last, "summary"]);
    assert_eq!((&before["confirmed"], &before["cancelled"]), (&1.into(), &0.into()));
    assert_eq!((&now["cancelled"], &now["units_sold"]), (&1.into(), &0.into()));
    assert_eq!(now["captured_minor"], now["refunded_minor"]);
    // By the clock it is the same, and from a file too.
    let moment = dev.says(&["at", &then, "summary"]);
    let moment = moment.split_once('(').unwrap().1.split_once(')').unwrap().0;
    assert_eq!(dev.tells(&["at", moment, "order", &order]), bought);
    dev.says(&["replay", "--into", file]);
    let kept = kassa(&["at", &then, "order", &order, "--from-file", file, "-o", "json"]);
    let kept = { kept }.output().unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&kept.stdout).unwrap(), bought);
    // An event's address means its commit.
    let address = format!("{then}.2");
    assert_eq!(dev.tells(&["at", &address, "order", &order]), bought);
    for (arguments, exit, says) in [
        (["at", "1970-01-02T00:00:00Z", "summary"].as_slice(), 3, "nothing had happened by 1970"),
        (&["at", "0", "summary"], 3, "the log begins at 1, after 0"),
        (&["at", "1", "order", &order], 3, "there was no order"),
        (&["at", &last, "stock", "NOTHING"], 3, "there was no NOTHING then"),
        (&["at", "900000", "summary"], 3, "the log ends at"),
        (&["at", "2200-01-01T00:00:00Z", "summary"], 2, "in the future"),
        (&["at", "noon", "summary"], 2, "is no moment"),
    ] {
        let (status, said) = failure(&dev.type_in(arguments));
        assert!(status == exit && said.contains(says), "{arguments:?}: {status} {said}");
    }
}

#[test]
fn what_a_buyer_saw_when_they_paid_is_one_command() {
    let dev = Dev::ephemeral();
    let order = placed(&dev);
    dev.says(&["sku", "reprice", "MUG-01", "1990"]);
    placed(&dev);
    let (place, paid) = (format!("placed:{order}"), format!("paid:{order}"));
    let seen = dev.tells(&["at", &paid, "order", &order, "--stock"]);
    assert_eq!(seen["order"]["state"], "confirmed");
    let mug = &seen["stock"][0];
    assert_eq!((&mug["sku"], &mug["unit_price_minor"]), (&"MUG-01".into(), &1_250.into()));
    assert_eq!((&mug["available"], &mug["sold"]), (&198.into(), &2.into()));
    let before = dev.tells(&["at", &place, "order", &order, "--stock"]);
    assert_eq!(
        (&before["order"]["state"], &before["stock"][0]["sold"]),
        (&"placed".into(), &0.into())
    );
    // Whoever was turned down saw what was short, and never paid.
    let refused = dev.type_in(&["order", "place", "MUG-01=5000", "-o", "json"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let turned_down = dev.says(&["replay", "--type", "order_rejected", "-o", "jsonl"]);
    let turned_down: serde_json::Value = serde_json::from_str(turned_down.trim()).unwrap();
    let turned_down = turned_down["data"]["order_id"].as_str().unwrap().to_owned();
    let placed = format!("placed:{turned_down}");
    let seen = dev.tells(&["at", &placed, "order", &turned_down, "--stock"]);
    assert_eq!(
        (&seen["order"]["state"], &seen["stock"][0]["available"]),
        (&"rejected".into(), &196.into())
    );
    let paid = format!("paid:{turned_down}");
    let (status, said) = failure(&dev.type_in(&["at", &paid, "summary"]));
    assert!(status == 3 && said.contains("the order is rejected"), "{said}");
    let (status, said) = failure(&dev.type_in(&["at", "paid:nobody", "summary"]));
    assert!(status == 2 && said.contains("must be a UUIDv7"), "{said}");
    let nobody = "paid:01a205f2-c221-7484-8ce8-e17cd3af93e8";
    let (status, said) = failure(&dev.type_in(&["at", nobody, "summary"]));
    assert!(status == 3 && said.contains(&format!("there is no {nobody}")), "{said}");
}

#[test]
fn what_changed_between_two_moments_is_told_by_figure_sku_and_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.kassa");
    let file = file.to_str().unwrap();
    let dev = Dev::ephemeral();
    let (first, second) = (placed(&dev), placed(&dev));
    dev.says(&["order", "cancel", &first]);
    assert!(dev.says(&["order", "watch", &first]).trim_end().ends_with("refunded"));
    let last = dev.tells(&["order", "show", &first])["event_seq"].to_string();
    let from = format!("paid:{first}");
    let told = dev.tells(&["diff", &from, &last, "--orders"]);
    let figures = |name: &str| (told["from"][name].clone(), told["to"][name].clone());
    assert_eq!(figures("placed"), (1.into(), 2.into()));
    assert_eq!(figures("cancelled"), (0.into(), 1.into()));
    let mug = &told["stock"][0];
    assert_eq!(told["stock"].as_array().unwrap().len(), 1, "nobody touched another SKU");
    assert_eq!((&mug["from"]["available"], &mug["to"]["available"]), (&198.into(), &198.into()));
    assert!(mug["from"]["event_seq"].as_u64() < mug["to"]["event_seq"].as_u64());
    let of = |id: &str| {
        let orders = told["orders"].as_array().unwrap();
        let order = orders.iter().find(|order| order["order_id"] == id).unwrap();
        (order["from"].clone(), order["to"].clone())
    };
    assert_eq!(of(&first), ("confirmed".into(), "refunded".into()));
    assert_eq!(of(&second), (serde_json::Value::Null, "confirmed".into()));
    // A file says the same, and between a moment and itself there is nothing.
    dev.says(&["replay", "--into", file]);
    let kept = { kassa(&["diff", &from, &last, "--orders", "--from-file", file, "-o", "json"]) };
    let kept = { kept }.output().unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&kept.stdout).unwrap(), told);
    let none = dev.tells(&["diff", &last, &last, "--orders"]);
    assert_eq!((&none["stock"], &none["orders"]), (&serde_json::json!([]), &serde_json::json!([])));
    // Backwards is refused, whatever a moment is named by.
    let clock = |moment: &str| {
        let told = dev.says(&["at", moment, "summary"]);
        told.split_once('(').unwrap().1.split_once(')').unwrap().0.to_owned()
    };
    let (early, late) = (clock(&from), clock(&last));
    assert_eq!(dev.tells(&["diff", &early, &late, "--orders"])["orders"], told["orders"]);
    assert_eq!(dev.tells(&["diff", &early, &last, "--orders"])["orders"], told["orders"]);
    for (from, to) in [(&last, &from), (&last, &early), (&late, &early), (&late, &from)] {
        let (status, said) = failure(&dev.type_in(&["diff", from, to]));
        assert!(status == 2 && said.contains("is not before"), "{from} {to}: {said}");
    }
    let long_ago = "1970-01-02T00:00:00Z";
    assert_eq!(dev.tells(&["diff", long_ago, &last])["from"]["events"], 0);
}

#[test]
fn no_view_can_hide_what_is_in_the_log() {
    let dev = Dev::ephemeral();
    let order = placed(&dev);
    let placed_at = format!("placed:{order}");
    let early = dev.tells(&["at", &placed_at, "order", &order]);
    let (right, history) =
        (dev.tells(&["order", "show", &order]), dev.tells(&["events", "history", &order]));
    let end = history["as_of"].to_string();
    let paid = format!("paid:{order}");
    // Somebody takes addresses away, writes nonsense, or the view is behind.
    let mut short = right.clone();
    short["events"].as_array_mut().unwrap().truncate(2);
    for wrong in [&short, &serde_json::json!({"state": "lost"})] {
        plant(&dev.url, "kassa_main_orders", &order, wrong);
        assert_eq!(dev.tells(&["at", &end, "order", &order]), right);
        assert_eq!(dev.tells(&["at", &paid, "order", &order]), right);
        assert_eq!(dev.tells(&["events", "history", &order]), history);
    }
    plant(&dev.url, "kassa_main_orders", &order, &early);
    assert_eq!(dev.tells(&["events", "history", &order, "--whole-log"]), history);
    assert_eq!(dev.tells(&["at", &end, "order", &order, "--whole-log"]), right);
    let behind = serde_json::json!({"event_seq": early["event_seq"], "event_index": 0, "epoch": 1,
        "number": 1, "nonce": "01a205e8a7ac7573a17324783e94dbf0"});
    plant(&dev.url, "kassa_main_orders", "_position", &behind);
    assert_eq!(dev.tells(&["events", "history", &order]), history);
}

/// What a market shows at one moment, by what is typed to see it.
struct Shown {
    at: String,
    views: Vec<(Vec<String>, serde_json::Value)>,
}

/// The last commit of the log.
fn last_commit(dev: &Dev) -> String {
    let log = dev.says(&["replay", "-o", "jsonl"]);
    let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    last["event"].as_str().unwrap().split('.').next().unwrap().to_owned()
}

/// What is shown of the orders and of some SKUs while the log ends there.
fn shown(dev: &Dev, orders: &[String]) -> Shown {
    loop {
        let at = last_commit(dev);
        let of_order = orders.iter().map(|order| ("order", order.as_str()));
        let of_sku = ["MUG-01", "MUG-02", "MUG-03"].into_iter().map(|sku| ("stock", sku));
        let look = |(kind, id): (&str, &str)| {
            let value = dev.tells(&[kind, "show", id, "--at-least", &at]);
            (vec![kind.to_owned(), id.to_owned()], value)
        };
        let views = of_order.chain(of_sku).map(look).collect();
        // Money that came back in between is a later moment.
        if last_commit(dev) == at {
            return Shown { at, views };
        }
    }
}

#[test]
fn every_moment_is_told_later_as_it_was_when_it_was_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.kassa");
    let file = file.to_str().unwrap();
    let dev = Dev::ephemeral();
    let (kept, returned) = (placed(&dev), placed(&dev));
    let both = dev.says(&["order", "place", "MUG-02=3", "MUG-03", "--watch"]);
    let orders = [kept, returned, both.split_whitespace().next().unwrap().to_owned()];
    let [kept, returned, both] = &orders;
    let mut moments = vec![shown(&dev, &orders)];
    for actions in [
        ["stock", "receive", "MUG-01", "40"].as_slice(),
        &["sku", "reprice", "MUG-02", "1990"],
        &["order", "fulfil", returned, "--shipment", "s-1"],
        &["order", "return", returned, "MUG-01=2/1", "--return", "r-1"],
        &["order", "refund", returned, "--amount", "12.50", "EUR"],
        &["order", "fulfil", both, "MUG-03", "--shipment", "s-2"],
        &["stock", "count", "MUG-03", "17"],
        &["order", "cancel", kept],
    ] {
        dev.says(actions);
        moments.push(shown(&dev, &orders));
    }
    dev.says(&["order", "watch", kept]);
    moments.push(shown(&dev, &orders));
    dev.says(&["replay", "--into", file]);
    let ends: std::collections::BTreeSet<&String> = moments.iter().map(|then| &then.at).collect();
    assert!(8 < ends.len(), "each action is a moment of its own: {ends:?}");
    for Shown { at, views } in &moments {
        for (asked, then) in views {
            let asked = ["at", at.as_str(), &asked[0], &asked[1]];
            assert_eq!(dev.tells(&asked), *then, "{asked:?}");
            let from_file = [asked.as_slice(), &["--from-file", file, "-o", "json"]].concat();
            let told = { kassa(&from_file) }.output().unwrap();
            assert_eq!(
                serde_json::from_slice::<serde_json::Value>(&told.stdout).unwrap(),
                *then,
                "{from_file:?}"
            );
        }
    }
}
