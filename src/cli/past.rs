//! The past of a market: from a server, or from an archive.

use std::path::Path;

use super::failure::Failure;
use super::moment::{Moment, Then};
use super::session::{Connected, Session};
use crate::archive::{Archive, ArchiveTail};
use crate::domain::{OrderId, Policy, Sequence};
use crate::nats::{JsLog, ObjectSnapshots};
use crate::port::{Entry, Log, ReadError, Tail};
use crate::role::as_of;
use crate::role::milestones;
use crate::role::replay::Replay;
use crate::view::{OrderView, Shop};
use crate::wire::{Commit, Subjects};

/// Where the past is read.
pub(super) enum Past {
    /// A file.
    Archive(Archive, Subjects),
    /// A server, and how far its log was.
    Server(Box<(Connected, JsLog)>, Sequence),
}

/// A reader of either.
pub(super) enum PastTail {
    Archive(Box<ArchiveTail>),
    Server(Box<<JsLog as Log>::Tail>),
}

impl Tail for PastTail {
    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        match self {
            Self::Archive(tail) => tail.next(limit).await,
            Self::Server(tail) => tail.next(limit).await,
        }
    }

    fn remaining(&self) -> u64 {
        match self {
            Self::Archive(tail) => tail.remaining(),
            Self::Server(tail) => tail.remaining(),
        }
    }
}

impl Past {
    /// Opens an archive that begins where the log begins, or else the log of the server.
    ///
    /// # Errors
    ///
    /// What keeps it from being opened.
    pub(super) async fn open(session: &Session, file: Option<&Path>) -> Result<Self, Failure> {
        if let Some(file) = file {
            let archive = Archive::open(file, &session.config.market);
            let archive = archive.map_err(anyhow::Error::from)?;
            if Sequence(1) < archive.foot.first {
                let first = archive.foot.first;
                let what = format!("the archive begins at {first}; what was before is not in it");
                return Err(Failure::not_found(what));
            }
            return Ok(Self::Archive(archive, session.subjects()));
        }
        let connected = session.connect().await?;
        let log = connected.stream("EVENTS").await?;
        let end = log.end().await.map_err(anyhow::Error::from)?;
        Ok(Self::Server(Box::new((connected, log)), end))
    }

    /// The moment, when it is in this past.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it is not.
    pub(super) async fn then(&self, moment: Moment) -> Result<Then, Failure> {
        let Some(order_id) = moment.order() else {
            return match self {
                Self::Archive(archive, _) => moment.within(archive.foot.last, "the archive"),
                Self::Server(_, end) => moment.within(*end, "the log"),
            };
        };
        let then = Then { to: self.end(), until: None };
        let missing = || Failure::not_found(format!("there is no {moment}"));
        let order = self.order(then, order_id).await?.ok_or_else(missing)?;
        for place in order.events.iter().map(|place| place.0) {
            let commit = self.commit(place.sequence).await?;
            let index = usize::try_from(place.index).unwrap_or(usize::MAX);
            if commit.events.get(index).is_some_and(|record| moment.means(&record.event)) {
                return Ok(Then { to: place.sequence, ..then });
            }
        }
        Err(missing())
    }

