//! `kassa events`: the log, for people.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::codes::Code;
use super::failure::Failure;
use super::history::{HistoryArguments, history};
use super::output::{self, Format, Show};
use super::session::{Connected, Session};
use super::when;
use crate::domain::{Address, CommandId, Event, Recorded, Sequence, Source, Timestamp};
use crate::port::{Entry, Log, Tail};
use crate::wire::{Commit, CommitHead, Ledger, SHAPES, event_as_json, headers};

/// Commits taken from the log at once.
const READ_AT_ONCE: usize = 256;

#[derive(Debug, Subcommand)]
pub(super) enum EventsCommand {
    /// Show events as they happen
    Tail(TailArguments),
    /// Show the whole history of an order, step by step
    History(HistoryArguments),
}

#[derive(Debug, Args)]
pub(super) struct TailArguments {
    /// Begin with this sequence number [default: with what comes next]
    #[arg(long, value_name = "SEQ")]
    from_seq: Option<u64>,
    /// Only events of this type, as in `order_confirmed`
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    kind: Option<String>,
    /// End at the end of the log instead of waiting for more
    #[arg(long)]
    no_follow: bool,
}

/// One event as it is shown.
#[derive(Serialize)]
pub(super) struct Shown {
    event: String,
    at_ms: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CommandId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    data: Value,
    #[serde(skip)]
    about: String,
    #[serde(skip)]
    order: Option<String>,
}

impl Shown {
    pub(super) fn new(at: Address, head: &CommitHead, record: &Recorded) -> Result<Self, Failure> {
        let event = &record.event;
        Ok(Self {
            event: at.to_string(),
            at_ms: head.at,
            commit: Some(head.number),
            epoch: Some(head.epoch),
            r#type: event.kind(),
            cause: record.cause,
            source: Some(record.source.clone()),
            trace: record.trace.as_ref().map(|trace| trace.as_str().to_owned()),
            data: event_as_json(event).map_err(anyhow::Error::from)?,
            about: about(event),
            order: event.concerns().map(|order_id| order_id.to_string()),
        })
    }

    /// What a message of the log holds: the events of a commit, or one entry of a ledger.
    pub(super) fn of(entry: &Entry) -> Result<Vec<Self>, Failure> {
        let kind = entry.header(headers::KASSA_TYPE).unwrap_or_default();
        if kind.starts_with("commit/") {
            return shown(entry.sequence, &entry.payload);
        }
        let ledger = Ledger::decode(&entry.payload).map_err(|problem| {
            let what = format!("sequence {}: {problem}", entry.sequence);
            Failure::new(Code::LogDefect, what)
        })?;
        let Ledger { commit, delta, available, .. } = ledger;
        let subject = &entry.subject;
        Ok(vec![Self {
            event: entry.sequence.to_string(),
            at_ms: entry.time,
            commit: Some(commit),
            epoch: None,
            r#type: "ledger_entry",
            cause: None,
            source: None,
            trace: None,
            data: serde_json::to_value(ledger).map_err(anyhow::Error::from)?,
            about: format!("{subject}  {delta:+} → {available} available"),
            order: None,
        }])
    }

    /// What stands over the columns of its table.
    pub(super) fn heading() -> String {
        let (event, time, kind) = ("EVENT", "TIME", "TYPE");
        let (commit, epoch, source, cause) = ("COMMIT", "EPOCH", "SOURCE", "CAUSE");
        format!(
            "{event:<12} {time:<24}  {kind:<18} {commit:>7} {epoch:>5}  {source:<8} {cause:<36}  \
             ABOUT"
        )
    }

    /// The type of the event.
    pub(super) const fn kind(&self) -> &'static str {
        self.r#type
    }

    /// The order it is about.
    pub(super) fn order(&self) -> Option<&str> {
        self.order.as_deref()
    }
}

/// The type of an event, as it is named in the log.
///
/// # Errors
///
/// A sentence that names the ones that there are.
pub(super) fn kind(text: &str) -> Result<String, String> {
    if SHAPES.iter().any(|(kind, _)| *kind == text) {
        return Ok(text.to_owned());
    }
    let known: BTreeSet<&str> = SHAPES.iter().map(|(kind, _)| *kind).collect();
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    Err(format!("no event has this type; there are {known}"))
}

/// What an event is about, in a few words.
fn about(event: &Event) -> String {
    let order = event.concerns().map(|id| id.to_string());
    let sku = event.sku().map(ToString::to_string);
    let more = if let Event::StockReserved(e) | Event::StockDeducted(e) | Event::StockReleased(e) =
        event
    {
        Some(format!("× {}", e.quantity))
    } else if let Event::StockReceived(e) = event {
        Some(format!("+ {}", e.quantity))
    } else if let Event::OrderRejected(e) = event {
        Some(e.refusal.code().to_owned())
    } else if let Event::CommandRejected(e) = event {
        Some(e.refusal.code().to_owned())
    } else {
        None
    };
    [order, sku, more].into_iter().flatten().collect::<Vec<_>>().join("  ")
}

impl Show for Shown {
    fn table(&self) -> String {
        let Self { event, r#type: kind, about, .. } = self;
        let time = when::written(self.at_ms);
        let figure = |figure: Option<u64>| figure.map_or_else(String::new, |n| n.to_string());
        let (commit, epoch) = (figure(self.commit), figure(self.epoch));
        let source = self.source.as_ref().map_or("-", Source::as_str);
        let cause = self.cause.map_or_else(|| "-".to_owned(), |cause| cause.to_string());
        let what = format!("{event:<12} {time}  {kind:<18} {commit:>7} {epoch:>5}");
        format!("{what}  {source:<8} {cause:<36}  {about}")
    }
}

pub(super) async fn events(session: &Session, command: EventsCommand) -> Result<(), Failure> {
    match command {
        EventsCommand::Tail(arguments) => {
            tail(session, &session.connect().await?, &arguments).await
        }
        EventsCommand::History(arguments) => history(session, arguments).await,
    }
}

async fn tail(
    session: &Session,
    connected: &Connected,
    arguments: &TailArguments,
) -> Result<(), Failure> {
    let log = connected.events().await?;
    let after = match arguments.from_seq {
        Some(from) => Sequence(from.saturating_sub(1)),
        None => log.end().await.map_err(anyhow::Error::from)?,
    };
    // A stream of documents has no end, so each has its line.
    let format = if session.format == Format::Table { Format::Table } else { Format::Jsonl };
    let mut tail =
        log.follow(&connected.subjects.commit(), after).await.map_err(anyhow::Error::from)?;
    while !(arguments.no_follow && tail.remaining() == 0) {
        for entry in tail.next(READ_AT_ONCE).await.map_err(anyhow::Error::from)? {
            for shown in shown(entry.sequence, &entry.payload)? {
                if arguments.kind.as_ref().is_none_or(|kind| kind == shown.r#type) {
                    output::show(format, &shown)?;
                }
            }
        }
    }
    Ok(())
}

fn shown(sequence: Sequence, payload: &[u8]) -> Result<Vec<Shown>, Failure> {
    let commit = Commit::decode_at(sequence, payload).map_err(anyhow::Error::from)?;
    let all = (0..)
        .zip(&commit.events)
        .map(|(index, record)| Shown::new(Address::new(sequence, index), &commit.head, record));
    all.collect()
}
