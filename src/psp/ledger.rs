//! The file: one line for each change, written before the answer goes out.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::records::Line;

/// The ledger cannot be kept, or cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the provider's ledger {}, line {line}", file.display())]
pub struct LedgerError {
    file: PathBuf,
    /// From 1; 0 when it is not about a line.
    line: usize,
    #[source]
    source: std::io::Error,
}

/// A file that is only appended to.
///
/// A line is handed to the system before its call is answered, so it outlives a killed process.
/// It is not synced: a power cut may take lines along.
#[derive(Debug)]
pub(super) struct Ledger {
    file: PathBuf,
    out: File,
}

impl Ledger {
    /// Opens the file, and returns what is in it.
    ///
    /// # Errors
    ///
    /// [`LedgerError`], also for a line that this build does not understand: a provider that has
    /// forgotten a payment would take it twice.
    pub(super) fn open(file: &Path) -> Result<(Self, Vec<Line>), LedgerError> {
        let failed = |source| LedgerError { file: file.to_path_buf(), line: 0, source };
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        let mut out = options.create(true).append(true).read(true).open(file).map_err(failed)?;
        out.try_lock().map_err(|error| failed(error.into()))?;
        let text = std::fs::read(file).map_err(failed)?;
        // A line without its end was cut by a crash, and never answered.
        let end = text.iter().rposition(|byte| *byte == b'\n');
        let whole = text.get(..=end.unwrap_or_default()).filter(|_| end.is_some());
        let whole = whole.unwrap_or_default();
        let length = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        out.set_len(length).map_err(failed)?;
        out.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut lines = Vec::new();
        for (line, text) in (1..).zip(whole.split(|byte| *byte == b'\n')) {
            if text.is_empty() {
                continue;
            }
            let read = serde_json::from_slice(text).map_err(std::io::Error::from);
            let unread = |source| LedgerError { file: file.to_path_buf(), line, source };
            lines.push(read.map_err(unread)?);
        }
        Ok((Self { file: file.to_path_buf(), out }, lines))
    }

    /// Writes a line, in one piece.
    pub(super) fn append(&mut self, line: &Line) -> Result<(), LedgerError> {
        let text = serde_json::to_vec(line).map_err(std::io::Error::from);
        let written = text.and_then(|mut text| {
            text.push(b'\n');
            self.out.write_all(&text)
        });
        written.map_err(|source| LedgerError { file: self.file.clone(), line: 0, source })
    }
}
