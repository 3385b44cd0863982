//! A restored log is the log, however often its server is silent and its restorer ends.

use std::time::Duration;

use super::{RestoreError, is_begun, restore};
use crate::domain::Sequence;
use crate::domain::fixtures::*;
use crate::port::model::{ModelClock, ModelLog};
use crate::port::testing::{Dice, SeedOnPanic};
use crate::port::{Entry, Log, ReadError, Tail};
use crate::role::testing::logged;

/// What somebody kept.
struct Kept(std::vec::IntoIter<Entry>);

impl Kept {
    fn of(log: &ModelLog) -> Self {
        Self(log.entries().into_iter())
    }
}

impl Tail for Kept {
    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        Ok(self.0.by_ref().take(limit).collect())
    }

    fn remaining(&self) -> u64 {
        self.0.len() as u64
    }
}

type Stood = (Sequence, String, Vec<u8>);

fn all(log: &ModelLog) -> Vec<Stood> {
    let stood = |entry: Entry| (entry.sequence, entry.subject, entry.payload.to_vec());
    log.entries().into_iter().map(stood).collect()
}

#[tokio::test(start_paused = true)]
async fn a_restored_log_is_the_log_whatever_goes_wrong() {
    for seed in 0..60 {
        let _said = SeedOnPanic(seed);
        let mut dice = Dice::new(seed);
        let log = logged(&busy_shop(seed)).await;
        let empty = ModelLog::new(ModelClock::at(T0));
        let last = log.end().await.unwrap();
        for _ in 0..dice.below(3) {
            empty.faults().plan((0..dice.below(4)).map(|_| dice.fault()));
            let cut_off = Duration::from_millis(dice.below(700) as u64);
            let _ = tokio::time::timeout(cut_off, restore(&empty, Kept::of(&log), |_| {})).await;
            is_begun(&empty, Kept::of(&log), last).await.unwrap();
        }
        restore(&empty, Kept::of(&log), |_| {}).await.unwrap();
        empty.deliver_late();
        assert_eq!(all(&empty), all(&log));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_holds_something_else_is_not_written_to() {
    let log = logged(&busy_shop(1)).await;
    let other = logged(&busy_shop(2)).await;
    let last = log.end().await.unwrap();
    let begun = is_begun(&other, Kept::of(&log), last.max(other.end().await.unwrap())).await;
    assert!(matches!(begun, Err(RestoreError::Differs { .. })), "{begun:?}");
    let longer = is_begun(&log, Kept::of(&log), Sequence(1)).await;
    assert!(matches!(longer, Err(RestoreError::Beyond { .. })), "{longer:?}");
}
