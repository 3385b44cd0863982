//! The roles of a process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tracing::info;

use super::audit::{Checkpoints, start_checkpoints, start_verifier};
use super::group::Group;
use super::money::{start_payer, start_webhooks};
use super::views::start_views;
use crate::domain::Policy;
use crate::engine::{Candidate, Output, Pace, Projection};
use crate::nats::{
    Connection, ConnectionOptions, JsLog, KvLease, NatsAsks, NatsReplies, ObjectSnapshots,
};
use crate::port::{Gateway, Older, SystemClock};
use crate::role::attention::AttentionList;
use crate::role::committer::{self, Bounds, Rules};
use crate::role::feed::{self, Feed};
use crate::role::follow::{self, Beginning, Hub, follow};
use crate::role::outbox::Outbox;
use crate::role::payer::Payments;
use crate::role::retry_scheduler::{self, RetryTimers};
use crate::wire::{Encoding, MarketName, Subjects};

/// What a process can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Role {
    /// Decides and writes the log.
    Committer,
    /// Keeps the views of orders, stock and metrics.
    Projector,
    /// Takes money.
    Payer,
    /// Has failed payments told again when their retry is due.
    RetryScheduler,
    /// Publishes one message an event.
    Feed,
    /// Lists what a human must look at.
    Attention,
    /// Hears what the payment provider tells by itself.
    Webhooks,
    /// Signs the end of the log from time to time.
    Checkpoint,
    /// Proves the log while it grows.
    Verifier,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Committer,
        Self::Projector,
        Self::Payer,
        Self::RetryScheduler,
        Self::Feed,
        Self::Attention,
        Self::Webhooks,
        Self::Checkpoint,
        Self::Verifier,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Committer => "committer",
            Self::Projector => "projector",
            Self::Payer => "payer",
            Self::RetryScheduler => "retry-scheduler",
            Self::Feed => "feed",
            Self::Attention => "attention",
            Self::Webhooks => "webhooks",
            Self::Checkpoint => "checkpoint",
            Self::Verifier => "verifier",
        }
    }
}

/// Why a role could not be started or could not go on.
pub type RunError = anyhow::Error;

/// Everything the roles of one process need.
#[derive(Clone)]
pub struct Setup<G> {
    /// Where to connect.
    pub nats: ConnectionOptions,
    /// The market.
    pub market: MarketName,
    /// What the shop has set.
    pub policy: Policy,
    /// How large a commit may become.
    pub bounds: Bounds,
    /// Commits between two snapshots.
    pub snapshot_every: u64,
    /// Events between two milestones: what looking back folds at most.
    pub milestone_every: u64,
    /// Commands that may wait for their decision.
    pub queue: usize,
    /// The least time between two batches of each view.
    pub pace: Paces,
    /// How long an order that is over stays in its view.
    pub orders_kept: Duration,
    /// How the feed is written.
    pub feed: Encoding,
    /// How the payer works.
    pub payments: Payments,
    /// Who takes the money.
    pub gateway: Arc<G>,
    /// Where providers tell what happened; nobody is heard without it.
    pub webhooks: Option<SocketAddr>,
    /// Where signed heads are kept; none are without it.
    // Apart, because whoever starts roles moves this about.
    pub checkpoints: Option<Box<Checkpoints>>,
    /// Where the beginning of the log is that the server no longer has.
    pub older: Option<Arc<dyn Older>>,
    /// Who this is, in leases.
    pub holder: String,
}

/// The time between two batches of each follower that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paces {
    /// Orders and stock: their readers wait for the sequence of their own command.
    pub views: Pace,
    /// Metrics: read by the minute.
    pub metrics: Pace,
    /// The feed.
    pub feed: Pace,
    /// Schedules of retries, which are seconds away.
    pub timers: Pace,
    /// Attention items.
    pub attention: Pace,
    /// What is owed. Most of it is settled before: an attempt that is recorded in time is never
    /// written.
    pub payer: Pace,
}

