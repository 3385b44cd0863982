//! Deciding what has arrived, and packing it into one commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::time::Instant;
use tracing::error;

use super::draft::{Decided, Draft, Flight};
use super::poison::failed;
use super::rules::{Bounds, Rules};
use super::turns::Turns;
use super::unkept::is_due;
use super::watch::{Sent, Taken, oldest};
use crate::domain::market::{LedgerEntry, Request, Verdict};
use crate::domain::{Address, OrderId, Recorded, Sequence, Source, Timestamp};
use crate::engine::{Error, Machine};
use crate::port::{AnswerTo, Arrived, Batch, Clock, Committed, Message, Replies};
use crate::role::let_go::let_go;
use crate::wire::{
    COMMIT_TYPE, Chain, CommitHead, Hash, Ledger, Outcome, OutcomeKind, Snapshot, Subjects, Unkept,
    headers,
};

/// How often deadlines are looked at. Overdue holds resolve within seconds; four looks a second
/// cost nothing.
const SWEEP: Duration = Duration::from_millis(250);

/// Orders that one look may expire, so that a mass expiry leaves room for buyers.
const SWEPT_AT_ONCE: usize = 200;

/// The machine that the engine drives.
pub struct Committer<C, R> {
    state: Snapshot,
    draft: Draft,
    flight: Option<Flight>,
    /// What is not in the draft yet.
    waiting: Turns,
    next_sweep: Instant,
    /// Whether the last look left something overdue.
    more_overdue: bool,
    rules: Rules,
    subjects: Subjects,
    clock: C,
    replies: R,
    snapshots: Option<tokio::sync::mpsc::Sender<Snapshot>>,
}

impl<C: Clock, R: Replies> Committer<C, R> {
    /// A committer that has opened the market at the end of `state`.
    pub fn new(
        state: Snapshot,
        rules: Rules,
        subjects: Subjects,
        (clock, replies): (C, R),
        snapshots: Option<tokio::sync::mpsc::Sender<Snapshot>>,
    ) -> Self {
        Self {
            state,
            draft: Draft::default(),
            flight: None,
            waiting: Turns::default(),
            next_sweep: Instant::now() + SWEEP,
            more_overdue: false,
            rules,
            subjects,
            clock,
            replies,
            snapshots,
        }
    }

    /// The state after the last commit. Only once everything has been drained; while commands are
    /// being decided the state is ahead of the log.
    #[must_use]
    pub fn into_state(self) -> Snapshot {
        self.state
    }

    /// Every command that has not been answered, in the order in which they came.
    #[must_use]
    pub fn into_open(self) -> Vec<Arrived> {
        let flight = self.flight.map(|flight| (flight.decided, flight.snapshot));
        let (sent, snapshot) = flight.unwrap_or_default();
        let_go((self.state, snapshot));
        let taken = sent.into_iter().chain(self.draft.decided).map(|decided| decided.taken);
        taken.chain(self.waiting.into_all()).map(|taken| taken.arrived).collect()
    }

    /// Where the commit that is being filled will stand.
    fn sequence(&self) -> Sequence {
        self.flight.as_ref().map_or_else(|| self.state.chain.next(), |flight| flight.chain.next())
    }

    /// The time, which never goes back however the clock is set.
    fn now(&self) -> Timestamp {
        let last = self.flight.as_ref().map_or(self.state.chain.at, |flight| flight.chain.at);
        self.clock.now().max(last).max(self.draft.at)
    }

    fn begin(&mut self) {
        if !self.draft.begun {
            self.state.market.begin(self.sequence());
            self.draft.begun = true;
        }
    }

    /// Decides one command into the draft; gives it back when there is no room for it.
    fn decide(&mut self, mut taken: Taken) -> Result<Option<Taken>, Error> {
        self.begin();
        let now = self.now();
        self.draft.at = now;
        if !taken.arrived.published {
            // Nobody asks in the future: whoever noted that went by a clock that was set.
            let request = &mut taken.arrived.request;
            request.asked_at = request.asked_at.min(now);
        }
        let (decided, records) = match self.verdict(&taken.arrived.request, now) {
            Verdict::Repeated { at, refusal } => {
                let result = OutcomeKind::AlreadyApplied;
                (Decided { taken, result, at, refusal }, Vec::new())
            }
            Verdict::Append { records, refusal } => {
                let at = Address::new(self.sequence(), self.draft.commit.events());
                let result = OutcomeKind::Accepted;
                (Decided { taken, result, at, refusal }, records)
            }
        };
        if !self.append(&records)? {
            return Ok(Some(decided.taken));
        }
        let position = decided.taken.arrived.request.command_seq.unwrap_or_default();
        self.draft.position = self.draft.position.max(position);
        self.draft.decided.push(decided);
        Ok(None)
    }

