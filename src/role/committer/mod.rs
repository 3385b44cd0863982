//! The committer: the one writer of a market.
//!
//! Every instance follows the log; the one with the lease decides. What keeps two of them apart is
//! not the lease but the fence on every commit.

mod doubt;
mod draft;
mod fit;
mod intake;
mod machine;
mod open;
mod poison;
mod prove;
mod rules;
mod run;
mod state;
mod steady;
#[cfg(test)]
mod tests;
mod turns;
mod unkept;
mod watch;

pub use fit::CannotAct;
pub use machine::Committer;
pub use open::{open, open_behind};
pub use prove::{ProvedSnapshots, prove_snapshots};
pub use rules::{Bounds, Decide, Rules};
pub use run::{Ports, Settings, run};
pub use state::{keep_closing, load, read_to_end};
