//! Read, fold, commit what follows together with the position, fenced.
//!
//! One loop for the committer and for every follower. What they fold and what they write differs;
//! how a commit is sent, what silence means, and who may write does not.

mod alias;
mod complete;
mod copies;
mod drive;
mod follower;
mod lease;
mod pace;
mod place;
mod private;
mod reader;
mod settle;
#[cfg(test)]
mod tests;
mod verify;

pub use alias::{Aliases, Live, Moves, PointError};
pub use complete::complete;
pub use copies::compare_copies;
pub use drive::{Ended, Error, Machine, Source, drive};
pub use follower::{Follower, Input, Output, Projection, ProjectionError, Reached, Taken, open};
pub use lease::{Candidate, MayNotLead};
pub use pace::Pace;
pub use place::stands;
pub use private::look_for_private;
pub use reader::{ViewReader, Watch};
pub use settle::{Settled, settle};
pub use verify::{
    Progress, prove, prove_kept, stored, verify_kept, verify_log, verify_log_and_commands,
};
