//! Looking for what may not be written down, in everything that is.

use crate::domain::verify::{Invariant, Stream, Violation};
use crate::domain::{Private, Sequence, find_private};
use crate::port::{Entry, Log, ReadError, Tail};
use crate::wire::{Commit, Subjects};

/// Messages taken from a stream at once.
const READ_AT_ONCE: usize = 256;

/// Violations that are told of one stream: whoever writes such things writes many.
const TOLD_MAX: usize = 20;

/// Looks through every message of a stream, up to its end at this moment: its subject, its headers
/// and its payload, and what is packed in a commit. What is found is named, never repeated.
///
/// # Errors
///
/// See [`ReadError`].
pub async fn look_for_private<L: Log>(
    log: &L,
    (name, stream): (&str, Stream),
) -> Result<Vec<Violation>, ReadError> {
    let end = log.end().await?;
    let mut tail = log.follow(Subjects::everything(), Sequence::START).await?;
    let (mut found, mut sequence) = (Vec::new(), Sequence::START);
    while sequence < end && 0 < tail.remaining() && found.len() < TOLD_MAX {
        for entry in tail.next(READ_AT_ONCE).await? {
            sequence = entry.sequence;
            let Some(what) = in_entry(&entry) else { continue };
            let (detail, invariant) = (format!("{what} stands in {name}"), Invariant::I14);
            found.push(Violation { stream, sequence, index: None, invariant, detail });
        }
    }
    Ok(found)
}

fn in_entry(entry: &Entry) -> Option<Private> {
    let headers = entry.headers.iter().map(|(_, value)| value.as_bytes());
    let mut outside = std::iter::once(entry.subject.as_bytes()).chain(headers);
    let outside = outside.find_map(find_private);
    outside.or_else(|| find_private(&entry.payload)).or_else(|| {
        let events = Commit::plain_events(&entry.payload)?;
        find_private(&events)
    })
}
