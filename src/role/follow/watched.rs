//! What is told of a follower: how far it is behind, and which traces reach its view.

use std::time::Duration;

use tracing::Span;

use crate::domain::{Sequence, Timestamp, TraceParent};
use crate::engine::{Pace, Projection, ProjectionError, Taken};
use crate::port::Clock;
use crate::telemetry::names::{self, attribute, operation};
use crate::telemetry::{self, Kind, LINKS_MAX, Waiting, set, set_count};
use crate::wire::{Commit, Subjects};

/// The same projection, watched. It costs nothing when nobody listens.
pub(super) struct Watched<P, C> {
    projection: P,
    view: String,
    clock: C,
    lag: Option<Waiting>,
    /// When the commits were made that are folded and not yet in a batch.
    folded: Vec<Timestamp>,
    /// And those that are in the batch under way.
    flight: Vec<Timestamp>,
    /// Traces that the next batch brings on.
    traces: Vec<TraceParent>,
    /// Around the batch under way.
    span: Span,
    /// Whether the end of the log was reached once. What is read before that is a replay: it
    /// joins no trace, and how old it is says nothing about us.
    live: bool,
}

/// The name of a view, which the key of its lease ends with.
pub(super) fn view(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

impl<P: Projection, C: Clock> Watched<P, C> {
    /// Watches a projection whose follower holds the lease `key`.
    pub(super) fn new(projection: P, key: &str, clock: C) -> Self {
        let view = view(key).to_owned();
        let lag = telemetry::metrics().map(|metrics| metrics.lag(&view));
        Self {
            projection,
            view,
            clock,
            lag,
            folded: Vec::new(),
            flight: Vec::new(),
            traces: Vec::new(),
            span: Span::none(),
            live: false,
        }
    }

    fn note(&mut self, commit: &Commit) {
        if let Some(lag) = &self.lag {
            if self.folded.is_empty() && self.flight.is_empty() {
                lag.since(self.clock.now().since(commit.head.at));
            }
            self.folded.push(commit.head.at);
        }
        if self.live && telemetry::exporting() {
            let room = usize::try_from(LINKS_MAX).unwrap_or(usize::MAX);
            for trace in commit.events.iter().filter_map(|record| record.trace.as_ref()) {
                // The events of one command stand together.
                if self.traces.last() != Some(trace) && self.traces.len() < room {
                    self.traces.push(trace.clone());
                }
            }
        }
    }

    fn sent(&mut self, messages: usize) {
        self.flight.append(&mut self.folded);
        let traces = std::mem::take(&mut self.traces);
        let template = Subjects::commit_template();
        self.span =
            telemetry::linked(traces.iter().map(TraceParent::as_str), Kind::Consumer, || {
                format!("{} {template}", operation::PROCESS)
            });
        if self.span.is_disabled() {
            return;
        }
        set(&self.span, attribute::SYSTEM, names::NATS);
        set(&self.span, attribute::OPERATION_NAME, operation::PROCESS);
        set(&self.span, attribute::OPERATION_TYPE, operation::PROCESS);
        set(&self.span, attribute::DESTINATION_TEMPLATE, template);
        set(&self.span, attribute::VIEW, self.view.clone());
        let messages = u64::try_from(messages).unwrap_or(u64::MAX);
        set_count(&self.span, attribute::BATCH_MESSAGES, messages);
    }

    fn durable(&mut self) {
        self.span = Span::none();
        let (Some(lag), Some(metrics)) = (&self.lag, telemetry::metrics()) else {
            return;
        };
        let now = self.clock.now();
        let made = self.flight.drain(..);
        if self.live {
            metrics.reflected(&self.view, made.map(|made| -> Duration { now.since(made) }));
        } else {
            drop(made);
        }
        match self.folded.first() {
            Some(oldest) => lag.since(now.since(*oldest)),
            None => lag.nothing(),
        }
    }
}

impl<P, C> Drop for Watched<P, C> {
    fn drop(&mut self) {
        // Whoever follows from now on, it is not this one that is behind.
        if let Some(lag) = &self.lag {
            lag.nothing();
        }
    }
}

impl<P: Projection, C: Clock> Projection for Watched<P, C> {
    fn wants(&self, commit: &Commit) -> Vec<String> {
        self.projection.wants(commit)
    }

    fn load(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), ProjectionError> {
        self.projection.load(key, value)
    }

    fn fold(
        &mut self,
        sequence: Sequence,
        skip: u32,
        commit: &Commit,
    ) -> Result<(), ProjectionError> {
        self.projection.fold(sequence, skip, commit)?;
        self.note(commit);
        Ok(())
    }

    fn owed(&self) -> usize {
        self.projection.owed()
    }

    fn has_room(&self, pace: &Pace) -> bool {
        self.projection.has_room(pace)
    }

    fn take(&mut self, limit: usize) -> Result<Taken, ProjectionError> {
        let taken = self.projection.take(limit)?;
        self.sent(taken.messages.len());
        Ok(taken)
    }

    fn written(&mut self) {
        self.projection.written();
        self.durable();
    }

    const RESTORES: bool = P::RESTORES;

    fn restore(&mut self, value: &[u8]) -> Result<(), ProjectionError> {
        self.projection.restore(value)
    }

    fn caught_up(&mut self) {
        self.live = true;
        self.projection.caught_up();
    }
}
