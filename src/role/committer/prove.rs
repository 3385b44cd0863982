//! Whether the last snapshot is what the log adds up to.

use super::state::{NAME, follow};
use crate::domain::Sequence;
use crate::domain::verify::{Invariant, Stream, Violation};
use crate::engine::Error;
use crate::port::{Log, Snapshots, Tail};
use crate::wire::{Snapshot, Subjects};

/// Commits taken from the log at once.
const READ_AT_ONCE: usize = 256;

/// Folds the log up to where the last snapshot was taken and compares; none when there is no
/// snapshot that this build would use.
///
/// # Errors
///
/// See [`Error`].
pub async fn prove_snapshot<L: Log>(
    (events, subjects): (&L, &Subjects),
    snapshots: &impl Snapshots,
) -> Result<Option<Vec<Violation>>, Error> {
    let kept = snapshots.load(NAME).await;
    let kept = kept.map_err(|error| crate::port::ReadError::Unavailable(error.into()))?;
    let Some(kept) = kept.and_then(|bytes| Snapshot::decode(&bytes).ok()) else {
        return Ok(None);
    };
    let place = kept.chain.head;
    let mut folded = Snapshot::default();
    let mut tail = events.follow(&subjects.commit(), Sequence::START).await?;
    while folded.chain.head < place && 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await? {
            if entry.sequence <= place {
                follow(events, subjects, &mut folded, (entry.sequence, &entry.payload)).await?;
            }
        }
    }
    let unwritable = |error: rmp_serde::encode::Error| Error::defect(place, error);
    let same = folded.chain.head == place
        && folded.digest().map_err(unwritable)? == kept.digest().map_err(unwritable)?;
    let violation = || Violation {
        stream: Stream::Events,
        sequence: place,
        index: None,
        invariant: Invariant::I9,
        detail: format!("the snapshot at {place} is not what the log adds up to"),
    };
    Ok(Some(if same { Vec::new() } else { vec![violation()] }))
}
