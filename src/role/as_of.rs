//! As of a moment: what was true when the log ended there.
//!
//! Woken by whoever looks, wakes nobody; see [`Replay`] for what it cannot do.

use super::replay::Replay;
use crate::domain::{Address, Misfit, OrderId, Sequence, Timestamp};
use crate::port::{Entry, ReadError, Tail};
use crate::view::{OrderView, Shop, View};
use crate::wire::{Commit, UnreadCommit};

/// Why nobody can say what was true.
#[derive(Debug, thiserror::Error)]
pub enum AsOfError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// A commit cannot be understood.
    #[error(transparent)]
    Commit(#[from] UnreadCommit),
    /// An event does not follow what was there before it.
    #[error("the event at {at}")]
    Misfit {
        /// Where.
        at: Address,
        /// Why not.
        #[source]
        why: Misfit,
    },
}

/// The order as its view was after a commit.
///
/// # Errors
///
/// See [`AsOfError`].
pub fn order_after(
    mut known: Option<OrderView>,
    order_id: OrderId,
    sequence: Sequence,
    commit: &Commit,
) -> Result<Option<OrderView>, AsOfError> {
    let made = commit.head.at;
    for (index, record) in (0..).zip(&commit.events) {
        let event = &record.event;
        if event.order_id() != Some(order_id) {
            continue;
        }
        let at = Address::new(sequence, index);
        known = match known.filter(|_| !OrderView::begins(event)) {
            Some(mut order) => {
                order.follow(at, made, event).map_err(|why| AsOfError::Misfit { at, why })?;
                Some(order)
            }
            None => OrderView::begin(at, made, event),
        };
    }
    Ok(known)
}

/// The whole shop, from a moment before to the last commit that was made by `until`; `seen` sees
/// each commit on the way.
///
/// # Errors
///
/// See [`AsOfError`].
pub async fn shop<T: Tail>(
    (replay, until): (&mut Replay<T>, Timestamp),
    mut shop: Shop,
    mut seen: impl FnMut(Sequence, &Commit),
) -> Result<Shop, AsOfError> {
    while let Some(entry) = replay.next().await? {
        let commit = read(&entry)?;
        if until < commit.head.at {
            break;
        }
        seen(entry.sequence, &commit);
        shop.follow(entry.sequence, commit.head.at, &commit.events)
            .map_err(|(at, why)| AsOfError::Misfit { at, why })?;
    }
    Ok(shop)
}

/// The commit an entry holds.
///
/// # Errors
///
/// [`AsOfError::Commit`].
pub fn read(entry: &Entry) -> Result<Commit, AsOfError> {
    Ok(Commit::decode_at(entry.sequence, &entry.payload)?)
}

#[cfg(test)]
mod tests;
