//! Orders, stock, SKUs and events, by hand.

use crate::shop::{Dev, failure};

#[test]
fn an_order_is_placed_watched_shown_and_fulfilled() {
    let dev = Dev::ephemeral();
    let shown = dev.says(&["order", "place", "MUG-01=2", "CAP-01", "--watch"]);
    assert!(shown.contains("accepted"), "{shown}");
    assert!(shown.trim_end().ends_with("confirmed"), "{shown}");
    let order_id = shown.split_whitespace().next().unwrap();
    let order = dev.tells(&["order", "show", order_id]);
    assert_eq!(order["lines"].as_array().unwrap().len(), 2);
    assert_eq!(order["total_minor"], 2 * 1_250 + 1_890);
    let fulfilled = dev.tells(&["order", "fulfil", order_id, "--shipment", "DHL-1"]);
    let event_seq = fulfilled["event_seq"].to_string();
    // A reader that has seen an outcome can wait for the view to reflect it.
    let order = dev.tells(&["order", "show", order_id, "--at-least", &event_seq]);
    assert_eq!((&order["state"], &order["shipment_ref"]), (&"fulfilled".into(), &"DHL-1".into()));
    let history = dev.tells(&["events", "history", order_id]);
    let kinds: Vec<_> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.first(), Some(&"order_placed"));
    assert_eq!(kinds.last(), Some(&"order_fulfilled"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "stock_deducted").count(), 2);
}

#[test]
fn a_declined_order_frees_its_stock_and_a_cancelled_one_too() {
    let dev = Dev::ephemeral();
    let token = ["--payment-method", "decline_lost_card"];
    let placed = [["order", "place", "TEE-01=5"].as_slice(), &token, &["--watch"]].concat();
    assert!(dev.says(&placed).trim_end().ends_with("cancelled"));
    let stock = dev.tells(&["stock", "show", "TEE-01"]);
    assert_eq!((&stock["available"], &stock["reserved"]), (&200.into(), &0.into()));
    // What is paid goes back on the shelf, and its money to the buyer.
    let placed = dev.says(&["order", "place", "TEE-01", "--watch"]);
    let order_id = placed.split_whitespace().next().unwrap();
    dev.says(&["order", "cancel", order_id]);
    assert!(dev.says(&["order", "watch", order_id]).trim_end().ends_with("refunded"));
    let order = dev.says(&["order", "show", order_id]);
    assert!(order.contains("refunded: cancelled"), "{order}");
    let stock = dev.tells(&["stock", "show", "TEE-01"]);
    assert_eq!((&stock["available"], &stock["sold"]), (&200.into(), &0.into()));
}

#[test]
fn an_order_leaves_in_parts_comes_back_and_some_of_its_money_too() {
    let dev = Dev::ephemeral();
    let placed = dev.says(&["order", "place", "MUG-01=2", "--watch"]);
    let order_id = placed.split_whitespace().next().unwrap();
    dev.says(&["order", "fulfil", order_id, "MUG-01", "--shipment", "s-1"]);
    let (status, said) = failure(&dev.type_in(&["order", "cancel", order_id]));
    assert_eq!(status, 5, "{said}");
    assert!(said.contains("fulfilled in part"), "{said}");
    dev.says(&["order", "fulfil", order_id, "--shipment", "s-2"]);
    dev.says(&["order", "return", order_id, "MUG-01=2/1", "--return", "r-1"]);
    let asked = ["order", "refund", order_id, "--amount", "12.50", "EUR", "--reference", "c-1"];
    let first = dev.tells(&asked);
    assert_eq!(first["result"], "accepted");
    assert_eq!(dev.tells(&asked)["result"], "already_applied");
    let more = ["order", "refund", order_id, "--amount", "12.51", "EUR"];
    let (status, said) = failure(&dev.type_in(&more));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("refund_too_large") && said.contains("1250 are left"), "{said}");
    let (status, said) =
        failure(&dev.type_in(&["order", "refund", order_id, "--amount", "1", "JPY"]));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("the money came in EUR"), "{said}");
    let stock = dev.tells(&["stock", "show", "MUG-01"]);
    assert_eq!((&stock["available"], &stock["sold"]), (&199.into(), &1.into()));
    dev.says(&["verify"]);
}

