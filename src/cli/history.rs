//! `kassa events history`: what happened to one order, step by step.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::events::Shown;
use super::failure::Failure;
use super::output::{Show, pairs};
use super::past::Past;
use super::session::Session;
use super::when;
use crate::domain::{Address, OrderId, Sequence};
use crate::port::Log;
use crate::view::OrderView;
use crate::view::attention::{AttentionItem, item};
use crate::view::story::{Step, Story, span};
use crate::wire::Commit;

#[derive(Args, Debug)]
pub(super) struct HistoryArguments {
    /// The order
    order_id: OrderId,
    /// Say why each step happened
    #[arg(long)]
    explain: bool,
    /// Wait until the order's view reflects this commit
    #[arg(long, value_name = "SEQ")]
    at_least: Option<u64>,
    /// Read an archive instead of a server; it has to begin where the log begins
    #[arg(long, value_name = "FILE", conflicts_with = "at_least")]
    from_file: Option<PathBuf>,
    /// Believe no view: read the log from when the order's id was made
    #[arg(long)]
    whole_log: bool,
}

#[derive(Serialize)]
struct History {
    order_id: OrderId,
    state: String,
    /// How far the log was.
    as_of: Sequence,
    steps: Vec<Step>,
    /// What of it needed a human, and what was done about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attention: Vec<AttentionItem>,
    events: Vec<Shown>,
}

pub(super) async fn history(session: &Session, arguments: HistoryArguments) -> Result<(), Failure> {
    let HistoryArguments { order_id, explain, at_least, from_file, whole_log } = arguments;
    let past = Past::open(session, from_file.as_deref(), !whole_log).await?;
    if let (Some(_), Some(connected)) = (at_least, past.server()) {
        connected.view_at("orders", at_least).await?;
    }
    let mut commits = past.commits_of(order_id, past.end()).await?;
    let attention = needed_a_human(&past, order_id, &commits).await?;
    for decided in attention.iter().filter_map(|item| item.resolved.as_ref()) {
        let place = Sequence(decided.event_seq);
        if commits.iter().all(|(known, _)| *known != place) {
            commits.extend(past.commit(place).await?.map(|commit| (place, commit)));
        }
    }
    commits.sort_by_key(|(sequence, _)| *sequence);
    let (mut events, mut story, mut order) = (Vec::new(), Story::default(), None);
    for (sequence, commit) in commits {
        for (index, record) in (0_u32..).zip(&commit.events) {
            if record.event.concerns() == Some(order_id) {
                let at = Address::new(sequence, index);
                story.follow(at, commit.head.at, record);
                events.push(Shown::new(at, &commit.head, record)?);
            }
        }
        let after = crate::role::as_of::order_after(order, order_id, sequence, &commit);
        order = after.map_err(anyhow::Error::from)?;
    }
    let missing = || Failure::not_found(format!("order {order_id} is not in the log"));
    let order: OrderView = order.ok_or_else(missing)?;
    let mut steps = story.into_steps();
    if !explain {
        steps.iter_mut().for_each(|step| step.why.clear());
    }
    let (state, as_of) = (order.state, past.end());
    session.show(&History { order_id, state, as_of, steps, attention, events })
}

/// What of an order needed a human, as the attention list has it: with the last that was done
/// about it. A file has no such list; there, and with `--whole-log`, every decision is read.
async fn needed_a_human(
    past: &Past,
    order_id: OrderId,
    commits: &[(Sequence, Commit)],
) -> Result<Vec<AttentionItem>, Failure> {
    let Some(connected) = past.server() else { return Ok(Vec::new()) };
    let mut raised = BTreeSet::new();
    for (sequence, commit) in commits {
        for (index, record) in (0_u32..).zip(&commit.events) {
            if record.event.order_id() == Some(order_id) {
                let item = item(Address::new(*sequence, index), commit.head.at, record);
                raised.extend(item.map(|item| (item.kind, item.id)));
            }
        }
    }
    let (list, mut items) = (connected.stream("ATTENTION").await?, Vec::new());
    for (kind, id) in raised {
        let entry = list.last(&connected.subjects.attention(&kind, &id)).await;
        if let Some(entry) = entry.map_err(anyhow::Error::from)? {
            items.push(serde_json::from_slice(&entry.payload).map_err(anyhow::Error::from)?);
        }
    }
    Ok(items)
}

impl Show for History {
    fn table(&self) -> String {
        let head = format!("order {}, {} as of {}", self.order_id, self.state, self.as_of);
        let steps = self.steps.iter().map(told);
        let items = self.attention.iter().map(|item| {
            let done = item.resolved.as_ref().map_or_else(
                || "open".to_owned(),
                |done| format!("{} by {}: {}", done.action, done.by, done.reason),
            );
            format!("needed a human: {}, {} ({done})", item.kind, item.reason)
        });
        std::iter::once(head).chain(steps).chain(items).collect::<Vec<_>>().join("\n\n")
    }
}

/// One step, in lines.
fn told(step: &Step) -> String {
    let after = step.after_ms.map_or_else(String::new, |ms| format!("  +{}", span(ms.into())));
    let head = format!("{}{after}  {} ({})", when::written(step.at_ms), step.source, step.event);
    let named = |name: &'static str, lines: &[String]| {
        lines.iter().map(|line| (name, line.clone())).collect::<Vec<_>>()
    };
    let mut rows = named("", &step.decided);
    rows.extend(named("money", &step.money));
    rows.extend(named("stock", &step.stock));
    rows.extend(named("why", &step.why));
    rows.extend(step.trace.iter().map(|trace| ("trace", trace.clone())));
    format!("{head}\n{}", pairs(rows))
}
