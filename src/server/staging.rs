//! Where a server of our own stages its batches.
//!
//! A server stages the messages of a batch until the last one is there. One with copies does so in
//! memory. One without writes them into a folder first: five synchronous writes, where the commit
//! itself is one. That folder may as well be in memory. A server that dies finds it there when it
//! starts again; after a power cut it is gone, and a batch that was just being committed may be in
//! its stream in part.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tracing::warn;

/// Where a server keeps the messages of a batch until the last one is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Staging {
    /// In memory, where a batch that a power cut tears is mended and the system has a folder in
    /// memory; else on the disk.
    #[default]
    Memory,
    /// On the disk, as a server by itself does.
    Disk,
}

/// The folder that Linux keeps in memory.
const MEMORY: &str = "/dev/shm";

/// What the names of our folders there begin with.
const PREFIX: &str = "kassa-staging-";

/// Held by whoever stages in a folder; it names the store.
const LOCK: &str = "lock";

/// Memory that has to be free. A batch is a megabyte at most, and each of a few streams has one
/// under way; containers give 64 MB to everybody in them.
const ROOM: usize = 16 * 1024 * 1024;

/// The folder in which a stream stages its batches, beside its messages. The server makes it for
/// the first batch, and takes it away whenever it starts.
const BATCHES: &str = "batches";

/// A folder in memory, with one in it for each stream.
#[derive(Debug)]
pub(super) struct Staged {
    folder: TempDir,
    /// Links of streams, and what they lead to.
    links: Vec<(PathBuf, PathBuf)>,
    /// Tells others that somebody stages there, until this process ends.
    _lock: File,
}

impl Staged {
    /// Makes one for the streams that are kept in `store`.
    pub(super) fn make(store: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(MEMORY)?;
        let room = folder.path().join("room");
        fs::write(&room, vec![0; ROOM])?;
        fs::remove_file(room)?;
        let mut lock = File::create(folder.path().join(LOCK))?;
        // Whoever sweeps may look at it just now, and lets it be.
        lock.lock()?;
        lock.write_all(fs::canonicalize(store)?.as_os_str().as_bytes())?;
        if let Err(error) = sweep(fs::metadata(folder.path())?.uid()) {
            warn!(%error, "folders in memory that nobody needs may be left");
        }
        Ok(Self { folder, links: Vec::new(), _lock: lock })
    }

    /// Has streams that are kept in `store` and have had no batch since their server started stage
    /// there: those of `which`.
    pub(super) fn add(&mut self, store: &Path, which: impl Fn(&str) -> bool) -> io::Result<()> {
        for stream in streams(store)? {
            let name = stream.file_name().unwrap_or_default();
            let batches = stream.join(BATCHES);
            // Where it is there was a batch already, or this was done before.
            if name.to_str().is_some_and(&which) && batches.symlink_metadata().is_err() {
                let target = self.folder.path().join(name);
                private(&target)?;
                match symlink(&target, &batches) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    linked => linked?,
                }
                self.links.push((batches, target));
            }
        }
        Ok(())
    }

    /// Makes again what somebody took away. Some systems empty that folder of everything that a
    /// user has in it when they log out.
    pub(super) fn mend(&self) {
        for (_, target) in self.links.iter().filter(|(_, target)| !target.exists()) {
            if !self.folder.path().exists() {
                warn!("the folder in memory was taken away; making it again");
                // A failure is seen at the next one.
                let _ = private(self.folder.path());
            }
            if let Err(error) = private(target) {
                warn!(%error, "batches cannot be staged in memory");
            }
        }
    }

    /// Takes it away, and what leads there.
    pub(super) fn remove(self) {
        for (link, target) in self.links {
            if link.read_link().is_ok_and(|found| found == target) {
                // The next server takes away what leads nowhere.
                let _ = fs::remove_file(link);
            }
        }
    }

    /// Leaves it to the server that starts next.
    pub(super) fn leave(self) {
        let _ = self.folder.keep();
    }
}

/// Removes folders of `owner` to which nothing leads any more: their process was killed, and the
/// store is gone or was opened since.
fn sweep(owner: u32) -> io::Result<()> {
    for folder in entries(Path::new(MEMORY))? {
        // One that names no store is just being made, or not ours.
        let Ok(store) = fs::read(folder.join(LOCK)) else { continue };
        let store = PathBuf::from(OsString::from_vec(store));
        let leads_there = |stream: PathBuf| {
            let target = stream.join(BATCHES).read_link();
            target.is_ok_and(|target| target.parent() == Some(&folder))
        };
        if store.is_absolute()
            && !streams(&store)?.into_iter().any(leads_there)
            && let Some(lock) = abandoned(&folder, owner)
        {
            clear(vec![(folder, lock)]);
        }
    }
    Ok(())
}

/// Makes a folder that is nobody else's.
fn private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)
}

/// Folders in memory that a server left when it ended, and their locks.
pub(super) type Left = Vec<(PathBuf, File)>;

