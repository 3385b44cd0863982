//! `kassa replay`: a part of the log again, from a server or from a file.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::codes::Code;
use super::events::Shown;
use super::failure::Failure;
use super::output::{self, Format, say};
use super::session::Session;
use super::{Interrupt, when};
use crate::archive::{Archive, ArchiveFoot, ArchiveHead, ArchiveWriter};
use crate::domain::{OrderId, Sequence, Timestamp};
use crate::port::{Clock, Log, SystemClock, Tail};
use crate::role::replay::{Range, Replay};
use crate::wire::Subjects;

#[derive(Args, Debug)]
pub(super) struct ReplayArguments {
    /// The first sequence
    #[arg(long, value_name = "SEQ", default_value_t = 1)]
    from_seq: u64,
    /// The last sequence [default: the end of the log]
    #[arg(long, value_name = "SEQ")]
    to_seq: Option<u64>,
    /// Nothing that was stored later, as in 2026-11-22T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = when::read)]
    until: Option<Timestamp>,
    /// Messages on this subject instead of commits, as in `kassa.main.evt.stock.MUG-01`
    #[arg(long, value_name = "FILTER", conflicts_with_all = ["order", "kind"])]
    subject: Option<String>,
    /// Only events of this order
    #[arg(long, value_name = "ID")]
    order: Option<OrderId>,
    /// Only events of this type, as in `order_confirmed`
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// How many times faster than it happened, or `max`
    #[arg(long, value_name = "X", default_value = "max")]
    speed: Speed,
    /// Write every message into an archive instead of showing events
    #[arg(long, value_name = "FILE", conflicts_with_all = ["subject", "order", "kind", "speed"])]
    into: Option<PathBuf>,
    /// Read an archive instead of a server
    #[arg(long, value_name = "FILE", conflicts_with = "into")]
    from_file: Option<PathBuf>,
}

/// How fast.
#[derive(Clone, Copy, Debug)]
struct Speed(Option<f64>);

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self(None));
        }
        let speed: Option<f64> = text.parse().ok().filter(|speed: &f64| speed.is_normal());
        let speed = speed.filter(|speed| speed.is_sign_positive());
        let wrong = || format!("{text:?} is no speed: write `max`, or how many times faster");
        speed.map(|speed| Self(Some(speed))).ok_or_else(wrong)
    }
}

pub(super) async fn replay(session: &Session, arguments: ReplayArguments) -> Result<(), Failure> {
    let subjects = Subjects::of(session.config.market.clone());
    let filter = match (&arguments.subject, &arguments.into) {
        (Some(subject), _) => subject.clone(),
        (None, Some(_)) => Subjects::everything().to_owned(),
        (None, None) => subjects.commit(),
    };
    let after = Sequence(arguments.from_seq.saturating_sub(1));
    if arguments.until.is_some_and(|until| SystemClock.now() < until) {
        return Err(Failure::new(Code::Usage, "--until is in the future"));
    }
    if let Some(file) = &arguments.from_file {
        let archive = Archive::open(file, &session.config.market).map_err(anyhow::Error::from)?;
        let ArchiveFoot { first, last, .. } = archive.foot;
        let range = range(&arguments, (first, last), "the archive")?;
        let tail = archive.follow(&filter, after).map_err(anyhow::Error::from)?;
        let replay = Replay::new(tail, range, arguments.speed.0);
        return show(session, &arguments, (replay, range)).await;
    }
    let connected = session.connect().await?;
    let log = connected.stream("EVENTS").await?;
    let end = log.end().await.map_err(anyhow::Error::from)?;
    let range = range(&arguments, (Sequence(1), end), "the log")?;
    let tail = log.follow(&filter, after).await.map_err(anyhow::Error::from)?;
    let replay = Replay::new(tail, range, arguments.speed.0);
    match &arguments.into {
        Some(file) => archive(session, file, replay, (range, end)).await,
        None => show(session, &arguments, (replay, range)).await,
    }
}

