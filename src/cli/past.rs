//! The past of a market: from a server, or from an archive.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::failure::Failure;
use super::moment::{Moment, Then};
use super::output::say;
use super::session::{Connected, Session};
use crate::archive::{Archive, ArchiveTail};
use crate::domain::{OrderId, Policy, Recorded, Sequence, Timestamp};
use crate::nats::{JsLog, ObjectSnapshots};
use crate::port::{Entry, Log, ReadError, Tail};
use crate::role::as_of;
use crate::role::milestones;
use crate::role::replay::{Range, Replay};
use crate::view::{OrderView, Shop};
use crate::wire::{Commit, Subjects};

/// Where the past is read.
pub(super) enum Past {
    /// A file.
    Archive(Archive, Subjects),
    /// A server.
    Server(Box<Server>),
}

/// A server, as far as its log was.
pub(super) struct Server {
    connected: Connected,
    log: JsLog,
    end: Sequence,
    /// Whether an order's view may say which commits are the order's.
    addresses: bool,
}

/// An order's commits, in the order of the log.
type Commits = Vec<(Sequence, Commit)>;

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
    pub(super) async fn open(
        session: &Session,
        file: Option<&Path>,
        addresses: bool,
    ) -> Result<Self, Failure> {
        if let Some(file) = file {
            let archive = Archive::open(file, &session.config.market);
            let archive = archive.map_err(anyhow::Error::from)?;
            if Sequence(1) < archive.foot.first {
                let first = archive.foot.first;
                let what = format!("the archive begins at {first}; what was before is not in it");
                return Err(Failure::beyond(what));
            }
            return Ok(Self::Archive(archive, session.subjects()));
        }
        let connected = session.connect().await?;
        let log = connected.events().await?;
        let end = log.end().await.map_err(anyhow::Error::from)?;
        Ok(Self::Server(Box::new(Server { connected, log, end, addresses })))
    }

    /// The moment, when it is in this past.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it is not.
    pub(super) async fn then(&self, moment: Moment) -> Result<Then, Failure> {
        let Some(order_id) = moment.order() else {
            let what = if self.server().is_some() { "the log" } else { "the archive" };
            return moment.within(self.end(), what);
        };
        let mut known = None;
        for (sequence, commit) in self.commits_of(order_id, self.end()).await? {
            let its = |record: &&Recorded| record.event.order_id() == Some(order_id);
            if commit.events.iter().filter(its).any(|record| moment.means(&record.event)) {
                return Ok(Then { to: sequence, until: None });
            }
            known = after(known, order_id, sequence, &commit)?;
        }
        Err(match known {
            None => Failure::not_found(format!("there is no {moment}: the log has no such order")),
            Some(order) => {
                let what = format!("there is no {moment}: the order is {}", order.state);
                Failure::beyond(what)
            }
        })
    }

    /// The whole shop as it was then.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(super) async fn shop(&self, then: Then) -> Result<Shop, Failure> {
        let from = match self {
            Self::Archive(..) => Shop::default(),
            Self::Server(server) => milestone(server, then).await?,
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
        let mut replay = self.replay(place, then.to).await?;
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
        let commits = self.commits_of(order_id, then.to).await?;
        Ok(fold(&commits, order_id, then.last_time())?)
    }

    /// Orders as they were at two moments.
    ///
    /// # Errors
    ///
    /// What keeps them from being read.
    pub(super) async fn orders(
        &self,
        orders: BTreeSet<OrderId>,
        (from, to): (Then, Then),
    ) -> Result<Vec<[Option<OrderView>; 2]>, Failure> {
        let mut known: BTreeMap<OrderId, [Option<OrderView>; 2]> = BTreeMap::new();
        let mut see = |order_id: OrderId, place: Sequence, commit: &Commit| {
            for (order, then) in known.entry(order_id).or_default().iter_mut().zip([from, to]) {
                if place <= then.to && commit.head.at <= then.last_time() {
                    *order = after(order.take(), order_id, place, commit)?;
                }
            }
            anyhow::Ok(())
        };
        let last = from.to.max(to.to);
        if let Self::Server(_) = self {
            for order_id in orders {
                for (place, commit) in self.commits_of(order_id, last).await? {
                    see(order_id, place, &commit)?;
                }
            }
        } else {
            // A file has no index: one reading for all.
            let mut replay = self.replay(Sequence::START, last).await?;
            while let Some(entry) = replay.next().await.map_err(anyhow::Error::from)? {
                let commit = as_of::read(&entry).map_err(anyhow::Error::from)?;
                let named = commit.events.iter().filter_map(|record| record.event.order_id());
                let named: BTreeSet<OrderId> = named.filter(|id| orders.contains(id)).collect();
                for order_id in named {
                    see(order_id, entry.sequence, &commit)?;
                }
            }
        }
        Ok(known.into_values().collect())
    }

    /// The server, when it is one.
    pub(super) fn server(&self) -> Option<&Connected> {
        match self {
            Self::Archive(..) => None,
            Self::Server(server) => Some(&server.connected),
        }
    }

    /// The commits up to a place in which something happened to an order. By the addresses that
    /// its view keeps that is a few reads, and the log behind the view; else the log is read from
    /// when the order's id was made.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(super) async fn commits_of(
        &self,
        order_id: OrderId,
        to: Sequence,
    ) -> Result<Commits, Failure> {
        let (mut found, read) = match self {
            Self::Archive(..) => (Commits::new(), Sequence::START),
            Self::Server(server) => server.known(order_id).await?,
        };
        let last = found.last().map_or(read, |(sequence, _)| read.max(*sequence));
        if last < to {
            let mut replay = self.replay(last, to).await?;
            while let Some(entry) = replay.next().await.map_err(anyhow::Error::from)? {
                let commit = as_of::read(&entry).map_err(anyhow::Error::from)?;
                if commit.events.iter().any(|record| record.event.concerns() == Some(order_id)) {
                    found.push((entry.sequence, commit));
                }
            }
        }
        found.retain(|(sequence, _)| *sequence <= to);
        Ok(found)
    }

    /// The commit at a place; none when there is none, and of a file, which has no index.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(super) async fn commit(&self, place: Sequence) -> Result<Option<Commit>, Failure> {
        match self {
            Self::Archive(..) => Ok(None),
            Self::Server(server) => server.commit(place).await,
        }
    }

    /// The last sequence in it.
    pub(super) const fn end(&self) -> Sequence {
        match self {
            Self::Archive(archive, _) => archive.foot.last,
            Self::Server(server) => server.end,
        }
    }

    /// Commits behind one place, up to another.
    async fn replay(&self, after: Sequence, to: Sequence) -> Result<Replay<PastTail>, Failure> {
        let tail = match self {
            Self::Archive(archive, subjects) => {
                let tail = archive.follow(&subjects.commit(), after);
                PastTail::Archive(Box::new(tail.map_err(anyhow::Error::from)?))
            }
            Self::Server(server) => {
                let commits = server.connected.subjects.commit();
                let tail = server.log.follow(&commits, after).await;
                PastTail::Server(Box::new(tail.map_err(anyhow::Error::from)?))
            }
        };
        Ok(Replay::new(tail, Range { from: after.next(), to, until: None }, None))
    }
}

