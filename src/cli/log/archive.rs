//! `kassa log archive`: closed streams in a folder, with a proof that they were copied.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::all;
use crate::archive::{
    ArchiveFoot, ArchiveHead, ArchiveWriter, Copied, CopyError, LogFolder, LogPart, prove_copy,
};
use crate::cli::codes::Code;
use crate::cli::failure::Failure;
use crate::cli::output::{Show, table};
use crate::cli::progress::Progress;
use crate::cli::session::{Connected, Session};
use crate::domain::Sequence;
use crate::nats::{JsLog, Segment};
use crate::port::{Clock, Log, Older, SystemClock, Tail};
use crate::wire::{Commit, Hash, Subjects};

/// Messages of one archive: whoever looks for one message unpacks at most so many, in a second.
const PART_MESSAGES: u64 = 100_000;

/// Messages taken from a stream at once.
const READ_AT_ONCE: usize = 256;

#[derive(Args, Debug)]
pub(in crate::cli) struct ArchiveArguments {
    /// The folder [default: `archive.dir` of the settings]
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Rows(Vec<Row>);

/// One closed stream, as it was proved to be kept.
#[derive(Serialize)]
struct Row {
    stream: String,
    first: Sequence,
    last: Sequence,
    messages: u64,
    /// BLAKE3 over every message of the stream, and over every one that was read back.
    digest: String,
    /// The hash of its last commit, which the first one behind it carries.
    closing_hash: String,
}

pub(super) async fn archive(
    session: &Session,
    arguments: &ArchiveArguments,
) -> Result<(), Failure> {
    let dir = folder(session, arguments.into.as_deref())?;
    let connected = session.connect().await?;
    let mut rows = Vec::new();
    for segment in all(&connected).await?.into_iter().filter(|segment| segment.closed) {
        keep(session, &connected, (&dir, &segment)).await?;
        let copied = prove(session, &connected, (&dir, &segment)).await?;
        rows.push(Row::of(&segment, &copied));
    }
    if rows.is_empty() {
        crate::cli::output::say("no stream of the log is closed: `kassa log roll` closes one");
    }
    session.show(&Rows(rows))
}

/// The folder that is named, or set.
///
/// # Errors
///
/// When neither is.
pub(super) fn folder(session: &Session, named: Option<&Path>) -> Result<PathBuf, Failure> {
    let set = session.config.archive.dir.as_deref();
    let dir = named.or(set).ok_or_else(|| {
        Failure::new(Code::Usage, "name a folder, or set `archive.dir`: nothing is kept anywhere")
    })?;
    Ok(dir.to_path_buf())
}

/// Writes what is missing of a closed stream.
async fn keep(
    session: &Session,
    connected: &Connected,
    (dir, segment): (&Path, &Segment),
) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(anyhow::Error::from)?;
    let there = LogFolder::of(dir, session.config.market.clone());
    let there = there.parts().map_err(anyhow::Error::from)?;
    let log = stream(connected, segment).await?;
    let total = segment.last.0.saturating_sub(segment.first.0).saturating_add(1);
    let mut progress = Progress::new(session.format, ("archiving", "messages"), total)?;
    let mut before = Sequence(segment.first.0.saturating_sub(1));
    while before < segment.last {
        let kept = there.iter().find(|part| part.first == before.next());
        before = match kept.filter(|part| part.last <= segment.last) {
            Some(part) => part.last,
            None => {
                let last = segment.last.min(before.plus(PART_MESSAGES));
                write(connected, (dir, before, last), &log).await?;
                last
            }
        };
        let left = segment.last.0.saturating_sub(before.0);
        progress.reach(total.saturating_sub(left));
    }
    progress.end();
    Ok(())
}

