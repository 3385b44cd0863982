//! `kassa bench`: orders through the whole path.

use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::catalogue::fill;
use super::load::{Load, Seen, histogram, run_load};
use super::observer::Observer;
use super::raw::raw_batch_rate;
use super::report::{Report, Summary, peak_memory_mb, per};
use super::world::{World, WorldOptions};
use crate::domain::Sequence;
use crate::engine::verify_log;
use crate::nats::{Client, Intake, JsLog};
use crate::port::Log;
use crate::wire::Verified;

/// What to measure.
#[derive(Clone, Debug)]
pub struct OrdersOptions {
    /// On what.
    pub world: WorldOptions,
    /// The buyers.
    pub load: Load,
    /// Units of each SKU.
    pub stock: i64,
    /// How commands come in.
    pub intake: Intake,
    /// Whether each buyer's commands travel with those of others.
    pub bundled: bool,
}

/// Connections of the load generator: one would be the bottleneck, and edges are many.
const CLIENTS: usize = 4;

/// How long the ceiling is measured.
const RAW: Duration = Duration::from_secs(2);

/// Runs the load and reports what it showed.
///
/// # Errors
///
/// What keeps it from running.
pub async fn bench_orders(options: &OrdersOptions) -> anyhow::Result<Report> {
    let mut world = World::start(&options.world).await?;
    let measured = measure(&mut world, options).await;
    world.stop().await;
    measured
}

async fn measure(world: &mut World, options: &OrdersOptions) -> anyhow::Result<Report> {
    let raw = raw_batch_rate(world, options.world.replicas(), RAW).await?;
    let control = world.connect("bench control").await?;
    let subjects = world.subjects();
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let connection = world.connect(&format!("bench buyers {number}")).await?;
        let client = Client::new(&connection, subjects.clone(), "bench".parse()?).await?;
        let client = client.with_intake(options.intake);
        clients.push(if options.bundled { client.bundled() } else { client });
    }
    if let Some(client) = clients.first() {
        fill(client, options.load.skus, options.stock).await?;
    }
    let observer = Observer::new(histogram()?);
    let events = JsLog::events(&control, &subjects, None).await?;
    let following = follow(world, &observer, events.end().await?).await?;
    let seen = run_load(&clients, &observer, &options.load).await?;
    drop(following);
    let peak_memory_mb = peak_memory_mb();
    let begun = Instant::now();
    let verified = verify_log(&events, &subjects, |_| {}).await?;
    let report = report(&seen, &observer, raw, (&verified, begun.elapsed()));
    Ok(Report { peak_memory_mb, ..report })
}

/// Has the observer follow the log after `end`, and the views, until dropped.
async fn follow(
    world: &World,
    observer: &Observer,
    end: Sequence,
) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
    let mut following = JoinSet::new();
    let (connection, subjects) = (world.connect("bench observer").await?, world.subjects());
    let commits = world.commits(end).context("the roles run")?;
    following.spawn(observer.clone().follow_log(commits));
    for (index, view) in ["orders", "stock"].into_iter().enumerate() {
        let bucket = subjects.bucket(view);
        following.spawn(observer.clone().follow_view(connection.clone(), bucket, index));
    }
    Ok(following)
}

fn report(
    seen: &Seen,
    observer: &Observer,
    raw: f64,
    (verified, verified_in): (&Verified, Duration),
) -> Report {
    let observed = observer.observed();
    let seconds = (observed.last_projected - seen.started).as_secs_f64();
    // A rejected order is one command, a confirmed or declined one is followed by its payment.
    let paid = observed.confirmed.saturating_add(observed.cancelled);
    let commands = paid.saturating_mul(2).saturating_add(observed.rejected);
    let ended = paid.saturating_add(observed.rejected);
    let orders_per_s = per(observed.confirmed.saturating_add(observed.rejected), seconds);
    Report {
        orders_per_s,
        latency: Summary::of(&observed.projected),
        confirmation: Summary::of(&seen.confirmed),
        placed: seen.placed,
        confirmed: observed.confirmed,
        rejected: observed.rejected,
        cancelled: observed.cancelled,
        unfinished: seen.placed.saturating_sub(ended),
        sent_again: seen.sent_again,
        oversold: verified.oversold,
        commits: observed.commits,
        commands_per_commit: per(commands, per(observed.commits, 1.0)),
        raw_batch_msgs_per_s: raw,
        ratio_to_raw: if raw == 0.0 { 0.0 } else { orders_per_s / raw },
        peak_memory_mb: None,
        verified_in_s: verified_in.as_secs_f64(),
        violation: verified.violations.first().map(ToString::to_string),
    }
}
