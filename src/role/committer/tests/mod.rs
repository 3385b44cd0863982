//! The whole committer on ports in memory: buyers who do not give up, a log that answers late,
//! twice or not at all, committers that die, hang and come back.
//!
//! Time is virtual. One seed is one history.

mod machine;
mod mishaps;
mod simulation;
mod truth;
mod world;
