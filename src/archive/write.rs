//! Writing an archive.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{ArchiveError, ArchiveFoot, ArchiveHead, Frame, MAGIC, Stored};
use crate::port::Entry;

/// zstd's own level for speed. Commits are packed already; what is left are headers and subjects.
const LEVEL: i32 = 1;

/// An archive that is being written: under another name, until it is whole.
pub struct ArchiveWriter {
    file: PathBuf,
    partial: PathBuf,
    out: zstd::Encoder<'static, BufWriter<File>>,
    hasher: blake3::Hasher,
    foot: ArchiveFoot,
}

/// Keeps everybody else from writing a file, as long as it is open.
///
/// # Errors
///
/// [`ArchiveError::Busy`] when somebody else does.
pub(super) fn alone(file: &File, path: &Path) -> Result<(), ArchiveError> {
    let name = || path.display().to_string();
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => ArchiveError::Busy { file: name() },
        TryLockError::Error(source) => ArchiveError::Io { file: name(), source },
    })
}

impl ArchiveWriter {
    /// Begins an archive. A file of that name is never written over.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Io`].
    pub fn create(file: &Path, head: &ArchiveHead) -> Result<Self, ArchiveError> {
        let failed = |source| ArchiveError::Io { file: file.display().to_string(), source };
        if file.try_exists().map_err(failed)? {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        let mut partial = file.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // What is left of one that was interrupted is begun again, but not while somebody is at it.
        let begun = OpenOptions::new().write(true).create(true).truncate(false).open(&partial);
        let begun = begun.map_err(failed)?;
        alone(&begun, &partial)?;
        // Somebody may have finished it since.
        if file.try_exists().map_err(failed)? || !partial.try_exists().map_err(failed)? {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        begun.set_len(0).map_err(failed)?;
        let mut plain = BufWriter::new(begun);
        plain.write_all(MAGIC).map_err(failed)?;
        let mut out = zstd::Encoder::new(plain, LEVEL).map_err(failed)?;
        out.include_checksum(true).map_err(failed)?;
        let (file, hasher) = (file.to_path_buf(), blake3::Hasher::new());
        let mut writer = Self { file, partial, out, hasher, foot: ArchiveFoot::default() };
        writer.frame(&Frame::Head(head.clone()))?;
        Ok(writer)
    }

    /// Adds a message.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Io`].
    pub fn add(&mut self, entry: &Entry) -> Result<(), ArchiveError> {
        self.frame(&Frame::Message(Stored::from(entry)))?;
        if self.foot.messages == 0 {
            self.foot.first = entry.sequence;
        }
        self.foot.messages = self.foot.messages.saturating_add(1);
        self.foot.last = entry.sequence;
        Ok(())
    }

    /// Ends it: only now does it have its name, and it is on the disk.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Io`].
    pub fn finish(mut self) -> Result<ArchiveFoot, ArchiveError> {
        let digest = self.hasher.finalize().to_hex().to_string();
        let foot = ArchiveFoot { digest, ..self.foot.clone() };
        self.frame(&Frame::Foot(foot.clone()))?;
        let failed = |source| ArchiveError::Io { file: self.file.display().to_string(), source };
        let plain = self.out.finish().map_err(failed)?;
        let file = plain.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&self.partial, &self.file).map_err(failed)?;
        Ok(foot)
    }

    fn frame(&mut self, frame: &Frame) -> Result<(), ArchiveError> {
        let failed = |source| ArchiveError::Io { file: self.file.display().to_string(), source };
        let bytes = rmp_serde::to_vec_named(frame).map_err(std::io::Error::other);
        let bytes = bytes.map_err(failed)?;
        let length = u32::try_from(bytes.len()).map_err(std::io::Error::other).map_err(failed)?;
        for part in [&length.to_be_bytes(), bytes.as_slice()] {
            self.hasher.update(part);
            self.out.write_all(part).map_err(failed)?;
        }
        Ok(())
    }
}
