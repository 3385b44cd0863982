//! A view that is being built beside the live one.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::Rebuilt;
use crate::cli::builder::{Builder, LOOK, until_whole};
use crate::cli::codes::Code;
use crate::cli::failure::Failure;
use crate::cli::output::{Format, say};
use crate::cli::session::Connected;
use crate::domain::Sequence;
use crate::engine::{Aliases, Candidate, Live, ViewReader};
use crate::nats::provision::empty;
use crate::nats::{JsLog, KvLease};
use crate::port::{Clock, Log, SystemClock};
use crate::role::follow::Hub;
use crate::role::rebuild::{Compared, Comparison, causes};
use crate::view::View;
use crate::wire::{Building, LOGIC};

/// How long the projector may take to go where the alias points. It notices at once; a standby
/// takes over within a lease.
const HANDOVER: Duration = Duration::from_secs(10);

/// How long somebody who was killed at the same work is waited for: a lease lasts three seconds,
/// and a busy server is late to end it.
const KILLED: Duration = Duration::from_secs(10);

/// Does `work` on a view while nobody else does: two who build, swap or drop at the same time
/// would take each other's bucket away.
pub(super) async fn alone<T>(
    connected: &Connected,
    view: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let lease = KvLease::open(&connected.connection).await.map_err(anyhow::Error::from)?;
    let key = connected.subjects.lease_key(&format!("rebuild-{view}"));
    let candidate = Candidate { lease, key, holder: format!("pid {}", std::process::id()) };
    let elsewhere = |what: &str| Failure::new(Code::ViewElsewhere, format!("{what} {view}"));
    let revision = tokio::select! {
        revision = candidate.acquire() => revision.map_err(anyhow::Error::from)?,
        what = connected.connection.until_forbidden() => return Err(Failure::forbidden(&what)),
        () = tokio::time::sleep(KILLED) => return Err(elsewhere("somebody else works on")),
    };
    let (done, lost) = (CancellationToken::new(), CancellationToken::new());
    let working = async {
        let worked = tokio::select! {
            worked = work => worked,
            () = lost.cancelled() => Err(elsewhere("the lease was lost for")),
        };
        done.cancel();
        worked
    };
    tokio::join!(working, candidate.keep(revision, &done, &lost)).0
}

/// A view that is being built.
pub(super) struct Site<'a> {
    connected: &'a Connected,
    view: &'static str,
    aliases: Aliases<JsLog>,
    live: Live,
    bucket: String,
    events: Hub<JsLog>,
    begun: Instant,
    format: Format,
}

impl<'a> Site<'a> {
    /// The bucket beside the live one: half filled by this very logic, or empty.
    pub(super) async fn prepare(
        connected: &'a Connected,
        view: &'static str,
        format: Format,
    ) -> Result<Self, Failure> {
        let Connected { connection, subjects, .. } = connected;
        let aliases = connected.aliases().await?;
        let live = aliases.live(view).await.map_err(anyhow::Error::from)?;
        let bucket = subjects.generation(view, live.alias.generation.saturating_add(1));
        let half = Building { bucket: bucket.clone(), logic: LOGIC.to_owned(), whole: false };
        let found = aliases.building(view).await.map_err(anyhow::Error::from)?;
        if found.as_ref() != Some(&half) {
            // What was finished, or begun by others, is no answer to whoever asks now.
            empty(connection, &bucket).await.map_err(anyhow::Error::from)?;
            aliases.note(view, &half).await.map_err(anyhow::Error::from)?;
        }
        let events = Hub::start(connected.events().await?, subjects.commit());
        let begun = Instant::now();
        Ok(Self { connected, view, aliases, live, bucket, events, begun, format })
    }

    pub(super) async fn build<V: View>(&self) -> Result<Builder, Failure> {
        Builder::begin::<V>(self.connected, &self.events, (self.view, &self.bucket)).await
    }

    /// Waits until it is whole, and holds it against the live one.
    pub(super) async fn work<V: View>(&self, diff: bool) -> Result<Rebuilt, Failure> {
        let rebuilt = self.connected.reader(self.bucket.clone()).await?;
        let event_seq = until_whole(&rebuilt, &self.events, self.format).await?;
        let (bucket, logic) = (self.bucket.clone(), LOGIC.to_owned());
        let whole = Building { bucket, logic, whole: true };
        self.aliases.note(self.view, &whole).await.map_err(anyhow::Error::from)?;
        let seconds = self.begun.elapsed().as_secs_f64();
        let compared =
            if diff { Some(self.compare::<V>(&rebuilt, event_seq).await?) } else { None };
        Ok(Rebuilt {
            view: self.view,
            live: self.live.alias.bucket.clone(),
            bucket: self.bucket.clone(),
            event_seq,
            seconds,
            compared,
            swapped: false,
        })
    }

    async fn compare<V: View>(
        &self,
        rebuilt: &ViewReader<JsLog>,
        reached: Sequence,
    ) -> Result<Compared, Failure> {
        let live = self.connected.reader(self.live.alias.bucket.clone()).await?;
        let comparison = Comparison { live: &live, rebuilt };
        comparison.wait_for(reached).await.map_err(anyhow::Error::from)?;
        let mut compared = comparison.run().await.map_err(anyhow::Error::from)?;
        if !compared.differences.is_empty() {
            let log = self.events.log();
            let end = self.events.last().await.map_err(anyhow::Error::from)?;
            let commits = log.follow(&self.connected.subjects.commit(), Sequence::START).await;
            let mut commits = commits.map_err(anyhow::Error::from)?;
            let named = causes::<V, _>(&mut commits, end, &mut compared.differences).await;
            named.map_err(anyhow::Error::from)?;
        }
        Ok(compared)
    }

    /// Has readers read it, and keeps it current until the projector does.
    pub(super) async fn swap(&self) -> Result<(), Failure> {
        let rebuilt = self.connected.reader(self.bucket.clone()).await?;
        let ours = rebuilt.writer().await.map_err(anyhow::Error::from)?;
        let to = (&self.live, self.live.alias.generation.saturating_add(1));
        let pointed = self.aliases.point(self.view, to, SystemClock.now()).await;
        pointed.map_err(anyhow::Error::from)?;
        let pointed = Instant::now();
        while rebuilt.writer().await.map_err(anyhow::Error::from)?.epoch <= ours.epoch {
            if HANDOVER < pointed.elapsed() {
                say("no projector runs just now; the next one goes on with it");
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

/// Empties the bucket of a view that is not read.
pub(super) async fn drop_other(connected: &Connected, view: &str) -> Result<(), Failure> {
    let aliases = connected.aliases().await?;
    let live = aliases.live(view).await.map_err(anyhow::Error::from)?;
    let generation = live.alias.generation.saturating_add(1);
    let bucket = connected.subjects.generation(view, generation);
    let gone = empty(&connected.connection, &bucket).await.map_err(anyhow::Error::from)?;
    // Whoever builds next begins anew.
    let nothing = Building { bucket: bucket.clone(), logic: LOGIC.to_owned(), whole: true };
    aliases.note(view, &nothing).await.map_err(anyhow::Error::from)?;
    if 0 < gone {
        say(&format!("{bucket} is dropped"));
    }
    Ok(())
}
