//! Planting faults, and looking for them.

use kassa::domain::verify::Invariant;
use kassa::domain::{Sequence, Timestamp};
use kassa::engine::verify_log;
use kassa::port::Entry;
use kassa::port::model::{ModelClock, ModelLog};
use kassa::wire::Verified;

use crate::shop::{good_log, subjects};
use crate::story::Story;

/// Where a fault has to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) sequence: Sequence,
    /// Which event; none when the fault is in no single one.
    pub(crate) index: Option<u32>,
}

impl At {
    /// The message that stands `position` messages behind the first.
    pub(crate) fn message(position: usize) -> Self {
        Self { sequence: Sequence(u64::try_from(position).unwrap() + 1), index: None }
    }

    /// One event of the commit that stands there.
    pub(crate) fn event((position, index): (usize, usize)) -> Self {
        Self { index: Some(u32::try_from(index).unwrap()), ..Self::message(position) }
    }
}

/// How a log is broken.
#[derive(Clone, Copy)]
pub(crate) enum Plant {
    /// Something else happens, and the log is written again around it.
    Story(fn(&mut Story) -> At),
    /// The stored messages are touched, and nothing is put in order behind it.
    Stored(fn(Vec<Entry>) -> (Vec<Entry>, At)),
}

/// A fault, and how it has to be found.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) plant: Plant,
    /// The promise it breaks.
    pub(crate) breaks: Invariant,
    /// What is said about it, among other things.
    pub(crate) says: &'static str,
}

/// A fault that is planted by telling another story.
pub(crate) const fn told(
    name: &'static str,
    plant: fn(&mut Story) -> At,
    breaks: Invariant,
    says: &'static str,
) -> Fault {
    Fault { name, plant: Plant::Story(plant), breaks, says }
}

/// A fault that is planted in the stored messages.
pub(crate) const fn stored(
    name: &'static str,
    plant: fn(Vec<Entry>) -> (Vec<Entry>, At),
    breaks: Invariant,
    says: &'static str,
) -> Fault {
    Fault { name, plant: Plant::Stored(plant), breaks, says }
}

/// Verifies a log with exactly these messages.
pub(crate) async fn verify(entries: Vec<Entry>) -> Verified {
    let log = ModelLog::new(ModelClock::at(Timestamp(0)));
    log.tamper(|empty| *empty = entries);
    verify_log(&log, &subjects(), |_| {}).await.unwrap()
}

/// Plants each fault in a log of its own; tells of all that are not found as they have to be.
pub(crate) async fn find_all(faults: &[Fault]) {
    let good = good_log().await.entries();
    let mut missed = Vec::new();
    for fault in faults {
        if let Err(why) = find(&good, fault).await {
            missed.push(format!("{}: {why}", fault.name));
        }
    }
    assert!(missed.is_empty(), "{} faults missed:\n{}", missed.len(), missed.join("\n"));
}

/// Nothing may be found before the message with the fault, and there the fault has to be found.
async fn find(good: &[Entry], fault: &Fault) -> Result<(), String> {
    let (entries, at) = match fault.plant {
        Plant::Story(plant) => {
            let mut story = Story::of(good);
            let at = plant(&mut story);
            (story.written(), at)
        }
        Plant::Stored(plant) => plant(good.to_vec()),
    };
    let verified = verify(entries).await;
    // What a commit leaves half done is blamed on an event of it, on an earlier one perhaps.
    let first = verified.violations.iter().map(|found| found.sequence).min();
    let right = verified.violations.iter().any(|found| {
        found.sequence == at.sequence
            && (at.index.is_none() || found.index == at.index)
            && found.invariant == fault.breaks
            && found.detail.contains(fault.says)
    });
    if first == Some(at.sequence) && right {
        return Ok(());
    }
    let found: Vec<_> = verified.violations.iter().map(ToString::to_string).collect();
    Err(format!("{} with {:?} has to be at {at:?}; found {found:#?}", fault.breaks, fault.says))
}
