//! `kassa bench`: how fast it is, and the proof that it was right.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

mod payments;

use super::codes::Code;
use super::dev::nats_server;
use super::failure::Failure;
use super::output::{Show, pairs};
use super::session::{Session, connection_options};
use super::sku::usage;
use super::when;
use crate::bench::{
    ChildCommand, DuelOptions, DuelReport, Embedded, EngineOptions, EngineReport, Load, Nodes,
    OrdersOptions, Pace, Report, Servers, Summary, WorldOptions, bench_engine, bench_orders, duel,
};
use crate::nats::{ConnectionOptions, Intake};
use crate::run::Role;
use crate::server::{Staging, Sync};
use payments::{PaymentsArguments, storm};

/// Orders of a run that says neither how many nor how long.
const ORDERS: u64 = 50_000;
/// Buyers at once in a run that says neither how many nor how fast.
const CONCURRENCY: usize = 1_000;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct BenchArguments {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    orders: OrdersArguments,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The committer alone, fed in process on a real log
    Engine(EngineArguments),
    /// Many buyers for few units, and a committer that is killed among them
    Duel(DuelArguments),
    /// Payments that fail in every way, a provider that is out, and what is recovered
    Payments(PaymentsArguments),
}

#[derive(Args, Debug)]
struct OrdersArguments {
    /// Orders in all [default: 50000]
    #[arg(long, value_name = "N")]
    orders: Option<u64>,
    /// For how long buyers come, as in 30s
    #[arg(long, value_name = "TIME", value_parser = when::span)]
    duration: Option<Duration>,
    /// Buyers a second, whether those before them are served or not
    #[arg(long, value_name = "R", conflicts_with = "concurrency")]
    rate: Option<f64>,
    /// Buyers at a time, each followed by the next as soon as it is served [default: 1000]
    #[arg(long, value_name = "C")]
    concurrency: Option<usize>,
    /// SKUs they choose from; 1 is one hot SKU
    #[arg(long, value_name = "N", default_value_t = 1)]
    skus: usize,
    /// Lines of each basket
    #[arg(long, value_name = "N", default_value_t = 1)]
    lines: usize,
    /// Units of each SKU; few enough, and they run out
    #[arg(long, value_name = "N", default_value_t = 1_000_000_000)]
    stock: i64,
    /// How commands come in
    #[arg(long, value_enum, default_value_t = IntakeArgument::Ask)]
    intake: IntakeArgument,
    /// Send every buyer's command in a message of its own; else those that come while others are
    /// under way leave together, as a busy edge sends them
    #[arg(long)]
    alone: bool,
    #[command(flatten)]
    servers: ServerArguments,
}

#[derive(Args, Debug)]
struct EngineArguments {
    /// Orders in all
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    orders: u64,
    /// Orders under way at once
    #[arg(long, value_name = "C", default_value_t = 1_000)]
    concurrency: usize,
    /// SKUs they choose from; 1 is one hot SKU
    #[arg(long, value_name = "N", default_value_t = 1)]
    skus: usize,
    /// Lines of each basket
    #[arg(long, value_name = "N", default_value_t = 1)]
    lines: usize,
    #[command(flatten)]
    servers: ServerArguments,
}

#[derive(Args, Debug)]
struct DuelArguments {
    /// Buyers, all at once
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    buyers: usize,
    /// SKUs; every buyer wants one unit of each, or nothing
    #[arg(long, value_name = "N", default_value_t = 1)]
    skus: usize,
    /// Units of each SKU
    #[arg(long, value_name = "N", default_value_t = 100)]
    stock: u32,
    #[command(flatten)]
    servers: ServerArguments,
}

#[derive(Args, Debug)]
struct ServerArguments {
    /// Servers: 1, or 3 as a cluster. Of our own, unless --nats names some; copies of every
    /// stream: as many
    #[arg(long, value_enum, default_value_t = NodesArgument::One)]
    nodes: NodesArgument,
    /// Leave the market, named by --market, on the server that --nats names, to look at it
    #[arg(long)]
    keep: bool,
    /// When a write of a server of our own is durable
    #[arg(long, value_enum, default_value_t)]
    sync: Sync,
    /// Where a single server of our own stages its batches
    #[arg(long, value_enum, default_value_t)]
    staging: Staging,
    /// The nats-server to start
    #[arg(long, value_name = "FILE")]
    nats_server: Option<PathBuf>,
}

