//! A part of a log in a file, readable without a server.
//!
//! Shape: the line `KASSA-ARCHIVE 1`, then one zstd stream of frames. A frame is its length in four
//! bytes, the highest first, and a MessagePack map: one head, the messages in their order, one
//! foot, which has the BLAKE3 hash of all frames before it, lengths included.

mod backup;
mod copied;
mod heads;
mod kept;
mod read;
#[cfg(test)]
mod tests;
mod write;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::domain::{Sequence, Timestamp};
use crate::port::Entry;
use crate::wire::MarketName;

pub use backup::{Backup, BackupError, End, Manifest, Part};
pub use copied::{Copied, CopyError, prove_copy};
pub use heads::{HeadsError, append_head, public_keys, read_heads, signing_key, write_keys};
pub use kept::{LogFolder, LogPart};
pub use read::{Archive, ArchiveTail};
pub use write::ArchiveWriter;

/// What the file begins with; the number is the version of the format.
const MAGIC: &[u8] = b"KASSA-ARCHIVE 1\n";

/// The most bytes of one frame: a message of the largest payload with its headers is far below.
const FRAME_MAX: usize = 1024 * 1024;

/// What an archive is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveHead {
    /// The market.
    pub market: MarketName,
    /// The end of the log when it was written.
    pub log_end: Sequence,
    /// When it was written.
    pub made_at_ms: Timestamp,
    /// The build that wrote it.
    pub build: String,
}

/// How an archive ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveFoot {
    /// Messages in it.
    pub messages: u64,
    /// The sequence of the first one; 0 when there is none.
    pub first: Sequence,
    /// The sequence of the last one.
    pub last: Sequence,
    /// BLAKE3 of every frame before, in hexadecimal digits.
    pub digest: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Frame {
    Head(ArchiveHead),
    Message(Stored),
    Foot(ArchiveFoot),
}

/// A message as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    seq: Sequence,
    subject: String,
    at_ms: Timestamp,
    headers: Vec<(String, String)>,
    payload: Bytes,
}

impl From<&Entry> for Stored {
    fn from(entry: &Entry) -> Self {
        Self {
            seq: entry.sequence,
            subject: entry.subject.clone(),
            at_ms: entry.time,
            headers: entry.headers.clone(),
            payload: entry.payload.clone(),
        }
    }
}

impl From<Stored> for Entry {
    fn from(stored: Stored) -> Self {
        Self {
            sequence: stored.seq,
            subject: stored.subject,
            time: stored.at_ms,
            headers: stored.headers,
            payload: stored.payload,
        }
    }
}

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file.
    #[error("{file}")]
    Io {
        /// Which.
        file: String,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
    /// It was never an archive.
    #[error("{file} is no archive")]
    NoArchive {
        /// Which.
        file: String,
    },
    /// Another build wrote it, in a way that this one does not know.
    #[error("{file} is an archive of another version: {found}")]
    Version {
        /// Which.
        file: String,
        /// What it begins with.
        found: String,
    },
    /// It ends before its end.
    #[error("{file} was cut after {messages} messages")]
    Cut {
        /// Which.
        file: String,
        /// What is there of it.
        messages: u64,
    },
    /// Somebody or something changed it.
    #[error("{file} was changed after it was written: {problem}")]
    Changed {
        /// Which.
        file: String,
        /// How one can tell.
        problem: String,
    },
    /// Somebody else is writing it just now.
    #[error("{file} is being written by somebody else")]
    Busy {
        /// Which.
        file: String,
    },
    /// It is of another market.
    #[error("{file} is of market {found}, not of {wanted}")]
    Market {
        /// Which.
        file: String,
        /// Its market.
        found: MarketName,
        /// The one that was asked for.
        wanted: MarketName,
    },
}
