//! Reading an archive.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{ArchiveError, ArchiveFoot, ArchiveHead, FRAME_MAX, Frame, MAGIC};
use crate::domain::Sequence;
use crate::port::{Entry, ReadError, Tail};
use crate::wire::{MarketName, Subjects};

/// An archive that was read from its first byte to its last: nobody has changed it.
#[derive(Debug)]
pub struct Archive {
    file: PathBuf,
    /// What it is of.
    pub head: ArchiveHead,
    /// How it ends.
    pub foot: ArchiveFoot,
}

/// A reader's place in an archive.
pub struct ArchiveTail {
    frames: Frames,
    after: Sequence,
    filter: String,
    remaining: u64,
}

struct Frames {
    file: String,
    bytes: zstd::Decoder<'static, BufReader<File>>,
    hasher: blake3::Hasher,
    messages: u64,
}

impl Archive {
    /// Reads an archive of `market` from its first byte to its last.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn open(file: &Path, market: &MarketName) -> Result<Self, ArchiveError> {
        let mut frames = Frames::open(file)?;
        let Frame::Head(head) = frames.next()? else {
            return Err(frames.changed("it does not begin with what it is of"));
        };
        if head.market != *market {
            let (found, wanted) = (head.market, market.clone());
            return Err(ArchiveError::Market { file: frames.file, found, wanted });
        }
        let mut last = Sequence::START;
        loop {
            let digest = frames.hasher.finalize().to_hex().to_string();
            match frames.next()? {
                Frame::Message(message) if message.seq <= last => {
                    return Err(frames.changed("its messages are not in their order"));
                }
                Frame::Message(message) => last = message.seq,
                Frame::Foot(foot) if foot.digest != digest => {
                    return Err(frames.changed("its hash is another one"));
                }
                Frame::Foot(foot) if (foot.messages, foot.last) != (frames.messages, last) => {
                    return Err(frames.changed("its messages are not as many as it says"));
                }
                Frame::Foot(foot) => {
                    frames.end()?;
                    return Ok(Self { file: file.to_path_buf(), head, foot });
                }
                Frame::Head(_) => return Err(frames.changed("it begins twice")),
            }
        }
    }

    /// The messages after `after` whose subject matches `filter`, which may have `*` and `>`.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`], when the file has gone since it was opened.
    pub fn follow(&self, filter: &str, after: Sequence) -> Result<ArchiveTail, ArchiveError> {
        let mut frames = Frames::open(&self.file)?;
        frames.next()?;
        let remaining = u64::from(after < self.foot.last);
        Ok(ArchiveTail { frames, after, filter: filter.to_owned(), remaining })
    }
}

impl ArchiveTail {
    /// Takes at most `limit` entries; none at the end.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn read(&mut self, limit: usize) -> Result<Vec<Entry>, ArchiveError> {
        let mut entries = Vec::new();
        while entries.len() < limit && !self.is_done() {
            let Frame::Message(message) = self.frames.next()? else {
                self.remaining = 0;
                break;
            };
            let wanted = Subjects::matches(&self.filter, &message.subject);
            if wanted && self.after < message.seq {
                entries.push(message.into());
            }
        }
        Ok(entries)
    }

    /// Whether all of it was read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.remaining == 0
    }
}

impl Tail for ArchiveTail {
    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        self.read(limit).map_err(|error| ReadError::Broken(error.into()))
    }

    /// One, until the end was read: how many match is not known before.
    fn remaining(&self) -> u64 {
        self.remaining
    }
}

impl Frames {
    fn open(file: &Path) -> Result<Self, ArchiveError> {
        let name = file.display().to_string();
        let failed = |source| ArchiveError::Io { file: name.clone(), source };
        let mut plain = BufReader::new(File::open(file).map_err(failed)?);
        let mut magic = Vec::new();
        let length = u64::try_from(MAGIC.len()).unwrap_or(u64::MAX);
        plain.by_ref().take(length).read_to_end(&mut magic).map_err(failed)?;
        if magic != MAGIC {
            let text = String::from_utf8_lossy(&magic);
            return Err(match text.starts_with("KASSA-ARCHIVE ") {
                true => ArchiveError::Version { file: name, found: text.trim().to_owned() },
                false => ArchiveError::NoArchive { file: name },
            });
        }
        let bytes = zstd::Decoder::with_buffer(plain).map_err(failed)?;
        Ok(Self { file: name.clone(), bytes, hasher: blake3::Hasher::new(), messages: 0 })
    }

    fn next(&mut self) -> Result<Frame, ArchiveError> {
        let mut length = [0; 4];
        self.fill(&mut length)?;
        let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if FRAME_MAX < size {
            return Err(self.changed("a frame of it is larger than any"));
        }
        let mut frame = vec![0; size];
        self.fill(&mut frame)?;
        self.hasher.update(&length).update(&frame);
        let frame = rmp_serde::from_slice(&frame);
        let frame = frame.map_err(|_| self.changed("a frame of it cannot be read"))?;
        if matches!(frame, Frame::Message(_)) {
            self.messages = self.messages.saturating_add(1);
        }
        Ok(frame)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ArchiveError> {
        let filled = self.bytes.read_exact(bytes);
        filled.map_err(|error| match error.kind() == ErrorKind::UnexpectedEof {
            true => ArchiveError::Cut { file: self.file.clone(), messages: self.messages },
            // Nobody but the decoder says so: what is packed is not what was packed.
            false => self.changed("it cannot be unpacked"),
        })
    }

    /// Nothing follows what was read.
    fn end(&mut self) -> Result<(), ArchiveError> {
        match self.bytes.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.changed("something follows its end")),
            Err(_) => Err(self.changed("it cannot be unpacked")),
        }
    }

    fn changed(&self, problem: &str) -> ArchiveError {
        ArchiveError::Changed { file: self.file.clone(), problem: problem.to_owned() }
    }
}