impl Default for Paces {
    fn default() -> Self {
        let millis = Duration::from_millis;
        Self {
            // A batch takes the server 2 to 3 ms however little is in it: at 5 ms two views alone
            // kept one of its cores busy. At 8 ms an order was in the views of three nodes after
            // 18 to 20 ms, at 15 ms after 24 (1,000 orders/s, half of them sooner).
            views: Pace { quiet: millis(8), busy: millis(100), much: Pace::MUCH },
            metrics: Pace::steady(millis(500)),
            feed: Pace { quiet: millis(10), busy: millis(250), much: Pace::MUCH },
            timers: Pace::steady(millis(250)),
            attention: Pace::steady(millis(250)),
            payer: Pace::steady(millis(1_000)),
        }
    }
}

/// Running roles, in the order in which they stop.
pub struct Running {
    groups: Vec<Group>,
    webhooks: Option<SocketAddr>,
    // Apart, because whoever starts roles moves this about.
    commits: Box<Hub<JsLog>>,
}

impl Running {
    /// What its followers read.
    #[must_use]
    pub fn commits(&self) -> &Hub<JsLog> {
        &self.commits
    }

    /// Where webhooks are heard.
    #[must_use]
    pub const fn webhooks(&self) -> Option<SocketAddr> {
        self.webhooks
    }

    /// Waits for a role to fail; for ever while all are well.
    pub async fn failure(&mut self) -> anyhow::Error {
        let failures = self.groups.iter_mut().map(|group| Box::pin(group.failure()));
        futures::future::select_all(failures).await.0
    }

    /// Stops them, one group after the other: who sends commands first, who follows the log last.
    pub async fn stop(self, grace: Duration) {
        for group in self.groups {
            info!(group = group.name, "stopping");
            group.stop(grace).await;
        }
    }
}

/// Connects and starts `roles`.
///
/// # Errors
///
/// What keeps a role from starting.
pub async fn start<G: Gateway>(setup: &Setup<G>, roles: &[Role]) -> Result<Running, RunError> {
    let mut payer = Group::new("payer");
    let mut committer = Group::new("committer");
    let mut followers = Group::new("followers");
    let hub = setup.hub().await?;
    let mut webhooks = None;
    for role in roles {
        match role {
            Role::Committer => start_committer(setup, &mut committer).await?,
            Role::Payer => start_payer((setup, &hub), &mut payer).await?,
            Role::Projector => start_views((setup, &hub), &mut followers).await?,
            Role::RetryScheduler => start_retry_scheduler((setup, &hub), &mut followers).await?,
            Role::Feed => start_feed((setup, &hub), &mut followers).await?,
            Role::Attention => start_attention((setup, &hub), &mut followers).await?,
            Role::Webhooks => webhooks = start_webhooks(setup, &mut payer).await?,
            Role::Checkpoint => start_checkpoints((setup, &hub), &mut followers),
            Role::Verifier => start_verifier(setup, &mut payer).await?,
        }
    }
    let groups = vec![payer, committer, followers];
    Ok(Running { groups, webhooks, commits: Box::new(hub) })
}

impl<G> Setup<G> {
    pub(super) fn subjects(&self) -> Subjects {
        Subjects::of(self.market.clone())
    }

    /// A connection of its own, named in the server's list.
    pub(super) async fn connect(&self, role: &str) -> anyhow::Result<Connection> {
        let name = format!("kassa {} {role}", self.market);
        let options = ConnectionOptions { name, ..self.nats.clone() };
        Ok(Connection::open(&options).await?)
    }

    /// The reader that every follower of this process shares.
    async fn hub(&self) -> anyhow::Result<Hub<JsLog>> {
        let connection = self.connect("reader").await?;
        let subjects = self.subjects();
        let log = JsLog::events(&connection, &subjects, self.older.clone()).await?;
        Ok(Hub::start(log, subjects.commit()))
    }

    pub(super) async fn candidate(
        &self,
        connection: &Connection,
        role: &str,
    ) -> anyhow::Result<Candidate<KvLease>> {
        let lease = KvLease::open(connection).await.context("the bucket of leases")?;
        let key = self.subjects().lease_key(role);
        Ok(Candidate { lease, key, holder: self.holder.clone() })
    }
}

