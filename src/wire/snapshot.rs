//! The committer's state: the fold of the log, and its bytes.
//!
//! Shape: the logic hash, the chain, the market; MessagePack. A snapshot is a cache, the log is
//! the truth: whatever does not match is thrown away.

use serde::{Deserialize, Serialize};

use super::chain::{Chain, Hash};
use super::commit::{Commit, DecodeError};
use crate::domain::market::LedgerEntry;
use crate::domain::{Address, Market, Misfit, Sequence};

/// What the names of states at the end of a closed stream begin with.
const CLOSING: &str = "closing-";

/// Digits of the largest sequence, so that the order of names is that of sequences.
pub(super) const DIGITS: usize = 20;

/// Hash over the sources of `domain`, `view` and `wire`, made by the build: two builds whose folds
/// may differ never share a snapshot.
pub const LOGIC: &str = env!("LOGIC_HASH");

/// A market and the end of the log it is the fold of.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The end of the log.
    pub chain: Chain,
    /// What is true there.
    pub market: Market,
    /// What was folded since it was read or taken.
    pub unkept: Unkept,
    /// The ledger entries that belong behind the last commit, when that was followed and not read
    /// from bytes.
    pub entries: Vec<LedgerEntry>,
}

/// A part of the log that whoever starts has to fold, for want of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unkept {
    /// Commits.
    pub commits: u64,
    /// Events in them.
    pub events: u64,
}

impl Unkept {
    /// Counts a commit of so many events.
    pub fn note(&mut self, events: usize) {
        self.commits = self.commits.saturating_add(1);
        self.events = self.events.saturating_add(u64::try_from(events).unwrap_or(u64::MAX));
    }
}

/// Why a snapshot is not used.
#[derive(Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// Made by other logic.
    #[error("made by logic {0}, this build is {LOGIC}")]
    OtherLogic(String),
    /// No snapshot.
    #[error(transparent)]
    Unreadable(#[from] rmp_serde::decode::Error),
    /// It cannot be packed or unpacked.
    #[error("it cannot be unpacked")]
    Packed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[derive(Serialize, Deserialize)]
struct Head {
    logic: String,
    chain: Chain,
}

/// A commit that does not follow.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// It is no commit, or one of a newer build.
    #[error("it cannot be folded")]
    Unreadable(#[from] DecodeError),
    /// It is not the next one.
    #[error("the chain is broken: {0}")]
    Chain(String),
    /// One of its events does not fit.
    #[error("event {index}")]
    Misfit {
        /// Which.
        index: u32,
        /// Why.
        #[source]
        source: Misfit,
    },
}

impl Snapshot {
    /// Follows the commit at `sequence`.
    ///
    /// # Errors
    ///
    /// [`FoldError`]; the state is spoilt then. Nobody goes on from there.
    pub fn follow(&mut self, sequence: Sequence, payload: &[u8]) -> Result<(), FoldError> {
        self.follow_read((sequence, Hash::of(payload)), &Commit::decode(payload)?)
    }

    /// Follows a commit that somebody has read, with its place and its hash.
    ///
    /// # Errors
    ///
    /// [`FoldError`], as of [`Snapshot::follow`].
    pub fn follow_read(
        &mut self,
        (sequence, hash): (Sequence, Hash),
        commit: &Commit,
    ) -> Result<(), FoldError> {
        if let Some(why) = self.chain.rejects(&commit.head) {
            return Err(FoldError::Chain(why));
        }
        self.market.begin(sequence);
        for (index, record) in (0_u32..).zip(&commit.events) {
            self.market
                .evolve(Address::new(sequence, index), record)
                .map_err(|source| FoldError::Misfit { index, source })?;
        }
        self.entries = self.market.finish(commit.head.at);
        let entries = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        self.chain = Chain::after(&commit.head, hash, sequence, entries);
        self.unkept.note(commit.events.len());
        Ok(())
    }

    /// The name of the state at the end of a closed stream of the log.
    #[must_use]
    pub fn closing_name(last: Sequence) -> String {
        format!("{CLOSING}{:0DIGITS$}", last.0)
    }

    /// The end of the stream whose state has that name; none when it is the name of something
    /// else.
    #[must_use]
    pub fn closing_place(name: &str) -> Option<Sequence> {
        name.strip_prefix(CLOSING)?.parse().ok().map(Sequence)
    }

    /// Its bytes.
    ///
    /// # Errors
    ///
    /// What the encoder says; writing to memory does not fail.
    pub fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        let mut bytes = Vec::new();
        let mut serializer = rmp_serde::Serializer::new(&mut bytes);
        Head { logic: LOGIC.to_owned(), chain: self.chain }.serialize(&mut serializer)?;
        self.market.freeze(&mut serializer)?;
        Ok(bytes)
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    ///
    /// [`BadSnapshot`]: fold the log instead.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadSnapshot> {
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
        let head = Head::deserialize(&mut deserializer)?;
        if head.logic != LOGIC {
            return Err(BadSnapshot::OtherLogic(head.logic));
        }
        let market = Market::thaw(&mut deserializer)?;
        Ok(Self { chain: head.chain, market, unkept: Unkept::default(), entries: Vec::new() })
    }

    /// Equal states have equal digests, however they were reached.
    ///
    /// # Errors
    ///
    /// What the encoder says; writing to memory does not fail.
    pub fn digest(&self) -> Result<Hash, rmp_serde::encode::Error> {
        Ok(Hash::of(&self.encode()?))
    }
}