    /// What becomes of a request. One that makes the decider fail is refused like any other: it
    /// must not stop those behind it.
    fn verdict(&self, request: &Request, now: Timestamp) -> Verdict {
        let Rules { policy, decide, .. } = &self.rules;
        let verdict =
            catch_unwind(AssertUnwindSafe(|| decide(&self.state.market, request, now, policy)));
        verdict.unwrap_or_else(|_| {
            error!(id = ?request.id, "a command makes the decider fail");
            failed(request)
        })
    }

    /// Adds events to the draft and to the state; false, and nothing added, when they do not fit.
    fn append(&mut self, records: &[Recorded]) -> Result<bool, Error> {
        let sequence = self.sequence();
        let mark = self.draft.commit.mark();
        let first = self.draft.commit.events();
        for record in records {
            self.draft.commit.push(record).map_err(|error| Error::defect(sequence, error))?;
        }
        if 0 < first && !self.fits(records) {
            self.draft.commit.back_to(mark);
            return Ok(false);
        }
        for (index, record) in (first..).zip(records) {
            let at = Address::new(sequence, index);
            let evolved = self.state.market.evolve(at, record);
            evolved.map_err(|misfit| Error::defect(sequence, misfit))?;
        }
        self.draft.tally.note(records);
        Ok(true)
    }

    fn fits(&self, records: &[Recorded]) -> bool {
        let Bounds { bytes, skus, .. } = self.rules.bounds;
        // Counts a SKU again that the commit has touched already: an upper bound will do.
        let more = records.iter().filter(|record| record.event.sku().is_some()).count();
        self.draft.commit.bytes() <= bytes
            && self.state.market.touched().saturating_add(more) <= skus
    }

    /// Decides what waits and whose turn it is, as far as it fits.
    fn fill(&mut self) -> Result<(), Error> {
        while !self.draft.full
            && self.draft.decided.len() < self.rules.bounds.commands
            && let Some(taken) = self.waiting.next()
            && self.decide_or_keep(taken)?
        {}
        Ok(())
    }

    /// Decides what waits and may share the commit that is about to go.
    fn share(&mut self) -> Result<(), Error> {
        while let Some(taken) = self.waiting.shared(self.draft.decided.len())
            && self.decide_or_keep(taken)?
        {}
        Ok(())
    }

    /// Decides a command into the draft, or has it wait when there is no room for it.
    fn decide_or_keep(&mut self, taken: Taken) -> Result<bool, Error> {
        let back = self.decide(taken)?;
        self.draft.full = back.is_some();
        if let Some(back) = back {
            self.waiting.push_front(back);
        }
        Ok(!self.draft.full)
    }

    /// Answers commands whose outcomes are durable.
    fn answer(&self, decided: Vec<Decided>) {
        let answers: Vec<(AnswerTo, Outcome)> = decided
            .into_iter()
            .filter_map(|Decided { taken, result, at, refusal }| {
                taken.ended(result, at, refusal.as_ref());
                let arrived = taken.arrived;
                let outcome = Outcome::decided(arrived.request.id, result, at, refusal);
                Some((arrived.answer_to?, outcome))
            })
            .collect();
        if !answers.is_empty() {
            self.replies.send(answers);
        }
    }

    /// The next head, whatever it will hold.
    fn head(&self, at: Timestamp, position: Sequence) -> CommitHead {
        let chain = &self.state.chain;
        CommitHead {
            epoch: chain.epoch,
            number: chain.number.saturating_add(1),
            at,
            position: chain.position.max(position),
            prev_hash: chain.hash,
        }
    }

    fn batch(&self, payload: bytes::Bytes, number: u64, entries: &[LedgerEntry]) -> Batch {
        let head = commit_message(&self.subjects, payload, self.state.chain.head);
        let entries = entries.iter().map(|entry| entry_message(&self.subjects, number, entry));
        let messages = std::iter::once(head).chain(entries).collect();
        Batch { expected_end: Some(self.state.chain.end), ..Batch::of(messages) }
    }
}

impl<C: Clock, R: Replies> Machine for Committer<C, R> {
    type Input = Arrived;

    fn room(&self) -> usize {
        // One commit of each kind beside the one that is being filled.
        let held = self.waiting.len().saturating_add(self.draft.decided.len());
        self.rules.bounds.commands.saturating_mul(3).saturating_sub(held)
    }

    async fn take_in(&mut self, inputs: Vec<Arrived>) -> Result<(), Error> {
        self.waiting.extend(inputs);
        self.fill()
    }