    /// The whole shop as it was then.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(super) async fn shop(&self, then: Then) -> Result<Shop, Failure> {
        let from = match self {
            Self::Archive(..) => Shop::default(),
            Self::Server(server, _) => milestone(server, then).await?,
        };
        self.shop_since(from, then, |_, _| {}).await
    }

    /// The whole shop as it was then, from one that was before; `seen` sees each commit between.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(super) async fn shop_since(
        &self,
        from: Shop,
        then: Then,
        seen: impl FnMut(Sequence, &Commit),
    ) -> Result<Shop, Failure> {
        let place = from.totals().event_seq;
        let mut replay = Replay::new(self.commits(place).await?, then.after(place), None);
        let shop = as_of::shop((&mut replay, then.last_time()), from, seen).await;
        Ok(shop.map_err(anyhow::Error::from)?)
    }

    /// An order as it was then; none when there was none.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(super) async fn order(
        &self,
        then: Then,
        order_id: OrderId,
    ) -> Result<Option<OrderView>, Failure> {
        let (known, read) = match self {
            Self::Archive(..) => (None, Sequence::START),
            Self::Server(server, _) => {
                self.order_by_its_view((&server.0, &server.1), then, order_id).await?
            }
        };
        if then.to <= read {
            return Ok(known);
        }
        let mut replay = Replay::new(self.commits(read).await?, then.after(read), None);
        let order = as_of::order((&mut replay, then.last_time()), order_id, known).await;
        Ok(order.map_err(anyhow::Error::from)?)
    }

    /// The server, when it is one.
    pub(super) fn server(&self) -> Option<&Connected> {
        match self {
            Self::Archive(..) => None,
            Self::Server(server, _) => Some(&server.0),
        }
    }

    /// The commits in which something happened to an order. By the addresses that its view keeps
    /// that is a few reads; of an order that no view knows the log is read from its beginning.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(super) async fn commits_of(
        &self,
        order_id: OrderId,
    ) -> Result<Vec<(Sequence, Commit)>, Failure> {
        let mut found = Vec::new();
        let mut read = Sequence::START;
        if let Self::Server(server, _) = self {
            let (places, known) = places((&server.0, &server.1), order_id).await?;
            for place in places {
                found.push((place, self.commit(place).await?));
            }
            if !found.is_empty() {
                return Ok(found);
            }
            read = known;
        }
        let all = Then { to: self.end(), until: None };
        if all.to <= read {
            return Ok(found);
        }
        let mut replay = Replay::new(self.commits(read).await?, all.after(read), None);
        while let Some(entry) = replay.next().await.map_err(anyhow::Error::from)? {
            let commit = as_of::read(&entry).map_err(anyhow::Error::from)?;
            if commit.events.iter().any(|record| record.event.order_id() == Some(order_id)) {
                found.push((entry.sequence, commit));
            }
        }
        Ok(found)
    }

    /// As far as its view knows: a few reads of the commits that the view says are the order's.
    /// Says how far that is.
    async fn order_by_its_view(
        &self,
        (connected, log): (&Connected, &JsLog),
        then: Then,
        order_id: OrderId,
    ) -> Result<(Option<OrderView>, Sequence), Failure> {
        let (places, reached) = places((connected, log), order_id).await?;
        let mut order = None;
        for place in places.into_iter().take_while(|place| *place <= then.to) {
            let commit = self.commit(place).await?;
            if then.last_time() < commit.head.at {
                return Ok((order, then.to));
            }
            let after = as_of::order_after(order, order_id, place, &commit);
            order = after.map_err(anyhow::Error::from)?;
        }
        Ok((order, reached))
    }

    /// The last sequence in it.
    const fn end(&self) -> Sequence {
        match self {
            Self::Archive(archive, _) => archive.foot.last,
            Self::Server(_, end) => *end,
        }
    }

    async fn commits(&self, after: Sequence) -> Result<PastTail, Failure> {
        match self {
            Self::Archive(archive, subjects) => {
                let tail = archive.follow(&subjects.commit(), after);
                Ok(PastTail::Archive(Box::new(tail.map_err(anyhow::Error::from)?)))
            }
            Self::Server(server, _) => {
                let (connected, log) = &**server;
                let tail = log.follow(&connected.subjects.commit(), after).await;
                Ok(PastTail::Server(Box::new(tail.map_err(anyhow::Error::from)?)))
            }
        }
    }

    async fn commit(&self, sequence: Sequence) -> Result<Commit, Failure> {
        let entry = match self {
            Self::Archive(..) => {
                let mut tail = self.commits(Sequence(sequence.0.saturating_sub(1))).await?;
                tail.next(1).await.map(|entries| entries.into_iter().next())
            }
            Self::Server(server, _) => server.1.entry(sequence).await,
        };
        let missing = || Failure::not_found(format!("sequence {sequence} is not in the log"));
        let entry = entry.map_err(anyhow::Error::from)?.ok_or_else(missing)?;
        Ok(as_of::read(&entry).map_err(anyhow::Error::from)?)
    }
}

/// The last milestone before then.
async fn milestone((connected, log): &(Connected, JsLog), then: Then) -> Result<Shop, Failure> {
    let mut place = then.to;
    if let Some(until) = then.until {
        // Messages carry the time of the server, commits that of the committer.
        let stored = log.before(until.before(Policy::SKEW_MAX)).await;
        place = place.min(stored.map_err(anyhow::Error::from)?);
    }
    let subjects = &connected.subjects;
    let snapshots = ObjectSnapshots::open(&connected.connection, subjects).await;
    let snapshots = snapshots.map_err(anyhow::Error::from)?;
    let shop = milestones::before((log, &subjects.commit()), &snapshots, place).await;
    Ok(shop.map_err(anyhow::Error::from)?)
}

/// The commits that an order's view names, and how far the view is. Of an order that it does not
/// know, none, and a place before which it has no event.
async fn places(
    (connected, log): (&Connected, &JsLog),
    order_id: OrderId,
) -> Result<(Vec<Sequence>, Sequence), Failure> {
    let view = connected.view("orders").await?;
    // Asked for first: the value is as new or newer.
    let reached = view.position().await.map_err(anyhow::Error::from)?;
    let value = view.get::<OrderView>(&Subjects::order_key(order_id)).await;
    let Some(view) = value.map_err(anyhow::Error::from)? else {
        // An order has no event before its id was made, but for what clocks differ by.
        let made = order_id.made_at().before(Policy::SKEW_MAX);
        return Ok((Vec::new(), log.before(made).await.map_err(anyhow::Error::from)?));
    };
    let mut places: Vec<_> = view.events.iter().map(|place| place.0.sequence).collect();
    places.dedup();
    Ok((places, reached))
}
