//! The beginning of a log in a folder: archives whose names say which part each holds.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Archive, ArchiveError, ArchiveTail};
use crate::domain::{Sequence, Timestamp};
use crate::port::{Entry, MissingLog, Older, OlderTail, ReadError};
use crate::wire::{MarketName, Subjects};

/// What the name of an archive with a part of a log begins with, and ends with.
const NAME: (&str, &str) = ("events-", ".kassa");

/// The folder in which parts of a market's log are kept.
#[derive(Debug)]
pub struct LogFolder {
    dir: PathBuf,
    market: MarketName,
    /// Archives that were read from their first byte to their last.
    sound: Mutex<HashMap<PathBuf, Arc<Archive>>>,
    /// Held by whoever proves a part.
    proving: Mutex<()>,
}

/// A part of a log, as its name says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPart {
    /// The first sequence in it.
    pub first: Sequence,
    /// The last one.
    pub last: Sequence,
    /// Where it is.
    pub file: PathBuf,
}

impl LogPart {
    /// The name of the archive that holds a part.
    #[must_use]
    pub fn name(first: Sequence, last: Sequence) -> String {
        format!("{}{:020}-{:020}{}", NAME.0, first.0, last.0, NAME.1)
    }

    fn of(file: PathBuf) -> Option<Self> {
        let name = file.file_name()?.to_str()?;
        let (first, last) = name.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?.split_once('-')?;
        let (first, last) = (Sequence(first.parse().ok()?), Sequence(last.parse().ok()?));
        (Self::name(first, last) == name).then_some(Self { first, last, file })
    }
}

impl LogFolder {
    /// The parts of a market's log in a folder. Whether there are any is found out by reading.
    #[must_use]
    pub fn of(dir: &Path, market: MarketName) -> Self {
        Self { dir: dir.to_path_buf(), market, sound: Mutex::default(), proving: Mutex::default() }
    }

    /// The parts that are there, in their order. A folder that is not there holds none.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Io`].
    pub fn parts(&self) -> Result<Vec<LogPart>, ArchiveError> {
        let failed = |source| ArchiveError::Io { file: self.dir.display().to_string(), source };
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut parts = Vec::new();
        for entry in entries {
            parts.extend(LogPart::of(entry.map_err(failed)?.path()));
        }
        parts.sort();
        Ok(parts)
    }

    /// The parts that hold everything after `after` and up to `to`.
    ///
    /// # Errors
    ///
    /// `Broken`, with what is missing.
    pub fn holding(&self, after: Sequence, to: Sequence) -> Result<Vec<LogPart>, ReadError> {
        let parts = self.parts().map_err(|error| ReadError::Broken(error.into()))?;
        let (mut next, mut chosen) = (after.next(), Vec::new());
        while next <= to {
            // Of two that hold it, the one that goes on longer.
            let holds = |part: &&LogPart| part.first <= next && next <= part.last;
            let Some(part) = parts.iter().filter(holds).max_by_key(|part| part.last) else {
                let looked = format!("in {}", self.dir.display());
                let known = parts.iter().map(|part| part.first);
                let later = known.filter(|first| next < *first).min();
                let last = later.map_or(to, |later| to.min(Sequence(later.0.saturating_sub(1))));
                return Err(ReadError::Broken(MissingLog { first: next, last, looked }.into()));
            };
            next = part.last.next();
            chosen.push(part.clone());
        }
        Ok(chosen)
    }

    /// A part, read from its first byte to its last, once as long as somebody reads here.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn open(&self, part: &LogPart) -> Result<Arc<Archive>, ArchiveError> {
        let sound = || self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(archive) = sound().get(&part.file) {
            return Ok(Arc::clone(archive));
        }
        // Several who want it at once wait for the one who proves it.
        let _proving = self.proving.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(archive) = sound().get(&part.file) {
            return Ok(Arc::clone(archive));
        }
        let archive = Arc::new(Archive::open(&part.file, &self.market)?);
        if (archive.foot.first, archive.foot.last) != (part.first, part.last) {
            let (first, last) = (archive.foot.first, archive.foot.last);
            let problem = format!("it holds {first} to {last}, and its name says something else");
            let file = part.file.display().to_string();
            return Err(ArchiveError::Changed { file, problem });
        }
        sound().insert(part.file.clone(), Arc::clone(&archive));
        Ok(archive)
    }
}

impl Older for LogFolder {
    fn read(
        &self,
        filter: &str,
        after: Sequence,
        to: Sequence,
    ) -> Result<Box<dyn OlderTail>, ReadError> {
        let broken = |error: ArchiveError| ReadError::Broken(error.into());
        let mut archives = VecDeque::new();
        for part in self.holding(after, to)? {
            archives.push_back(self.open(&part).map_err(broken)?);
        }
        Ok(Box::new(FolderTail { archives, now: None, filter: filter.to_owned(), after, to }))
    }

    fn before(&self, moment: Timestamp, to: Sequence) -> Result<Sequence, ReadError> {
        let broken = |error: ArchiveError| ReadError::Broken(error.into());
        // The beginning of the last part that begins before then: within a part nobody knows
        // without reading it.
        for part in self.holding(Sequence::START, to)?.iter().rev() {
            let before = Sequence(part.first.0.saturating_sub(1));
            let archive = self.open(part).map_err(broken)?;
            let mut tail = archive.follow(Subjects::everything(), before).map_err(broken)?;
            let first = tail.read(1).map_err(broken)?.into_iter().next();
            if first.is_some_and(|first| first.time < moment) {
                return Ok(before);
            }
        }
        Ok(Sequence::START)
    }
}

/// A reader's place in the parts of a folder.
struct FolderTail {
    archives: VecDeque<Arc<Archive>>,
    now: Option<ArchiveTail>,
    filter: String,
    after: Sequence,
    to: Sequence,
}

impl OlderTail for FolderTail {
    fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let broken = |error: ArchiveError| ReadError::Broken(error.into());
        loop {
            if self.now.is_none() {
                let Some(archive) = self.archives.pop_front() else { return Ok(Vec::new()) };
                self.now = Some(archive.follow(&self.filter, self.after).map_err(broken)?);
            }
            let Some(tail) = &mut self.now else { continue };
            let mut entries = tail.read(limit).map_err(broken)?;
            if tail.is_done() {
                self.now = None;
            }
            entries.retain(|entry| self.after < entry.sequence && entry.sequence <= self.to);
            if let Some(last) = entries.last() {
                // Two parts may hold the same.
                self.after = last.sequence;
                return Ok(entries);
            }
        }
    }
}
