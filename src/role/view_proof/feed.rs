//! The feed: one message an event, in their order, of which only the latest are held.
//!
//! The feed and the log are read side by side, from the first event that the feed still holds: each
//! message is what the feed makes of its event, none is missing up to its position, none is there
//! twice.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Found, ProofError, Proved, READ_AT_ONCE, TOLD_MAX};
use crate::domain::{Address, Recorded, Sequence, Timestamp};
use crate::port::{Entry, Log, Message, ReadError, Tail};
use crate::role::feed::Feed;
use crate::role::outbox::Emit;
use crate::wire::{Commit, Encoding, Position, Subjects, headers};

/// What is told of the feed.
const OF: &str = "the feed";

/// Holds the messages of a feed against the log.
///
/// # Errors
///
/// See [`ProofError`].
pub async fn prove_feed<L: Log>(
    (events, subjects): (&L, &Subjects),
    feed: &L,
) -> Result<Proved, ProofError> {
    // Asked for first: the messages are as new or newer.
    let position = position(feed, subjects).await?;
    let mut held = Held::open(feed, subjects).await?;
    let mut proof = FeedProof::new(subjects, position);
    let Some(first) = proof.first(&mut held).await? else { return Ok(proof.proved()) };
    let before = Sequence(first.sequence.0.saturating_sub(1));
    let mut log = events.follow(&subjects.commit(), before).await?;
    'read: while 0 < log.remaining() {
        for entry in log.next(READ_AT_ONCE).await? {
            let commit = Commit::decode_at(entry.sequence, &entry.payload)?;
            for (index, record) in (0_u32..).zip(&commit.events) {
                let at = Address::new(entry.sequence, index);
                if at < first {
                    continue;
                }
                if !proof.meet((at, commit.head.at, record), &mut held).await? {
                    break 'read;
                }
            }
        }
    }
    proof.rest(&mut held).await?;
    // The oldest go at any time; what went meanwhile is not missing.
    let first = proof.first(&mut Held::open(feed, subjects).await?).await?;
    let mut position = self::position(feed, subjects).await?;
    for _ in 0..LOOKS {
        if proof.is_reflected(position.as_ref()) {
            break;
        }
        tokio::time::sleep(LOOK).await;
        position = self::position(feed, subjects).await?;
    }
    proof.end(first, position.as_ref());
    Ok(proof.proved())
}

/// How often the position is looked at again. A single server shows a batch while it stores it, and
/// the position stands last in it; it is there within milliseconds, on a busy disk in a second.
const LOOKS: u32 = 20;
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// How far the feed is; none when it does not hold that any more.
async fn position<L: Log>(feed: &L, subjects: &Subjects) -> Result<Option<Position>, ReadError> {
    let entry = feed.last(&subjects.feed_position()).await?;
    let position = entry.map(|entry| Position::decode(&entry.payload)).transpose();
    position.map_err(|error| ReadError::Broken(error.into()))
}

/// Whether the feed has a message of the event at `at`.
fn reflects(position: &Position, at: Address) -> bool {
    let Position { event_seq, event_index, .. } = position;
    at.sequence <= *event_seq || (at.sequence == event_seq.next() && at.index < *event_index)
}

/// The messages of the feed, one after the other.
struct Held<T> {
    tail: T,
    ahead: VecDeque<Entry>,
    /// Where the feed's position is, which is of no event.
    position: String,
}

impl<T: Tail> Held<T> {
    async fn open<L: Log<Tail = T>>(feed: &L, subjects: &Subjects) -> Result<Self, ReadError> {
        let tail = feed.follow(Subjects::everything(), Sequence::START).await?;
        Ok(Self { tail, ahead: VecDeque::new(), position: subjects.feed_position() })
    }

    /// The next message; none when there is none for now.
    async fn next(&mut self) -> Result<Option<&Entry>, ReadError> {
        while self.ahead.is_empty() && 0 < self.tail.remaining() {
            let entries = self.tail.next(READ_AT_ONCE).await?;
            self.ahead.extend(entries.into_iter().filter(|entry| entry.subject != self.position));
        }
        Ok(self.ahead.front())
    }

    fn pass(&mut self) {
        self.ahead.pop_front();
    }
}

/// What a message says that it is of.
fn address(entry: &Entry) -> Option<Address> {
    entry.header(headers::KASSA_EVENT)?.parse().ok()
}

struct FeedProof {
    json: Feed,
    message_pack: Feed,
    position: Option<Position>,
    /// The last event whose message was met, or that was told.
    last: Option<Address>,
    held: u64,
    of_older_builds: u64,
    /// Events of which the feed holds nothing, though it holds earlier ones.
    missing: Vec<Address>,
    found: Found,
}

impl FeedProof {
    fn new(subjects: &Subjects, position: Option<Position>) -> Self {
        Self {
            json: Feed::new(subjects.clone(), Encoding::Json),
            message_pack: Feed::new(subjects.clone(), Encoding::MessagePack),
            position,
            last: None,
            held: 0,
            of_older_builds: 0,
            missing: Vec::new(),
            found: Found::of(OF),
        }
    }

