//! What was written once is understood for ever, and what is written tomorrow is not mistaken for
//! something else.
//!
//! Schemas that say the truth, readers that stop at what a newer build wrote, and whole histories
//! that every build folds to the same. `docs/evolution.md` says how a shape changes.
#![cfg_attr(
    test,
    expect(clippy::arithmetic_side_effects, reason = "a test that counts wrong may panic")
)]

#[cfg(test)]
mod exported;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod history;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod newer;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod truth;
