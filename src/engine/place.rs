//! Whether a commit that somebody remembers still stands where it stood.

use crate::domain::Sequence;
use crate::port::{Log, ReadError, Tail};
use crate::wire::Hash;

/// Whether the hash of the commit at `place` is the one that is meant. A log that lost its end, or
/// was put back from an older copy, grows past the place again with other commits in it.
///
/// # Errors
///
/// See [`ReadError`].
pub async fn stands<L: Log>(
    log: &L,
    commits: &str,
    place: Sequence,
    is: impl Fn(Hash) -> bool + Send,
) -> Result<bool, ReadError> {
    let mut tail = log.follow(commits, Sequence(place.0.saturating_sub(1))).await?;
    if tail.remaining() == 0 {
        return Ok(false);
    }
    let first = tail.next(1).await?.into_iter().next().filter(|entry| entry.sequence == place);
    Ok(first.is_some_and(|entry| is(Hash::of(&entry.payload))))
}
