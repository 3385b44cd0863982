//! `kassa bench`: what it prints is what scripts read, and what it proves is proved.

use serde_json::Value;

use crate::shop::kassa;

/// What a run prints as JSON, which has to end well.
fn bench(arguments: &[&str]) -> Value {
    let output = kassa(&[&["bench"], arguments, &["-o", "json"]].concat()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The number under a name.
fn number(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or_else(|| panic!("no number {name} in {report:#}"))
}

/// The names that others read, and that everything placed has come to its end.
fn is_whole(report: &Value) {
    for name in ["orders_per_s", "p50_ms", "p95_ms", "p99_ms", "max_ms", "ratio_to_raw"] {
        assert!(0.0 < number(report, name), "{name}: {report:#}");
    }
    for name in ["raw_batch_msgs_per_s", "commits", "commands_per_commit"] {
        assert!(0.0 < number(report, name), "{name}: {report:#}");
    }
    assert!(report["confirmation"]["p50_ms"].is_number(), "{report:#}");
    let ended: f64 =
        ["confirmed", "rejected", "cancelled"].map(|way| number(report, way)).iter().sum();
    assert!((number(report, "placed") - ended).abs() < 0.5, "{report:#}");
    is_right(report);
    assert_eq!(report["unfinished"], 0, "{report:#}");
}

/// The verifier found nothing.
fn is_right(report: &Value) {
    assert_eq!(report["oversold"], 0, "{report:#}");
    assert_eq!(report["violation"], Value::Null, "{report:#}");
    assert!(0.0 < number(report, "verified_in_s"), "{report:#}");
}

#[test]
fn a_run_says_what_became_of_every_order() {
    let report = bench(&["--orders", "200", "--skus", "3"]);
    is_whole(&report);
    assert_eq!((&report["placed"], &report["confirmed"]), (&200.into(), &200.into()));
}

#[test]
fn shelves_that_run_empty_turn_the_others_away() {
    let report = bench(&["--orders", "200", "--skus", "3", "--lines", "3", "--stock", "10"]);
    is_whole(&report);
    assert_eq!((&report["confirmed"], &report["rejected"]), (&10.into(), &190.into()));
}

#[test]
fn published_orders_are_measured_as_well() {
    let report = bench(&["--orders", "200", "--intake", "publish", "--alone"]);
    is_whole(&report);
    assert_eq!(report["confirmed"], 200);
}

#[test]
fn three_nodes_are_measured_as_one_is() {
    let report = bench(&["--orders", "100", "--nodes", "3", "--concurrency", "20"]);
    is_whole(&report);
    assert_eq!(report["confirmed"], 100);
}

#[test]
fn buyers_may_come_at_a_rate_for_a_while() {
    let report = bench(&["--rate", "200", "--duration", "2s"]);
    is_whole(&report);
    // A machine with other things to do may let fewer in, never more.
    let placed = number(&report, "placed");
    assert!((1.0..=401.0).contains(&placed), "{report:#}");
}

#[test]
fn a_committer_alone_is_measured_and_proved() {
    let report = bench(&["engine", "--orders", "500"]);
    assert_eq!(report["confirmed"], 500);
    for name in ["orders_per_s", "p50_ms", "p95_ms", "p99_ms", "max_ms"] {
        assert!(0.0 < number(&report, name), "{name}: {report:#}");
    }
    is_right(&report);
}

#[test]
fn a_duel_says_who_got_what() {
    let report = bench(&["duel", "--buyers", "50", "--stock", "10"]);
    for (name, count) in [
        ("buyers", 50),
        ("stock", 10),
        ("accepted", 10),
        ("rejected", 40),
        ("unanswered", 0),
        ("untrue", 0),
        ("decided_again", 0),
        ("missold", 0),
        ("still_held", 0),
        ("violations", 0),
    ] {
        assert_eq!(report[name], count, "{name}: {report:#}");
    }
}
