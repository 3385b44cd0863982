//! When orders are confirmed, and when their views say so.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::domain::{Event, OrderId, Sequence};
use crate::engine::{Input, Source};
use crate::nats::{Connection, JsLog};
use crate::port::{Log, Tail};
use crate::role::follow::Follow;
use crate::wire::{Commit, Position, Subjects};

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Confirmed,
    Rejected,
    Cancelled,
}

/// Follows the log and the views' positions on behalf of the load generator.
#[derive(Clone)]
pub(super) struct Observer(Arc<Mutex<Observed>>);

pub(super) struct Observed {
    waiting: HashMap<OrderId, Waiting>,
    /// Confirmed orders whose view does not say so yet, in the order of the log.
    unprojected: VecDeque<(Sequence, Instant)>,
    positions: [Sequence; 2],
    pub(super) projected: Histogram<u64>,
    pub(super) confirmed: u64,
    pub(super) rejected: u64,
    pub(super) cancelled: u64,
    pub(super) commits: u64,
    pub(super) events: u64,
    pub(super) last_projected: Instant,
    pub(super) head: Sequence,
}

struct Waiting {
    due: Instant,
    ended: oneshot::Sender<Ended>,
}

impl Observer {
    pub(super) fn new(projected: Histogram<u64>) -> Self {
        Self(Arc::new(Mutex::new(Observed {
            waiting: HashMap::new(),
            unprojected: VecDeque::new(),
            positions: [Sequence::START; 2],
            projected,
            confirmed: 0,
            rejected: 0,
            cancelled: 0,
            commits: 0,
            events: 0,
            last_projected: Instant::now(),
            head: Sequence::START,
        })))
    }

    pub(super) fn observed(&self) -> MutexGuard<'_, Observed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the end of an order reported that was due to be placed at `due`.
    pub(super) fn expect(&self, order_id: OrderId, due: Instant) -> oneshot::Receiver<Ended> {
        let (ended, receiver) = oneshot::channel();
        self.observed().waiting.insert(order_id, Waiting { due, ended });
        receiver
    }

    /// Nobody waits for it any more.
    pub(super) fn forget(&self, order_id: OrderId) {
        self.observed().waiting.remove(&order_id);
    }

    /// Follows the log.
    pub(super) async fn follow_log(self, mut commits: Follow<JsLog>) -> anyhow::Result<()> {
        while let Some(inputs) = commits.next(64).await? {
            for Input { sequence, commit, .. } in inputs {
                self.observed().note(sequence, &commit);
            }
        }
        Ok(())
    }

    /// Follows the position of a view.
    pub(super) async fn follow_view(
        self,
        connection: Connection,
        bucket: String,
        index: usize,
    ) -> anyhow::Result<()> {
        let log = JsLog::open(&connection, Subjects::bucket_stream(&bucket)).await?;
        let subject = Subjects::position_key(&bucket);
        let mut tail = log.follow(&subject, Sequence::START).await?;
        loop {
            for entry in tail.next(64).await? {
                let position = Position::decode(&entry.payload)?;
                self.observed().reached(index, position.event_seq);
            }
        }
    }
}

impl Observed {
    fn note(&mut self, sequence: Sequence, commit: &Commit) {
        self.commits = self.commits.saturating_add(1);
        self.head = sequence;
        for record in &commit.events {
            self.events = self.events.saturating_add(1);
            let (order_id, ended) = if let Event::OrderConfirmed(e) = &record.event {
                (e.order_id, Ended::Confirmed)
            } else if let Event::OrderRejected(e) = &record.event {
                (e.order_id, Ended::Rejected)
            } else if let Event::OrderCancelled(e) = &record.event {
                (e.order_id, Ended::Cancelled)
            } else {
                continue;
            };
            let Some(waiting) = self.waiting.remove(&order_id) else {
                continue;
            };
            let count = match ended {
                Ended::Confirmed => &mut self.confirmed,
                Ended::Rejected => &mut self.rejected,
                Ended::Cancelled => &mut self.cancelled,
            };
            *count = count.saturating_add(1);
            self.unprojected.push_back((sequence, waiting.due));
            // The generator may have stopped waiting.
            let _ = waiting.ended.send(ended);
        }
        self.settle();
    }

    fn reached(&mut self, index: usize, position: Sequence) {
        if let Some(known) = self.positions.get_mut(index) {
            *known = position;
        }
        self.settle();
    }

    /// An order is done when every view says so.
    fn settle(&mut self) {
        let reached = self.positions.iter().min().copied().unwrap_or_default();
        let now = Instant::now();
        while let Some((sequence, due)) = self.unprojected.front().copied() {
            if reached < sequence {
                return;
            }
            self.unprojected.pop_front();
            let took = u64::try_from((now - due).as_micros()).unwrap_or(u64::MAX);
            self.projected.saturating_record(took);
            self.last_projected = now;
        }
    }

    /// Whether every order that ended is in the views.
    pub(super) fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.unprojected.is_empty()
    }
}
