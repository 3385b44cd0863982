//! The log again: from a server, and from a file.

use crate::shop::{Dev, failure, kassa};

pub(crate) fn placed(dev: &Dev) -> String {
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
    // A person sees the same.
    let table = dev.says(&["replay", "--order", &second]);
    let (heading, rows) = table.split_once('\n').unwrap();
    for column in ["EVENT", "TIME", "TYPE", "COMMIT", "EPOCH", "SOURCE", "CAUSE", "ABOUT"] {
        assert!(heading.contains(column), "{heading}");
    }
    assert!(rows.lines().next().unwrap().contains(place["cause"].as_str().unwrap()), "{table}");
    let moment = kassa::wire::rfc3339(kassa::domain::Timestamp(place["at_ms"].as_u64().unwrap()));
    let by_then = lines(&dev.says(&["replay", "--until", &moment, "-o", "jsonl"]));
    assert!(by_then.len() < all.len() && by_then.contains(&all[0]), "{by_then:?}");
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
    // The same words mean the same messages to a server and to a file.
    let filters = ["kassa.*.evt.commit", "kassa.main.evt.*", "kassa.*.evt.stock.*", "kassa.main.>"];
    let by_filter = filters.map(|filter| dev.says(&["replay", "--subject", filter, "-o", "jsonl"]));
    dev.says(&["replay", "--into", file]);
    // A part of a log is no log: what was before it is missed.
    let part = folder.path().join("part.kassa");
    let part = part.to_str().unwrap();
    dev.says(&["replay", "--from-seq", "20", "--into", part]);
    let (status, said) = failure(&kassa(&["verify", "--from-file", part]).output().unwrap());
    assert!(status == 7 && said.contains("KASSA-LOG-VIOLATION"), "{said}");
    // Nor is nothing an archive.
    let none = folder.path().join("none.kassa");
    let long_ago = ["replay", "--until", "1970-01-02T00:00:00Z", "--into", none.to_str().unwrap()];
    let (status, said) = failure(&dev.type_in(&long_ago));
    assert!(status == 3 && said.contains("nothing of this part was stored by"), "{said}");
    assert!(!none.exists());
    let (status, said) = failure(&dev.type_in(&["replay", "--into", file]));
    assert!(status == 1 && said.contains("KASSA-ARCHIVE:"), "{said}");
    assert!(dev.interrupt().success());
    let read = |arguments: &[&str]| kassa(arguments).output().unwrap();
    let kept = read(&["replay", "--from-file", file, "-o", "jsonl"]);
    assert_eq!(String::from_utf8(kept.stdout).unwrap(), live);
    for (filter, live) in filters.iter().zip(by_filter) {
        let kept = read(&["replay", "--from-file", file, "--subject", filter, "-o", "jsonl"]);
        assert!(!live.is_empty(), "{filter}");
        assert_eq!(String::from_utf8(kept.stdout).unwrap(), live, "{filter}");
    }
    let of = read(&["replay", "--from-file", file, "--order", &order]);
    let proved = read(&["verify", "--from-file", file, "-o", "json"]);
    let proved: serde_json::Value = serde_json::from_slice(&proved.stdout).unwrap();
    assert_eq!((&proved["violations_total"], &proved["orders"]), (&0.into(), &1.into()));
    assert!(String::from_utf8(of.stdout).unwrap().contains("order_confirmed"));
    // What is not in a part is not there, and is not nothing.
    for named in [["--from-seq", "1"], ["--to-seq", "19"]] {
        let arguments = [["replay", "--from-file", part].as_slice(), &named].concat();
        let (status, said) = failure(&read(&arguments));
        assert!(status == 3 && said.contains("the archive begins at 20, after"), "{said}");
    }
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
        (&["--from-seq", "0"], 3, "the log begins at 1, after 0"),
        (&["--until", "1970-01-02T00:00:00Z"], 3, "nothing of this part was stored by 1970-01-02"),
        (&["--type", "order_lost"], 2, "no event has this type; there are attention_raised,"),
        (&["--subject", "foo bar"], 2, "is no filter"),
        (&["--subject", "kassa.>.stock"], 2, "is no filter"),
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
