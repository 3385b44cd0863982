//! Whether what followers wrote says what the log adds up to, without writing anything.
//!
//! What they show is read first, as it is now; then the log is read, once for all of them.

mod feed;
mod list;
mod owed;
mod shown;
mod view;

use crate::domain::verify::{Invariant, Stream, Violation};
use crate::domain::{Address, Sequence};
use crate::port::{Log, ReadError, Tail};
use crate::wire::{Commit, Subjects, UnreadCommit};

pub use feed::prove_feed;
pub use list::attention_list;
pub use owed::owed;
pub use view::view;

/// Commits taken from the log at once.
const READ_AT_ONCE: usize = 256;

/// Violations that are told of one follower.
const TOLD_MAX: usize = 100;

/// Why what a follower wrote cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The log, or what was written, cannot be read.
    #[error("the log or the view cannot be read")]
    Read(#[from] ReadError),
    /// A commit cannot be understood.
    #[error(transparent)]
    Commit(#[from] UnreadCommit),
}

/// What was found of one follower.
#[derive(Debug)]
pub struct Proved {
    /// What it wrote, in words.
    pub of: String,
    /// How many keys or messages of it were held against the log.
    pub held: u64,
    /// Messages as an older build wrote them: what is in them was not looked at.
    pub of_older_builds: u64,
    /// What is wrong.
    pub found: Vec<Violation>,
}

/// What a follower shows, to be held against the log.
pub trait Proof: Send {
    /// How far the log is read for it.
    fn until(&self) -> Sequence;

    /// The next commit of the log.
    fn follow(&mut self, sequence: Sequence, commit: &Commit);

    /// The log was read so far.
    fn end(self: Box<Self>) -> Proved;
}

/// Reads the log for all of them.
///
/// # Errors
///
/// See [`ProofError`].
pub async fn hold<L: Log>(
    (events, subjects): (&L, &Subjects),
    mut proofs: Vec<Box<dyn Proof>>,
) -> Result<Vec<Proved>, ProofError> {
    let until = proofs.iter().map(|proof| proof.until()).max().unwrap_or_default();
    let mut tail = events.follow(&subjects.commit(), Sequence::START).await?;
    let mut reached = Sequence::START;
    while reached < until && 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await? {
            reached = entry.sequence;
            let commit = Commit::decode_at(reached, &entry.payload)?;
            for proof in proofs.iter_mut().filter(|proof| reached <= proof.until()) {
                proof.follow(reached, &commit);
            }
        }
    }
    Ok(proofs.into_iter().map(|proof| proof.end()).collect())
}

/// What is wrong with what one follower wrote.
struct Found {
    of: String,
    all: Vec<Violation>,
}

impl Found {
    fn of(of: &str) -> Self {
        Self { of: of.to_owned(), all: Vec::new() }
    }

    fn tell(&mut self, sequence: Sequence, what: &str) {
        self.tell_of((sequence, None), what);
    }

    fn tell_event(&mut self, at: Address, what: &str) {
        self.tell_of((at.sequence, Some(at.index)), what);
    }

    fn tell_of(&mut self, (sequence, index): (Sequence, Option<u32>), what: &str) {
        if self.all.len() < TOLD_MAX {
            let (stream, invariant) = (Stream::Events, Invariant::I9);
            let detail = format!("{}: {what}", self.of);
            self.all.push(Violation { stream, sequence, index, invariant, detail });
        }
    }

    /// Whether something was told about a name.
    fn tells_of(&self, name: &str) -> bool {
        self.all.iter().any(|found| found.detail.contains(name))
    }

    fn proved(self, held: u64) -> Proved {
        Proved { of: self.of, held, of_older_builds: 0, found: self.all }
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