#[test]
fn the_same_order_twice_is_one_order_and_another_body_is_a_conflict() {
    let dev = Dev::ephemeral();
    let placed = dev.tells(&["order", "place", "PEN-01"]);
    let order_id = placed["order_id"].as_str().unwrap();
    let again = dev.tells(&["order", "place", "PEN-01", "--order-id", order_id]);
    assert_eq!(again["result"], "already_applied");
    assert_eq!(again["event_seq"], placed["event_seq"]);
    let other = dev.type_in(&["order", "place", "PEN-01=2", "--order-id", order_id]);
    let (status, said) = failure(&other);
    assert_eq!(status, 5, "{said}");
    assert!(said.contains("id_conflict"), "{said}");
}

#[test]
fn stock_is_received_counted_and_sold_out() {
    let dev = Dev::ephemeral();
    dev.says(&["sku", "add", "RARE", "--name", "Rare thing", "--price", "99.90"]);
    dev.says(&["stock", "receive", "RARE", "3", "--reference", "D-1"]);
    let again = dev.tells(&["stock", "receive", "RARE", "3", "--reference", "D-1"]);
    assert_eq!(again["result"], "already_applied", "one delivery is received once");
    let counted = dev.tells(&["stock", "count", "RARE", "2"]);
    let event_seq = counted["event_seq"].to_string();
    let stock = dev.tells(&["stock", "show", "RARE", "--at-least", &event_seq]);
    assert_eq!(stock["available"], 2);
    let (status, said) = failure(&dev.type_in(&["order", "place", "RARE=3"]));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("3 wanted, 2 available"), "{said}");
    // The price the buyer saw is no longer the price.
    dev.says(&["sku", "reprice", "RARE", "109.90"]);
    let (status, said) = failure(&dev.type_in(&["order", "place", "RARE=1@99.90"]));
    assert_eq!(status, 5, "{said}");
    assert!(said.contains("9990 quoted, 10990 now"), "{said}");
    // A count made against older figures does not overwrite newer ones.
    let stale = dev.type_in(&["stock", "count", "RARE", "9", "--expected-seq", "1"]);
    assert_eq!(failure(&stale).0, 5);
}

#[test]
fn a_published_order_is_decided_like_a_requested_one() {
    let dev = Dev::ephemeral();
    let shown = dev.says(&["order", "place", "BAG-01", "--publish", "--watch"]);
    assert!(shown.trim_end().ends_with("confirmed"), "{shown}");
}

#[test]
fn tables_and_json_say_the_same() {
    let dev = Dev::ephemeral();
    let table = dev.says(&["sku", "list"]);
    let json = dev.tells(&["sku", "list"]);
    for item in json.as_array().unwrap() {
        let (sku, name) = (item["sku"].as_str().unwrap(), item["name"].as_str().unwrap());
        assert!(table.lines().any(|line| line.contains(sku) && line.contains(name)), "{item}");
    }
    assert!(table.starts_with("SKU"), "{table}");
    let lines = dev.says(&["events", "tail", "--no-follow", "--from-seq", "1", "-o", "jsonl"]);
    for line in lines.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["type"].is_string() && event["event"].is_string(), "{line}");
    }
}

#[test]
fn the_doctor_says_what_a_power_cut_would_lose() {
    let dev = Dev::ephemeral();
    let said = dev.says(&["doctor"]);
    assert!(said.contains("a power cut loses nothing that was acknowledged"), "{said}");
    for role in ["committer", "orders", "payer", "retry-scheduler", "attention", "verifier"] {
        assert!(said.contains(&format!("{role}: ")), "{role}: {said}");
    }
    let lazy = Dev::open(&["--ephemeral", "--no-traffic", "--port-base", "0", "--sync", "default"]);
    let said = lazy.says(&["doctor"]);
    assert!(said.contains("a power cut loses what was acknowledged in the last 120 s"), "{said}");
}
