//! Whether what is kept of the shop, to begin from, is what the log adds up to.
//!
//! Kept are the committer's last state, the state at the end of each closed stream of the log, and
//! the shop at every milestone. Of each only the digest is remembered; then the log is folded,
//! once.

use std::collections::{BTreeMap, HashMap};
use std::error::Error as _;

use super::state::{NAME, note_strays};
use crate::domain::verify::{Invariant, Stream, Violation};
use crate::domain::{Event, Sequence};
use crate::engine::Error;
use crate::port::{Log, ReadError, SnapshotError, Snapshots, Tail};
use crate::view::Shop;
use crate::wire::{BadSnapshot, Commit, FoldError, Hash, Milestone, Snapshot, Subjects};

/// Commits taken from the log at once.
const READ_AT_ONCE: usize = 256;

/// What was found of the snapshots of a market.
#[derive(Debug, Default)]
pub struct ProvedSnapshots {
    /// Snapshots that were held against the log.
    pub held: u64,
    /// Snapshots that other logic made: what is in them was not looked at.
    pub of_other_logic: u64,
    /// What is wrong.
    pub found: Vec<Violation>,
}

/// Holds every snapshot that this build would use against the fold of the log at its place.
///
/// # Errors
///
/// See [`Error`].
pub async fn prove_snapshots<L: Log>(
    (events, subjects): (&L, &Subjects),
    snapshots: &impl Snapshots,
) -> Result<ProvedSnapshots, Error> {
    let mut proof = kept(snapshots).await.map_err(|error| ReadError::Unavailable(error.into()))?;
    let (mut folded, mut reached) = (Folded::default(), Sequence::START);
    let mut tail = events.follow(&subjects.commit(), Sequence::START).await?;
    while reached < proof.until && 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await? {
            reached = entry.sequence;
            note_strays(events, subjects, &mut folded.state, reached).await?;
            match folded.follow(reached, &entry.payload) {
                Ok(commit) => proof.meet((reached, &commit), &folded)?,
                Err(why) => {
                    let what = format!("no later snapshot was held against the log: {why}");
                    proof.tell(reached, what);
                    return Ok(proof.proved);
                }
            }
        }
    }
    proof.miss(|_| true);
    Ok(proof.proved)
}

/// Reads everything that is kept.
async fn kept(snapshots: &impl Snapshots) -> Result<Proof, SnapshotError> {
    let mut proof = Proof::default();
    let mut names = snapshots.names().await?;
    names.sort_unstable();
    for name in names {
        if let Some(bytes) = snapshots.load(&name).await? {
            proof.take(name, &bytes);
        }
    }
    Ok(proof)
}

/// The fold of the log.
#[derive(Default)]
struct Folded {
    state: Snapshot,
    shop: Shop,
}

impl Folded {
    /// Follows the commit at `sequence`; says why that cannot be.
    fn follow(&mut self, sequence: Sequence, payload: &[u8]) -> Result<Commit, String> {
        let why = |error: FoldError| match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        let commit = Commit::decode(payload).map_err(|error| why(error.into()))?;
        self.state.follow_read((sequence, Hash::of(payload)), &commit).map_err(why)?;
        let followed = self.shop.follow(sequence, commit.head.at, &commit.events);
        followed.map_err(|(at, misfit)| format!("event {at}: {misfit}"))?;
        Ok(commit)
    }

    fn digest(&self, what: What) -> Result<Hash, BadSnapshot> {
        match what {
            What::State => digest_of(&self.state),
            What::Shop => {
                let milestone =
                    Milestone { commit: self.state.chain.hash, shop: self.shop.clone() };
                milestone.digest()
            }
        }
    }
}

fn digest_of(state: &Snapshot) -> Result<Hash, BadSnapshot> {
    state.digest().map_err(|error| BadSnapshot::Packed(error.into()))
}

/// What is in a snapshot.
#[derive(Clone, Copy)]
enum What {
    /// What the committer decides by.
    State,
    /// What whoever looks back begins with.
    Shop,
}

/// One that is kept.
struct Kept {
    name: String,
    what: What,
    digest: Hash,
}

