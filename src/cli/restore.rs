//! `kassa restore`: a market comes back from a backup, into an empty server.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::backup::{KeptLog, nothing};
use super::codes::Code;
use super::failure::Failure;
use super::output::{Format, Show, pairs, say};
use super::progress::Progress;
use super::restored::{self, Money};
use super::session::{Connected, Session};
use super::when;
use crate::archive::{Backup, End};
use crate::domain::{Sequence, Timestamp};
use crate::engine::verify_log;
use crate::nats::provision::restoring::{anew_behind, closed, is_restoring, messages, opened};
use crate::nats::provision::{Asset, apply, assets, plan};
use crate::nats::segments;
use crate::port::{Log, Tail};
use crate::role::restore::{is_begun, restore as copy};
use crate::wire::{Hash, Subjects};

#[derive(Args, Debug)]
pub(super) struct RestoreArguments {
    /// The folder of the backup
    dir: PathBuf,
    /// Replicas of every stream, instead of what the files say
    #[arg(long, value_name = "N")]
    replicas: Option<u64>,
}

/// What came back.
#[derive(Serialize)]
struct Restored {
    last: Sequence,
    /// Whatever was sold later is not in it.
    until_ms: Timestamp,
    orders: u64,
    events: u64,
    /// Published commands that will be decided as soon as a committer runs.
    commands: u64,
    /// What the provider says; none when it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    money: Option<Money>,
    seconds: f64,
}

pub(super) async fn restore(session: &Session, arguments: RestoreArguments) -> Result<(), Failure> {
    let begun = Instant::now();
    let market = &session.config.market;
    let backup = Backup::open(&arguments.dir, market).map_err(anyhow::Error::from)?;
    let backup = backup.ok_or_else(|| nothing(&arguments.dir))?;
    let end = backup.manifest.end.clone().ok_or_else(|| nothing(&arguments.dir))?;
    backup.prove_end(&session.subjects().commit()).map_err(anyhow::Error::from)?;
    // All of it is read before anything is written: half a backup is no backup.
    let kept = (KeptLog::open(&backup)?, KeptLog::open(&backup)?);
    let connected = session.connect().await?;
    let assets = assets(market, arguments.replicas, None).map_err(anyhow::Error::from)?;
    let site = Site { connected: &connected, assets: &assets, format: session.format };
    site.prepare().await?;
    Box::pin(site.copy(kept, backup.last())).await?;
    let (orders, events) = site.prove(&end).await?;
    let commands = site.commands(&backup, end.position).await?;
    restored::build_views(&connected, session.format).await?;
    let money = restored::held_against_the_provider(session, &connected).await?;
    opened(&connected.connection, site.events()?).await.map_err(anyhow::Error::from)?;
    let seconds = begun.elapsed().as_secs_f64();
    let (last, until_ms) = (backup.last(), end.at_ms);
    let different = money.as_ref().map_or(0, |money| money.different);
    session.show(&Restored { last, until_ms, orders, events, commands, money, seconds })?;
    if 0 < different {
        say(&format!(
            "{different} payments or refunds are not the same at the provider: what was paid after \
             the backup is not in it. `kassa reconcile` names them; see to them before `kassa run`"
        ));
    }
    Ok(())
}

struct Site<'a> {
    connected: &'a Connected,
    assets: &'a [Asset],
    format: Format,
}

