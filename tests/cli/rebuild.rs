//! A view built anew while the shop is open.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::replay::placed;
use crate::shop::{Dev, failure, kassa};

/// Somebody writes into a bucket who should not.
pub(crate) fn plant(url: &str, bucket: &str, key: &str, value: &Value) {
    let (subject, payload) = (format!("$KV.{bucket}.{key}"), value.to_string());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        client.request(subject, payload.into()).await.unwrap();
    });
}

#[test]
fn a_damaged_view_is_found_and_replaced_and_no_reader_notices() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::on(folder.path());
    let (first, second) = (placed(&dev), placed(&dev));
    let right = dev.tells(&["order", "show", &first]);
    let same = dev.tells(&["rebuild", "orders", "--diff"]);
    assert_eq!((&same["compared"]["keys"], &same["compared"]["differing"]), (&2.into(), &0.into()));
    let mut damaged = right.clone();
    damaged["state"] = "cancelled".into();
    plant(&dev.url, "kassa_main_orders", &first, &damaged);
    assert_eq!(dev.tells(&["order", "show", &first])["state"], "cancelled");
    let (status, said) = failure(&dev.type_in(&["rebuild", "orders", "--diff"]));
    assert!(status == 7 && said.contains("KASSA-VIEW-DIFFERS"), "{status}: {said}");
    let since = format!("the first is {first}, since event {}", right["event_seq"]);
    assert!(said.contains(&since), "{said}");
    assert!(said.contains(r#"/state: "cancelled" is shown, "confirmed" is right"#), "{said}");

    // Somebody watches meanwhile, and is shown each change once.
    let mut watching = kassa(&["stock", "watch", "-o", "jsonl", "--nats", &dev.url]);
    let mut watching = watching.stdout(Stdio::piped()).spawn().unwrap();
    let swapped = dev.tells(&["rebuild", "orders", "--diff", "--swap"]);
    assert_eq!(
        (&swapped["swapped"], &swapped["bucket"]),
        (&true.into(), &"kassa_main_orders_2".into())
    );
    assert_eq!(dev.tells(&["order", "show", &first]), right);
    dev.says(&["rebuild", "stock", "--swap"]);
    let third = placed(&dev);
    assert_eq!(dev.tells(&["order", "show", &third])["state"], "confirmed");
    let after = dev.tells(&["stock", "show", "MUG-01"]);
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut shown: Vec<Value> = Vec::new();
    while shown.last() != Some(&after) {
        shown.push(serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap());
    }
    watching.kill().unwrap();
    watching.wait().unwrap();
    let mut once: Vec<_> =
        shown.iter().map(|item| (item["sku"].to_string(), item["event_seq"].as_u64())).collect();
    let count = once.len();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), count, "something was shown twice");

    // The old one is kept until it is dropped, and the shop finds the new one when it opens again.
    let dropped = dev.type_in(&["rebuild", "orders", "--drop"]);
    assert!(failure(&dropped).1.contains("kassa_main_orders is dropped"), "{dropped:?}");
    let again = dev.type_in(&["rebuild", "orders", "--drop"]);
    assert!(!failure(&again).1.contains("is dropped"), "{again:?}");
    assert!(dev.interrupt().success());
    let dev = Dev::on(folder.path());
    assert_eq!(dev.tells(&["order", "show", &first]), right);
    let fourth = placed(&dev);
    assert_eq!(dev.tells(&["order", "show", &fourth])["state"], "confirmed");
    for order in [second, third] {
        assert_eq!(dev.tells(&["order", "show", &order])["state"], "confirmed");
    }
    let whole = dev.tells(&["rebuild", "orders", "--diff"]);
    assert_eq!(
        (&whole["compared"]["keys"], &whole["compared"]["differing"]),
        (&4.into(), &0.into())
    );
    assert_eq!(whole["live"], "kassa_main_orders_2");
    // Built once more it is read from where it was at first: whoever may read it needs no more.
    let swapped = dev.tells(&["rebuild", "orders", "--swap"]);
    assert_eq!(swapped["bucket"], "kassa_main_orders");
    assert_eq!(dev.tells(&["order", "show", &first]), right);
}

/// What somebody has left in the bucket beside is no answer to whoever asks today.
#[test]
fn what_was_built_before_is_built_anew() {
    let dev = Dev::ephemeral();
    let order = placed(&dev);
    dev.says(&["rebuild", "orders"]);
    let mut damaged = dev.tells(&["order", "show", &order]);
    damaged["state"] = "cancelled".into();
    plant(&dev.url, "kassa_main_orders_2", &order, &damaged);
    assert_eq!(dev.tells(&["rebuild", "orders", "--diff"])["compared"]["differing"], 0);
    plant(&dev.url, "kassa_main_orders_2", &order, &damaged);
    dev.says(&["rebuild", "orders", "--swap"]);
    assert_eq!(dev.tells(&["order", "show", &order])["state"], "confirmed");
}