impl Server {
    /// The commits of an order by the addresses that its view keeps, and how far that is known.
    ///
    /// A view can be wrong, and whoever looks back wants the log. So it is believed only where what
    /// it names comes to what it shows. That still leaves a view that shows an older truth and
    /// names its addresses: `kassa verify` and `kassa rebuild --diff` find it, and whoever asks not
    /// to believe the view reads the log.
    async fn known(&self, order_id: OrderId) -> Result<(Commits, Sequence), Failure> {
        if self.addresses
            && let Some((view, reached)) = self.view(order_id).await?
        {
            let mut places: Vec<_> = view.events.iter().map(|place| place.0.sequence).collect();
            places.dedup();
            let mut commits = Commits::with_capacity(places.len());
            for place in places {
                let Some(commit) = self.commit(place).await? else { break };
                commits.push((place, commit));
            }
            if fold(&commits, order_id, Timestamp(u64::MAX)).ok().flatten() == Some(view) {
                return Ok((commits, reached));
            }
            say(&format!("the view of order {order_id} is not what the log says; the log is read"));
        }
        // An order has no event before its id was made, but for what clocks differ by.
        let made = order_id.made_at().before(Policy::SKEW_MAX);
        let before = self.log.before(made).await.map_err(anyhow::Error::from)?;
        Ok((Commits::new(), before))
    }

    /// What its view shows, and how far the views are. None when there is no such view, or nobody
    /// understands it.
    async fn view(&self, order_id: OrderId) -> Result<Option<(OrderView, Sequence)>, Failure> {
        let orders = self.connected.view("orders").await?;
        let seen = async {
            // Asked for first: the value is as new or newer.
            let reached = orders.position().await?;
            let view = orders.get::<OrderView>(&Subjects::order_key(order_id)).await?;
            Ok(view.map(|view| (view, reached)))
        };
        match seen.await {
            Ok(seen) => Ok(seen),
            Err(ReadError::Broken(_)) => Ok(None),
            Err(error) => Err(anyhow::Error::from(error).into()),
        }
    }

    /// The commit at a place; none when there is no commit.
    async fn commit(&self, sequence: Sequence) -> Result<Option<Commit>, Failure> {
        let entry = self.log.entry(sequence).await.map_err(anyhow::Error::from)?;
        Ok(entry.and_then(|entry| as_of::read(&entry).ok()))
    }
}

/// An order after those of its commits that were made by `until`.
fn fold(
    commits: &[(Sequence, Commit)],
    order_id: OrderId,
    until: Timestamp,
) -> Result<Option<OrderView>, anyhow::Error> {
    // The times of commits never go back.
    let mut by_then = commits.iter().take_while(|(_, commit)| commit.head.at <= until);
    by_then.try_fold(None, |order, (place, commit)| after(order, order_id, *place, commit))
}

fn after(
    known: Option<OrderView>,
    order_id: OrderId,
    place: Sequence,
    commit: &Commit,
) -> Result<Option<OrderView>, anyhow::Error> {
    Ok(as_of::order_after(known, order_id, place, commit)?)
}

/// The last milestone before then.
async fn milestone(server: &Server, then: Then) -> Result<Shop, Failure> {
    let Server { connected, log, .. } = server;
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
