//! `kassa replay`: a part of the log again, from a server or from a file.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use super::codes::Code;
use super::events::{Shown, kind};
use super::failure::Failure;
use super::output::{self, Format, say};
use super::progress::Progress;
use super::session::Session;
use super::{Interrupt, when};
use crate::archive::{Archive, ArchiveFoot, ArchiveHead, ArchiveWriter};
use crate::domain::{OrderId, Sequence, Timestamp};
use crate::port::{Clock, Log, SystemClock, Tail};
use crate::role::replay::{Range, Replay};
use crate::wire::Subjects;

#[derive(Args, Debug)]
pub(super) struct ReplayArguments {
    /// The first sequence [default: the beginning]
    #[arg(long, value_name = "SEQ")]
    from_seq: Option<u64>,
    /// The last sequence [default: the end of the log]
    #[arg(long, value_name = "SEQ")]
    to_seq: Option<u64>,
    /// Nothing that was stored later, as in 2026-11-22T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = when::read)]
    until: Option<Timestamp>,
    /// Messages on this subject instead of commits, as in `kassa.main.evt.stock.MUG-01`
    #[arg(long, value_name = "FILTER", conflicts_with_all = ["order", "kind"])]
    #[arg(value_parser = filter)]
    subject: Option<String>,
    /// Only events of this order
    #[arg(long, value_name = "ID")]
    order: Option<OrderId>,
    /// Only events of this type, as in `order_confirmed`
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
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

/// A filter that the server understands.
fn filter(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split('.').collect();
    let last = words.len().saturating_sub(1);
    let sound = |(place, word): (usize, &&str)| match *word {
        ">" => place == last,
        "*" => true,
        word => !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "*>".contains(c)),
    };
    if words.iter().enumerate().all(sound) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is no filter: write words with dots between them, `*` for any word"))
}

pub(super) async fn replay(session: &Session, arguments: ReplayArguments) -> Result<(), Failure> {
    let subjects = Subjects::of(session.config.market.clone());
    let filter = match (&arguments.subject, &arguments.into) {
        (Some(subject), _) => subject.clone(),
        (None, Some(_)) => Subjects::everything().to_owned(),
        (None, None) => subjects.commit(),
    };
    if arguments.until.is_some_and(|until| SystemClock.now() < until) {
        return Err(Failure::new(Code::Usage, "--until is in the future"));
    }
    if let Some(file) = &arguments.from_file {
        let archive = Archive::open(file, &session.config.market).map_err(anyhow::Error::from)?;
        let ArchiveFoot { first, last, .. } = archive.foot;
        let range = range(&arguments, (first, last), "the archive")?;
        let tail = archive.follow(&filter, range.before()).map_err(anyhow::Error::from)?;
        let replay = Replay::new(tail, range, arguments.speed.0);
        return show(session, &arguments, (replay, range)).await;
    }
    let connected = session.connect().await?;
    let log = connected.events().await?;
    let end = log.end().await.map_err(anyhow::Error::from)?;
    let range = range(&arguments, (Sequence(1), end), "the log")?;
    let tail = log.follow(&filter, range.before()).await.map_err(anyhow::Error::from)?;
    let replay = Replay::new(tail, range, arguments.speed.0);
    match &arguments.into {
        Some(file) => archive(session, file, replay, (range, end)).await,
        None => show(session, &arguments, (replay, range)).await,
    }
}

/// The part that is asked for, when all of it is there. Whoever names no beginning means the
/// beginning.
fn range(
    arguments: &ReplayArguments,
    (first, last): (Sequence, Sequence),
    what: &str,
) -> Result<Range, Failure> {
    let from = arguments.from_seq.map_or(first, Sequence);
    let to = arguments.to_seq.map_or(last, Sequence);
    if arguments.from_seq.is_some() && arguments.to_seq.is_some() && to < from {
        let what = format!("--to-seq {to} is before --from-seq {from}");
        return Err(Failure::new(Code::Usage, what));
    }
    for named in [from, to] {
        if last < named {
            return Err(Failure::beyond(format!("{what} ends at {last}, before {named}")));
        }
        if named < first {
            return Err(Failure::beyond(format!("{what} begins at {first}, after {named}")));
        }
    }
    Ok(Range { from, to, until: arguments.until })
}

async fn show<T: Tail>(
    session: &Session,
    arguments: &ReplayArguments,
    (mut replay, range): (Replay<T>, Range),
) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    // Among the events it would be in the way.
    let watched = session.format != Format::Table || !std::io::stdout().is_terminal();
    let mut progress =
        if watched { progress(session, "replaying", range)? } else { Progress::hidden() };
    // A stream of documents has no end, so each has its line.
    let format = if session.format == Format::Table { Format::Table } else { Format::Jsonl };
    let order = arguments.order.map(|order_id| order_id.to_string());
    let (mut events, mut last) = (0_u64, None);
    loop {
        let entry = tokio::select! {
            entry = replay.next() => entry.map_err(anyhow::Error::from)?,
            () = interrupt.wait() => {
                progress.end();
                let next = last.map_or(range.from, Sequence::next);
                let advice = Some(format!("go on with --from-seq {next}"));
                let what = format!("stopped before sequence {next}");
                return Err(Failure { advice, ..Failure::new(Code::Interrupted, what) });
            }
        };
        let Some(entry) = entry else { break };
        last = Some(entry.sequence);
        progress.reach(range.done(entry.sequence));
        for shown in Shown::of(&entry)? {
            let wanted = arguments.kind.as_ref().is_none_or(|kind| kind == shown.kind())
                && (order.is_none() || order.as_deref() == shown.order());
            if wanted {
                if events == 0 && format == Format::Table {
                    output::line(&Shown::heading())?;
                }
                output::show(format, &shown)?;
                events = events.saturating_add(1);
            }
        }
    }
    progress.end();
    match (&order, last, range.until) {
        (Some(order), ..) if events == 0 => {
            Err(Failure::not_found(format!("no event of order {order} is in this part of the log")))
        }
        (_, None, Some(until)) => Err(nothing_by(until)),
        _ => {
            let to = if range.until.is_none() { range.to } else { last.unwrap_or(range.to) };
            say(&format!("{events} events, up to sequence {to}"));
            Ok(())
        }
    }
}

fn nothing_by(until: Timestamp) -> Failure {
    Failure::beyond(format!("nothing of this part was stored by {}", when::written(until)))
}

fn progress(session: &Session, doing: &'static str, range: Range) -> Result<Progress, Failure> {
    Progress::new(session.format, (doing, "messages"), range.done(range.to))
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
    let mut progress = progress(session, "archiving", range)?;
    let mut some = false;
    loop {
        let entry = tokio::select! {
            entry = replay.next() => entry.map_err(anyhow::Error::from)?,
            () = interrupt.wait() => {
                progress.end();
                return Err(Failure::new(Code::Interrupted, "stopped before the archive was whole"));
            }
        };
        let Some(entry) = entry else { break };
        writer.add(&entry).map_err(anyhow::Error::from)?;
        some = true;
        progress.reach(range.done(entry.sequence));
    }
    progress.end();
    // An archive of nothing proves nothing.
    if let (false, Some(until)) = (some, range.until) {
        return Err(nothing_by(until));
    }
    let ArchiveFoot { messages, first, last, digest } =
        writer.finish().map_err(anyhow::Error::from)?;
    say(&format!("{}: {messages} messages, {first} to {last}, {digest}", file.display()));
    Ok(())
}