async fn start_committer<G: Gateway>(setup: &Setup<G>, group: &mut Group) -> anyhow::Result<()> {
    let subjects = setup.subjects();
    // Commits have a connection of their own: they never wait behind answers.
    let log = setup.connect("committer").await?;
    let edge = setup.connect("committer intake").await?;
    let replies = NatsReplies::start(&edge);
    let ports = committer::Ports {
        events: JsLog::events(&log, &subjects, setup.older.clone()).await?,
        commands: JsLog::open(&edge, subjects.stream("COMMANDS")).await?,
        candidate: setup.candidate(&log, "committer").await?,
        asks: NatsAsks::new(edge, subjects.clone(), SystemClock, replies.clone()),
        snapshots: ObjectSnapshots::open(&log, &subjects).await?,
        clock: SystemClock,
        replies,
    };
    let settings = committer::Settings {
        subjects,
        rules: Rules {
            policy: setup.policy.clone(),
            bounds: setup.bounds,
            decide: crate::domain::Market::decide,
            snapshot_every: setup.snapshot_every,
        },
        queue: setup.queue,
    };
    let stop = group.token();
    group.spawn("committer", async move {
        Ok(Box::pin(committer::run(&ports, &settings, &stop)).await?)
    });
    Ok(())
}

/// What followers share.
pub(super) type Shared<'a, G> = (&'a Setup<G>, &'a Hub<JsLog>);

/// Where a follower reads, and where it writes.
pub(super) type FollowerWorld = (follow::Ports<JsLog, KvLease, SystemClock>, JsLog);

pub(super) async fn follower<G: Gateway>(
    (setup, hub): Shared<'_, G>,
    role: &str,
    stream: String,
) -> anyhow::Result<FollowerWorld> {
    let connection = setup.connect(role).await?;
    let ports = follow::Ports {
        events: hub.clone(),
        candidate: setup.candidate(&connection, role).await?,
        clock: SystemClock,
    };
    let log = JsLog::open(&connection, stream).await?;
    Ok((ports, log))
}

pub(super) fn spawn_follower<P: Projection + 'static>(
    group: &mut Group,
    name: &'static str,
    ports: follow::Ports<JsLog, KvLease, SystemClock>,
    (output, beginning): (Output<JsLog>, Beginning),
    projection: impl FnMut() -> P + Send + 'static,
) {
    let stop = group.token();
    group.spawn(
        name,
        async move { Ok(follow(&ports, &output, beginning, projection, &stop).await?) },
    );
}

async fn start_feed<G: Gateway>(
    (setup, hub): Shared<'_, G>,
    group: &mut Group,
) -> anyhow::Result<()> {
    let subjects = setup.subjects();
    let (ports, log) = follower((setup, hub), "feed", subjects.stream("FEED")).await?;
    let output = Output {
        log,
        position: subjects.feed_position(),
        keys: String::new(),
        pace: setup.pace.feed,
    };
    let encoding = setup.feed;
    let start = (output, Beginning::Recent(feed::AGE));
    spawn_follower(group, "feed", ports, start, move || {
        Outbox::new(Feed::new(subjects.clone(), encoding))
    });
    Ok(())
}

async fn start_retry_scheduler<G: Gateway>(
    (setup, hub): Shared<'_, G>,
    group: &mut Group,
) -> anyhow::Result<()> {
    let (subjects, role) = (setup.subjects(), Role::RetryScheduler.name());
    let (ports, log) = follower((setup, hub), role, subjects.stream("TIMERS")).await?;
    let position = subjects.timers_position();
    let output = Output { log, position, keys: String::new(), pace: setup.pace.timers };
    let start = (output, Beginning::Recent(retry_scheduler::AGE));
    let timers = move || Outbox::new(RetryTimers::new(subjects.clone()));
    spawn_follower(group, role, ports, start, timers);
    Ok(())
}

async fn start_attention<G: Gateway>(
    (setup, hub): Shared<'_, G>,
    group: &mut Group,
) -> anyhow::Result<()> {
    let subjects = setup.subjects();
    let (ports, log) = follower((setup, hub), "attention", subjects.stream("ATTENTION")).await?;
    let position = subjects.attention_position();
    let pace = setup.pace.attention;
    let output = Output { log, position, keys: String::new(), pace };
    let start = (output, Beginning::Start);
    spawn_follower(group, "attention", ports, start, move || {
        AttentionList::new(subjects.clone(), SystemClock)
    });
    Ok(())
}
