//! Rules that run: rooms and their imports, words with one home, sizes, and documents that keep
//! up with the code. A fault lists every violation together with its rule.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "offsets into a file that is at hand; a wrong one fails the test"
)]

mod alerts;
mod documents;
mod examples;
mod rooms;
mod source;
mod words;

use std::path::Path;

/// The folder of the project.
fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fails with every fault there is, so that one run shows the whole picture.
#[track_caller]
fn report(mut faults: Vec<String>) {
    faults.sort();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
