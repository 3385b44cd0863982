//! Whose turn it is.
//!
//! A commit that changes no availability is one plain publish; one that does is an atomic batch,
//! which costs the server several times as much however little is in it. Under load, commands
//! that move stock and payments that settle orders therefore take turns, each kind filling
//! commits of its own. With little to do they share the next commit, which is sooner.

use std::collections::VecDeque;

use super::watch::Taken;
use crate::domain::Command;
use crate::domain::market::Intent;
use crate::port::Arrived;

/// Commands that share a commit rather than wait for their turn. A commit of as many takes about
/// as long to send as an empty one.
const SHARED_MAX: usize = 64;

/// What a commit is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// All other commands, and whatever was published: they keep their order.
    Moving,
    /// Requested records of payments. Most were captured, and what is captured was reserved
    /// before; their one sender waits for each answer, so that no order among them is broken.
    Settling,
}

/// Commands that wait for their decision.
pub(super) struct Turns {
    moving: VecDeque<Taken>,
    settling: VecDeque<Taken>,
    turn: Option<Kind>,
    last: Kind,
}

impl Default for Turns {
    fn default() -> Self {
        let (moving, settling) = (VecDeque::new(), VecDeque::new());
        Self { moving, settling, turn: None, last: Kind::Settling }
    }
}

impl Kind {
    fn of(arrived: &Arrived) -> Self {
        match &arrived.request.intent {
            Intent::Command(Command::RecordPayment(_)) if !arrived.published => Self::Settling,
            Intent::Command(_) | Intent::Unusable { .. } => Self::Moving,
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Moving => Self::Settling,
            Self::Settling => Self::Moving,
        }
    }
}

impl Turns {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.moving.len().saturating_add(self.settling.len())
    }

    /// Has commands wait.
    pub(super) fn extend(&mut self, arrived: Vec<Arrived>) {
        for taken in arrived.into_iter().map(Taken::new) {
            self.queue(Kind::of(&taken.arrived)).push_back(taken);
        }
    }

    /// Gives back a command that found no room: it is the next of its kind.
    pub(super) fn push_front(&mut self, taken: Taken) {
        self.queue(Kind::of(&taken.arrived)).push_front(taken);
    }

    /// The next command of the kind whose turn it is.
    pub(super) fn next(&mut self) -> Option<Taken> {
        let kind = match self.turn {
            Some(kind) => kind,
            None => {
                let first = self.last.other();
                let kind = if self.queue(first).is_empty() { first.other() } else { first };
                if !self.queue(kind).is_empty() {
                    self.turn = Some(kind);
                }
                kind
            }
        };
        self.queue(kind).pop_front()
    }

    /// The commit with `decided` commands in it is about to go: whatever may share it.
    pub(super) fn shared(&mut self, decided: usize) -> Option<Taken> {
        if SHARED_MAX < self.len().saturating_add(decided) {
            return None;
        }
        self.moving.pop_front().or_else(|| self.settling.pop_front())
    }

    /// The commit has gone: it is the other's turn.
    pub(super) fn pass(&mut self) {
        if let Some(kind) = self.turn.take() {
            self.last = kind;
        }
    }

    /// Everything that waits; what was published is in its order.
    pub(super) fn into_all(self) -> impl Iterator<Item = Taken> {
        self.moving.into_iter().chain(self.settling)
    }

    /// The one that has waited longest, as far as the queues know.
    pub(super) fn oldest(&self) -> Option<&Taken> {
        let asked_at = |taken: &&Taken| taken.arrived.request.asked_at;
        self.moving.front().into_iter().chain(self.settling.front()).min_by_key(asked_at)
    }

    fn queue(&mut self, kind: Kind) -> &mut VecDeque<Taken> {
        match kind {
            Kind::Moving => &mut self.moving,
            Kind::Settling => &mut self.settling,
        }
    }
}
