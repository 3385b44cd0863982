//! Reading a log in order, wherever its parts are: in an archive, in closed streams, in the one
//! that is written.

use std::sync::Arc;
use std::time::Duration;

use super::aside::Aside;
use super::segments::{Segment, Segments};
use super::tail::JsTail;
use crate::domain::Sequence;
use crate::port::{Entry, ReadError, Tail};

/// How long a reader waits in silence before it looks whether the log goes on in another stream.
/// That happens a few times a year; looking costs one request.
const LOOK: Duration = Duration::from_millis(500);

/// A reader's place in a log.
pub struct MarketTail {
    segments: Arc<Segments>,
    filter: String,
    part: Part,
    /// The last entry that came of any part, or the end of the last part.
    after: Sequence,
    /// Entries that came and were not handed on.
    held: Vec<Entry>,
}

/// Where it reads just now.
enum Part {
    /// What the server no longer has, and where that ends.
    Older(Aside, Sequence),
    /// A stream that goes on in another one, and where it ends.
    Closed(Box<JsTail>, Sequence),
    /// The last stream there is.
    Last(Box<JsTail>, String),
}

impl MarketTail {
    pub(super) async fn open(
        segments: Arc<Segments>,
        filter: &str,
        after: Sequence,
    ) -> Result<Self, ReadError> {
        let part = part(&segments, filter, after).await?;
        let held = Vec::new();
        let mut tail = Self { segments, filter: filter.to_owned(), part, after, held };
        tail.go_on(0).await?;
        Ok(tail)
    }

    /// Goes on to the next part wherever one has come to its end, so that whoever asks what
    /// remains is told of all parts. Of an archive it holds more than `limit` entries, or all.
    async fn go_on(&mut self, limit: usize) -> Result<(), ReadError> {
        loop {
            match &mut self.part {
                Part::Older(tail, end) => {
                    if limit < self.held.len() {
                        return Ok(());
                    }
                    let mut entries = tail.next().await?;
                    if !entries.is_empty() {
                        self.held.append(&mut entries);
                        continue;
                    }
                    self.after = self.after.max(*end);
                }
                Part::Closed(tail, end) if tail.remaining() == 0 || *end <= self.after => {
                    self.after = self.after.max(*end);
                }
                Part::Closed(..) | Part::Last(..) => return Ok(()),
            }
            self.part = part(&self.segments, &self.filter, self.after).await?;
        }
    }

    /// Waits for entries and holds them; comes back with none when the log may go on elsewhere.
    async fn receive(&mut self, limit: usize) -> Result<(), ReadError> {
        let (mut entries, end) = match &mut self.part {
            Part::Older(..) => return Ok(()),
            Part::Closed(tail, end) => (tail.next(limit).await?, *end),
            Part::Last(tail, stream) => {
                match at_the_end((tail.as_mut(), limit), (&self.segments, stream.as_str())).await? {
                    Some(entries) => (entries, Sequence(u64::MAX)),
                    None => {
                        self.part = part(&self.segments, &self.filter, self.after).await?;
                        return Ok(());
                    }
                }
            }
        };
        entries.retain(|entry| entry.sequence <= end);
        // A copy that knows more than the log is at its end.
        self.after = entries.last().map_or(end, |last| last.sequence);
        self.held = entries;
        Ok(())
    }
}

impl Tail for MarketTail {
    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        loop {
            self.go_on(limit).await?;
            if !self.held.is_empty() {
                break;
            }
            self.receive(limit).await?;
        }
        let rest = self.held.split_off(limit.min(self.held.len()));
        Ok(std::mem::replace(&mut self.held, rest))
    }

    fn remaining(&self) -> u64 {
        let held = u64::try_from(self.held.len()).unwrap_or(u64::MAX);
        held.saturating_add(match &self.part {
            Part::Older(..) => 0,
            Part::Closed(tail, _) | Part::Last(tail, _) => tail.remaining(),
        })
    }
}

/// Waits for entries in the last stream there is; none when the log goes on in another one.
async fn at_the_end(
    (tail, limit): (&mut JsTail, usize),
    (segments, stream): (&Segments, &str),
) -> Result<Option<Vec<Entry>>, ReadError> {
    // Not given up at each look: a reader that is made anew takes longer than that.
    let next = tail.next(limit);
    tokio::pin!(next);
    loop {
        let look = async {
            tokio::time::sleep(LOOK).await;
            segments.look().await
        };
        tokio::select! {
            biased;
            entries = &mut next => return entries.map(Some),
            known = look => if known.is_ok_and(|known| goes_on(&known, stream)) {
                return Ok(None);
            },
        }
    }
}

/// Whether there is another stream behind this one, or this one is no longer there.
fn goes_on(segments: &[Segment], stream: &str) -> bool {
    segments.last().is_none_or(|last| last.stream != stream)
}

/// The part in which the entry after `after` is.
async fn part(segments: &Segments, filter: &str, after: Sequence) -> Result<Part, ReadError> {
    match part_as_known(segments, filter, after).await {
        // A stream that was known may have been dropped by now.
        Err(ReadError::Broken(_)) => {
            segments.forget();
            part_as_known(segments, filter, after).await
        }
        found => found,
    }
}

async fn part_as_known(
    segments: &Segments,
    filter: &str,
    after: Sequence,
) -> Result<Part, ReadError> {
    let known = segments.look().await?;
    let Some((last, closed)) = known.split_last() else {
        return Err(super::log::missing(&segments.subjects.segment(1)));
    };
    let oldest = closed.first().unwrap_or(last);
    if after.next() < oldest.first {
        let to = Sequence(oldest.first.0.saturating_sub(1));
        let older = Aside::begin(segments.older(after, to)?, filter, (after, to))?;
        return Ok(Part::Older(older, to));
    }
    let of = closed.iter().find(|segment| after < segment.last);
    let segment = of.unwrap_or(last);
    let context = (segments.connection.jetstream.clone(), segments.connection.losses());
    let tail = JsTail::open(context, segment.stream.clone(), filter.to_owned(), after).await?;
    let tail = Box::new(tail);
    Ok(match of {
        Some(closed) => Part::Closed(tail, closed.last),
        None => Part::Last(tail, segment.stream.clone()),
    })
}
