//! What needs a human, and what a human does about it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::replay::placed;
use crate::shop::{Dev, failure, kassa};

/// Publishes a command of a type that nobody knows.
fn poison(url: &str) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Content-Type", "application/json");
        headers.insert("Kassa-Type", "buy_order/1");
        let message = client.request_with_headers(
            "kassa.main.cmd.web.order.place".to_owned(),
            headers,
            "{}".into(),
        );
        message.await.unwrap();
    });
}

/// The open items, once there are so many.
fn items(dev: &Dev, count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let items = dev.tells(&["attention", "list"]).as_array().unwrap().clone();
        if items.len() == count {
            return items;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{items:?}");
        std::thread::yield_now();
    }
}

#[test]
fn an_item_is_looked_at_and_resolved_by_somebody_for_a_reason() {
    let dev = Dev::ephemeral();
    poison(&dev.url);
    let item = items(&dev, 1).remove(0);
    let id = item["id"].as_str().unwrap();
    assert_eq!((&item["kind"], &item["command_seq"]), (&"poison".into(), &1.into()));
    // Nobody waits for it.
    let order = placed(&dev);
    assert_eq!(dev.tells(&["order", "show", &order])["state"], "confirmed");

    let discard = ["attention", "discard", "poison", id, "--reason", "an old edge", "--by", "ada"];
    for (arguments, exit, says) in [
        (["attention", "discard", "poison", id, "--by", "ada"].as_slice(), 2, "--reason"),
        (&["attention", "discard", "poison", "9-9", "--reason", "x", "--by", "ada"], 3, "not in"),
        (&["attention", "discard", "nonsense", id, "--reason", "x"], 2, "no items of kind"),
        (&["attention", "show", "poison", "9-9"], 3, "not in the list"),
    ] {
        let (status, said) = failure(&dev.type_in(arguments));
        assert!(status == exit && said.contains(says), "{arguments:?}: {status} {said}");
    }
    // Sent again it is still not understood: that is a new item, and the old one is done with.
    let retry = ["attention", "retry", "poison", id, "--reason", "a new build", "--by", "ada"];
    let (status, said) = failure(&dev.type_in(&retry));
    assert!(status != 0 && said.contains("buy_order/1 is not known"), "{said}");
    let begun = Instant::now();
    let again = loop {
        let again = items(&dev, 1).remove(0);
        if again["id"] != item["id"] {
            break again;
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    };
    let first = dev.tells(&["attention", "show", "poison", id]);
    assert_eq!(
        (&first["resolved"]["action"], &first["resolved"]["by"]),
        (&"retry".into(), &"ada".into())
    );
    let (status, said) = failure(&dev.type_in(&discard));
    assert!(status == 5 && said.contains("is resolved: retry by ada"), "{status} {said}");

    // It was requested this time, so there is nothing stored that could be sent again.
    let id = again["id"].as_str().unwrap();
    let retry = ["attention", "retry", "poison", id, "--reason", "once more", "--by", "ada"];
    let (status, said) = failure(&dev.type_in(&retry));
    assert!(status == 3 && said.contains("it was requested"), "{status} {said}");
    dev.says(&["attention", "discard", "poison", id, "--reason", "an old edge", "--by", "ada"]);
    assert!(items(&dev, 0).is_empty());
    assert_eq!(dev.tells(&["attention", "list", "--all"]).as_array().unwrap().len(), 2);
    dev.says(&["verify", "--quiet"]);
}

#[test]
fn money_that_could_not_go_back_is_asked_for_again() {
    let dev = Dev::ephemeral();
    let means = "refund_decline_expired_or_canceled_card";
    let said = dev.says(&["order", "place", "MUG-01=2", "--watch", "--payment-method", means]);
    let order = said.split_whitespace().next().unwrap().to_owned();
    dev.says(&["order", "cancel", &order]);
    let item = items(&dev, 1).remove(0);
    let refund = format!("{order}-r1");
    assert_eq!((&item["kind"], &item["id"]), (&"refund_failed".into(), &refund.as_str().into()));
    let retry =
        ["attention", "retry", "refund_failed", &refund, "--reason", "another card", "--by", "ada"];
    let outcome = dev.tells(&retry);
    assert_eq!(outcome["result"], "accepted");
    let begun = Instant::now();
    // Its bank says no again: the next refund is in the list, the first one is done with.
    let next = format!("{order}-r2");
    while items(&dev, 1).remove(0)["id"] != next.as_str() {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    let seq = outcome["event_seq"].to_string();
    let shown = dev.tells(&["order", "show", &order, "--at-least", &seq]);
    let refunds = shown["money"]["refunds"].as_array().unwrap();
    assert_eq!(refunds.len(), 2, "{shown}");
    let history = dev.tells(&["events", "history", &order]);
    assert_eq!(history["attention"][0]["kind"], "refund_failed", "{history}");
    // Another human leaves the second one alone. Who decided what is in the order's history, from
    // the server and from a file alike.
    let why = "paid back in cash";
    dev.says(&["attention", "discard", "refund_failed", &next, "--reason", why, "--by", "bob"]);
    items(&dev, 0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.kassa");
    let file = file.to_str().unwrap();
    dev.says(&["replay", "--into", file]);
    let told = dev.tells(&["events", "history", &order, "--explain"]);
    let kept = ["events", "history", &order, "--explain", "--from-file", file, "-o", "json"];
    let kept: serde_json::Value =
        serde_json::from_slice(&{ kassa(&kept) }.output().unwrap().stdout).unwrap();
    assert_eq!((&kept["steps"], &kept["events"]), (&told["steps"], &told["events"]));
    let steps = told["steps"].to_string();
    for said in [
        "ada decided on refund_failed: retry",
        "bob decided on refund_failed: discard",
        "another card",
        why,
    ] {
        assert!(steps.contains(said), "{said}: {steps}");
    }
    dev.says(&["verify", "--quiet"]);
}
