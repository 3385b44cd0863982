//! What is owed, in a bucket of its own.

use std::collections::{HashMap, HashSet};

use crate::domain::{OrderId, Retry, Sequence, Timestamp};
use crate::engine::{Pace, Projection, ProjectionError, Reached, Taken};
use crate::port::Message;
use crate::telemetry;
use crate::view::owed::{Debt, Owed, OwedChange, change};
use crate::wire::{Commit, Encoding};

use super::drive::{Drive, ToMake};

/// Folds commits into what is owed, and hands on what is to be paid.
///
/// An attempt that is asked for and recorded between two batches never touches the bucket.
pub struct OwedProjection {
    prefix: String,
    owed: HashMap<Debt, Owed>,
    /// Keys in the bucket, as of the last batch.
    stored: HashSet<Debt>,
    /// Keys whose value in the bucket is not what is owed.
    changed: HashSet<Debt>,
    drive: Drive,
    /// What was asked for before the end of the log was reached: it may be settled further on.
    held_back: Option<HashSet<Debt>>,
}

impl OwedProjection {
    /// What is owed, in the bucket whose keys' subjects begin with `prefix`.
    #[must_use]
    pub fn new(prefix: String, drive: Drive) -> Self {
        drive.start_anew();
        Self {
            prefix,
            owed: HashMap::new(),
            stored: HashSet::new(),
            changed: HashSet::new(),
            drive,
            held_back: Some(HashSet::new()),
        }
    }

    fn ask(&mut self, owed: Owed) {
        let debt = owed.debt();
        match &mut self.held_back {
            Some(held_back) => drop(held_back.insert(debt)),
            None => self.drive.pay(ToMake { owed: owed.clone(), may_be_out: false }),
        }
        self.owed.insert(debt, owed);
    }

    /// What was owed is owed by another attempt, later.
    fn again(&mut self, (sequence, at): (Sequence, Timestamp), debt: Debt, retry: Retry) {
        // What is owed was asked for before, and whatever is written ahead of the position is at
        // least as new.
        let Some(owed) = self.owed.get(&debt).filter(|owed| owed.attempt < retry.attempt) else {
            return;
        };
        let next = Owed {
            attempt: retry.attempt,
            idempotency_key: retry.idempotency_key,
            key_made_at_ms: Some(at),
            not_before_ms: Some(retry.at),
            event_seq: sequence,
            ..owed.clone()
        };
        self.changed.insert(debt);
        self.ask(next);
    }

    /// An order is off, or paid by another attempt. A call for it may be out, or have been: money
    /// that came is found out.
    fn off(&mut self, sequence: Sequence, order_id: OrderId) {
        let debt = Debt::charge(order_id);
        let Some(owed) = self.owed.get(&debt).filter(|owed| !owed.off) else { return };
        let off = Owed { off: true, not_before_ms: None, event_seq: sequence, ..owed.clone() };
        self.changed.insert(debt);
        self.ask(off);
    }

    fn paid(&mut self, (sequence, at): (Sequence, Timestamp), order_id: OrderId, attempt: u8) {
        let owed = self.owed.get(&Debt::charge(order_id));
        // What is read again was counted before.
        if let (Some(owed), Some(metrics), None) = (owed, telemetry::metrics(), &self.held_back)
            && 1 < attempt
        {
            metrics.recovered(at.since(owed.asked_at_ms));
        }
        self.told(Debt::charge(order_id), attempt);
        self.off(sequence, order_id);
    }

    /// What became of an attempt is in the log.
    fn told(&mut self, debt: Debt, attempt: u8) {
        if self.owed.get(&debt).is_some_and(|owed| owed.attempt == attempt) {
            self.settle(debt);
        }
    }

    fn settle(&mut self, debt: Debt) {
        if self.owed.remove(&debt).is_none() {
            return;
        }
        self.drive.settled(debt);
        // What came and went since the last batch is not written at all.
        if self.stored.contains(&debt) {
            self.changed.insert(debt);
        } else {
            self.changed.remove(&debt);
        }
    }
}

impl Drop for OwedProjection {
    /// Whoever no longer follows the log does not know what is owed: nothing more is begun.
    fn drop(&mut self) {
        self.drive.start_anew();
    }
}

