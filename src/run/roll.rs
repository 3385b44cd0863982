//! The roll: the log goes on in a next stream, and the one it was in is closed.
//!
//! Every step can be the last of a run that was interrupted: whoever rolls again goes on behind it.
//!
//! 1. Read the log. Take the committer's lease and open the market, as a committer does: what an
//!    earlier one still sends is refused from then on.
//! 2. Keep the state, which the first commit of the next stream will name.
//! 3. Close the stream: nothing is written to it any more, by nobody.
//! 4. Begin the next one, whose first sequence is the one behind the last.
//! 5. Open the market there. Its committer does the same as soon as the lease is free.

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::domain::Follows;
use crate::engine::Candidate;
use crate::nats::{
    Connection, JsLog, KvLease, ObjectSnapshots, Segment, begin_behind, close, segments,
};
use crate::port::SystemClock;
use crate::role::committer;
use crate::wire::{Snapshot, Subjects};

/// Where a run of the roll ends before its end, to see what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The market was opened where the log was so far.
    Fenced,
    /// The state at its end is kept.
    Kept,
    /// The stream is closed.
    Closed,
    /// The next one is there.
    Begun,
    /// The market is open in it.
    Opened,
}

/// What a roll came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rolled {
    /// The log goes on in this stream.
    Into(Segment),
    /// Nobody has sold anything since the last roll, so that there is nothing to close.
    Nothing(Segment),
    /// Somebody else took the lease meanwhile, or the run was to end here; roll again.
    Interrupted,
}

/// What a roll works with.
#[derive(Debug)]
pub struct Roll<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// The names of the market.
    pub subjects: &'a Subjects,
    /// Its log.
    pub events: &'a JsLog,
    /// Who this is, in the lease.
    pub holder: String,
}

/// Commits of a stream in which nothing but openings can be: whoever rolled, and a committer.
const OPENINGS: u64 = 2;

impl Roll<'_> {
    /// The stream that is written, or was until it was closed.
    ///
    /// # Errors
    ///
    /// When it cannot be told, or there is none.
    pub async fn newest(&self) -> anyhow::Result<Segment> {
        let known = segments(self.connection, self.subjects).await?;
        known.into_iter().last().with_context(|| {
            format!("there is no stream {}: run `kassa streams apply`", self.subjects.segment(1))
        })
    }

    /// Whether there is something to be done: a stream with something in it, or one that an earlier
    /// run left closed or empty.
    #[must_use]
    pub const fn is_due(newest: &Segment) -> bool {
        let left_behind = newest.closed || (newest.messages == 0 && 1 < newest.number);
        left_behind || OPENINGS < newest.messages
    }

    /// Rolls the log, up to `until`.
    ///
    /// # Errors
    ///
    /// What keeps it from going on. It can be run again.
    pub async fn run(&self, until: Step) -> anyhow::Result<Rolled> {
        let newest = self.newest().await?;
        if !Self::is_due(&newest) {
            return Ok(Rolled::Nothing(newest));
        }
        // Read before the lease is taken: commands wait from then on.
        let snapshots = ObjectSnapshots::open(self.connection, self.subjects).await?;
        let mut state = committer::load((self.events, self.subjects), &snapshots).await;
        committer::read_to_end(self.events, self.subjects, &mut state).await?;
        let lease = KvLease::open(self.connection).await.context("the bucket of leases")?;
        let key = self.subjects.lease_key("committer");
        let revision = lease.take(&key, &self.holder).await?;
        let candidate = Candidate { lease, key, holder: self.holder.clone() };
        let (done, abort) = (CancellationToken::new(), CancellationToken::new());
        let steps = async {
            let rolled = self.steps((&snapshots, state), until, &abort).await;
            done.cancel();
            rolled
        };
        let (rolled, ()) = tokio::join!(steps, candidate.keep(revision, &done, &abort));
        rolled
    }

    async fn steps(
        &self,
        (snapshots, mut state): (&ObjectSnapshots, Snapshot),
        until: Step,
        abort: &CancellationToken,
    ) -> anyhow::Result<Rolled> {
        let newest = self.newest().await?;
        // An earlier run may have come as far as that.
        let (closed, empty) = (newest.closed, newest.messages == 0 && 1 < newest.number);
        if !closed && !empty {
            if !committer::open(self.events, self.subjects, &mut state, &SystemClock, abort).await?
            {
                return Ok(Rolled::Interrupted);
            }
        } else {
            committer::read_to_end(self.events, self.subjects, &mut state).await?;
        }
        if until == Step::Fenced {
            return Ok(Rolled::Interrupted);
        }
        let follows = committer::keep_closing(snapshots, &state).await?;
        if until == Step::Kept || abort.is_cancelled() {
            return Ok(Rolled::Interrupted);
        }
        if !closed && !empty {
            close(self.connection, self.subjects, &newest).await?;
        }
        if until == Step::Closed {
            return Ok(Rolled::Interrupted);
        }
        if !empty {
            // What came in at the last moment is behind the state that was kept.
            let newest = self.newest().await?;
            begin_behind(self.connection, self.subjects, &newest).await?;
        }
        if until == Step::Begun {
            return Ok(Rolled::Interrupted);
        }
        self.open(&mut state, follows, snapshots, abort).await
    }

    /// Opens the market in the next stream.
    async fn open(
        &self,
        state: &mut Snapshot,
        mut follows: Follows,
        snapshots: &ObjectSnapshots,
        abort: &CancellationToken,
    ) -> anyhow::Result<Rolled> {
        committer::read_to_end(self.events, self.subjects, state).await?;
        if follows.last_seq != state.chain.end.0 {
            follows = committer::keep_closing(snapshots, state).await?;
        }
        let with = (&SystemClock, Some(&follows));
        if !committer::open_behind(self.events, self.subjects, state, with, abort).await? {
            return Ok(Rolled::Interrupted);
        }
        Ok(Rolled::Into(self.newest().await?))
    }
}