/// The part that is asked for, when all of it is there.
fn range(
    arguments: &ReplayArguments,
    (first, last): (Sequence, Sequence),
    what: &str,
) -> Result<Range, Failure> {
    let from = Sequence(arguments.from_seq.max(1));
    let to = arguments.to_seq.map_or(last, Sequence);
    if to < from {
        let to_seq = format!("--to-seq {to} is before --from-seq {from}");
        return Err(match arguments.to_seq {
            Some(_) => Failure::new(Code::Usage, to_seq),
            None => Failure::not_found(format!("{what} ends at {last}, before {from}")),
        });
    }
    if last < to {
        return Err(Failure::not_found(format!("{what} ends at {last}, before {to}")));
    }
    // Whoever names no beginning means the beginning.
    if from < first && from != Sequence(1) {
        return Err(Failure::not_found(format!("{what} begins at {first}, after {from}")));
    }
    Ok(Range { from, to, until: arguments.until })
}

async fn show<T: Tail>(
    session: &Session,
    arguments: &ReplayArguments,
    (mut replay, range): (Replay<T>, Range),
) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let bar = watched_bar(range)?;
    // A stream of documents has no end, so each has its line.
    let format = if session.format == Format::Table { Format::Table } else { Format::Jsonl };
    let order = arguments.order.map(|order_id| order_id.to_string());
    let (mut events, mut last) = (0_u64, Sequence::START);
    loop {
        let entry = tokio::select! {
            entry = replay.next() => entry.map_err(anyhow::Error::from)?,
            () = interrupt.wait() => {
                let next = last.0.saturating_add(1);
                let what = format!("stopped after sequence {last}");
                let advice = Some(format!("go on with --from-seq {next}"));
                return Err(Failure { advice, ..Failure::new(Code::Interrupted, what) });
            }
        };
        let Some(entry) = entry else { break };
        last = entry.sequence;
        bar.set_position(last.0.saturating_sub(range.from.0).saturating_add(1));
        for shown in Shown::of(&entry)? {
            let wanted = arguments.kind.as_ref().is_none_or(|kind| kind == shown.kind())
                && (order.is_none() || order.as_deref() == shown.order());
            if wanted {
                output::show(format, &shown)?;
                events = events.saturating_add(1);
            }
        }
    }
    bar.finish_and_clear();
    match (&order, events) {
        (Some(order), 0) => {
            Err(Failure::not_found(format!("no event of order {order} is in this part of the log")))
        }
        _ => {
            say(&format!("{events} events, up to sequence {last}"));
            Ok(())
        }
    }
}

/// How far it is, for whoever sends the events elsewhere. Among them it would be in the way.
fn watched_bar(range: Range) -> Result<ProgressBar, Failure> {
    let messages = range.to.0.saturating_sub(range.from.0).saturating_add(1);
    let hidden = std::io::stdout().is_terminal();
    let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::new(messages) };
    bar.set_style(style("replaying")?);
    Ok(bar)
}

/// Writes every message of the part into a file.
async fn archive<T: Tail>(
    session: &Session,
    file: &Path,
    mut replay: Replay<T>,
    (range, log_end): (Range, Sequence),
) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let head = ArchiveHead {
        market: session.config.market.clone(),
        log_end,
        made_at_ms: SystemClock.now(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut writer = ArchiveWriter::create(file, &head).map_err(anyhow::Error::from)?;
    // Hides itself when nobody watches.
    let bar = ProgressBar::new(range.to.0.saturating_sub(range.from.0).saturating_add(1));
    bar.set_style(style("archiving")?);
    loop {
        let entry = tokio::select! {
            entry = replay.next() => entry.map_err(anyhow::Error::from)?,
            () = interrupt.wait() => {
                bar.finish_and_clear();
                return Err(Failure::new(Code::Interrupted, "stopped before the archive was whole"));
            }
        };
        let Some(entry) = entry else { break };
        writer.add(&entry).map_err(anyhow::Error::from)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let ArchiveFoot { messages, first, last, digest } =
        writer.finish().map_err(anyhow::Error::from)?;
    say(&format!("{}: {messages} messages, {first} to {last}, {digest}", file.display()));
    Ok(())
}

fn style(doing: &str) -> Result<ProgressStyle, Failure> {
    let template =
        format!("{doing} {{bar:30}} {{pos}}/{{len}} messages, {{per_sec}}, {{eta}} left");
    ProgressStyle::with_template(&template).map_err(|error| anyhow::Error::from(error).into())
}
