//! Alerts on metrics that the program has: one on a name that nobody exports is silent for ever.

use std::collections::BTreeSet;
use std::{fs, io};

use kassa::domain::ItemKind;
use kassa::telemetry::names::metric;

use super::source::{files, relative};
use super::{project, report};

/// The metrics that alerts are on, as Prometheus calls them: the dots are underscores, the unit
/// is the end, and a counter is a total.
fn exported() -> BTreeSet<String> {
    let metrics = [
        (metric::ATTENTION_AGE, "_seconds"),
        (metric::ATTENTION_ITEMS, ""),
        (metric::OVERSOLD, "_total"),
        (metric::INVARIANT_VIOLATIONS, "_total"),
    ];
    metrics.iter().map(|(name, end)| format!("{}{end}", name.replace('.', "_"))).collect()
}

/// The words of an expression that begin like a metric of ours.
fn named(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("kassa_"))
}

/// The values of `kind` in an expression.
fn kinds(expression: &str) -> impl Iterator<Item = &str> {
    expression.split("kind=\"").skip(1).filter_map(|rest| rest.split('"').next())
}

#[test]
fn every_alert_is_on_a_metric_that_is_exported() -> io::Result<()> {
    let (exported, mut faults, mut seen) = (exported(), Vec::new(), BTreeSet::new());
    for path in files(&project().join("deploy/alerts"), "yaml")? {
        let (place, text) = (relative(&path), fs::read_to_string(&path)?);
        for expression in text.lines().filter_map(|line| line.trim().strip_prefix("expr:")) {
            for name in named(expression) {
                if !exported.contains(name) {
                    faults.push(format!("{place}: {name} is no metric"));
                }
                seen.insert(name.to_owned());
            }
            let unknown = kinds(expression).filter(|kind| kind.parse::<ItemKind>().is_err());
            faults.extend(unknown.map(|kind| format!("{place}: {kind} is no kind of item")));
        }
    }
    let unused = exported.difference(&seen).map(|name| format!("no alert is on {name}"));
    faults.extend(unused);
    report(faults);
    Ok(())
}
