//! The command stream against the log.
