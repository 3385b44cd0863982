//! Where a server of our own stages its batches.
//!
//! A server stages the messages of a batch until the last one is there. One with copies does so in
//! memory. One without writes them into a folder first: five synchronous writes, where the commit
//! itself is one. That folder may as well be in memory. A server that is killed finds it there when
//! it starts again; after a power cut it is gone, and a batch that was just being committed may be
//! in its stream in part.

use std::fs::{DirBuilder, read_dir, read_link, remove_dir};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Where a server keeps the messages of a batch until the last one is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Staging {
    /// In memory, where a batch that a power cut tears is mended; else, and on systems that have
    /// no folder in memory, on the disk.
    #[default]
    Memory,
    /// On the disk, as a server by itself does.
    Disk,
}

/// The folder that Linux keeps in memory.
const MEMORY: &str = "/dev/shm";

/// What the names of our folders there begin with.
const PREFIX: &str = "kassa-staging-";

/// The folder in which a stream stages its batches, beside its messages. The server makes it for
/// the first batch, and takes it away whenever it starts.
const BATCHES: &str = "batches";

/// Folders in memory. A process that is killed leaves them to the server that starts next.
#[derive(Debug, Default)]
pub(super) struct Staged(Option<TempDir>);

impl Staged {
    /// Has streams that are kept in `store` and that have had no batch since their server started
    /// stage in memory; says whether there is memory for that.
    pub(super) fn add(&mut self, store: &Path, which: impl Fn(&str) -> bool) -> io::Result<bool> {
        if self.0.is_none() {
            // Not every system has it, and not everybody may write there.
            self.0 = tempfile::Builder::new().prefix(PREFIX).tempdir_in(MEMORY).ok();
        }
        let Some(folder) = &self.0 else { return Ok(false) };
        for stream in streams(store)? {
            let name = stream.file_name().unwrap_or_default();
            if name.to_str().is_some_and(&which) {
                link(&stream.join(BATCHES), &folder.path().join(name))?;
            }
        }
        Ok(true)
    }
}

fn link(batches: &Path, target: &Path) -> io::Result<()> {
    // There was a batch already, or this was done before.
    if batches.symlink_metadata().is_ok() {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).recursive(true).create(target)?;
    match symlink(target, batches) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => remove_dir(target),
        linked => linked,
    }
}

/// The folders in memory that streams in `store` staged in when their server ended. The next server
/// completes what it finds there; then nobody needs them.
pub(super) fn left_behind(store: &Path) -> Vec<PathBuf> {
    let Ok(streams) = streams(store) else { return Vec::new() };
    let targets = streams.iter().filter_map(|stream| read_link(stream.join(BATCHES)).ok());
    let mut folders: Vec<PathBuf> =
        targets.filter_map(|target| target.parent().map(Path::to_path_buf)).collect();
    // What is not ours is somebody's.
    folders.retain(|folder| {
        let name = folder.file_name().and_then(|name| name.to_str());
        folder.parent() == Some(Path::new(MEMORY))
            && name.is_some_and(|name| name.starts_with(PREFIX))
    });
    folders.sort_unstable();
    folders.dedup();
    folders
}

/// The folders of the streams of all accounts.
fn streams(store: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for account in entries(&store.join("jetstream"))? {
        found.extend(entries(&account.join("streams"))?);
    }
    Ok(found)
}

/// What is in a folder; nothing when there is none.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}
