//! What the payer is owed a call for, in its bucket.
//!
//! The bucket is written once a second, and what came and went since then not at all. So it is
//! what the log adds up to at its position, but for values that are ahead of it: such a value is
//! what the log adds up to at the commit it names, and one that is gone was settled further on.

use std::collections::{BTreeMap, HashMap};

use super::{Found, Proof, Proved, wide};
use crate::domain::{OrderId, Sequence, Timestamp};
use crate::engine::ViewReader;
use crate::port::{Log, ReadError};
use crate::view::owed::{Debt, Owed, OwedChange, change};
use crate::wire::{Commit, Encoding, Subjects};

/// The bucket, and the log beside it.
struct OwedProof {
    position: Sequence,
    /// The end of the log, as it was when the bucket had been read.
    until: Sequence,
    /// What is shown and was not compared yet.
    shown: BTreeMap<Debt, Owed>,
    held: u64,
    /// What is owed.
    owing: Owing,
    /// What was owed at the position and is not shown: it has to be settled further on.
    missing: BTreeMap<Debt, Sequence>,
    is_passed: bool,
    found: Found,
}

/// What is owed as of a commit.
#[derive(Default)]
struct Owing(HashMap<Debt, Owed>);

/// What the payer's bucket shows, as it is now.
///
/// # Errors
///
/// See [`ReadError`].
pub async fn owed<L: Log>(
    (events, subjects): (&L, &Subjects),
    live: &ViewReader<L>,
) -> Result<Box<dyn Proof>, ReadError> {
    // Asked for first: the values are as new or newer.
    let position = live.position().await?;
    let (mut shown, mut found) = (HashMap::new(), Found::of("what the payer is owed"));
    live.each(|key, payload| {
        if payload.is_empty() {
            return drop(shown.remove(key));
        }
        let owed = Encoding::Json.read::<Owed>(payload).ok();
        if let Some(owed) = owed.filter(|owed| owed.debt().to_string() == key) {
            return drop(shown.insert(key.to_owned(), owed));
        }
        shown.remove(key);
        found.tell(position, &format!("what it shows of {key} cannot be read"));
    })
    .await?;
    // Whatever is gone from the bucket by now was settled before the end of the log.
    let until = events.last(&subjects.commit()).await?.map(|entry| entry.sequence);
    Ok(Box::new(OwedProof {
        position,
        until: until.unwrap_or_default(),
        held: wide(shown.len()),
        shown: shown.into_values().map(|owed| (owed.debt(), owed)).collect(),
        owing: Owing::default(),
        missing: BTreeMap::new(),
        is_passed: false,
        found,
    }))
}

impl OwedProof {
    /// The log has come to the bucket's position.
    fn pass(&mut self) {
        if std::mem::replace(&mut self.is_passed, true) {
            return;
        }
        let unshown = self.owing.0.values().filter(|owed| !self.shown.contains_key(&owed.debt()));
        self.missing = unshown.map(|owed| (owed.debt(), owed.event_seq)).collect();
        let position = self.position;
        let shown: Vec<_> =
            self.shown.extract_if(.., |_, owed| owed.event_seq <= position).collect();
        for (debt, shown) in shown {
            self.compare(debt, &shown);
        }
    }

    /// Compares what is shown of a debt with what is owed now.
    fn compare(&mut self, debt: Debt, shown: &Owed) {
        let known = shown.event_seq;
        match self.owing.0.get(&debt) {
            Some(owed) if owed == shown => {}
            Some(owed) if known < owed.event_seq => {
                let what = format!("{debt} changed, and it shows what was at {known}");
                self.found.tell(owed.event_seq, &what);
            }
            Some(_) => {
                self.found.tell(known, &format!("{debt} is not what the log adds up to"));
            }
            None => self.found.tell(known, &format!("it shows {debt}, which is not owed")),
        }
    }

    /// Behind the position, a commit has changed what is owed of a debt.
    fn meet(&mut self, sequence: Sequence, debt: Debt) {
        if !self.owing.0.contains_key(&debt) {
            self.missing.remove(&debt);
        }
        if let Some(shown) = self.shown.remove(&debt) {
            match shown.event_seq == sequence {
                true => self.compare(debt, &shown),
                false => drop(self.shown.insert(debt, shown)),
            }
        }
    }
}

impl Proof for OwedProof {
    fn until(&self) -> Sequence {
        self.until
    }

    fn follow(&mut self, sequence: Sequence, commit: &Commit) {
        if self.position < sequence {
            self.pass();
        }
        let mut touched = Vec::new();
        for record in &commit.events {
            let at = (sequence, commit.head.at);
            touched.extend(change(at, record).and_then(|change| self.owing.follow(at, change)));
        }
        if self.is_passed {
            touched.sort();
            touched.dedup();
            for debt in touched {
                self.meet(sequence, debt);
            }
        }
    }

    fn end(mut self: Box<Self>) -> Proved {
        self.pass();
        for (debt, sequence) in self.missing {
            self.found.tell(sequence, &format!("it shows nothing of {debt}"));
        }
        for (debt, shown) in self.shown {
            self.found.tell(shown.event_seq, &format!("it shows {debt}, and no commit says so"));
        }
        self.found.proved(self.held)
    }
}

impl Owing {
    /// Follows what an event does to what is owed; the debt that is another now, or none.
    fn follow(&mut self, at: (Sequence, Timestamp), change: OwedChange) -> Option<Debt> {
        match change {
            OwedChange::Asked(owed) => {
                let debt = owed.debt();
                self.0.insert(debt, *owed);
                Some(debt)
            }
            OwedChange::Again(debt, retry) => {
                let (event_seq, key_made_at_ms) = (at.0, Some(at.1));
                let owed = self.0.get_mut(&debt)?;
                *owed = Owed {
                    attempt: retry.attempt,
                    idempotency_key: retry.idempotency_key,
                    key_made_at_ms,
                    not_before_ms: Some(retry.at),
                    event_seq,
                    ..owed.clone()
                };
                Some(debt)
            }
            OwedChange::Settled(debt) => self.0.remove(&debt).map(|_| debt),
            OwedChange::Told(debt, attempt) => self.told(debt, attempt),
            OwedChange::Paid(order_id, attempt) => {
                let told = self.told(Debt::charge(order_id), attempt);
                told.or_else(|| self.off(at.0, order_id))
            }
            OwedChange::Off(order_id) => self.off(at.0, order_id),
        }
    }

    /// What became of an attempt is in the log.
    fn told(&mut self, debt: Debt, attempt: u8) -> Option<Debt> {
        self.0.get(&debt).filter(|owed| owed.attempt == attempt)?;
        self.0.remove(&debt).map(|_| debt)
    }

    /// Nothing is charged for an order any more; what was charged is to be found out, at once.
    fn off(&mut self, event_seq: Sequence, order_id: OrderId) -> Option<Debt> {
        let debt = Debt::charge(order_id);
        let owed = self.0.get_mut(&debt).filter(|owed| !owed.off)?;
        (owed.off, owed.not_before_ms, owed.event_seq) = (true, None, event_seq);
        Some(debt)
    }
}

#[cfg(test)]
mod tests;
