//! `kassa attention`: what needs a human, and what was done about it.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::Failure;
use super::output::{Show, pairs, say, table};
use super::session::{Connected, Session};
use super::sku::usage;
use super::when;
use crate::domain::{
    AttentionAction, Command, ItemKind, ResolveAttention, Sequence, Source, Text, Timestamp, Token,
};
use crate::nats::Client;
use crate::port::{Clock, Log, SystemClock, Tail};
use crate::view::attention::{AttentionItem, Resolution};
use crate::wire::{OutcomeKind, Position};

/// Items taken from the stream at once.
const READ_AT_ONCE: usize = 256;

/// How long the list may take to reflect the last commit: it is written four times a second, and a
/// lease that nobody gave back lasts three seconds.
const LATE: Duration = Duration::from_secs(4);

/// Time between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Subcommand)]
pub(super) enum AttentionCommand {
    /// Show every open item, oldest first
    List {
        /// Show what was resolved too
        #[arg(long)]
        all: bool,
    },
    /// Show one item, with what was done about it
    Show {
        /// The kind, as it is listed
        kind: String,
        /// What it is about, as it is listed
        id: Token,
    },
    /// Try again what failed: a command that nobody could read, or a refund
    Retry(ResolveArguments),
    /// Say that nothing more has to be done
    Discard(ResolveArguments),
}

