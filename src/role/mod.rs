//! What a process can be: each role a small verb on the engine and the ports.

pub mod as_of;
pub mod attention;
pub mod checkpoints;
pub mod committer;
pub mod feed;
pub mod follow;
mod let_go;
pub mod milestones;
pub mod outbox;
pub mod payer;
pub mod projector;
pub mod rebuild;
pub mod reconcile;
pub mod replay;
pub mod restore;
pub mod retry_scheduler;
#[cfg(test)]
mod testing;
pub mod verifier;
pub mod view_proof;
pub mod webhooks;
