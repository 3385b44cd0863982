//! Invariants over a whole log.
