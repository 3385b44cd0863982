//! Signed heads in a file, and the keys they are signed with: for keeping where the log is not.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::wire::{Head, HeadError, MarketName, PublicKey, SignedHead, SigningKey};

/// Who may read a private key: its owner.
const PRIVATE: u32 = 0o600;

/// Why heads or keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeadsError {
    /// The file.
    #[error("{file}")]
    Io {
        /// Which.
        file: String,
        /// What is wrong with it.
        #[source]
        source: io::Error,
    },
    /// A line is no head.
    #[error("{file}: line {line} is no signed head: {problem}")]
    Line {
        /// Which file.
        file: String,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing in it.
    #[error("{file} has no signed head in it")]
    Empty {
        /// Which.
        file: String,
    },
    /// A file that should have a key in it has none.
    #[error("{file} is no key: 64 hexadecimal digits are")]
    Key {
        /// Which.
        file: String,
    },
    /// A head is not believed.
    #[error("{file}, line {line}, commit {number}")]
    Head {
        /// Which file.
        file: String,
        /// Which line, from 1.
        line: usize,
        /// Which commit it is of, as it says.
        number: u64,
        /// Why it is not.
        #[source]
        source: HeadError,
    },
}

/// Failed at a file.
fn io_error(file: &Path) -> impl Fn(io::Error) -> HeadsError + '_ {
    |source| HeadsError::Io { file: file.display().to_string(), source }
}

/// The heads in a file, every one of them believed: see [`SignedHead::check`].
///
/// # Errors
///
/// [`HeadsError`].
pub fn read_heads(
    file: &Path,
    market: &MarketName,
    trusted: &[PublicKey],
) -> Result<Vec<Head>, HeadsError> {
    let (name, text) = (file.display().to_string(), fs::read(file).map_err(io_error(file))?);
    let mut heads = Vec::new();
    // Behind the last line feed stands nothing, or what was being written when somebody pulled
    // the plug.
    let whole = text.iter().rposition(|byte| *byte == b'\n').unwrap_or_default();
    let (text, _) = text.split_at_checked(whole).unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    for (index, bytes) in lines.filter(|(_, bytes)| !bytes.is_empty()) {
        let line = index.saturating_add(1);
        let signed: SignedHead = serde_json::from_slice(bytes).map_err(|error| {
            let problem = error.to_string();
            HeadsError::Line { file: name.clone(), line, problem }
        })?;
        let head = signed.check(market, trusted).map_err(|source| {
            let number = signed.head.number;
            HeadsError::Head { file: name.clone(), line, number, source }
        })?;
        heads.push(head.clone());
    }
    if heads.is_empty() {
        return Err(HeadsError::Empty { file: name });
    }
    Ok(heads)
}

/// Writes a head behind those in a file, and has it on the disk.
///
/// # Errors
///
/// [`HeadsError::Io`].
pub fn append_head(file: &Path, signed: &SignedHead) -> Result<(), HeadsError> {
    let failed = io_error(file);
    let is_new = !file.exists();
    let mut line = serde_json::to_vec(signed).map_err(|error| failed(error.into()))?;
    line.push(b'\n');
    if fs::read(file).is_ok_and(|text| text.last().is_some_and(|byte| *byte != b'\n')) {
        // What was being written when somebody pulled the plug is no head, and this one is.
        let text = fs::read(file).map_err(&failed)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n');
        let whole = whole.map_or(0, |at| at.saturating_add(1));
        let out = OpenOptions::new().write(true).open(file).map_err(&failed)?;
        out.set_len(u64::try_from(whole).unwrap_or_default()).map_err(&failed)?;
    }
    let out = OpenOptions::new().create(true).append(true).open(file);
    let mut out = out.map_err(&failed)?;
    out.write_all(&line).and_then(|()| out.sync_all()).map_err(&failed)?;
    if is_new {
        sync_folder(file).map_err(&failed)?;
    }
    Ok(())
}

/// Keeps a new key: the secret in `file`, for its owner alone, and what others check with beside
/// it, in a file of the same name with `.pub` behind it. Neither may be there yet.
///
/// # Errors
///
/// [`HeadsError::Io`].
pub fn write_keys(
    file: &Path,
    secret: &[u8; 32],
    public: PublicKey,
) -> Result<PathBuf, HeadsError> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".pub");
    let beside = PathBuf::from(beside);
    let mut digits = String::new();
    for byte in secret {
        digits.push_str(&format!("{byte:02x}"));
    }
    write_new(&beside, 0o644, &format!("{public}\n"))?;
    write_new(file, PRIVATE, &format!("{digits}\n"))?;
    Ok(beside)
}

