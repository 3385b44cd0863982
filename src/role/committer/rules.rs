//! What a committer goes by.

use crate::domain::market::{Request, Verdict};
use crate::domain::{Market, Policy, Timestamp};

/// How large a commit may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Commands.
    pub commands: usize,
    /// Bytes of the commit before it is packed. It may be that nothing in it can be packed
    /// tighter, and a message of the log has at most 256 KiB.
    pub bytes: usize,
    /// SKUs whose stock it moves, each of which may need a ledger entry.
    pub skus: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { commands: 500, bytes: 240 * 1024, skus: 700 }
    }
}

/// How a request is decided; [`Market::decide`] everywhere but in tests of what happens when it
/// fails.
pub type Decide = fn(&Market, &Request, Timestamp, &Policy) -> Verdict;

/// What a committer goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What the shop has set.
    pub policy: Policy,
    /// How large a commit may become.
    pub bounds: Bounds,
    /// How a request is decided.
    pub decide: Decide,
    /// A snapshot is taken once this many commits were made, or sooner when they are large.
    pub snapshot_every: u64,
}
