//! A backup: a folder of archives that follow each other, and a manifest that names them.
//!
//! What is not in the manifest is not in the backup: whatever was being written when somebody or
//! something ended it is written anew by the next run.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::write::alone;
use super::{Archive, ArchiveError, ArchiveFoot};
use crate::domain::{Sequence, Timestamp};
use crate::port::Entry;
use crate::wire::{Commit, Hash, MarketName, UnreadCommit};

/// The name of the file that keeps two from adding to one folder at once.
const LOCK: &str = "backup.lock";

/// The manifest's name in the folder.
const MANIFEST: &str = "manifest.json";

/// The only version of manifests so far.
const VERSION: u32 = 1;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the manifest.
    pub v: u32,
    /// The market.
    pub market: MarketName,
    /// Parts of the log, in its order and without a gap.
    pub parts: Vec<Part>,
    /// The last commit in them; none while there is none.
    pub end: Option<End>,
    /// Published commands that no commit in it has decided.
    pub commands: Option<Part>,
}

/// One archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name in the folder.
    pub file: String,
    /// The first sequence in it.
    pub first: Sequence,
    /// The last one.
    pub last: Sequence,
    /// Messages in it.
    pub messages: u64,
    /// BLAKE3, as its foot has it.
    pub digest: String,
}

/// The last commit of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Where it stands.
    pub commit: Sequence,
    /// Its hash in hexadecimal digits: it stands for everything before it.
    pub hash: String,
    /// When it was made.
    pub at_ms: Timestamp,
    /// How far it says that the command stream is decided.
    pub position: Sequence,
}