async fn write(
    connected: &Connected,
    (dir, before, last): (&Path, Sequence, Sequence),
    log: &JsLog,
) -> Result<(), Failure> {
    let file = dir.join(LogPart::name(before.next(), last));
    let head = ArchiveHead {
        market: connected.subjects.market().clone(),
        log_end: last,
        made_at_ms: SystemClock.now(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut writer = ArchiveWriter::create(&file, &head).map_err(anyhow::Error::from)?;
    let tail = log.follow(Subjects::everything(), before).await;
    let mut tail = tail.map_err(anyhow::Error::from)?;
    let mut reached = before;
    while reached < last && 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await.map_err(anyhow::Error::from)? {
            if entry.sequence <= last {
                writer.add(&entry).map_err(anyhow::Error::from)?;
            }
            reached = entry.sequence;
        }
    }
    let ArchiveFoot { first, last: kept, .. } = writer.finish().map_err(anyhow::Error::from)?;
    if (first, kept) == (before.next(), last) {
        return Ok(());
    }
    let problem = format!("it has {first} to {kept}, {} to {last} were to be kept", before.next());
    Err(anyhow::Error::from(CopyError::Differs { sequence: first, problem }).into())
}

/// Reads what is kept of a closed stream back, compares it with what the stream holds, and sees
/// that the commit behind it goes on with its chain.
///
/// # Errors
///
/// Whatever keeps it from being proved.
pub(super) async fn prove(
    session: &Session,
    connected: &Connected,
    (dir, segment): (&Path, &Segment),
) -> Result<Copied, Failure> {
    let Segment { first, last, .. } = *segment;
    let before = Sequence(first.0.saturating_sub(1));
    // Opened anew: whatever was read before proves nothing of what is there now.
    let kept = LogFolder::of(dir, session.config.market.clone());
    let mut kept = kept.read(Subjects::everything(), before, last).map_err(anyhow::Error::from)?;
    let log = stream(connected, segment).await?;
    let mut tail = log.follow(Subjects::everything(), before).await.map_err(anyhow::Error::from)?;
    let total = last.0.saturating_sub(before.0);
    let mut progress = Progress::new(session.format, ("comparing", "messages"), total)?;
    let commits = connected.subjects.commit();
    let reach = |reached: Sequence| progress.reach(reached.0.saturating_sub(before.0));
    let copied = prove_copy(kept.as_mut(), &mut tail, (&commits, last), reach).await;
    progress.end();
    let copied = copied.map_err(anyhow::Error::from)?;
    let behind = connected.events().await?.follow(&commits, last).await;
    let mut behind = behind.map_err(anyhow::Error::from)?;
    let next = match behind.remaining() {
        0 => None,
        _ => behind.next(1).await.map_err(anyhow::Error::from)?.into_iter().next(),
    };
    let next = next.ok_or_else(|| {
        let what = format!("nothing follows {} yet: run `kassa log roll` again", segment.stream);
        Failure::new(Code::CopyUnproved, what)
    })?;
    let head = Commit::decode_at(next.sequence, &next.payload).map_err(anyhow::Error::from)?.head;
    if next.sequence != last.next() || head.prev_hash != copied.closing {
        let error = CopyError::Chain { sequence: next.sequence };
        return Err(anyhow::Error::from(error).into());
    }
    Ok(copied)
}

/// One stream of the log, and nothing around it.
async fn stream(connected: &Connected, segment: &Segment) -> Result<JsLog, Failure> {
    let log = JsLog::open(&connected.connection, segment.stream.clone()).await;
    log.map_err(|error| anyhow::Error::from(error).into())
}

impl Row {
    fn of(segment: &Segment, copied: &Copied) -> Self {
        let Copied { last, messages, digest, closing } = copied;
        let hex = |hash: &Hash| hash.to_string();
        Self {
            stream: segment.stream.clone(),
            first: segment.first,
            last: *last,
            messages: *messages,
            digest: hex(digest),
            closing_hash: hex(closing),
        }
    }
}

impl Show for Rows {
    fn table(&self) -> String {
        let row = |row: &Row| {
            let numbers = [row.first.0, row.last.0, row.messages].map(|number| number.to_string());
            let [first, last, messages] = numbers;
            vec![row.stream.clone(), first, last, messages, row.digest.clone()]
        };
        table(&["STREAM", "FIRST", "LAST", "MESSAGES", "DIGEST"], self.0.iter().map(row))
    }
}