#[derive(Args, Debug)]
pub(super) struct ResolveArguments {
    /// The kind, as it is listed
    kind: ItemKind,
    /// What it is about, as it is listed
    id: Token,
    /// Why; it is written down
    #[arg(long)]
    reason: String,
    /// Who decides it; it is written down [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    by: Option<Token>,
    /// Who asks
    #[arg(long, default_value = "cli")]
    source: Source,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Items(Vec<AttentionItem>);

impl Show for Items {
    fn table(&self) -> String {
        let now = SystemClock.now();
        let row = |item: &AttentionItem| {
            vec![
                when::written(item.raised_at_ms),
                item.resolved.as_ref().map_or_else(|| age(item, now), in_words),
                item.kind.clone(),
                item.id.clone(),
                item.source.clone(),
                item.reason.clone(),
            ]
        };
        let headings = ["RAISED", "OPEN FOR", "KIND", "ABOUT", "SOURCE", "REASON"];
        table(&headings, self.0.iter().map(row))
    }
}

impl Show for AttentionItem {
    fn table(&self) -> String {
        let mut rows = vec![
            ("kind", self.kind.clone()),
            ("about", self.id.clone()),
            ("raised", when::written(self.raised_at_ms)),
            ("by event", format!("{}.{}", self.event_seq, self.event_index)),
            ("source", self.source.clone()),
            ("reason", self.reason.clone()),
        ];
        if let Some(sequence) = self.command_seq {
            rows.push(("published command", sequence.to_string()));
        }
        match &self.resolved {
            None => rows.push(("open for", age(self, SystemClock.now()))),
            Some(resolution) => {
                rows.push(("resolved", in_words(resolution)));
                rows.push(("at", when::written(resolution.at_ms)));
                rows.push(("because", resolution.reason.clone()));
            }
        }
        pairs(rows)
    }
}

/// How long an item has been open, as a person says it.
fn age(item: &AttentionItem, now: Timestamp) -> String {
    let minutes = now.since(item.raised_at_ms).as_secs() / 60;
    match (minutes / 1_440, minutes / 60) {
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h"),
        (days, _) => format!("{days} days"),
    }
}

fn in_words(resolution: &Resolution) -> String {
    format!("{} by {}", resolution.action, resolution.by)
}

pub(super) async fn attention(session: &Session, command: AttentionCommand) -> Result<(), Failure> {
    let connected = session.connect().await?;
    match command {
        AttentionCommand::List { all } => {
            tell_if_behind(&connected).await?;
            let mut items = items(&connected).await?;
            items.retain(|item| all || item.resolved.is_none());
            items.sort_by_key(|item| (item.event_seq, item.event_index));
            session.show(&Items(items))
        }
        AttentionCommand::Show { kind, id } => session.show(&item(&connected, &kind, &id).await?),
        AttentionCommand::Retry(arguments) => {
            resolve(session, &connected, (AttentionAction::Retry, arguments)).await
        }
        AttentionCommand::Discard(arguments) => {
            resolve(session, &connected, (AttentionAction::Discard, arguments)).await
        }
    }
}

/// A list that nobody keeps looks like one on which nothing is.
async fn tell_if_behind(connected: &Connected) -> Result<(), Failure> {
    let list = connected.stream("ATTENTION").await?;
    let (last, _) = connected.last_commit().await?;
    let until = Instant::now() + LATE;
    loop {
        let entry = list.last(&connected.subjects.attention_position()).await;
        let entry = entry.map_err(anyhow::Error::from)?;
        let reached = entry.and_then(|entry| Position::decode(&entry.payload).ok());
        let reached = reached.map_or(Sequence::START, |position| position.event_seq);
        if last <= reached {
            return Ok(());
        }
        if until < Instant::now() {
            say(&format!(
                "the list is as of {reached}, the last commit is {last}: whoever keeps the list is \
                 behind or does not run"
            ));
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn items(connected: &Connected) -> Result<Vec<AttentionItem>, Failure> {
    let log = connected.stream("ATTENTION").await?;
    let filter = connected.subjects.every_attention();
    let mut tail = log.follow(&filter, Sequence::START).await.map_err(anyhow::Error::from)?;
    let position = connected.subjects.attention_position();
    let mut items = Vec::new();
    while 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await.map_err(anyhow::Error::from)? {
            if entry.subject == position {
                continue;
            }
            match serde_json::from_slice(&entry.payload) {
                Ok(item) => items.push(item),
                // What is left is listed: one that a newer build wrote hides no other.
                Err(error) => say(&format!("{} cannot be read: {error}", entry.subject)),
            }
        }
    }
    Ok(items)
}

async fn item(connected: &Connected, kind: &str, id: &Token) -> Result<AttentionItem, Failure> {
    let subject = connected.subjects.attention(kind, id.as_str());
    let entry = connected.stream("ATTENTION").await?.last(&subject).await;
    let entry = entry.map_err(anyhow::Error::from)?;
    let missing = || Failure::not_found(format!("{kind} {id} is not in the list"));
    let entry = entry.ok_or_else(missing)?;
    Ok(serde_json::from_slice(&entry.payload).map_err(anyhow::Error::from)?)
}

async fn resolve(
    session: &Session,
    connected: &Connected,
    (action, arguments): (AttentionAction, ResolveArguments),
) -> Result<(), Failure> {
    let ResolveArguments { kind, id, reason, by, source } = arguments;
    let user = || session.environment.user.as_deref().and_then(|user| user.parse().ok());
    let by = by.or_else(user).ok_or_else(|| usage("--by", &"say who decides it"))?;
    let reason = Text::try_from(reason.as_str()).map_err(|error| usage("--reason", &error))?;
    let item = item(connected, kind.name(), &id).await?;
    if let Some(resolution) = &item.resolved {
        let what = format!("{} {id} is resolved: {}", kind.name(), in_words(resolution));
        return Err(Failure::new(super::codes::Code::RefusedConflict, what));
    }
    let client = Client::new(&connected.connection, connected.subjects.clone(), source);
    let client = client.await.map_err(anyhow::Error::from)?;
    // First what is to happen, then that it was seen to: it is sent again under the same ids, so
    // that twice is once.
    let sent = match (action, kind) {
        (AttentionAction::Retry, ItemKind::Poison) => again(connected, &client, &item).await?,
        _ => None,
    };
    let resolved = ResolveAttention { kind, id, action, reason, by };
    let outcome = connected.send_by(&client, &Command::ResolveAttention(resolved)).await?;
    match sent {
        Some(refused) => Err(refused),
        None => session.show(&outcome),
    }
}

/// Sends a published command again. What is refused again is in the list again.
async fn again(
    connected: &Connected,
    client: &Client,
    item: &AttentionItem,
) -> Result<Option<Failure>, Failure> {
    let asked = || {
        let what =
            "it was requested, not published: its sender has the refusal and has to ask anew";
        Failure::not_found(what)
    };
    let sequence = Sequence(item.command_seq.ok_or_else(asked)?);
    let commands = connected.stream("COMMANDS").await?;
    let entry = commands.entry(sequence).await.map_err(anyhow::Error::from)?;
    let gone = || Failure::not_found(format!("command {sequence} is no longer in its stream"));
    let entry = entry.ok_or_else(gone)?;
    let outcomes = client.again(&entry).await.map_err(anyhow::Error::from)?;
    let refused = outcomes.iter().find(|outcome| outcome.result == OutcomeKind::Refused);
    let refused = refused.and_then(|outcome| outcome.refusal.as_ref()).map(Failure::refused);
    if refused.is_none() {
        say(&format!("command {sequence} was sent again, and accepted"));
    }
    Ok(refused)
}
