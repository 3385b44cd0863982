//! What `kassa verify` looks at beside the log, when it is asked to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::codes::Code;
use super::failure::Failure;
use super::log;
use super::output::say;
use super::session::Connected;
use crate::domain::verify::{Invariant, Stream, Violation};
use crate::engine::{compare_copies, look_for_private};
use crate::nats::provision::assets;
use crate::nats::{JsLog, ObjectSnapshots, Segment, copies, stream_facts};
use crate::port::{Clock, ReadError, SystemClock};
use crate::role::committer::prove_snapshots;
use crate::role::view_proof::{Proof, Proved, attention_list, hold, owed, prove_feed, view};
use crate::view::{MinuteView, OrderView, StockView, View};
use crate::wire::{Outcome, Subjects, Verified};

/// By how much clocks may differ on when an order that is over leaves its view.
const APART: Duration = Duration::from_secs(60 * 60);

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Beside the log")]
pub(super) struct Proofs {
    /// Hold what is derived from the log against it: views, feed, attention list, what the payer is
    /// owed, snapshots (I9)
    #[arg(long, conflicts_with_all = ["from_file", "from_backup"])]
    views: bool,
    /// Compare every server's own copy of the log (I10)
    #[arg(long, conflicts_with_all = ["from_file", "from_backup"])]
    replicas: bool,
    /// Look for card numbers, mail addresses and secrets in every stream and bucket (I14)
    #[arg(long, conflicts_with_all = ["from_file", "from_backup"])]
    private: bool,
    /// All three
    #[arg(long, conflicts_with_all = ["from_file", "from_backup"])]
    all: bool,
    /// Hold answers that clients kept, one JSON document a line, against the log (I6)
    #[arg(long, value_name = "FILE")]
    outcomes: Option<PathBuf>,
}

impl Proofs {
    /// The answers that the log has to hold; none when nobody asks.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a line in it is no answer.
    pub(super) fn answers(&self) -> Result<Option<Vec<Outcome>>, Failure> {
        self.outcomes.as_deref().map(answers).transpose()
    }

    /// Looks at what is asked for.
    ///
    /// # Errors
    ///
    /// What cannot be read.
    pub(super) async fn run(
        &self,
        connected: &Connected,
        verified: &mut Verified,
    ) -> Result<(), Failure> {
        let events = connected.events().await?;
        if self.views || self.all {
            let found = Box::pin(views(connected, &events)).await?;
            verified.also(Invariant::I9, found);
        }
        if self.replicas || self.all {
            let found = Box::pin(replicas(connected)).await?;
            verified.also(Invariant::I10, found);
        }
        if self.private || self.all {
            let found = Box::pin(private(connected)).await?;
            verified.also(Invariant::I14, found);
        }
        Ok(())
    }
}