/// What --nats says for servers of our own, which are the default here.
const EMBEDDED: &str = "embedded";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NodesArgument {
    /// One.
    #[value(name = "1")]
    One,
    /// Three.
    #[value(name = "3")]
    Three,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum IntakeArgument {
    /// Requested: the answer is the outcome.
    Ask,
    /// Published: the answer is that it is stored.
    Publish,
}

pub(super) async fn bench(session: &Session, arguments: BenchArguments) -> Result<(), Failure> {
    match arguments.what {
        None => orders(session, &arguments.orders).await,
        Some(What::Engine(arguments)) => Box::pin(engine(session, &arguments)).await,
        Some(What::Duel(arguments)) => Box::pin(fight(session, &arguments)).await,
        Some(What::Payments(arguments)) => Box::pin(storm(session, &arguments)).await,
    }
}

async fn orders(session: &Session, arguments: &OrdersArguments) -> Result<(), Failure> {
    let pace = match (arguments.rate, arguments.concurrency) {
        (Some(rate), _) if rate.is_finite() && 0.0 < rate => Pace::Rate(rate),
        (Some(_), _) => return Err(usage("--rate", &"must be above 0")),
        (None, concurrency) => {
            Pace::Concurrency(at_least_one("--concurrency", concurrency.unwrap_or(CONCURRENCY))?)
        }
    };
    let enough = arguments.orders.or_else(|| arguments.duration.is_none().then_some(ORDERS));
    let ephemeral = ephemeral()?;
    let roles = vec![Role::Committer, Role::Projector, Role::Payer];
    let report = bench_orders(&OrdersOptions {
        world: world(session, &arguments.servers, ephemeral.path(), roles).await?,
        load: Load {
            pace,
            orders: enough,
            duration: arguments.duration,
            skus: at_least_one("--skus", arguments.skus)?,
            lines: at_least_one("--lines", arguments.lines)?,
        },
        stock: arguments.stock,
        intake: match arguments.intake {
            IntakeArgument::Ask => Intake::Ask,
            IntakeArgument::Publish => Intake::Publish,
        },
        bundled: !arguments.alone,
    })
    .await?;
    session.show(&report)?;
    proved(report.violation)?;
    if 0 < report.unfinished {
        let what = format!("{} orders came to no end in time", report.unfinished);
        return Err(Failure::new(Code::CheckFailed, what));
    }
    Ok(())
}

fn proved(violation: Option<String>) -> Result<(), Failure> {
    violation.map_or(Ok(()), |violation| Err(Failure::new(Code::LogViolation, violation)))
}

async fn engine(session: &Session, arguments: &EngineArguments) -> Result<(), Failure> {
    let ephemeral = ephemeral()?;
    let options = EngineOptions {
        world: world(session, &arguments.servers, ephemeral.path(), Vec::new()).await?,
        orders: arguments.orders,
        concurrency: at_least_one("--concurrency", arguments.concurrency)?,
        skus: at_least_one("--skus", arguments.skus)?,
        lines: at_least_one("--lines", arguments.lines)?,
    };
    let report = Box::pin(bench_engine(&options)).await?;
    session.show(&report)?;
    proved(report.violation)
}

async fn fight(session: &Session, arguments: &DuelArguments) -> Result<(), Failure> {
    let ephemeral = ephemeral()?;
    let program = std::env::current_exe().map_err(anyhow::Error::from)?;
    let options = DuelOptions {
        world: world(session, &arguments.servers, ephemeral.path(), Vec::new()).await?,
        buyers: at_least_one("--buyers", arguments.buyers)?,
        skus: at_least_one("--skus", arguments.skus)?,
        stock: arguments.stock,
        committer: ChildCommand {
            program,
            arguments: ["run", "committer"].map(str::to_owned).to_vec(),
            variables: Vec::new(),
        },
    };
    let report = duel(&options).await?;
    session.show(&report)?;
    if report.is_fair() {
        return Ok(());
    }
    Err(Failure::new(Code::CheckFailed, "the duel was not fair: see the counts above"))
}

fn at_least_one(argument: &str, count: usize) -> Result<usize, Failure> {
    if count == 0 { Err(usage(argument, &"must be at least 1")) } else { Ok(count) }
}

fn ephemeral() -> Result<tempfile::TempDir, Failure> {
    let folder = tempfile::Builder::new().prefix("kassa-bench").tempdir();
    folder.map_err(|error| anyhow::Error::from(error).into())
}

async fn world(
    session: &Session,
    arguments: &ServerArguments,
    folder: &std::path::Path,
    roles: Vec<Role>,
) -> Result<WorldOptions, Failure> {
    let nodes = match arguments.nodes {
        NodesArgument::One => Nodes::One,
        NodesArgument::Three => Nodes::Three,
    };
    let named = session.layers.flags.get("nats.url").filter(|url| *url != EMBEDDED);
    let servers = if named.is_some() {
        let nats: ConnectionOptions = connection_options(&session.config.nats, "kassa bench");
        let replicas = if nodes == Nodes::One { 1 } else { 3 };
        let keep = arguments.keep.then(|| session.config.market.clone());
        Servers::Theirs { nats: Box::new(nats), replicas, keep }
    } else {
        Servers::Embedded(Embedded {
            program: nats_server(session, arguments.nats_server.as_deref()).await?.program,
            folder: folder.to_path_buf(),
            nodes,
            sync: arguments.sync,
            staging: arguments.staging,
        })
    };
    Ok(WorldOptions::new(servers, roles))
}

fn latency(summary: &Summary) -> String {
    format!(
        "p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        summary.p50_ms, summary.p95_ms, summary.p99_ms, summary.max_ms
    )
}

impl Show for Report {
    fn table(&self) -> String {
        let proof = proof(self.violation.as_deref(), self.oversold, self.verified_in_s);
        let memory = self.peak_memory_mb;
        pairs([
            ("orders/s", format!("{:.0}", self.orders_per_s)),
            ("until in the views", latency(&self.latency)),
            ("until confirmed", latency(&self.confirmation)),
            ("placed", self.placed.to_string()),
            ("confirmed", self.confirmed.to_string()),
            ("rejected", self.rejected.to_string()),
            ("cancelled", self.cancelled.to_string()),
            ("unfinished", self.unfinished.to_string()),
            ("sent again", self.sent_again.to_string()),
            ("commits", format!("{}, {:.0} commands each", self.commits, self.commands_per_commit)),
            ("raw batches", format!("{:.0} messages/s", self.raw_batch_msgs_per_s)),
            ("ratio to raw", format!("{:.2}", self.ratio_to_raw)),
            ("peak memory", memory.map_or_else(|| "-".to_owned(), |mb| format!("{mb} MB"))),
            ("verify", proof),
        ])
    }
}

impl Show for DuelReport {
    fn table(&self) -> String {
        pairs([
            ("buyers", self.buyers.to_string()),
            ("units of each SKU", self.stock.to_string()),
            ("accepted", self.accepted.to_string()),
            ("rejected", self.rejected.to_string()),
            ("waiting when killed", self.waiting_when_killed.to_string()),
            ("recovered after", format!("{} ms", self.recovered_after_ms)),
            ("unanswered", self.unanswered.to_string()),
            ("untrue answers", self.untrue.to_string()),
            ("decided again", self.decided_again.to_string()),
            ("units missold", self.missold.to_string()),
            ("units still held", self.still_held.to_string()),
            ("violations", self.violations.to_string()),
        ])
    }
}

impl Show for EngineReport {
    fn table(&self) -> String {
        pairs([
            ("orders/s", format!("{:.0}", self.orders_per_s)),
            ("until confirmed", latency(&self.latency)),
            ("confirmed", self.confirmed.to_string()),
            ("verify", proof(self.violation.as_deref(), self.oversold, self.verified_in_s)),
        ])
    }
}

fn proof(violation: Option<&str>, oversold: u64, verified_in_s: f64) -> String {
    match violation {
        None => format!("passed, {oversold} oversold, in {verified_in_s:.1} s"),
        Some(violation) => format!("FAILED: {violation}"),
    }
}