/// Takes away the links of streams in `store` that must not be followed: to what is gone, to what
/// is not ours, and to where somebody else stages, of whose data these are a copy. Returns the
/// folders that are left: the server that starts now completes what it finds there, then nobody
/// needs them.
pub(super) fn left_behind(store: &Path) -> io::Result<Left> {
    let owner = fs::metadata(store).map(|store| store.uid()).ok();
    let mut left = Left::new();
    for batches in streams(store)?.into_iter().map(|stream| stream.join(BATCHES)) {
        let Ok(target) = batches.read_link() else { continue };
        let Some(folder) = target.parent().map(Path::to_path_buf) else { continue };
        if left.iter().any(|(known, _)| *known == folder) {
            continue;
        }
        match owner.and_then(|owner| abandoned(&folder, owner)) {
            Some(lock) => left.push((folder, lock)),
            None => fs::remove_file(batches)?,
        }
    }
    Ok(left)
}

/// Removes them, once a server has started.
pub(super) fn clear(left: Left) {
    for (folder, lock) in left {
        // What stays takes next to no memory.
        let _ = fs::remove_dir_all(folder);
        drop(lock);
    }
}

/// The lock of a folder of ours in memory that nobody stages in any more.
fn abandoned(folder: &Path, owner: u32) -> Option<File> {
    let name = folder.file_name()?.to_str()?;
    let is_ours = folder.parent() == Some(Path::new(MEMORY))
        && name.starts_with(PREFIX)
        && folder.symlink_metadata().is_ok_and(|found| found.is_dir() && found.uid() == owner);
    let lock = is_ours.then(|| File::open(folder.join(LOCK)))?.ok()?;
    lock.try_lock().is_ok().then_some(lock)
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
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &str = "jetstream/KASSA/streams/EVENTS";

    /// A store with streams, of which one is to stage in memory, and where it does.
    fn staged() -> (TempDir, Staged, PathBuf) {
        let store = tempfile::tempdir().unwrap();
        for stream in [EVENTS, "jetstream/KASSA/streams/FEED"] {
            fs::create_dir_all(store.path().join(stream)).unwrap();
        }
        let mut staged = Staged::make(store.path()).unwrap();
        staged.add(store.path(), |stream| stream == "EVENTS").unwrap();
        let folder = staged.folder.path().to_path_buf();
        (store, staged, folder)
    }

    fn link(store: &TempDir) -> PathBuf {
        store.path().join(EVENTS).join(BATCHES)
    }

    #[test]
    fn what_a_process_that_died_staged_is_there_for_the_next_server_and_gone_then() {
        let (store, staged, folder) = staged();
        assert!(!store.path().join("jetstream/KASSA/streams/FEED").join(BATCHES).exists());
        assert_eq!(link(&store).read_link().unwrap(), folder.join("EVENTS"));
        staged.leave();
        let left = left_behind(store.path()).unwrap();
        assert!(link(&store).is_dir(), "the server looks there");
        clear(left);
        assert!(!folder.exists());
        assert!(left_behind(store.path()).unwrap().is_empty());
        assert!(!link(&store).is_symlink(), "it leads nowhere");
    }

    #[test]
    fn a_folder_to_which_nothing_leads_is_swept_by_whoever_makes_one() {
        let (store, staged, folder) = staged();
        staged.leave();
        let (_other, in_use, theirs) = self::staged();
        assert!(folder.exists(), "its store leads there");
        drop(store);
        let (_third, last, _) = self::staged();
        // Another one may be at it.
        let begun = std::time::Instant::now();
        while folder.exists() {
            assert!(begun.elapsed() < std::time::Duration::from_secs(10), "it is still there");
        }
        assert!(theirs.exists(), "somebody stages there");
        in_use.remove();
        last.remove();
    }

    #[test]
    fn what_is_closed_in_order_leaves_nothing() {
        let (store, staged, folder) = staged();
        staged.remove();
        assert!(!folder.exists() && !link(&store).is_symlink());
    }

    #[test]
    fn a_copy_of_the_data_of_a_shop_that_is_open_takes_nothing_from_it() {
        let (store, staged, folder) = staged();
        assert!(left_behind(store.path()).unwrap().is_empty());
        assert!(!link(&store).is_symlink(), "its server must not stage there");
        assert!(folder.join("EVENTS").is_dir());
        drop(staged);
        assert!(!folder.exists());
    }

    #[test]
    fn a_link_that_is_not_ours_is_not_followed() {
        let (store, staged, _) = staged();
        drop(staged);
        let elsewhere = tempfile::tempdir().unwrap();
        let theirs = elsewhere.path().join("EVENTS");
        fs::create_dir(&theirs).unwrap();
        fs::remove_file(link(&store)).unwrap();
        symlink(&theirs, link(&store)).unwrap();
        assert!(left_behind(store.path()).unwrap().is_empty());
        assert!(theirs.is_dir() && !link(&store).is_symlink());
    }

    #[test]
    fn a_stream_that_has_had_a_batch_stays_where_it_is() {
        let (store, mut staged, _) = staged();
        fs::remove_file(link(&store)).unwrap();
        fs::create_dir(link(&store)).unwrap();
        staged.add(store.path(), |_| true).unwrap();
        assert!(!link(&store).is_symlink());
    }
}
