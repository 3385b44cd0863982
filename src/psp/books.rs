//! Everything the provider remembers.
//!
//! The books are the fold of the ledger's lines; a line is written first and applied then, so what
//! is answered is in the file.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::ledger::{Ledger, LedgerError};
use super::records::{Charge, EventName, Intent, Line, Open, Refund, Saved};
use super::render::{Render, event};

/// Records of one kind in the order in which they came, and where each one is.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    records: Vec<T>,
    places: HashMap<String, usize>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { records: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Render> Shelf<T> {
    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.places.get(id).and_then(|place| self.records.get(*place))
    }

    /// All of them, newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = &T> {
        self.records.iter().rev()
    }

    fn put(&mut self, record: T) {
        let place = self.places.get(record.id()).copied();
        match place.and_then(|place| self.records.get_mut(place)) {
            Some(own) => *own = record,
            None => {
                self.places.insert(record.id().to_owned(), self.records.len());
                self.records.push(record);
            }
        }
    }
}

/// An answer, until when it is given again, and for what.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) saved: Saved,
    at_ms: u64,
}

/// The books.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) intents: Shelf<Intent>,
    pub(super) charges: Shelf<Charge>,
    pub(super) refunds: Shelf<Refund>,
    events: Vec<Value>,
    kept: HashMap<String, Kept>,
    ledger: Option<Ledger>,
}

impl Books {
    /// Reads the file, if there is one.
    pub(super) fn open(file: Option<&Path>) -> Result<Self, LedgerError> {
        let mut books = Self::default();
        let Some(file) = file else { return Ok(books) };
        let (ledger, lines) = Ledger::open(file)?;
        for line in lines {
            books.apply(line);
        }
        books.ledger = Some(ledger);
        Ok(books)
    }

    /// Writes a line down and applies it. Returns the events that tell it.
    pub(super) fn book(&mut self, mut line: Line) -> Result<Vec<Value>, LedgerError> {
        let names = line.told_as().iter();
        line.events =
            names.map(|kind| EventName { id: new_id("evt"), kind: (*kind).to_owned() }).collect();
        if let Some(ledger) = &mut self.ledger {
            ledger.append(&line)?;
        }
        Ok(self.apply(line))
    }

    fn apply(&mut self, line: Line) -> Vec<Value> {
        let events: Vec<_> = line.events.iter().filter_map(|name| event(&line, name)).collect();
        self.events.extend(events.iter().cloned());
        if let Some(intent) = line.intent {
            self.intents.put(intent);
        }
        if let Some(charge) = line.charge {
            self.charges.put(charge);
        }
        if let Some(refund) = line.refund {
            self.refunds.put(refund);
        }
        if let (Some(key), Some(saved)) = (line.key, line.saved) {
            self.kept.insert(key, Kept { saved, at_ms: line.at_ms });
        }
        events
    }

    /// The answer kept under a key, unless it is older than `keeps_ms`.
    pub(super) fn kept(&mut self, key: &str, now_ms: u64, keeps_ms: u64) -> Option<&Saved> {
        if self.kept.get(key)?.at_ms.saturating_add(keeps_ms) <= now_ms {
            self.kept.remove(key);
        }
        self.kept.get(key).map(|kept| &kept.saved)
    }

    /// Everything that is not at its end.
    pub(super) fn left_open(&self) -> Vec<Open> {
        let intents = self.intents.records.iter().filter_map(Open::of_intent);
        intents.chain(self.refunds.records.iter().filter_map(Open::of_refund)).collect()
    }

    /// Every event, oldest first.
    pub(super) fn events(&self) -> &[Value] {
        &self.events
    }

    /// Any object by its name, as Stripe shows it.
    pub(super) fn object(&self, id: &str) -> Option<Value> {
        match id.split_once('_')?.0 {
            "pi" => self.intents.get(id).map(Render::render),
            "ch" => self.charges.get(id).map(Render::render),
            "re" => self.refunds.get(id).map(Render::render),
            _ => None,
        }
    }
}

/// A new name: what kind of thing it is, and 24 letters by chance.
pub(super) fn new_id(kind: &str) -> String {
    let random: [u8; 12] = rand::random();
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}_{hex}")
}
