//! The state a committer starts from: the last snapshot and the log behind it.

use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::domain::{Follows, Sequence, Text};
use crate::engine::{Error, stands};
use crate::port::{Log, ReadError, SnapshotError, Snapshots, Tail};
use crate::role::let_go::let_go;
use crate::wire::{Chain, Hash, Snapshot, Subjects};

/// The committer's place among the snapshots: the last one replaces the one before.
pub(super) const NAME: &str = "market";

/// The last snapshot that this build can use; an empty market when there is none.
pub async fn load(snapshots: &impl Snapshots) -> Snapshot {
    match snapshots.load(NAME).await {
        Ok(None) => Snapshot::default(),
        // Reading a large state takes long enough to keep others waiting.
        Ok(Some(bytes)) => match spawn_blocking(move || Snapshot::decode(&bytes)).await {
            Ok(Ok(snapshot)) => {
                info!(number = snapshot.chain.number, "going on from a snapshot");
                snapshot
            }
            Ok(Err(error)) => {
                info!(%error, "folding the log from its start");
                Snapshot::default()
            }
            Err(error) => {
                warn!(%error, "folding the log from its start");
                Snapshot::default()
            }
        },
        Err(error) => {
            warn!(%error, "folding the log from its start");
            Snapshot::default()
        }
    }
}

/// Keeps the state at the end of a stream of the log that is about to be closed, and says what
/// stands in the first commit behind it.
///
/// # Errors
///
/// When it cannot be kept.
pub async fn keep_closing(
    snapshots: &impl Snapshots,
    state: &Snapshot,
) -> Result<Follows, SnapshotError> {
    let name = Snapshot::closing_name(state.chain.end);
    // Packing a large state takes long enough for the lease to run out.
    let copy = state.clone();
    let packed = spawn_blocking(move || copy.encode()).await;
    let packed = packed.map_err(|error| SnapshotError(error.into()))?;
    let bytes = packed.map_err(|error| SnapshotError(error.into()))?;
    let follows = Follows {
        last_seq: state.chain.end.0,
        snapshot: Text::lossy(&name),
        snapshot_digest: Text::lossy(&Hash::of(&bytes).to_string()),
    };
    snapshots.save(&name, bytes).await?;
    Ok(follows)
}

/// Follows the log to its end.
///
/// # Errors
///
/// See [`Error`].
pub async fn read_to_end<L: Log>(
    events: &L,
    subjects: &Subjects,
    state: &mut Snapshot,
) -> Result<(), Error> {
    check_stands(events, subjects, state).await?;
    let mut tail = events.follow(&subjects.commit(), state.chain.head).await?;
    while 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await? {
            follow(events, subjects, state, (entry.sequence, &entry.payload)).await?;
        }
    }
    Ok(())
}

/// Commits taken from the reader at once. A full one takes a millisecond to fold, and others wait
/// meanwhile.
const READ_AT_ONCE: usize = 64;

/// Follows one commit.
pub(super) async fn follow<L: Log>(
    events: &L,
    subjects: &Subjects,
    state: &mut Snapshot,
    (sequence, payload): (Sequence, &[u8]),
) -> Result<(), Error> {
    note_strays(events, subjects, state, sequence).await?;
    state.follow(sequence, payload).map_err(|error| Error::defect(sequence, error))
}

/// Looks at messages between the last commit and the one at `sequence` that no committer wrote: an
/// entry among them changed what its subject expects.
pub(super) async fn note_strays<L: Log>(
    events: &L,
    subjects: &Subjects,
    state: &mut Snapshot,
    sequence: Sequence,
) -> Result<(), ReadError> {
    if state.chain.next() < sequence {
        let filter = format!("{}*", subjects.stock_prefix());
        let mut tail = events.follow(&filter, state.chain.end).await?;
        'strays: while 0 < tail.remaining() {
            for entry in tail.next(READ_AT_ONCE).await? {
                if sequence <= entry.sequence {
                    break 'strays;
                }
                if let Some(sku) = subjects.sku_of(&entry.subject).and_then(|sku| sku.parse().ok())
                {
                    warn!(sequence = entry.sequence.0, %sku, "not a committer's message");
                    state.market.note_stray_entry(&sku, entry.sequence);
                }
            }
        }
    }
    Ok(())
}

/// A state whose last commit is not in the log is of another log, or of one that lost its end:
/// whether it has grown past that place again or not.
async fn check_stands<L: Log>(
    events: &L,
    subjects: &Subjects,
    state: &mut Snapshot,
) -> Result<(), ReadError> {
    let Chain { head, hash, .. } = state.chain;
    let is = |found| found == hash;
    if head != Sequence::START && !stands(events, &subjects.commit(), head, is).await? {
        warn!(commit = head.0, "not this log's state; folding the log from its start");
        let_go(std::mem::take(state));
    }
    Ok(())
}
