//! `kassa backup`: the log in a folder, and what came since in another file of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::codes::Code;
use super::failure::Failure;
use super::output::{Format, Show, pairs, say};
use super::progress::Progress;
use super::session::{Connected, Session};
use super::when;
use crate::archive::{
    Archive, ArchiveError, ArchiveHead, ArchiveTail, ArchiveWriter, Backup, End, Manifest, Part,
};
use crate::domain::{Sequence, Timestamp};
use crate::engine::verify_kept;
use crate::nats::JsLog;
use crate::port::{Clock, Entry, Log, ReadError, SystemClock, Tail};
use crate::wire::{Hash, Subjects};

/// How long the log has to stand still for its end to be that of a whole commit. Copies of a batch
/// are applied within milliseconds of each other.
const STILL: Duration = Duration::from_millis(200);

/// Messages taken from a stream at once.
const READ_AT_ONCE: usize = 256;

#[derive(Args, Debug)]
pub(super) struct BackupArguments {
    /// The folder: begun when it is empty, else what came since is added
    dir: PathBuf,
    /// Only read what is there, from its first byte to its last, and prove it; needs no server
    #[arg(long)]
    check: bool,
}

/// What is in the backup.
#[derive(Serialize)]
struct Kept {
    dir: String,
    files: usize,
    last: Sequence,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<Timestamp>,
    /// Messages that this run added.
    added: u64,
    /// Published commands that are kept, since no commit in the backup has decided them.
    commands: u64,
}

pub(super) async fn backup(session: &Session, arguments: BackupArguments) -> Result<(), Failure> {
    let market = &session.config.market;
    if arguments.check {
        let backup = Backup::open(&arguments.dir, market).map_err(anyhow::Error::from)?;
        let backup = backup.ok_or_else(|| nothing(&arguments.dir))?;
        prove(&backup).await?;
        return session.show(&Kept::of(&arguments, &backup.manifest, 0));
    }
    let connected = session.connect().await?;
    let log = connected.events().await?;
    let mut backup = Backup::open_or_begin(&arguments.dir, market).map_err(anyhow::Error::from)?;
    is_of(&backup, &log).await?;
    let end = whole_end(&log, &connected.subjects).await?;
    let mut manifest = backup.manifest.clone();
    let site = (&connected, session.format);
    let added = add_events(site, &log, (&backup, end), &mut manifest).await?;
    manifest.commands = add_commands(site, &backup, &manifest).await?;
    backup.keep(manifest).map_err(anyhow::Error::from)?;
    session.show(&Kept::of(&arguments, &backup.manifest, added))
}

/// A folder in which nothing was ever finished.
pub(super) fn nothing(dir: &std::path::Path) -> Failure {
    Failure::not_found(format!("there is no backup in {}", dir.display()))
}

/// A folder holds one log: what is added follows what is there.
async fn is_of(backup: &Backup, log: &JsLog) -> Result<(), Failure> {
    let Some(End { commit, hash, .. }) = &backup.manifest.end else { return Ok(()) };
    let there = log.entry(*commit).await.map_err(anyhow::Error::from)?;
    if there.is_some_and(|entry| Hash::of(&entry.payload).to_string() == *hash) {
        return Ok(());
    }
    let what = format!("the backup is of another log: commit {commit} is not the same");
    Err(Failure::new(Code::ArchiveMarket, what))
}

/// Where the log ends with a whole commit.
async fn whole_end(log: &JsLog, subjects: &Subjects) -> Result<Sequence, Failure> {
    let ends = async {
        let first = log.end().await?;
        tokio::time::sleep(STILL).await;
        let second = log.end().await?;
        if first == second {
            return Ok::<_, ReadError>(first);
        }
        // In front of the last commit stands the whole one before it.
        let last = log.last(&subjects.commit()).await?;
        Ok(last.map_or(Sequence::START, |last| Sequence(last.sequence.0.saturating_sub(1))))
    };
    Ok(ends.await.map_err(anyhow::Error::from)?)
}

async fn add_events(
    (connected, format): (&Connected, Format),
    log: &JsLog,
    (backup, end): (&Backup, Sequence),
    manifest: &mut Manifest,
) -> Result<u64, Failure> {
    let last = backup.last();
    if end <= last {
        return Ok(0);
    }
    let name = format!("events-{:020}-{:020}.kassa", last.next().0, end.0);
    let commits = connected.subjects.commit();
    let tail = log.follow(Subjects::everything(), last).await.map_err(anyhow::Error::from)?;
    let mut of_end = None;
    let part = write((connected, format), (backup, &name), (tail, end), |entry| {
        if entry.subject == commits {
            of_end = Some(entry.clone());
        }
    });
    let part = part.await?;
    if let Some(entry) = of_end {
        manifest.end = Some(End::of(&entry).map_err(anyhow::Error::from)?);
    }
    let messages = part.messages;
    manifest.parts.push(part);
    Ok(messages)
}