impl Projection for OwedProjection {
    fn fold(
        &mut self,
        sequence: Sequence,
        skip: u32,
        commit: &Commit,
    ) -> Result<(), ProjectionError> {
        let unseen = (0_u32..).zip(&commit.events).skip_while(|(index, _)| *index < skip);
        for (_, record) in unseen {
            match change((sequence, commit.head.at), record) {
                Some(OwedChange::Asked(owed)) => {
                    self.changed.insert(owed.debt());
                    self.ask(*owed);
                }
                Some(OwedChange::Again(debt, retry)) => {
                    self.again((sequence, commit.head.at), debt, retry);
                }
                Some(OwedChange::Settled(debt)) => self.settle(debt),
                Some(OwedChange::Paid(order_id, attempt)) => {
                    self.paid((sequence, commit.head.at), order_id, attempt);
                }
                Some(OwedChange::Off(order_id)) => self.off(sequence, order_id),
                Some(OwedChange::Told(debt, attempt)) => self.told(debt, attempt),
                None => {}
            }
        }
        Ok(())
    }

    fn owed(&self) -> usize {
        self.changed.len()
    }

    fn has_room(&self, _pace: &Pace) -> bool {
        // Most of what is owed is settled before it is written; writing early would only cost.
        // What is written ahead of the position is settled again when the log is read again.
        true
    }

    fn take(&mut self, limit: usize) -> Result<Taken, ProjectionError> {
        let mut messages = Vec::new();
        let taken: Vec<Debt> = self.changed.iter().take(limit).copied().collect();
        for debt in taken {
            self.changed.remove(&debt);
            let subject = || format!("{}{debt}", self.prefix);
            match self.owed.get(&debt) {
                Some(owed) => {
                    let payload = Encoding::Json
                        .write(owed)
                        .map_err(|error| ProjectionError(error.to_string()))?;
                    self.stored.insert(debt);
                    messages.push(Message { subject: subject(), payload, ..Message::default() });
                }
                None if self.stored.remove(&debt) => {
                    let headers = vec![("KV-Operation", "DEL".to_owned())];
                    messages.push(Message { subject: subject(), headers, ..Message::default() });
                }
                None => {}
            }
        }
        // Nobody waits for this bucket's position; it moves when everything is written.
        let reached = match self.changed.is_empty() {
            true => Reached::Everything,
            false => Reached::Before(Sequence::START),
        };
        Ok(Taken { messages, reached })
    }

    const RESTORES: bool = true;

    fn restore(&mut self, value: &[u8]) -> Result<(), ProjectionError> {
        let owed: Owed =
            Encoding::Json.read(value).map_err(|error| ProjectionError(error.to_string()))?;
        self.stored.insert(owed.debt());
        self.ask(owed);
        Ok(())
    }

    fn caught_up(&mut self) {
        let held_back = self.held_back.take().into_iter().flatten();
        let mut all: Vec<&Owed> = held_back.filter_map(|debt| self.owed.get(&debt)).collect();
        // Who has waited longest comes first.
        all.sort_by_key(|owed| (owed.not_before_ms.unwrap_or(owed.asked_at_ms), owed.debt()));
        for owed in all {
            self.drive.pay(ToMake { owed: owed.clone(), may_be_out: true });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::drive::Signal;
    use super::*;
    use crate::domain::fixtures::{T0, amount, currency, order, token};
    use crate::view::owed::Way;

    fn overdue(number: u8, since: Duration) -> Owed {
        Owed {
            order_id: order(number),
            attempt: 2,
            idempotency_key: token(&format!("key-{number}")),
            amount_minor: amount(1_000),
            currency: currency("EUR"),
            way: Way::Charge { payment_method_token: token("tok_visa") },
            asked_at_ms: T0.before(since),
            key_made_at_ms: None,
            not_before_ms: Some(T0.before(since)),
            off: false,
            trace: None,
            event_seq: Sequence(7),
        }
    }

    /// Nobody was there to pay. Whoever comes begins with the order that has waited longest.
    #[test]
    fn what_came_due_meanwhile_is_paid_in_its_order() {
        let (drive, mut heard) = Drive::new();
        let mut bucket = OwedProjection::new("$KV.payer.".to_owned(), drive);
        let seconds = [3, 41, 7, 29, 1, 13, 37, 11, 2, 23];
        for (number, second) in (1..).zip(seconds) {
            let owed = overdue(number, Duration::from_secs(second));
            bucket.restore(&Encoding::Json.write(&owed).unwrap()).unwrap();
        }
        assert!(heard.try_recv().is_err(), "it may be settled further on in the log");
        bucket.caught_up();
        let mut due = Vec::new();
        while let Ok(Signal::Owed(made)) = heard.try_recv() {
            assert!(made.may_be_out, "another payer may have called for it");
            due.push(made.owed.not_before_ms.unwrap());
        }
        let mut in_order = due.clone();
        in_order.sort_unstable();
        assert_eq!((due.len(), due), (seconds.len(), in_order));
    }
}
