//! Whether the servers of a cluster keep the same stream.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::Sequence;
use crate::domain::verify::{Invariant, Stream, Violation};
use crate::port::{Entry, ReadError, Tail};

/// Entries taken from a copy at once.
const READ_AT_ONCE: usize = 256;

/// How long a copy may take to show its next entry. One that catches up does in seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Violations that are told of one comparison. The first one tells; the rest follows from it.
const TOLD_MAX: usize = 10;

/// One server's copy, and what was read of it.
struct Copy<T> {
    server: String,
    tail: T,
    held: VecDeque<Entry>,
    /// The last entry that was read.
    last: Sequence,
    /// Whether nothing more came.
    ended: bool,
}

/// Reads every copy up to `end`, side by side, and says where they are not the same.
///
/// # Errors
///
/// See [`ReadError`].
pub async fn compare_copies<T: Tail>(
    copies: Vec<(String, T)>,
    end: Sequence,
) -> Result<Vec<Violation>, ReadError> {
    let mut copies: Vec<_> =
        copies.into_iter().map(|(server, tail)| Copy::of(server, tail)).collect();
    let mut found = Vec::new();
    while found.len() < TOLD_MAX {
        for copy in &mut copies {
            copy.fill(end).await?;
        }
        let fronts = copies.iter().filter_map(|copy| copy.held.front().map(|entry| entry.sequence));
        let Some(next) = fronts.min().filter(|next| *next <= end) else { break };
        let mut entries = Vec::new();
        for copy in &mut copies {
            let here = copy.held.pop_front_if(|entry| entry.sequence == next);
            entries.push((copy.server.as_str(), here));
        }
        found.extend(differs(next, &entries));
    }
    Ok(found)
}

/// What is not the same in the entries at one place.
fn differs(sequence: Sequence, entries: &[(&str, Option<Entry>)]) -> Option<Violation> {
    let there = entries.iter().find_map(|(server, entry)| Some((server, entry.as_ref()?)));
    let (first, right) = there?;
    let wrong = entries.iter().find(|(_, entry)| entry.as_ref() != Some(right));
    let (server, entry) = wrong?;
    let detail = match entry {
        None => format!("the copy on {server} has no message {sequence}, the one on {first} has"),
        Some(_) => format!("the copies on {first} and {server} have different messages"),
    };
    let stream = Stream::Events;
    Some(Violation { stream, sequence, index: None, invariant: Invariant::I10, detail })
}

impl<T: Tail> Copy<T> {
    fn of(server: String, tail: T) -> Self {
        Self { server, tail, held: VecDeque::new(), last: Sequence::START, ended: false }
    }

    /// Reads on when nothing is held and more has to be there.
    async fn fill(&mut self, end: Sequence) -> Result<(), ReadError> {
        if !self.held.is_empty() || self.ended || end <= self.last {
            return Ok(());
        }
        match tokio::time::timeout(PATIENCE, self.tail.next(READ_AT_ONCE)).await {
            Ok(entries) => {
                let mut entries = entries?;
                // A reader gives headers in any order.
                entries.iter_mut().for_each(|entry| entry.headers.sort());
                self.held.extend(entries);
            }
            Err(_) => self.ended = true,
        }
        self.last = self.held.back().map_or(self.last, |entry| entry.sequence);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::port::model::{ModelClock, ModelLog};
    use crate::port::{Batch, Log, Message};

    const SERVERS: [&str; 3] = ["n1", "n2", "n3"];

    /// What is found when somebody changes the copy of one server.
    async fn found(change: impl FnOnce(&mut Vec<Entry>)) -> Vec<String> {
        let mut copies = Vec::new();
        for _ in SERVERS {
            let log = ModelLog::new(ModelClock::at(Timestamp(0)));
            for word in ["one", "two", "three", "four"] {
                let message = Message {
                    subject: "log".to_owned(),
                    payload: word.into(),
                    ..Message::default()
                };
                let batch = Batch::of(vec![message]);
                log.commit(&batch).await.unwrap();
            }
            copies.push(log);
        }
        copies[1].tamper(change);
        let mut tails = Vec::new();
        for (server, log) in SERVERS.iter().zip(&copies) {
            let tail = log.follow(">", Sequence::START).await.unwrap();
            tails.push(((*server).to_owned(), tail));
        }
        let found = compare_copies(tails, Sequence(4)).await.unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn copies_that_are_the_same_are_said_to_be() {
        assert_eq!(found(|_| {}).await, Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn another_message_a_missing_one_and_a_missing_end_are_told_by_server() {
        let other = found(|entries| entries[1].payload = "zwei".into()).await;
        assert_eq!(other, ["sequence 2: I10: the copies on n1 and n2 have different messages"]);
        let other = found(|entries| entries[2].time = Timestamp(7)).await;
        assert_eq!(other, ["sequence 3: I10: the copies on n1 and n2 have different messages"]);
        let missing = found(|entries| drop(entries.remove(1))).await;
        let says = "the copy on n2 has no message 2, the one on n1 has";
        assert_eq!(missing, [format!("sequence 2: I10: {says}")]);
        let cut = found(|entries| entries.truncate(3)).await;
        let says = "the copy on n2 has no message 4, the one on n1 has";
        assert_eq!(cut, [format!("sequence 4: I10: {says}")]);
    }
}
