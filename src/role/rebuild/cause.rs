//! Since when a value is not what the log adds up to.

use std::collections::HashMap;

use serde_json::Value;

use super::compare::Difference;
use crate::domain::{Address, Event, Misfit, Sequence, Timestamp};
use crate::port::{ReadError, Tail};
use crate::role::as_of::{AsOfError, read};
use crate::view::View;

/// Why the log could not be asked.
pub type CauseError = AsOfError;

/// What the log made of one key so far.
struct Course<V> {
    value: Option<V>,
    /// The event after the last moment at which the live value was right.
    missed: Option<Address>,
    /// The live value was right until now.
    right: bool,
}

/// Names the event since which each value differs: the one that a live value stopped before, or
/// else the last one that it claims to reflect. Reads the log once, from its first commit to
/// `end`, and brings the differences into the order of their events.
///
/// # Errors
///
/// [`CauseError`].
pub async fn causes<V: View, T: Tail>(
    commits: &mut T,
    end: Sequence,
    differences: &mut [Difference],
) -> Result<(), CauseError> {
    let mut courses: HashMap<String, (usize, Course<V>)> = HashMap::new();
    for (index, difference) in (0..).zip(differences.iter()) {
        // Before the first event there is no value.
        let course = Course { value: None, missed: None, right: difference.live.is_none() };
        courses.insert(difference.key.clone(), (index, course));
    }
    let mut reached = Sequence::START;
    while reached < end {
        for entry in commits.next(READ_AT_ONCE).await? {
            reached = entry.sequence;
            let commit = read(&entry)?;
            for (index, record) in (0_u32..).zip(&commit.events) {
                let Some(key) = V::key(&record.event, commit.head.at) else { continue };
                let Some((number, course)) = courses.get_mut(&key.to_string()) else { continue };
                let at = Address::new(entry.sequence, index);
                let live = differences.get(*number).and_then(|one| one.live.as_ref());
                course.follow(at, commit.head.at, &record.event, live)?;
            }
        }
    }
    for difference in differences.iter_mut() {
        let course = courses.remove(&difference.key);
        let missed = course.and_then(|(_, course)| course.missed);
        difference.since = missed.or_else(|| claimed(difference.live.as_ref()));
    }
    differences.sort_by_key(|difference| difference.since);
    Ok(())
}

/// Entries taken from the log at once.
const READ_AT_ONCE: usize = 256;

impl<V: View> Course<V> {
    fn follow(
        &mut self,
        at: Address,
        made: Timestamp,
        event: &Event,
        live: Option<&Value>,
    ) -> Result<(), CauseError> {
        if self.right {
            self.missed = Some(at);
        }
        match &mut self.value {
            Some(value) => value.follow(at, made, event),
            None => {
                let begun = V::begin(at, made, event);
                begun
                    .map(|begun| self.value = Some(begun))
                    .ok_or_else(|| Misfit::new(event.kind(), "there is no value"))
            }
        }
        .map_err(|why| CauseError::Misfit { at, why })?;
        let now = serde_json::to_value(&self.value);
        let now = now.map_err(|error| ReadError::Broken(error.into()))?;
        self.right = live == Some(&now);
        Ok(())
    }
}

/// The last event a value says it reflects.
fn claimed(value: Option<&Value>) -> Option<Address> {
    let value = value?;
    let sequence = value.get("event_seq")?.as_u64()?;
    let index = value.get("event_index").and_then(Value::as_u64).unwrap_or_default();
    Some(Address::new(Sequence(sequence), u32::try_from(index).unwrap_or(u32::MAX)))
}
