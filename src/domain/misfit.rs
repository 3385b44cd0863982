//! An event that cannot follow the state it meets.

use std::fmt;

/// An event that does not fit the state before it.
///
/// What is in the log has happened, so a misfit is a defect of the writer or of the reader.
/// Nobody skips one: folding stops and says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} does not fit: {why}")]
pub struct Misfit {
    /// Type of the event, for example `stock_released`.
    pub event: &'static str,
    /// What was expected instead, with the values.
    pub why: String,
}

impl Misfit {
    /// A misfit of `event`, because of `why`.
    pub fn new(event: &'static str, why: impl fmt::Display) -> Self {
        Self { event, why: why.to_string() }
    }
}