impl Site<'_> {
    fn asset(&self, stream: &str) -> Result<&Asset, Failure> {
        let found = self.assets.iter().find(|asset| asset.stream == stream);
        found.ok_or_else(|| Failure::not_found(format!("there is no file for {stream}")))
    }

    fn events(&self) -> Result<&Asset, Failure> {
        self.asset(&self.connected.subjects.stream("EVENTS"))
    }

    /// Streams in which there is nothing, and a log that nobody sells from.
    async fn prepare(&self) -> Result<(), Failure> {
        let connection = &self.connected.connection;
        let log = self.events()?;
        let goes_on = is_restoring(connection, &log.stream).await.map_err(anyhow::Error::from)?;
        // Leases are every market's.
        let leases = Subjects::bucket_stream(Subjects::lease_bucket());
        for asset in self.assets.iter().filter(|asset| asset.stream != leases && !goes_on) {
            let held = messages(connection, &asset.stream).await.map_err(anyhow::Error::from)?;
            if let Some(held) = held.filter(|held| 0 < *held) {
                let what = format!("{} holds {held} messages already", asset.stream);
                return Err(Failure::new(Code::RestoreOccupied, what));
            }
        }
        let known = segments(connection, &self.connected.subjects).await;
        let next = known.map_err(anyhow::Error::from)?.into_iter().find(|found| 1 < found.number);
        if let Some(next) = next {
            let what = format!("the log goes on in {} already", next.stream);
            return Err(Failure::new(Code::RestoreOccupied, what));
        }
        closed(connection, log).await.map_err(anyhow::Error::from)?;
        // Commands are let in last: before the log is whole nobody knows where they begin.
        let commands = self.connected.subjects.stream("COMMANDS");
        let others = self.assets.iter();
        let others = others.filter(|asset| asset.stream != log.stream && asset.stream != commands);
        let planned = plan(connection, others.cloned().collect()).await;
        let planned = planned.map_err(anyhow::Error::from)?;
        Ok(apply(connection, &planned).await.map_err(anyhow::Error::from)?)
    }

    async fn copy(&self, kept: (KeptLog, KeptLog), last: Sequence) -> Result<(), Failure> {
        let log = self.connected.events().await?;
        let there = is_begun(&log, kept.0, last).await.map_err(anyhow::Error::from)?;
        if Sequence::START < there {
            say(&format!("{there} of {last} messages are there already"));
        }
        let mut progress = Progress::new(self.format, ("restoring", "messages"), last.0)?;
        let copied = copy(&log, kept.1, |reached| progress.reach(reached.0)).await;
        progress.end();
        Ok(copied.map_err(anyhow::Error::from)?)
    }

    /// Proves the log as it stands in the server, and that it ends as the backup does.
    async fn prove(&self, end: &End) -> Result<(u64, u64), Failure> {
        let log = self.connected.events().await?;
        let verified = verify_log(&log, &self.connected.subjects, |_| {}).await;
        let verified = verified.map_err(anyhow::Error::from)?;
        if let Some(first) = verified.violations.first() {
            return Err(Failure::new(Code::LogViolation, first.to_string()));
        }
        let last = log.entry(end.commit).await.map_err(anyhow::Error::from)?;
        if last.is_none_or(|last| Hash::of(&last.payload).to_string() != end.hash) {
            let what = format!("commit {} is not the one of the backup", end.commit);
            return Err(Failure::new(Code::LogViolation, what));
        }
        Ok((verified.orders, verified.events))
    }

    /// Published commands that nobody has decided go behind those that somebody has.
    async fn commands(&self, backup: &Backup, decided: Sequence) -> Result<u64, Failure> {
        let commands = self.connected.subjects.stream("COMMANDS");
        let asset = self.asset(&commands)?;
        let made = anew_behind(&self.connected.connection, asset, decided).await;
        if !made.map_err(anyhow::Error::from)? {
            let what = format!("{commands} was published to before its place was known");
            return Err(Failure::new(Code::RestoreOccupied, what));
        }
        let Some(part) = &backup.manifest.commands else { return Ok(0) };
        let archive = backup.read(part).map_err(anyhow::Error::from)?;
        let tail = archive.follow(Subjects::everything(), Sequence::START);
        let mut tail = tail.map_err(anyhow::Error::from)?;
        let log = self.connected.stream("COMMANDS").await?;
        let mut sent = 0_u64;
        while 0 < tail.remaining() {
            for entry in tail.next(256).await.map_err(anyhow::Error::from)? {
                let batch = crate::role::restore::again(&entry);
                log.commit(&batch).await.map_err(anyhow::Error::from)?;
                sent = sent.saturating_add(1);
            }
        }
        Ok(sent)
    }
}

impl Show for Restored {
    fn table(&self) -> String {
        let money = self.money.as_ref().map_or_else(|| "not asked".to_owned(), Money::told);
        pairs([
            ("restored up to", format!("{} ({})", self.last, when::written(self.until_ms))),
            ("orders", self.orders.to_string()),
            ("events", format!("{}, every promise holds", self.events)),
            ("views", "built".to_owned()),
            ("commands to be decided", self.commands.to_string()),
            ("the provider's list", money),
            ("took", format!("{:.1} s", self.seconds)),
        ])
    }
}
