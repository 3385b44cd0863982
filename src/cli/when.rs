//! Moments as people write them.

pub(super) use crate::wire::rfc3339 as written;