fn answers(file: &Path) -> Result<Vec<Outcome>, Failure> {
    let failed = |what: String| Failure::new(Code::Usage, format!("{}: {what}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let lines = (1_usize..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let outcome = |(number, line): (usize, &str)| {
        let no_answer = |error| failed(format!("line {number} is no answer: {error}"));
        serde_json::from_str(line).map_err(no_answer)
    };
    lines.map(outcome).collect()
}

/// Everything that is derived from the log.
async fn views(connected: &Connected, events: &JsLog) -> Result<Vec<Violation>, Failure> {
    let log = (events, &connected.subjects);
    let mut proofs = vec![
        shown::<OrderView>(connected, "orders").await?,
        shown::<StockView>(connected, "stock").await?,
        shown::<MinuteView>(connected, "metrics").await?,
        attention(connected).await?,
    ];
    let payer = connected.reader(connected.subjects.bucket("payer")).await?;
    proofs.push(owed(log, &payer).await.map_err(unread)?);
    let mut proved = hold(log, proofs).await.map_err(anyhow::Error::from)?;
    let feed = connected.stream("FEED").await?;
    proved.push(prove_feed(log, &feed).await.map_err(anyhow::Error::from)?);
    proved.iter().for_each(tell);
    let mut found: Vec<_> = proved.into_iter().flat_map(|proved| proved.found).collect();
    found.extend(snapshots(connected, events).await?);
    Ok(found)
}

fn tell(proved: &Proved) {
    let Proved { of, held, of_older_builds, .. } = proved;
    say(&format!("{of}: {held} held against the log"));
    if 0 < *of_older_builds {
        say(&format!("{of}: {of_older_builds} as an older build wrote them: not looked at"));
    }
}

fn unread(error: ReadError) -> anyhow::Error {
    anyhow::Error::from(error)
}

async fn shown<V: View>(connected: &Connected, name: &str) -> Result<Box<dyn Proof>, Failure> {
    let live = connected.view(name).await?;
    let gone_before = SystemClock.now().before(connected.orders_kept.saturating_sub(APART));
    let shown = view::<V, _>((name, &live), gone_before).await;
    Ok(shown.map_err(unread)?)
}

async fn attention(connected: &Connected) -> Result<Box<dyn Proof>, Failure> {
    let list = connected.stream("ATTENTION").await?;
    let facts = stream_facts(&connected.connection, list.stream()).await;
    let facts = facts.map_err(anyhow::Error::from)?;
    // A full stream lets its oldest messages go, and holds nearly as much afterwards.
    let forgets = facts.max_bytes.is_some_and(|most| most / 2 < facts.bytes);
    let list = attention_list((&list, &connected.subjects), forgets).await;
    Ok(list.map_err(unread)?)
}

async fn snapshots(connected: &Connected, events: &JsLog) -> Result<Vec<Violation>, Failure> {
    let snapshots = ObjectSnapshots::open(&connected.connection, &connected.subjects).await;
    let snapshots = snapshots.map_err(anyhow::Error::from)?;
    let proved = prove_snapshots((events, &connected.subjects), &snapshots).await;
    let proved = proved.map_err(anyhow::Error::from)?;
    say(&format!("snapshots: {} held against the log", proved.held));
    if 0 < proved.of_other_logic {
        say(&format!("snapshots: {} made by other logic: not looked at", proved.of_other_logic));
    }
    Ok(proved.found)
}

/// Each stream of the log for itself, on every server that keeps it.
async fn replicas(connected: &Connected) -> Result<Vec<Violation>, Failure> {
    let mut found = Vec::new();
    for Segment { stream, last, .. } in log::all(connected).await? {
        let copies = copies(&connected.connection, &stream).await.map_err(anyhow::Error::from)?;
        let servers: Vec<_> = copies.iter().map(|(server, _)| server.clone()).collect();
        found.extend(compare_copies(copies, last).await.map_err(anyhow::Error::from)?);
        let (number, names) = (servers.len(), servers.join(", "));
        say(&format!("{stream}: {number} copies compared up to {last}: {names}"));
    }
    Ok(found)
}

async fn private(connected: &Connected) -> Result<Vec<Violation>, Failure> {
    let market = connected.subjects.market();
    let events = log::all(connected).await?.into_iter().map(|segment| segment.stream);
    let mut streams: Vec<_> = events.map(|name| (name, Stream::Events)).collect();
    let (log, commands) =
        (connected.subjects.stream("EVENTS"), connected.subjects.stream("COMMANDS"));
    for asset in assets(market, None, None).map_err(anyhow::Error::from)? {
        let name = asset.stream;
        // Who runs is not of the market, and snapshots are packed: they hold what events held.
        let is_lease = name == Subjects::bucket_stream(Subjects::lease_bucket());
        if name != log && !is_lease && !name.starts_with("OBJ_") {
            let kind = if name == commands { Stream::Commands } else { Stream::Other };
            streams.push((name, kind));
        }
    }
    let mut found = Vec::new();
    for (name, kind) in streams {
        let stream = JsLog::open(&connected.connection, name.clone()).await;
        let stream = stream.map_err(anyhow::Error::from)?;
        let looked = look_for_private(&stream, (&name, kind)).await;
        found.extend(looked.map_err(anyhow::Error::from)?);
    }
    Ok(found)
}