    /// The first event of which a message is held.
    async fn first<T: Tail>(&mut self, held: &mut Held<T>) -> Result<Option<Address>, ReadError> {
        while let Some(entry) = held.next().await? {
            if let Some(first) = address(entry) {
                return Ok(Some(first));
            }
            self.strange(entry);
            held.pass();
        }
        Ok(None)
    }

    fn strange(&mut self, entry: &Entry) {
        let what = format!("its message {} is of no event", entry.sequence);
        // It is met twice when it is the first.
        if !self.found.tells_of(&what) {
            self.found.tell(Sequence::START, &what);
        }
    }

    /// The next event of the log: compares its message. False when the feed need not have come to
    /// it yet, or holds nothing more and does not say how far it is.
    async fn meet<T: Tail>(
        &mut self,
        (at, made, record): (Address, Timestamp, &Recorded),
        held: &mut Held<T>,
    ) -> Result<bool, ReadError> {
        if self.position.as_ref().is_some_and(|position| !reflects(position, at)) {
            return Ok(false);
        }
        loop {
            let Some(entry) = held.next().await? else {
                let is_told = self.position.is_some();
                self.miss(is_told.then_some(at));
                return Ok(is_told);
            };
            match address(entry) {
                None => self.strange(entry),
                Some(found) if found < at => self.out_of_order(found),
                Some(found) if found == at => {
                    self.compare((at, made, record), entry);
                    held.pass();
                    return Ok(true);
                }
                Some(_) => {
                    self.miss(Some(at));
                    return Ok(true);
                }
            }
            held.pass();
        }
    }

    fn miss(&mut self, at: Option<Address>) {
        let room = TOLD_MAX.saturating_sub(self.missing.len());
        self.missing.extend(at.into_iter().take(room));
        self.last = self.last.max(at);
    }

    fn out_of_order(&mut self, found: Address) {
        let what = "it shows it twice, or out of its order, or no such event is there";
        self.found.tell_event(found, what);
    }

    fn compare(&mut self, (at, made, record): (Address, Timestamp, &Recorded), entry: &Entry) {
        self.held = self.held.saturating_add(1);
        self.last = Some(at);
        let encoding = entry.header(headers::CONTENT_TYPE).and_then(Encoding::from_content_type);
        let feed = match encoding {
            Some(Encoding::Json) => &self.json,
            Some(Encoding::MessagePack) => &self.message_pack,
            None => return self.found.tell_event(at, "its message says no encoding"),
        };
        // Every event has a form in both encodings.
        let Ok(Some(message)) = feed.message(at, made, record) else { return };
        if is_older(entry, &message) {
            self.of_older_builds = self.of_older_builds.saturating_add(1);
        } else if !is_same(entry, &message) {
            self.found.tell_event(at, "its message is not what the log says");
        }
    }

    /// What is held of events that need not be there yet: each once, in their order.
    async fn rest<T: Tail>(&mut self, held: &mut Held<T>) -> Result<(), ReadError> {
        while let Some(entry) = held.next().await? {
            match address(entry) {
                None => self.strange(entry),
                Some(found) if Some(found) <= self.last => self.out_of_order(found),
                later @ Some(_) => self.last = later,
            }
            held.pass();
        }
        Ok(())
    }

    /// All was read: the feed holds `first` by now, and is at `position`.
    fn end(&mut self, first: Option<Address>, position: Option<&Position>) {
        for at in std::mem::take(&mut self.missing) {
            if first.is_some_and(|first| first <= at) {
                self.found.tell_event(at, "it shows nothing of it");
            }
        }
        if let Some(last) = self.last.filter(|_| !self.is_reflected(position)) {
            self.found.tell_event(last, "it shows it, and has not come so far");
        }
    }

    /// Whether a position has come as far as what was read; one that is gone says nothing.
    fn is_reflected(&self, position: Option<&Position>) -> bool {
        self.last.zip(position).is_none_or(|(last, position)| reflects(position, last))
    }

    fn proved(self) -> Proved {
        let of_older_builds = self.of_older_builds;
        Proved { of_older_builds, ..self.found.proved(self.held) }
    }
}

/// Whether a message is of the same type as this build would write, in an older version.
fn is_older(entry: &Entry, message: &Message) -> bool {
    let own = message.headers.iter().find(|(name, _)| *name == headers::KASSA_TYPE);
    let version = |kassa_type: &str| -> Option<(String, u16)> {
        let (kind, version) = kassa_type.split_once('/')?;
        Some((kind.to_owned(), version.parse().ok()?))
    };
    let own = own.and_then(|(_, own)| version(own));
    let found = entry.header(headers::KASSA_TYPE).and_then(version);
    own.zip(found).is_some_and(|(own, found)| own.0 == found.0 && found.1 < own.1)
}

fn is_same(entry: &Entry, message: &Message) -> bool {
    let has = |(name, value): &(&str, String)| entry.header(name) == Some(value.as_str());
    entry.subject == message.subject
        && entry.payload == message.payload
        && message.headers.iter().all(has)
}

#[cfg(test)]
mod tests;