/// Why a backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The manifest.
    #[error("{file}")]
    Io {
        /// Which file.
        file: String,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
    /// It is no manifest, or its parts do not follow each other.
    #[error("{file}: {problem}")]
    Manifest {
        /// Which file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It is of another market.
    #[error("{dir} is a backup of market {found}, not of {wanted}")]
    Market {
        /// Which folder.
        dir: String,
        /// Its market.
        found: MarketName,
        /// The one that was asked for.
        wanted: MarketName,
    },
    /// A part is not what the manifest says.
    #[error("{file} is not what the manifest says: {problem}")]
    Part {
        /// Which file.
        file: String,
        /// How one can tell.
        problem: String,
    },
    /// A part cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// A folder with a backup in it.
#[derive(Clone, Debug)]
pub struct Backup {
    dir: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
    /// Held by whoever adds to it; the operating system lets go of it when a process ends.
    #[expect(dead_code, reason = "to hold it is all that is done with it")]
    lock: Option<Arc<File>>,
}

impl Backup {
    /// The backup of `market` in a folder; none when nothing was ever finished there.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    pub fn open(dir: &Path, market: &MarketName) -> Result<Option<Self>, BackupError> {
        let file = dir.join(MANIFEST);
        let name = || file.display().to_string();
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(BackupError::Io { file: name(), source }),
        };
        let wrong = |problem: String| BackupError::Manifest { file: name(), problem };
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if manifest.v != VERSION {
            return Err(wrong(format!("version {} is not known", manifest.v)));
        }
        if manifest.market != *market {
            let (found, wanted) = (manifest.market, market.clone());
            return Err(BackupError::Market { dir: dir.display().to_string(), found, wanted });
        }
        let mut next = Sequence(1);
        for part in &manifest.parts {
            if part.first != next {
                let problem = format!("{} begins at {}, {next} is next", part.file, part.first);
                return Err(wrong(problem));
            }
            next = part.last.next();
        }
        Ok(Some(Self { dir: dir.to_path_buf(), manifest, lock: None }))
    }

    /// The backup of `market` in a folder, or one that holds nothing yet, to add to it. Nobody else
    /// can meanwhile.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    pub fn open_or_begin(dir: &Path, market: &MarketName) -> Result<Self, BackupError> {
        let failed = |source| BackupError::Io { file: dir.display().to_string(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        let file = dir.join(LOCK);
        let lock = File::options().write(true).create(true).truncate(false).open(&file);
        let lock = lock.map_err(failed)?;
        alone(&lock, &file)?;
        let lock = Some(Arc::new(lock));
        if let Some(backup) = Self::open(dir, market)? {
            return Ok(Self { lock, ..backup });
        }
        let market = market.clone();
        let manifest =
            Manifest { v: VERSION, market, parts: Vec::new(), end: None, commands: None };
        Ok(Self { dir: dir.to_path_buf(), manifest, lock })
    }

    /// Holds what the manifest says of the last commit against the parts: where commands begin that
    /// nobody has decided hangs on it.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    pub fn prove_end(&self, commits: &str) -> Result<(), BackupError> {
        let mut found = None;
        for part in self.manifest.parts.iter().rev() {
            let mut tail = self.read(part)?.follow(commits, Sequence::START)?;
            while !tail.is_done() {
                found = tail.read(READ_AT_ONCE)?.pop().or(found);
            }
            if found.is_some() {
                break;
            }
        }
        let end = found.as_ref().map(End::of).transpose();
        let wrong = |problem: String| {
            let file = self.dir.join(MANIFEST).display().to_string();
            BackupError::Manifest { file, problem }
        };
        if end.map_err(|error| wrong(error.to_string()))? == self.manifest.end {
            return Ok(());
        }
        Err(wrong("its end is not the last commit of its parts".to_owned()))
    }

    /// The last sequence in it.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.manifest.parts.last().map_or(Sequence::START, |part| part.last)
    }

    /// A place in the folder for a part that is to be written. What an interrupted run has left
    /// there is not in the manifest, and goes.
    ///
    /// # Errors
    ///
    /// [`BackupError::Io`].
    pub fn place(&self, name: &str) -> Result<PathBuf, BackupError> {
        let file = self.dir.join(name);
        match fs::remove_file(&file) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(BackupError::Io { file: file.display().to_string(), source })
            }
            _ => Ok(file),
        }
    }

    /// Has the manifest say what is in the backup now: whole, or as it was before.
    ///
    /// # Errors
    ///
    /// [`BackupError::Io`].
    pub fn keep(&mut self, manifest: Manifest) -> Result<(), BackupError> {
        let (file, partial) = (self.dir.join(MANIFEST), self.dir.join("manifest.json.partial"));
        let failed = |source| BackupError::Io { file: file.display().to_string(), source };
        let text = serde_json::to_vec_pretty(&manifest).map_err(std::io::Error::from);
        let mut out = File::create(&partial).map_err(failed)?;
        out.write_all(&text.map_err(failed)?).map_err(failed)?;
        out.sync_all().map_err(failed)?;
        fs::rename(&partial, &file).map_err(failed)?;
        // The rename is on the disk when the folder is.
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        let kept = manifest.commands.as_ref().map(|part| part.file.as_str());
        let gone = self.manifest.commands.take().filter(|was| kept != Some(was.file.as_str()));
        self.manifest = manifest;
        if let Some(gone) = gone {
            self.place(&gone.file)?;
        }
        Ok(())
    }

    /// Reads a part from its first byte to its last.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    pub fn read(&self, part: &Part) -> Result<Archive, BackupError> {
        let file = self.dir.join(&part.file);
        let archive = Archive::open(&file, &self.manifest.market)?;
        let ArchiveFoot { messages, first, last, digest } = &archive.foot;
        let is = (*messages, *first, *last, digest.as_str());
        if is != (part.messages, part.first, part.last, part.digest.as_str()) {
            let problem = format!("it has {messages} messages, {first} to {last}, {digest}");
            return Err(BackupError::Part { file: file.display().to_string(), problem });
        }
        Ok(archive)
    }
}

impl End {
    /// What stands in the manifest about the last commit.
    ///
    /// # Errors
    ///
    /// [`UnreadCommit`] when it is none.
    pub fn of(commit: &Entry) -> Result<Self, UnreadCommit> {
        let head = Commit::decode_at(commit.sequence, &commit.payload)?.head;
        Ok(Self {
            commit: commit.sequence,
            hash: Hash::of(&commit.payload).to_string(),
            at_ms: head.at,
            position: head.position,
        })
    }
}

/// Messages taken from an archive at once.
const READ_AT_ONCE: usize = 256;

impl Part {
    /// What stands in the manifest about an archive that was finished.
    #[must_use]
    pub fn of(name: &str, foot: ArchiveFoot) -> Self {
        let ArchiveFoot { messages, first, last, digest } = foot;
        Self { file: name.to_owned(), first, last, messages, digest }
    }
}
