//! `kassa rebuild`: a view built anew beside the live one, held against it, put in its place.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Interrupt;
use super::codes::Code;
use super::failure::Failure;
use super::output::{Show, pairs, say};
use super::session::{Connected, Session};
use super::when;
use crate::domain::{Command, FindingKind, ReportFinding, Sequence, Text};
use crate::engine::{Ended, Error, Live, Output, Pace, ViewReader};
use crate::nats::JsLog;
use crate::nats::provision::Generations;
use crate::port::{Clock, Log, SystemClock};
use crate::role::follow::Hub;
use crate::role::rebuild::{Compared, Comparison, FieldDifference, build, causes};
use crate::run::bucket_output;
use crate::view::{MinuteView, OrderView, StockView, View};

/// Time between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(100);

/// How long the projector may take to go where the alias points. It notices at once; a standby
/// takes over within a lease.
const HANDOVER: Duration = Duration::from_secs(10);

/// Who reports what a check finds.
const AUDITOR: &str = "auditor";

/// The time between two batches: as a busy view has it, so that keys that change again are
/// written once.
const PACE: Duration = Duration::from_millis(100);

#[derive(Args, Debug)]
pub(super) struct RebuildArguments {
    /// The view
    view: ViewName,
    /// Hold it against the live one, key by key
    #[arg(long)]
    diff: bool,
    /// Have readers read it from now on; the one before stays until it is dropped
    #[arg(long)]
    swap: bool,
    /// Only drop every bucket of the view that nobody reads any more
    #[arg(long, conflicts_with_all = ["diff", "swap"])]
    drop: bool,
    /// Put a difference into the attention list
    #[arg(long, requires = "diff")]
    report: bool,
    /// Look again and again, as in 6h, until Ctrl-C: what is built is dropped after each look, and
    /// differences go into the attention list
    #[arg(long, value_name = "TIME", value_parser = when::span, requires = "diff")]
    #[arg(conflicts_with = "swap")]
    every: Option<Duration>,
}

/// A view that can be built anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ViewName {
    /// One value an order
    Orders,
    /// One value a SKU
    Stock,
    /// One value a minute of the day
    Metrics,
}

impl ViewName {
    const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Stock => "stock",
            Self::Metrics => "metrics",
        }
    }
}

/// What came of it.
#[derive(Serialize)]
struct Rebuilt {
    view: &'static str,
    /// What readers saw.
    live: String,
    /// What was built.
    bucket: String,
    generation: u32,
    /// How far it was built when it had caught up.
    event_seq: Sequence,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<Compared>,
    /// Whether readers read it from now on.
    swapped: bool,
}

pub(super) async fn rebuild(session: &Session, arguments: RebuildArguments) -> Result<(), Failure> {
    let connected = session.connect().await?;
    if arguments.drop {
        return drop_others(&connected, arguments.view).await;
    }
    let mut interrupt = Interrupt::listen()?;
    loop {
        let done = once(&connected, &arguments, &mut interrupt).await?;
        session.show(&done)?;
        let verdict = done.verdict();
        if let Err(failure) = &verdict
            && (arguments.report || arguments.every.is_some())
        {
            report(&connected, &done, failure).await?;
        }
        let Some(every) = arguments.every else { return verdict };
        let generations = Generations::of(&connected.connection, &connected.subjects, done.view);
        generations.drop_one(done.generation).await.map_err(anyhow::Error::from)?;
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = interrupt.wait() => return Ok(()),
        }
    }
}

async fn once(
    connected: &Connected,
    arguments: &RebuildArguments,
    interrupt: &mut Interrupt,
) -> Result<Rebuilt, Failure> {
    match arguments.view {
        ViewName::Orders => rebuilt::<OrderView>(connected, arguments, interrupt).await,
        ViewName::Stock => rebuilt::<StockView>(connected, arguments, interrupt).await,
        ViewName::Metrics => rebuilt::<MinuteView>(connected, arguments, interrupt).await,
    }
}

