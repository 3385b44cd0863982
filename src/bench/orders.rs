//! `kassa bench`: orders through the whole path.

use std::time::Duration;

use tokio::task::JoinSet;

use super::catalogue::fill;
use super::load::{Load, histogram, run_load};
use super::observer::Observer;
use super::raw::raw_batch_rate;
use super::report::{Report, Summary};
use super::world::{World, WorldOptions};
use crate::nats::{Client, Intake};

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
    let world = World::start(&options.world).await?;
    let control = world.connect("bench control").await?;
    let nodes = options.world.nodes.count();
    let raw = raw_batch_rate(&control, nodes, RAW).await?;
    let subjects = world.subjects();
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let connection = world.connect(&format!("bench buyers {number}")).await?;
        let client = Client::new(&connection, subjects.clone(), "bench".parse()?).await?;
        clients.push(client.with_intake(options.intake));
    }
    if let Some(client) = clients.first() {
        fill(client, options.load.skus, options.stock).await?;
    }
    let observer = Observer::new(histogram()?);
    let mut following = JoinSet::new();
    let connection = world.connect("bench observer").await?;
    following.spawn(observer.clone().follow_log(connection.clone(), subjects.clone()));
    for (index, view) in ["orders", "stock"].into_iter().enumerate() {
        let bucket = subjects.bucket(view);
        following.spawn(observer.clone().follow_view(connection.clone(), bucket, index));
    }
    // The observer has to be there before the first order.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let seen = run_load(&clients, &observer, &options.load).await?;
    let report = {
        let observed = observer.observed();
        let seconds = (observed.last_projected - seen.started).as_secs_f64();
        let per = |count: u64, of: f64| count as f64 / of;
        let commands = observed.confirmed.saturating_mul(2).saturating_add(observed.rejected);
        let orders_per_s = per(observed.confirmed.saturating_add(observed.rejected), seconds);
        Report {
            orders_per_s,
            latency: Summary::of(&observed.projected),
            confirmation: Summary::of(&seen.confirmed),
            confirmed: observed.confirmed,
            rejected: observed.rejected,
            cancelled: observed.cancelled,
            oversold: 0,
            commits: observed.commits,
            commands_per_commit: per(commands, observed.commits as f64),
            raw_batch_msgs_per_s: raw,
            ratio_to_raw: orders_per_s / raw,
        }
    };
    following.abort_all();
    world.stop().await;
    Ok(report)
}