/// A schedule that looks all the time, and somebody who swaps, and swaps again.
#[test]
fn nobody_takes_away_what_is_read() {
    let dev = Dev::ephemeral();
    let order = placed(&dev);
    let mut schedule = kassa(&["rebuild", "orders", "--diff", "--every", "1ms"]);
    schedule.args(["--nats", &dev.url]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut schedule = schedule.spawn().unwrap();
    for _ in 0..3 {
        let swapped = dev.type_in(&["rebuild", "orders", "--swap"]);
        // It has to wait for its turn, and may not get one in time.
        let (status, said) = failure(&swapped);
        assert!(status == 0 || said.contains("KASSA-VIEW-ELSEWHERE"), "{status}: {said}");
        assert_eq!(dev.tells(&["order", "show", &order])["state"], "confirmed");
        dev.type_in(&["rebuild", "orders", "--drop"]);
        assert_eq!(dev.tells(&["order", "show", &order])["state"], "confirmed");
    }
    assert!(schedule.try_wait().unwrap().is_none(), "a schedule that had to wait goes on");
    schedule.kill().unwrap();
    schedule.wait().unwrap();
    let another = placed(&dev);
    assert_eq!(dev.tells(&["order", "show", &another])["state"], "confirmed");
}

#[test]
fn a_rebuild_that_is_killed_goes_on_and_harms_nobody() {
    let dev = Dev::ephemeral();
    let orders: Vec<_> = (0..5).map(|_| placed(&dev)).collect();
    for arguments in [["rebuild", "orders", "--diff"].as_slice(), &["rebuild", "orders", "--swap"]]
    {
        for _ in 0..3 {
            let mut command = kassa(arguments);
            command.args(["--nats", &dev.url]).stdout(Stdio::null()).stderr(Stdio::null());
            let mut killed = command.spawn().unwrap();
            // Wherever it is by then.
            dev.says(&["order", "show", &orders[0]]);
            killed.kill().unwrap();
            killed.wait().unwrap();
        }
        for order in &orders {
            assert_eq!(dev.tells(&["order", "show", order])["state"], "confirmed");
        }
    }
    let order = placed(&dev);
    assert_eq!(dev.tells(&["order", "show", &order])["state"], "confirmed");
    assert_eq!(dev.tells(&["rebuild", "orders", "--diff"])["compared"]["differing"], 0);
}

#[test]
fn a_shadow_check_tells_whoever_looks_at_the_list() {
    let dev = Dev::ephemeral();
    let order = placed(&dev);
    let mut damaged = dev.tells(&["order", "show", &order]);
    damaged["state"] = "cancelled".into();
    plant(&dev.url, "kassa_main_orders", &order, &damaged);
    // A schedule looks again and again, and ends when it is told to.
    let mut schedule = kassa(&["rebuild", "orders", "--diff", "--every", "50ms", "-o", "jsonl"]);
    schedule.args(["--nats", &dev.url]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut schedule = schedule.spawn().unwrap();
    let mut looks = BufReader::new(schedule.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        let look: Value = serde_json::from_str(&looks.next().unwrap().unwrap()).unwrap();
        assert_eq!(look["compared"]["differing"], 1, "{look}");
    }
    let pid = Pid::from_raw(i32::try_from(schedule.id()).unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    drop(looks);
    let status = schedule.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{status}");
    let begun = Instant::now();
    let item = loop {
        let items = dev.tells(&["attention", "list"]);
        if let Some(item) = items.get(0) {
            break item.clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    };
    assert_eq!((&item["kind"], &item["id"]), (&"view_differs".into(), &"orders".into()));
    assert!(item["reason"].as_str().unwrap().contains(&order), "{item}");
    let (status, said) = failure(&dev.type_in(&["rebuild", "orders", "--diff", "--report"]));
    assert!(status == 7 && said.contains("KASSA-VIEW-DIFFERS"), "{status}: {said}");
    dev.says(&["rebuild", "orders", "--swap"]);
    // Whoever looks the next time finds nothing, and the item is done with.
    dev.says(&["rebuild", "orders", "--diff", "--report"]);
    let begun = Instant::now();
    while dev.tells(&["attention", "list"]).get(0).is_some() {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    dev.says(&["verify", "--quiet"]);
}