/// Published commands behind the position of the last commit in the backup.
async fn add_commands(
    (connected, format): (&Connected, Format),
    backup: &Backup,
    manifest: &Manifest,
) -> Result<Option<Part>, Failure> {
    let commands = connected.stream("COMMANDS").await?;
    let decided = manifest.end.as_ref().map_or(Sequence::START, |end| end.position);
    let end = commands.end().await.map_err(anyhow::Error::from)?;
    if end <= decided {
        return Ok(None);
    }
    // What is kept stays until this is whole: the same commands may have been kept before, so each
    // file has a name of its own.
    let now = SystemClock.now().0;
    let name = format!("commands-{:020}-{:020}-{now}.kassa", decided.next().0, end.0);
    let tail = commands.follow(&connected.subjects.every_command(), decided).await;
    let tail = tail.map_err(anyhow::Error::from)?;
    let part = write((connected, format), (backup, &name), (tail, end), |_| {}).await?;
    Ok((0 < part.messages).then_some(part))
}

async fn write<T: Tail>(
    (connected, format): (&Connected, Format),
    (backup, name): (&Backup, &str),
    (mut tail, end): (T, Sequence),
    mut seen: impl FnMut(&Entry),
) -> Result<Part, Failure> {
    let file = backup.place(name).map_err(anyhow::Error::from)?;
    let head = ArchiveHead {
        market: connected.subjects.market().clone(),
        log_end: end,
        made_at_ms: SystemClock.now(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut writer = ArchiveWriter::create(&file, &head).map_err(anyhow::Error::from)?;
    let mut progress = Progress::new(format, ("keeping", "messages"), tail.remaining())?;
    let (mut reached, mut kept) = (Sequence::START, 0_u64);
    while reached < end && 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await.map_err(anyhow::Error::from)? {
            reached = entry.sequence;
            if entry.sequence <= end {
                seen(&entry);
                writer.add(&entry).map_err(anyhow::Error::from)?;
                kept = kept.saturating_add(1);
            }
        }
        progress.reach(kept);
    }
    progress.end();
    let foot = writer.finish().map_err(anyhow::Error::from)?;
    Ok(Part::of(name, foot))
}

/// Reads all of it, and proves every promise of the log in it.
async fn prove(backup: &Backup) -> Result<(), Failure> {
    let manifest = &backup.manifest;
    if let Some(part) = &manifest.commands {
        backup.read(part).map_err(anyhow::Error::from)?;
    }
    let subjects = Subjects::of(manifest.market.clone());
    backup.prove_end(&subjects.commit()).map_err(anyhow::Error::from)?;
    let tail = KeptLog::open(backup)?;
    let verified = verify_kept(tail, backup.last(), &subjects, |_| {}).await;
    let verified = verified.map_err(anyhow::Error::from)?;
    if let Some(first) = verified.violations.first() {
        return Err(Failure::new(Code::LogViolation, first.to_string()));
    }
    say(&format!(
        "{} events in {} files: every promise holds",
        verified.events,
        manifest.parts.len()
    ));
    Ok(())
}

/// The log of a backup, part after part. One is open at a time: there may be thousands.
pub(super) struct KeptLog {
    parts: std::vec::IntoIter<Archive>,
    now: Option<ArchiveTail>,
}

impl KeptLog {
    /// Reads every part from its first byte to its last, and begins with the first.
    ///
    /// # Errors
    ///
    /// What is wrong with a part.
    pub(super) fn open(backup: &Backup) -> Result<Self, Failure> {
        let parts = backup.manifest.parts.iter().map(|part| backup.read(part));
        let parts = parts.collect::<Result<Vec<_>, _>>().map_err(anyhow::Error::from)?;
        let mut log = Self { parts: parts.into_iter(), now: None };
        log.now = log.following().map_err(anyhow::Error::from)?;
        Ok(log)
    }

    fn following(&mut self) -> Result<Option<ArchiveTail>, ArchiveError> {
        let follow = |part: Archive| part.follow(Subjects::everything(), Sequence::START);
        self.parts.next().map(follow).transpose()
    }
}

impl Tail for KeptLog {
    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        while let Some(tail) = &mut self.now {
            let entries = tail.next(limit).await?;
            if tail.remaining() == 0 {
                let following = self.following();
                self.now = following.map_err(|error| ReadError::Broken(error.into()))?;
            }
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        Ok(Vec::new())
    }

    fn remaining(&self) -> u64 {
        u64::from(self.now.is_some())
    }
}

impl Kept {
    fn of(arguments: &BackupArguments, manifest: &Manifest, added: u64) -> Self {
        Self {
            dir: arguments.dir.display().to_string(),
            files: manifest.parts.len(),
            last: manifest.parts.last().map_or(Sequence::START, |part| part.last),
            until_ms: manifest.end.as_ref().map(|end| end.at_ms),
            added,
            commands: manifest.commands.as_ref().map_or(0, |part| part.messages),
        }
    }
}

impl Show for Kept {
    fn table(&self) -> String {
        let until = self.until_ms.map_or_else(|| "-".to_owned(), when::written);
        pairs([
            ("backup", format!("{} in {} files", self.dir, self.files)),
            ("up to", format!("{} ({until})", self.last)),
            ("added", format!("{} messages", self.added)),
            ("commands not decided in it", self.commands.to_string()),
        ])
    }
}
