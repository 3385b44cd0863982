//! `kassa rebuild`: a view built anew beside the live one, held against it, put in its place.

mod site;

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::codes::Code;
use super::failure::Failure;
use super::output::{Format, Show, pairs, say};
use super::session::{Connected, Session};
use super::{Interrupt, when};
use crate::domain::{
    AttentionAction, Command, FindingKind, ItemKind, ReportFinding, ResolveAttention, Sequence,
    Text,
};
use crate::port::Log;
use crate::role::rebuild::{Compared, FieldDifference};
use crate::view::attention::AttentionItem;
use crate::view::{MinuteView, OrderView, StockView, View};
use site::{Site, alone, drop_other};

/// Who reports what a check finds.
const AUDITOR: &str = "auditor";

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
    /// Only empty the bucket of the view that nobody reads
    #[arg(long, conflicts_with_all = ["diff", "swap"])]
    drop: bool,
    /// Put a difference into the attention list
    #[arg(long, requires = "diff")]
    report: bool,
    /// Look again and again, as in 6h, until Ctrl-C: what is built is dropped after each look,
    /// differences go into the attention list, and leave it when they are gone
    #[arg(long, value_name = "TIME", value_parser = when::pause, requires = "diff")]
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
    let mut interrupt = Interrupt::listen()?;
    let view = arguments.view.name();
    let work = async {
        match arguments.every {
            None if arguments.drop => {
                let dropped = drop_other(&connected, view);
                Box::pin(alone(&connected, view, dropped)).await?;
                let live = connected.aliases().await?.live(view).await;
                let live = live.map_err(anyhow::Error::from)?;
                say(&format!("{view} is read from {}", live.alias.bucket));
                Ok(())
            }
            None => {
                let looked = Box::pin(once(&connected, (&arguments, session.format)));
                let looked = Box::pin(alone(&connected, view, looked)).await;
                told(session, &connected, (&arguments, looked)).await
            }
            Some(every) => Box::pin(look_again(session, &connected, (&arguments, every))).await,
        }
    };
    tokio::select! {
        done = Box::pin(work) => done,
        () = interrupt.wait() => Err(interrupted()),
    }
}

/// Whether the next look may do better: the server is away, or an election or somebody who works on
/// the same view took the lease.
fn passes(failure: &Failure) -> bool {
    failure.code == Code::ViewElsewhere || failure.code.exit() == Code::NatsSilent.exit()
}

/// Looks again and again. A server that is away is no reason to look no more.
async fn look_again(
    session: &Session,
    connected: &Connected,
    (arguments, every): (&RebuildArguments, Duration),
) -> Result<(), Failure> {
    let view = arguments.view.name();
    loop {
        let looked = alone(connected, view, async {
            let looked = once(connected, (arguments, session.format)).await?;
            drop_other(connected, view).await?;
            Ok(looked)
        });
        let told = match Box::pin(looked).await {
            Ok(looked) => told(session, connected, (arguments, Ok(looked))).await,
            Err(failure) => Err(failure),
        };
        match told {
            Err(failure) if failure.code == Code::ViewDiffers => {}
            Err(failure) if passes(&failure) => say(&failure.to_string()),
            told => told?,
        }
        tokio::time::sleep(every).await;
    }
}

/// Shows what came of it, and tells whoever looks at the attention list when that is wanted.
async fn told(
    session: &Session,
    connected: &Connected,
    (arguments, looked): (&RebuildArguments, Result<Rebuilt, Failure>),
) -> Result<(), Failure> {
    let looked = looked?;
    session.show(&looked)?;
    let verdict = looked.verdict();
    if arguments.report || arguments.every.is_some() {
        match &verdict {
            Err(found) => report(connected, looked.view, found).await?,
            Ok(()) => settle(connected, looked.view).await?,
        }
    }
    verdict
}

async fn once(
    connected: &Connected,
    asked: (&RebuildArguments, Format),
) -> Result<Rebuilt, Failure> {
    match asked.0.view {
        ViewName::Orders => rebuilt::<OrderView>(connected, asked).await,
        ViewName::Stock => rebuilt::<StockView>(connected, asked).await,
        ViewName::Metrics => rebuilt::<MinuteView>(connected, asked).await,
    }
}

async fn report(connected: &Connected, view: &str, found: &Failure) -> Result<(), Failure> {
    let id = view.parse().map_err(anyhow::Error::from)?;
    let reason = Text::lossy(&found.what);
    let finding = ReportFinding { kind: FindingKind::ViewDiffers, id, reason };
    let source = AUDITOR.parse().map_err(anyhow::Error::from)?;
    connected.send(&source, &Command::ReportFinding(finding)).await.map(drop)
}

/// What was found before is not so any more.
async fn settle(connected: &Connected, view: &str) -> Result<(), Failure> {
    let kind = ItemKind::ViewDiffers;
    let subject = connected.subjects.attention(kind.name(), view);
    let list = connected.stream("ATTENTION").await?;
    let item = list.last(&subject).await.map_err(anyhow::Error::from)?;
    let item = item.and_then(|entry| serde_json::from_slice::<AttentionItem>(&entry.payload).ok());
    if item.is_none_or(|item| item.resolved.is_some()) {
        return Ok(());
    }
    let id = view.parse().map_err(anyhow::Error::from)?;
    let by = AUDITOR.parse().map_err(anyhow::Error::from)?;
    let (action, reason) = (AttentionAction::Discard, Text::lossy("looked again: it is right now"));
    let resolve = ResolveAttention { kind, id, action, reason, by };
    let source = AUDITOR.parse().map_err(anyhow::Error::from)?;
    connected.send(&source, &Command::ResolveAttention(resolve)).await.map(drop)
}

async fn rebuilt<V: View>(
    connected: &Connected,
    (arguments, format): (&RebuildArguments, Format),
) -> Result<Rebuilt, Failure> {
    let site = Site::prepare(connected, arguments.view.name(), format).await?;
    let mut builder = site.build::<V>().await?;
    let mut done = builder.during(Box::pin(site.work::<V>(arguments.diff))).await?;
    if arguments.swap {
        site.swap().await?;
        done.swapped = true;
    }
    builder.end().await?;
    Ok(done)
}

fn interrupted() -> Failure {
    let advice = Some("the same command goes on where it stopped".to_owned());
    Failure { advice, ..Failure::new(Code::Interrupted, "stopped before the view was whole") }
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
        let (count, keys) = (compared.differing, compared.keys);
        let what = format!("{count} of {keys} keys of {} differ{}", self.live, first_of(compared));
        if self.swapped {
            say(&format!("{what}\n{} is read now", self.bucket));
            return Ok(());
        }
        Err(Failure::new(Code::ViewDiffers, what))
    }
}

/// The first difference, field by field.
fn first_of(compared: &Compared) -> String {
    let mut what = String::new();
    if let Some(first) = compared.differences.first() {
        let since = first.since.map_or_else(String::new, |at| format!(", since event {at}"));
        what.push_str(&format!("; the first is {}{since}", first.key));
        match (&first.live, &first.rebuilt) {
            (None, _) => what.push_str(": it is missing"),
            (_, None) => what.push_str(": no event makes it"),
            _ => {}
        }
        for FieldDifference { path, live, rebuilt } in first.fields().iter().take(FIELDS_SHOWN) {
            what.push_str(&format!("\n  {path}: {live} is shown, {rebuilt} is right"));
        }
    }
    what
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
