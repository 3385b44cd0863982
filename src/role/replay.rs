//! Replay: a part of the log again, in its order, at its own speed or another.
//!
//! Woken by whoever looks, wakes nobody. It has a reader's place and nothing else: no way to
//! publish a command, to ask anybody, or to reach a provider. Run twice, it shows the same twice.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{Sequence, Timestamp};
use crate::port::{Entry, ReadError, Tail};

/// Messages taken from the reader at once.
const READ_AT_ONCE: usize = 256;

/// What is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first message.
    pub from: Sequence,
    /// The last message.
    pub to: Sequence,
    /// Nothing that was stored after this moment.
    pub until: Option<Timestamp>,
}

impl Range {
    /// Where a reader stands before it.
    #[must_use]
    pub const fn before(&self) -> Sequence {
        Sequence(self.from.0.saturating_sub(1))
    }

    /// How many of its sequences are done when this one is.
    #[must_use]
    pub const fn done(&self, sequence: Sequence) -> u64 {
        sequence.0.saturating_sub(self.before().0)
    }
}

/// A reader that goes through a part of a log.
pub struct Replay<T> {
    tail: T,
    range: Range,
    /// How many times faster than it happened; none is as fast as it can be read.
    speed: Option<f64>,
    begun: Option<(Instant, Timestamp)>,
    read: VecDeque<Entry>,
    done: bool,
}

impl<T: Tail> Replay<T> {
    /// Goes through a part of the log, whose reader stands before it.
    pub const fn new(tail: T, range: Range, speed: Option<f64>) -> Self {
        Self { tail, range, speed, begun: None, read: VecDeque::new(), done: false }
    }

    /// The next message, when its moment has come; none behind the last.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            if let Some(entry) = self.read.pop_front() {
                let late = self.range.until.is_some_and(|until| until < entry.time);
                if self.range.to < entry.sequence || late {
                    self.done = true;
                    self.read.clear();
                    return Ok(None);
                }
                if entry.sequence < self.range.from {
                    continue;
                }
                self.wait_for(entry.time).await;
                return Ok(Some(entry));
            }
            if self.done || self.tail.remaining() == 0 {
                return Ok(None);
            }
            self.read.extend(self.tail.next(READ_AT_ONCE).await?);
        }
    }

    /// Waits until as much time has gone by here as went by there.
    async fn wait_for(&mut self, moment: Timestamp) {
        let Some(speed) = self.speed else { return };
        let (begun, first) = *self.begun.get_or_insert_with(|| (Instant::now(), moment));
        let there = moment.since(first).as_secs_f64() / speed;
        let here = Duration::try_from_secs_f64(there).unwrap_or(Duration::MAX);
        if let Some(until) = begun.checked_add(here) {
            tokio::time::sleep_until(until).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::T0;
    use crate::port::model::{ModelClock, ModelLog};
    use crate::port::{Batch, Log, Message};

    /// A log with one message a second, from the first.
    async fn log(messages: u64) -> ModelLog {
        let clock = ModelClock::at(T0);
        let log = ModelLog::new(clock.clone());
        for number in 1..=messages {
            let payload = number.to_string().into();
            let message = Message { subject: "a".to_owned(), payload, ..Message::default() };
            let batch = Batch::of(vec![message]);
            log.commit(&batch).await.unwrap();
            clock.advance(Duration::from_secs(1));
        }
        log
    }

    async fn replayed(
        log: &ModelLog,
        (from, to): (u64, u64),
        until: Option<Timestamp>,
    ) -> Vec<u64> {
        let tail = log.follow("a", Sequence(from - 1)).await.unwrap();
        let range = Range { from: Sequence(from), to: Sequence(to), until };
        let mut replay = Replay::new(tail, range, None);
        let mut all = Vec::new();
        while let Some(entry) = replay.next().await.unwrap() {
            all.push(entry.sequence.0);
        }
        assert_eq!(replay.next().await.unwrap(), None, "the end stays the end");
        all
    }

    #[tokio::test]
    async fn a_part_is_replayed_in_order_from_its_first_to_its_last() {
        let log = log(9).await;
        assert_eq!(replayed(&log, (3, 6), None).await, [3, 4, 5, 6]);
        assert_eq!(replayed(&log, (1, 99), None).await, (1..=9).collect::<Vec<_>>());
        let third_second = T0.after(Duration::from_secs(3));
        assert_eq!(replayed(&log, (2, 9), Some(third_second)).await, [2, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_replay_takes_as_long_as_it_took_divided_by_its_speed() {
        let tail = log(11).await.follow("a", Sequence::START).await.unwrap();
        let range = Range { from: Sequence(1), to: Sequence(11), until: None };
        let (mut replay, begun) = (Replay::new(tail, range, Some(5.0)), Instant::now());
        while replay.next().await.unwrap().is_some() {}
        assert_eq!(begun.elapsed().as_millis(), 2_000, "ten seconds at five times the speed");
    }
}
