//! The state a committer starts from: the last snapshot and the log behind it.

use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::domain::{Follows, Sequence, Text};
use crate::engine::{Error, stands};
use crate::port::{Log, MissingLog, ReadError, SnapshotError, Snapshots, Tail};
use crate::role::let_go::let_go;
use crate::wire::{Chain, Commit, Hash, Snapshot, Subjects};

/// The committer's place among the snapshots: the last one replaces the one before.
pub(super) const NAME: &str = "market";

/// The furthest state that this build can use: that at the end of a closed stream of the log, when
/// it stands there, or else the committer's own; an empty market when there is none.
pub async fn load<L: Log>(
    (events, subjects): (&L, &Subjects),
    snapshots: &impl Snapshots,
) -> Snapshot {
    let own = usable(snapshots, NAME).await;
    let reached = own.as_ref().map_or(Sequence::START, |own| own.chain.end);
    let names = snapshots.names().await.unwrap_or_else(|error| {
        warn!(%error, "nobody says which states are kept");
        Vec::new()
    });
    let closings = names.iter().filter_map(|name| Some((Snapshot::closing_place(name)?, name)));
    let further = closings.max().filter(|(place, _)| reached < *place);
    let closing = match further {
        Some((_, name)) => usable(snapshots, name).await,
        None => None,
    };
    // A log that lost its end leaves states of it behind. Those prove nothing; our own may.
    let state = match closing {
        Some(closing) if is_in(events, subjects, &closing.chain).await.unwrap_or(false) => {
            let_go(own);
            closing
        }
        closing => {
            let_go(closing);
            own.unwrap_or_default()
        }
    };
    if state.chain.head == Sequence::START {
        info!("folding the log from its start");
    } else {
        info!(number = state.chain.number, "going on from a snapshot");
    }
    state
}

/// The state under a name; none when there is none that this build can use.
async fn usable(snapshots: &impl Snapshots, name: &str) -> Option<Snapshot> {
    let bytes = match snapshots.load(name).await {
        Ok(bytes) => bytes?,
        Err(error) => {
            warn!(name, %error, "a state cannot be read");
            return None;
        }
    };
    // Reading a large state takes long enough to keep others waiting.
    match spawn_blocking(move || Snapshot::decode(&bytes)).await {
        Ok(Ok(snapshot)) => Some(snapshot),
        Ok(Err(error)) => {
            info!(name, %error, "a state is not used");
            None
        }
        Err(error) => {
            warn!(name, %error, "a state is not used");
            None
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
    let mut tail = behind(events, subjects, &state.chain).await?;
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
    let head = state.chain.head;
    if head == Sequence::START {
        return Ok(());
    }
    let knows_entries = head == state.chain.end || !state.entries.is_empty();
    if !is_in(events, subjects, &state.chain).await? {
        warn!(commit = head.0, "not this log's state; folding the log from its start");
        let_go(std::mem::take(state));
    } else if !knows_entries && events.end().await? < state.chain.end {
        // Only whoever has folded the last commit knows its entries.
        warn!(
            commit = head.0,
            "the log ends inside this state's commit; folding it from its start"
        );
        let_go(std::mem::take(state));
    }
    Ok(())
}

/// Whether the last commit of `chain` is in the log.
async fn is_in<L: Log>(events: &L, subjects: &Subjects, chain: &Chain) -> Result<bool, ReadError> {
    let is = |hash| hash == chain.hash;
    match stands(events, &subjects.commit(), chain.head, is).await {
        Err(error) if is_missing(&error) => {}
        stands => return stands,
    }
    // Its stream has left the server. The commit that the next one begins with names it.
    let mut tail = behind(events, subjects, chain).await?;
    if tail.remaining() == 0 {
        return Ok(false);
    }
    let next = tail.next(1).await?;
    let next = next.first().and_then(|next| Commit::decode(&next.payload).ok());
    Ok(next.is_some_and(|next| next.head.prev_hash == chain.hash))
}

/// A reader of the commits behind the last one of `chain`.
async fn behind<L: Log>(
    events: &L,
    subjects: &Subjects,
    chain: &Chain,
) -> Result<L::Tail, ReadError> {
    match events.follow(&subjects.commit(), chain.head).await {
        // Of a stream that has left the server only entries came behind that commit.
        Err(error) if is_missing(&error) => events.follow(&subjects.commit(), chain.end).await,
        tail => tail,
    }
}

fn is_missing(error: &ReadError) -> bool {
    matches!(error, ReadError::Broken(cause) if cause.is::<MissingLog>())
}