/// What is kept, and what was found of it.
#[derive(Default)]
struct Proof {
    /// By the commit they are of.
    kept: BTreeMap<Sequence, Vec<Kept>>,
    /// The hashes of the bytes of states at the end of closed streams, whatever logic made them:
    /// the log names them.
    closing: HashMap<String, Hash>,
    /// How far the log has to be read.
    until: Sequence,
    proved: ProvedSnapshots,
}

impl Proof {
    fn take(&mut self, name: String, bytes: &[u8]) {
        let closes = Snapshot::closing_place(&name);
        if let Some(last) = closes {
            self.closing.insert(name.clone(), Hash::of(bytes));
            // The commit behind it names it.
            self.until = self.until.max(last.next());
        }
        let place = Milestone::place(&name).or(closes).unwrap_or_default();
        let read = match Milestone::place(&name) {
            Some(_) => shop_in(bytes),
            None if name == NAME || closes.is_some() => state_in(&name, bytes),
            // Somebody else's.
            None => return,
        };
        match read {
            Ok(Read { place, own_name, what, digest }) if own_name == name => {
                self.proved.held = self.proved.held.saturating_add(1);
                self.until = self.until.max(place);
                self.kept.entry(place).or_default().push(Kept { name, what, digest });
            }
            Ok(Read { own_name, .. }) => {
                self.tell(place, format!("the snapshot {name} holds what has to be {own_name}"));
            }
            Err(BadSnapshot::OtherLogic(_)) => {
                self.proved.of_other_logic = self.proved.of_other_logic.saturating_add(1);
            }
            Err(error) => {
                self.tell(place, format!("the snapshot {name} cannot be read: {error}"));
            }
        }
    }

    /// The log is folded up to this commit.
    fn meet(
        &mut self,
        (sequence, commit): (Sequence, &Commit),
        folded: &Folded,
    ) -> Result<(), Error> {
        self.miss(|place| place < sequence);
        for record in &commit.events {
            if let Event::Opened(opened) = &record.event
                && let Some(follows) = &opened.follows
                && let Some(kept) = self.closing.get(follows.snapshot.as_str())
                && kept.to_string() != follows.snapshot_digest.as_str()
            {
                let name = &follows.snapshot;
                self.tell(sequence, format!("the snapshot {name} is not the one the log names"));
            }
        }
        for Kept { name, what, digest } in self.kept.remove(&sequence).into_iter().flatten() {
            let adds_up = folded.digest(what).map_err(|error| Error::defect(sequence, error))?;
            if adds_up != digest {
                let what = format!("the snapshot {name} is not what the log adds up to");
                self.tell(sequence, what);
            }
        }
        Ok(())
    }

    /// No commit stands where these are of one.
    fn miss(&mut self, is_passed: impl Fn(Sequence) -> bool) {
        while let Some(first) = self.kept.first_entry().filter(|first| is_passed(*first.key())) {
            let (place, kept) = first.remove_entry();
            for Kept { name, .. } in kept {
                let what = "no commit stands where it is of one";
                self.tell(place, format!("the snapshot {name}: {what}"));
            }
        }
    }

    fn tell(&mut self, sequence: Sequence, detail: String) {
        let (stream, invariant) = (Stream::Events, Invariant::I9);
        let violation = Violation { stream, sequence, index: None, invariant, detail };
        self.proved.found.push(violation);
    }
}

/// What was read of a snapshot.
struct Read {
    /// The commit it is of.
    place: Sequence,
    /// The name that what is in it has to have.
    own_name: String,
    what: What,
    digest: Hash,
}

fn shop_in(bytes: &[u8]) -> Result<Read, BadSnapshot> {
    let milestone = Milestone::decode(bytes)?;
    let place = milestone.shop.totals().event_seq;
    let (own_name, digest) = (Milestone::name_at(place), milestone.digest()?);
    Ok(Read { place, own_name, what: What::Shop, digest })
}

/// The committer's last state has one name, wherever it was taken.
fn state_in(name: &str, bytes: &[u8]) -> Result<Read, BadSnapshot> {
    let state = Snapshot::decode(bytes)?;
    let own_name = match name {
        NAME => NAME.to_owned(),
        _ => Snapshot::closing_name(state.chain.end),
    };
    let (place, digest) = (state.chain.head, digest_of(&state)?);
    Ok(Read { place, own_name, what: What::State, digest })
}

#[cfg(test)]
mod tests;