/// Tells whoever looks at the attention list.
async fn report(connected: &Connected, done: &Rebuilt, found: &Failure) -> Result<(), Failure> {
    let id = done.view.parse().map_err(anyhow::Error::from)?;
    let reason = Text::lossy(&found.what);
    let finding = ReportFinding { kind: FindingKind::ViewDiffers, id, reason };
    let source = AUDITOR.parse().map_err(anyhow::Error::from)?;
    connected.send(&source, &Command::ReportFinding(finding)).await.map(drop)
}

async fn drop_others(connected: &Connected, view: ViewName) -> Result<(), Failure> {
    let live = connected.aliases().await?.live(view.name()).await.map_err(anyhow::Error::from)?;
    let generations = Generations::of(&connected.connection, &connected.subjects, view.name());
    let (current, last) = (live.alias.generation, live.alias.generation.saturating_add(1));
    let gone = generations.drop_but(current, last).await.map_err(anyhow::Error::from)?;
    gone.iter().for_each(|bucket| say(&format!("{bucket} is dropped")));
    say(&format!("{} is read from {}", view.name(), live.alias.bucket));
    Ok(())
}

async fn rebuilt<V: View>(
    connected: &Connected,
    arguments: &RebuildArguments,
    interrupt: &mut Interrupt,
) -> Result<Rebuilt, Failure> {
    let site = Site::prepare(connected, arguments.view.name()).await?;
    let stop = CancellationToken::new();
    let mut task = site.build::<V>(&stop);
    let done = tokio::select! {
        done = site.work::<V>(arguments.diff) => done,
        ended = &mut task => return Err(site.ended_early(ended)),
        () = interrupt.wait() => Err(interrupted()),
    };
    let mut done = match done {
        Ok(done) => done,
        Err(failure) => {
            stop.cancel();
            // What is built stays; why it ended is the other failure's to say.
            let _ = task.await;
            return Err(failure);
        }
    };
    if arguments.swap {
        site.swap().await?;
        done.swapped = true;
    }
    stop.cancel();
    task.await.map_err(anyhow::Error::from)?.map_err(anyhow::Error::from)?;
    Ok(done)
}

fn interrupted() -> Failure {
    let advice = Some("the same command goes on where it stopped".to_owned());
    Failure { advice, ..Failure::new(Code::Interrupted, "stopped before the view was whole") }
}

/// A view that is being built.
struct Site<'a> {
    connected: &'a Connected,
    view: &'static str,
    live: Live,
    generation: u32,
    events: Hub<JsLog>,
    output: Output<JsLog>,
    begun: Instant,
}

impl<'a> Site<'a> {
    /// A bucket beside the live one.
    async fn prepare(connected: &'a Connected, view: &'static str) -> Result<Self, Failure> {
        let Connected { connection, subjects } = connected;
        let live = connected.aliases().await?.live(view).await.map_err(anyhow::Error::from)?;
        let generation = live.alias.generation.saturating_add(1);
        let generations = Generations::of(connection, subjects, view);
        generations.prepare(generation).await.map_err(anyhow::Error::from)?;
        let bucket = subjects.generation(view, generation);
        let log = connected.bucket_log(&bucket).await?;
        let events = Hub::start(connected.stream("EVENTS").await?, subjects.commit());
        let output = bucket_output(log, &bucket, Pace::steady(PACE));
        Ok(Self { connected, view, live, generation, events, output, begun: Instant::now() })
    }

    fn bucket(&self) -> String {
        self.connected.subjects.generation(self.view, self.generation)
    }

    fn build<V: View>(&self, stop: &CancellationToken) -> JoinHandle<Result<Ended, Error>> {
        let (view, stop) = (self.view, stop.clone());
        let (events, output) = (self.events.clone(), self.output.clone());
        tokio::spawn(async move {
            build::<V, _>(view, &events, &output, || SystemClock.now(), &stop).await
        })
    }

    fn ended_early(&self, ended: Result<Result<Ended, Error>, tokio::task::JoinError>) -> Failure {
        match ended {
            Ok(Ok(_)) => {
                Failure::new(Code::ViewElsewhere, format!("somebody else builds {}", self.bucket()))
            }
            Ok(Err(error)) => anyhow::Error::from(error).into(),
            Err(error) => anyhow::Error::from(error).into(),
        }
    }

