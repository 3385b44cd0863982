//! The proof that a part of a log was copied: what is kept is what the stream holds, message by
//! message, and both are one chain.

use super::Stored;
use crate::domain::Sequence;
use crate::port::{Entry, OlderTail, ReadError, Tail};
use crate::wire::{Commit, Hash, UnreadCommit};

/// Messages compared at once.
const READ_AT_ONCE: usize = 256;

/// What was found to be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The last sequence.
    pub last: Sequence,
    /// Messages.
    pub messages: u64,
    /// BLAKE3 over all of them.
    pub digest: Hash,
    /// The hash of the last commit; the one behind it has to carry it.
    pub closing: Hash,
}

/// Why it is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the two cannot be read.
    #[error("the copy cannot be compared")]
    Read(#[from] ReadError),
    /// They are not the same.
    #[error("the stream and the archive differ at sequence {sequence}: {problem}")]
    Differs {
        /// The first one that is not the same.
        sequence: Sequence,
        /// In what.
        problem: String,
    },
    /// A commit does not carry the hash of the one before it.
    #[error("the chain is broken at sequence {sequence}")]
    Chain {
        /// Which.
        sequence: Sequence,
    },
    /// A commit cannot be read.
    #[error(transparent)]
    Unread(#[from] UnreadCommit),
}

/// Compares what is kept with what a stream holds, up to `last`, and follows the chain of commits,
/// whose subject is `commits`, from what the first of them says.
///
/// # Errors
///
/// [`CopyError`].
pub async fn prove_copy(
    kept: &mut dyn OlderTail,
    stream: &mut impl Tail,
    (commits, last): (&str, Sequence),
    mut progress: impl FnMut(Sequence),
) -> Result<Copied, CopyError> {
    let mut hasher = blake3::Hasher::new();
    let (mut messages, mut reached) = (0_u64, Sequence::START);
    let mut chain: Option<Hash> = None;
    loop {
        let mut copies = kept.next(READ_AT_ONCE)?;
        let mut originals = Vec::new();
        while originals.len() < copies.len() && reached < last && 0 < stream.remaining() {
            let wanted = copies.len().saturating_sub(originals.len());
            originals.extend(stream.next(wanted).await?);
        }
        if copies.is_empty() {
            break;
        }
        // A message's headers have no order.
        copies.iter_mut().chain(&mut originals).for_each(|entry| entry.headers.sort_unstable());
        for (index, copy) in copies.iter().enumerate() {
            differs(copy, originals.get(index))?;
            let bytes = rmp_serde::to_vec_named(&Stored::from(copy)).map_err(|error| {
                CopyError::Differs { sequence: copy.sequence, problem: error.to_string() }
            })?;
            hasher.update(&bytes);
            if copy.subject == commits {
                let head = Commit::decode_at(copy.sequence, &copy.payload)?.head;
                if chain.is_some_and(|before| before != head.prev_hash) {
                    return Err(CopyError::Chain { sequence: copy.sequence });
                }
                chain = Some(Hash::of(&copy.payload));
            }
            reached = copy.sequence;
        }
        messages = messages.saturating_add(u64::try_from(copies.len()).unwrap_or(u64::MAX));
        progress(reached);
    }
    if reached != last {
        let problem = format!("the archive ends there, and the stream at {last}");
        return Err(CopyError::Differs { sequence: reached, problem });
    }
    let digest = Hash(*hasher.finalize().as_bytes());
    Ok(Copied { last, messages, digest, closing: chain.unwrap_or_default() })
}

fn differs(copy: &Entry, original: Option<&Entry>) -> Result<(), CopyError> {
    let problem = match original {
        Some(original) if original == copy => return Ok(()),
        Some(original) if original.sequence != copy.sequence => {
            format!("the next one in the stream is {}", original.sequence)
        }
        Some(original) if original.payload != copy.payload => "the payload".to_owned(),
        Some(_) => "subject, time or headers".to_owned(),
        None => "the stream does not have it".to_owned(),
    };
    Err(CopyError::Differs { sequence: copy.sequence, problem })
}
