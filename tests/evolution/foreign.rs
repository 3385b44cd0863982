//! Commits as other builds write them.

use kassa::wire::Hash;
use serde::Serialize;
use serde_json::Value;

/// An event: its name stands before its data.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Foreign<'a> {
    pub(crate) r#type: &'a str,
    pub(crate) v: u16,
    pub(crate) source: &'a str,
    pub(crate) data: Value,
}

/// What stands before the events.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    pub(crate) epoch: u64,
    pub(crate) number: u64,
    pub(crate) at_ms: u64,
    pub(crate) position: u64,
    pub(crate) prev_hash: Hash,
}

#[derive(Serialize)]
struct ForeignCommit<'a> {
    v: u64,
    epoch: u64,
    number: u64,
    at_ms: u64,
    position: u64,
    prev_hash: Hash,
    events: &'a [Foreign<'a>],
}

/// The first commit of a log, of a version whose events stand in it as they are.
pub(crate) fn commit(v: u64, events: &[Foreign<'_>]) -> Vec<u8> {
    commit_after(v, Before { epoch: 1, number: 1, ..Before::default() }, events)
}

/// A commit that stands somewhere.
pub(crate) fn commit_after(v: u64, before: Before, events: &[Foreign<'_>]) -> Vec<u8> {
    let Before { epoch, number, at_ms, position, prev_hash } = before;
    let commit = ForeignCommit { v, epoch, number, at_ms, position, prev_hash, events };
    rmp_serde::to_vec_named(&commit).unwrap()
}
