//! What the trace of one order must look like, whoever collected it.

use std::collections::{BTreeMap, BTreeSet};

use kassa::domain::{OrderId, TraceParent};

/// What an edge sends when somebody keeps the trace.
pub(crate) const EDGE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A span as a collector sees it. Ids are hexadecimal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    /// Span ids.
    pub(crate) links: Vec<String>,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// The spans an order goes through, each the child of the one before, with their kinds.
pub(crate) const PATH: [(&str, &str); 6] = [
    ("request kassa.{market}.cmd.{source}.order.place", "producer"),
    ("process kassa.{market}.cmd.{source}.order.place", "consumer"),
    ("payment", "internal"),
    ("request kassa.{market}.cmd.{source}.payment.record", "producer"),
    ("process kassa.{market}.cmd.{source}.payment.record", "consumer"),
    ("charge", "client"),
];

/// Views that bring on what an order changed.
const VIEWS: [&str; 4] = ["orders", "stock", "metrics", "feed"];

/// What is missing or wrong in the trace of an order; nothing when it is whole.
pub(crate) fn faults(seen: &[Seen], edge: &TraceParent, order_id: OrderId) -> Vec<String> {
    let mut faults = Vec::new();
    let ours: Vec<&Seen> = seen.iter().filter(|span| span.trace == edge.trace_id()).collect();
    let find = |name: &str| ours.iter().find(|span| span.name == name);
    let mut parent = edge.as_str().split('-').nth(2).unwrap_or_default().to_owned();
    for (name, kind) in PATH {
        let Some(span) = find(name) else {
            faults.push(format!("no {name}"));
            continue;
        };
        if name == "charge" {
            parent = find("payment").map(|span| span.id.clone()).unwrap_or_default();
        }
        if span.parent != parent {
            faults.push(format!("{name} is not the child of the one before"));
        }
        if span.kind != kind {
            faults.push(format!("{name} is {}", span.kind));
        }
        parent = span.id.clone();
    }
    if ours.len() != PATH.len() {
        faults.push(format!("{} spans in the trace", ours.len()));
    }
    let decided: Vec<&Seen> =
        ours.iter().filter(|span| span.name.starts_with("process")).copied().collect();
    for span in &decided {
        covered(seen, span, &mut faults);
        if span.attributes.get("kassa.order.id") != Some(&order_id.to_string()) {
            faults.push(format!("{} does not name its order", span.name));
        }
    }
    let concrete = seen.iter().filter(|span| span.name.contains(&order_id.to_string()));
    faults.extend(concrete.map(|span| format!("an id is in the name {}", span.name)));
    faults
}

/// A decided command is covered by one commit and brought on by every view, in traces of their
/// own.
fn covered(seen: &[Seen], decided: &Seen, faults: &mut Vec<String>) {
    let name = &decided.name;
    let linked: Vec<&Seen> = seen.iter().filter(|span| span.links.contains(&decided.id)).collect();
    if linked
        .iter()
        .any(|span| span.trace == decided.trace || !span.parent.trim_matches('0').is_empty())
    {
        faults.push(format!("what links to {name} is not in a trace of its own"));
    }
    let commits: Vec<_> = linked.iter().filter(|span| span.name == "commit").collect();
    let sequence = decided.attributes.get("kassa.event.seq");
    if commits.len() != 1 {
        faults.push(format!("{} commits cover {name}", commits.len()));
    }
    if sequence.is_none()
        || commits.iter().any(|span| span.attributes.get("kassa.event.seq") != sequence)
    {
        faults.push(format!("{name} does not name its commit"));
    }
    let views: BTreeSet<&str> = linked
        .iter()
        .filter(|span| span.name == "process kassa.{market}.evt.commit")
        .filter_map(|span| span.attributes.get("kassa.view").map(String::as_str))
        .collect();
    let missing = VIEWS.iter().filter(|view| !views.contains(*view));
    faults.extend(missing.map(|view| format!("the view {view} does not link to {name}")));
}