    /// Waits until it is whole, and holds it against the live one.
    async fn work<V: View>(&self, diff: bool) -> Result<Rebuilt, Failure> {
        let rebuilt = self.connected.reader(self.bucket()).await?;
        let event_seq = self.caught_up(&rebuilt).await?;
        let seconds = self.begun.elapsed().as_secs_f64();
        let compared =
            if diff { Some(self.compare::<V>(&rebuilt, event_seq).await?) } else { None };
        let (live, bucket) = (self.live.alias.bucket.clone(), self.bucket());
        Ok(Rebuilt {
            view: self.view,
            live,
            bucket,
            generation: self.generation,
            event_seq,
            seconds,
            compared,
            swapped: false,
        })
    }

    async fn caught_up(&self, rebuilt: &ViewReader<JsLog>) -> Result<Sequence, Failure> {
        let end = self.events.last().await.map_err(anyhow::Error::from)?;
        // Hides itself when nobody watches.
        let bar = ProgressBar::new(end.0);
        bar.set_style(style()?);
        loop {
            let reached = rebuilt.position().await.map_err(anyhow::Error::from)?;
            bar.set_position(reached.0);
            if end <= reached {
                bar.finish_and_clear();
                return Ok(reached);
            }
            tokio::time::sleep(LOOK).await;
        }
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
    async fn swap(&self) -> Result<(), Failure> {
        let (aliases, to) = (self.connected.aliases().await?, (&self.live, self.generation));
        let rebuilt = self.connected.reader(self.bucket()).await?;
        let ours = rebuilt.writer().await.map_err(anyhow::Error::from)?;
        let pointed = aliases.point(self.view, to, SystemClock.now()).await;
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

fn style() -> Result<ProgressStyle, Failure> {
    let template = "building {bar:30} {pos}/{len} sequences, {per_sec}, {eta} left";
    ProgressStyle::with_template(template).map_err(|error| anyhow::Error::from(error).into())
}

/// Fields of the first difference that a person is shown; JSON has all.
const FIELDS_SHOWN: usize = 10;

impl Rebuilt {
    /// Differences fail the command, unless what differed is not read any more.
    fn verdict(&self) -> Result<(), Failure> {
        let Some(compared) = self.compared.as_ref().filter(|compared| 0 < compared.differing)
        else {
            return Ok(());
        };
        if self.swapped {
            say(&format!("{} of {} keys were wrong", compared.differing, compared.keys));
            return Ok(());
        }
        let mut what =
            format!("{} of {} keys of {} differ", compared.differing, compared.keys, self.live);
        if let Some(first) = compared.differences.first() {
            let since = first.since.map_or_else(String::new, |at| format!(", since event {at}"));
            what.push_str(&format!("; the first is {}{since}", first.key));
            match (&first.live, &first.rebuilt) {
                (None, _) => what.push_str(": it is missing"),
                (_, None) => what.push_str(": no event makes it"),
                _ => {}
            }
            for FieldDifference { path, live, rebuilt } in first.fields().iter().take(FIELDS_SHOWN)
            {
                what.push_str(&format!("\n  {path}: {live} is shown, {rebuilt} is right"));
            }
        }
        Err(Failure::new(Code::ViewDiffers, what))
    }
}

impl Show for Rebuilt {
    fn table(&self) -> String {
        let mut rows = vec![
            ("view", self.view.to_owned()),
            ("was read from", self.live.clone()),
            ("built", format!("{} up to {}", self.bucket, self.event_seq)),
            ("took", format!("{:.1} s", self.seconds)),
        ];
        if let Some(Compared { keys, differing, .. }) = &self.compared {
            rows.push(("compared", format!("{keys} keys, {differing} differ")));
        }
        let now = if self.swapped { &self.bucket } else { &self.live };
        rows.push(("is read from", now.clone()));
        pairs(rows)
    }
}