fn write_new(file: &Path, mode: u32, text: &str) -> Result<(), HeadsError> {
    let failed = io_error(file);
    let out = OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    let mut out = out.map_err(&failed)?;
    out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(&failed)?;
    sync_folder(file).map_err(failed)
}

/// A new name is on the disk when its folder is.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// The secret key in a file.
///
/// # Errors
///
/// [`HeadsError`].
pub fn signing_key(file: &Path) -> Result<SigningKey, HeadsError> {
    let text = fs::read_to_string(file).map_err(io_error(file))?;
    text.trim().parse().map_err(|_| HeadsError::Key { file: file.display().to_string() })
}

/// The public keys in a file, one a line.
///
/// # Errors
///
/// [`HeadsError`].
pub fn public_keys(file: &Path) -> Result<Vec<PublicKey>, HeadsError> {
    let text = fs::read_to_string(file).map_err(io_error(file))?;
    let no_key = || HeadsError::Key { file: file.display().to_string() };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Result<Vec<_>, _> = lines.map(|line| line.parse().map_err(|_| no_key())).collect();
    keys.and_then(|keys| if keys.is_empty() { Err(no_key()) } else { Ok(keys) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::domain::{Sequence, Timestamp};
    use crate::wire::{Chain, Hash};

    fn market() -> MarketName {
        "main".parse().unwrap()
    }

    fn signed(number: u64, key: &SigningKey) -> SignedHead {
        let (head, hash) = (Sequence(number), Hash::of(&[7]));
        let chain = Chain { head, number, hash, ..Chain::default() };
        key.sign(Head::of(market(), &chain, Timestamp(1_760_000_000_000)))
    }

    #[test]
    fn heads_are_written_one_behind_the_other_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (file, key_file) = (folder.path().join("heads"), folder.path().join("key"));
        let secret = [3; 32];
        let key = SigningKey::of_secret(secret).unwrap();
        let beside = write_keys(&key_file, &secret, key.public().unwrap()).unwrap();
        let mode = fs::metadata(&key_file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, PRIVATE);
        let trusted = public_keys(&beside).unwrap();
        let again = signing_key(&key_file).unwrap();
        assert_eq!(again.public(), key.public());
        append_head(&file, &signed(1, &key)).unwrap();
        append_head(&file, &signed(2, &again)).unwrap();
        let numbers = |heads: Vec<Head>| heads.iter().map(|head| head.number).collect::<Vec<_>>();
        assert_eq!(numbers(read_heads(&file, &market(), &trusted).unwrap()), [1, 2]);
        // Half a line is what was being written when somebody pulled the plug.
        let mut text = fs::read(&file).unwrap();
        text.extend_from_slice(b"{\"v\":1,");
        fs::write(&file, text).unwrap();
        assert_eq!(numbers(read_heads(&file, &market(), &trusted).unwrap()), [1, 2]);
        append_head(&file, &signed(3, &key)).unwrap();
        assert_eq!(numbers(read_heads(&file, &market(), &trusted).unwrap()), [1, 2, 3]);
        // A key is never written over.
        assert!(write_keys(&key_file, &secret, key.public().unwrap()).is_err());
    }

    #[test]
    fn a_line_that_was_changed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("heads");
        let key = SigningKey::of_secret([3; 32]).unwrap();
        append_head(&file, &signed(1, &key)).unwrap();
        append_head(&file, &signed(2, &key)).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("\"number\":2", "\"number\":3")).unwrap();
        let error = read_heads(&file, &market(), &[]).unwrap_err();
        assert!(error.to_string().ends_with("heads, line 2, commit 3"), "{error}");
        fs::write(&file, "good evening\n").unwrap();
        let error = read_heads(&file, &market(), &[]).unwrap_err();
        assert!(matches!(error, HeadsError::Line { line: 1, .. }), "{error}");
        fs::write(&file, "").unwrap();
        assert!(matches!(read_heads(&file, &market(), &[]), Err(HeadsError::Empty { .. })));
        assert!(matches!(signing_key(&file), Err(HeadsError::Key { .. })));
    }
}
