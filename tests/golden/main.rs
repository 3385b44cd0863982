//! Bytes that were written once and have to be understood for ever.
//!
//! Each file under `tests/golden` holds the bytes of one shape and what they say. A file that
//! stands is never changed: a new shape gets a new file, written by
//! `KASSA_WRITE_GOLDEN=1 cargo test --test golden`, which leaves alone whatever exists.

#[cfg(test)]
mod attention;
#[cfg(test)]
mod commits;
#[cfg(test)]
mod events;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod shelf;
#[cfg(test)]
mod single;
#[cfg(test)]
mod things;
#[cfg(test)]
mod told;
