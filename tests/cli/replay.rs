//! The log again: from a server, and from a file.

use crate::shop::{Dev, failure, kassa};

fn placed(dev: &Dev) -> String {
    let said = dev.says(&["order", "place", "MUG-01=2", "--watch"]);
    assert!(said.trim_end().ends_with("confirmed"), "{said}");
    said.split_whitespace().next().unwrap().to_owned()
}

fn lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_part_of_the_log_is_shown_again_as_it_happened() {
    let dev = Dev::ephemeral();
    let (first, second) = (placed(&dev), placed(&dev));
    let all = lines(&dev.says(&["replay", "-o", "jsonl"]));
    let of = |order: &str| {
        let shown = dev.says(&["replay", "--order", order, "-o", "jsonl"]);
        lines(&shown).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    let kinds: Vec<String> = of(&second);
    assert_eq!(kinds, of(&first), "the same was done twice");
    assert_eq!(kinds.first().map(String::as_str), Some("order_placed"));
    assert_eq!(kinds.last().map(String::as_str), Some("order_confirmed"));
    // Every event says who, when, by which commit and of which command.
    for event in &all {
        assert!(event["commit"].is_u64() && event["epoch"] == 1, "{event}");
        assert!(event["source"].is_string() && event["at_ms"].is_u64(), "{event}");
    }
    // The part of the second order, by its sequences.
    let place = all.iter().find(|event| event["data"]["order_id"] == second.as_str()).unwrap();
    let (from, _) = place["event"].as_str().unwrap().split_once('.').unwrap();
    let part = lines(&dev.says(&["replay", "--from-seq", from, "-o", "jsonl"]));
    assert_eq!(part[0], *place);
    assert!(part.len() < all.len());
    let ledger = dev.says(&["replay", "--subject", "kassa.main.evt.stock.MUG-01"]);
    let last = ledger.lines().last().unwrap();
    assert!(last.contains("ledger_entry") && last.contains("-2 → 196 available"), "{ledger}");
}

#[test]
fn an_archive_says_the_same_as_the_log_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.kassa");
    let file = file.to_str().unwrap();
    let dev = Dev::ephemeral();
    let order = placed(&dev);
    let live = dev.says(&["replay", "-o", "jsonl"]);
    dev.says(&["replay", "--into", file]);
    // A part of a log is no log: what was before it is missed.
    let part = folder.path().join("part.kassa");
    let part = part.to_str().unwrap();
    dev.says(&["replay", "--from-seq", "20", "--into", part]);
    let (status, said) = failure(&kassa(&["verify", "--from-file", part]).output().unwrap());
    assert!(status == 7 && said.contains("KASSA-LOG-VIOLATION"), "{said}");
    let (status, said) = failure(&dev.type_in(&["replay", "--into", file]));
    assert!(status == 1 && said.contains("KASSA-ARCHIVE:"), "{said}");
    assert!(dev.interrupt().success());
    let read = |arguments: &[&str]| kassa(arguments).output().unwrap();
    let kept = read(&["replay", "--from-file", file, "-o", "jsonl"]);
    assert_eq!(String::from_utf8(kept.stdout).unwrap(), live);
    let of = read(&["replay", "--from-file", file, "--order", &order]);
    let proved = read(&["verify", "--from-file", file, "-o", "json"]);
    let proved: serde_json::Value = serde_json::from_slice(&proved.stdout).unwrap();
    assert_eq!((&proved["violations_total"], &proved["orders"]), (&0.into(), &1.into()));
    assert!(String::from_utf8(of.stdout).unwrap().contains("order_confirmed"));
    // Another market, a part that is not there, a byte that was changed.
    let other = read(&["replay", "--from-file", file, "--market", "other"]);
    let (status, said) = failure(&other);
    assert!(status == 5 && said.contains("is of market main, not of other"), "{said}");
    let beyond = failure(&read(&["replay", "--from-file", file, "--to-seq", "900000"]));
    assert!(beyond.0 == 3 && beyond.1.contains("the archive ends at"), "{beyond:?}");
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
    let (status, said) = failure(&read(&["replay", "--from-file", file]));
    assert!(status == 7 && said.contains("KASSA-ARCHIVE-DAMAGED"), "{said}");
}

#[test]
fn a_part_that_cannot_be_has_its_own_words() {
    let dev = Dev::ephemeral();
    for (arguments, exit, says) in [
        (["--from-seq", "900000"].as_slice(), 3, "the log ends at"),
        (&["--to-seq", "900000"], 3, "the log ends at"),
        (&["--from-seq", "9", "--to-seq", "3"], 2, "--to-seq 3 is before --from-seq 9"),
        (&["--until", "2200-01-01T00:00:00Z"], 2, "--until is in the future"),
        (&["--until", "noon"], 2, "write it as 2026-11-22T00:00:00Z"),
        (&["--speed", "warp"], 2, "is no speed"),
        (&["--order", "01a205f2-c221-7484-8ce8-e17cd3af93e8"], 3, "no event of order"),
    ] {
        let (status, said) = failure(&dev.type_in(&[["replay"].as_slice(), arguments].concat()));
        assert!(status == exit && said.contains(says), "{arguments:?}: {status} {said}");
    }
}

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
    for (arguments, exit, says) in [
        (["at", "1", "order", &order].as_slice(), 3, "there was no order"),
        (&["at", &last, "stock", "NOTHING"], 3, "there was no NOTHING then"),
        (&["at", "900000", "summary"], 3, "the log ends at"),
        (&["at", "2200-01-01T00:00:00Z", "summary"], 2, "in the future"),
        (&["at", "noon", "summary"], 2, "is no moment"),
    ] {
        let (status, said) = failure(&dev.type_in(arguments));
        assert!(status == exit && said.contains(says), "{arguments:?}: {status} {said}");
    }
}