    fn draft(&mut self, _last: bool) -> Result<Option<Batch>, Error> {
        self.share()?;
        while self.draft.commit.events() == 0 {
            // Nothing to append, and what is repeated is durable: no commit is under way.
            self.draft.begun = false;
            let repeated = std::mem::take(&mut self.draft.decided);
            self.answer(repeated);
            self.waiting.pass();
            if self.waiting.len() == 0 {
                oldest(None, || self.clock.now());
                return Ok(None);
            }
            self.fill()?;
        }
        let at = self.now();
        let mut draft = std::mem::take(&mut self.draft);
        let sequence = self.state.chain.next();
        let head = self.head(at, draft.position);
        let entries = self.state.market.finish(at);
        // Sealed, it has no events any more.
        self.state.unkept.note(usize::try_from(draft.commit.events()).unwrap_or(usize::MAX));
        let payload = draft.commit.seal(&head).map_err(|error| Error::defect(sequence, error))?;
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let chain = Chain::after(&head, Hash::of(&payload), sequence, count);
        let batch = self.batch(payload, head.number, &entries);
        let Snapshot { unkept, market, .. } = &self.state;
        let due = self.snapshots.is_some() && is_due(*unkept, &self.rules, market);
        let snapshot = due.then(|| {
            self.state.unkept = Unkept::default();
            Snapshot { chain, ..self.state.clone() }
        });
        let sent =
            Sent::now(draft.tally, head.number, draft.decided.iter().map(|decided| &decided.taken));
        oldest(draft.decided.first().map(|decided| &decided.taken), || self.clock.now());
        self.flight = Some(Flight { chain, decided: draft.decided, snapshot, sent });
        // The buffer is used again.
        self.draft.commit = draft.commit;
        if std::mem::take(&mut self.more_overdue) {
            // One look a commit: what is overdue is gone as fast as the log takes it.
            self.next_sweep = Instant::now();
        }
        self.waiting.pass();
        Ok(Some(batch))
    }

    fn meanwhile(&mut self) -> Result<(), Error> {
        self.fill()
    }

    fn wake_at(&self) -> Option<Instant> {
        Some(self.next_sweep)
    }

    fn wake(&mut self) -> Result<(), Error> {
        self.next_sweep = Instant::now() + SWEEP;
        let now = self.now();
        self.draft.at = now;
        let overdue: Vec<OrderId> = self.state.market.overdue(now, SWEPT_AT_ONCE);
        self.more_overdue = overdue.len() == SWEPT_AT_ONCE;
        for order_id in overdue {
            self.begin();
            let records = self.state.market.expire(order_id, &Source::COMMITTER);
            if !self.append(&records)? {
                self.more_overdue = true;
                break;
            }
        }
        Ok(())
    }

    fn committed(&mut self, committed: Committed) -> Result<(), Error> {
        let Some(flight) = self.flight.take() else {
            return Ok(());
        };
        if committed.head != flight.chain.head {
            let why = format!("the commit was to stand at {}", flight.chain.head);
            return Err(Error::defect(committed.head, why));
        }
        self.state.chain = flight.chain;
        self.answer(flight.decided);
        flight.sent.durable(committed.head.0, || self.clock.now());
        let next = self.draft.decided.first().map(|decided| &decided.taken);
        oldest(next.or(self.waiting.oldest()), || self.clock.now());
        if let (Some(snapshots), Some(snapshot)) = (&self.snapshots, flight.snapshot) {
            // When the last one is still being written, this one is not needed.
            let _ = snapshots.try_send(snapshot);
        }
        Ok(())
    }

    fn claim(&self) -> Result<Batch, Error> {
        super::open::claim(&self.state.chain, &self.subjects, self.now(), None)
    }

    fn fence(&self) -> Sequence {
        self.state.chain.head
    }
}

/// The message that holds a ledger entry of the commit with that number.
pub(super) fn entry_message(subjects: &Subjects, number: u64, entry: &LedgerEntry) -> Message {
    Message {
        subject: subjects.stock(&entry.sku),
        payload: Ledger::new(number, entry).encode(),
        expected: Some(entry.expected),
        ..Message::default()
    }
}

/// The message that holds a commit.
pub(super) fn commit_message(
    subjects: &Subjects,
    payload: bytes::Bytes,
    expected: Sequence,
) -> Message {
    Message {
        subject: subjects.commit(),
        headers: vec![(headers::KASSA_TYPE, COMMIT_TYPE.to_owned())],
        payload,
        expected: Some(expected),
        kept_s: None,
    }
}
