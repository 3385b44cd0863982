//! The views of a market.

use super::group::Group;
use super::roles::{Paces, Shared, follower, spawn_follower};
use crate::engine::{Output, Pace};
use crate::nats::{JsLog, ObjectSnapshots};
use crate::port::Gateway;
use crate::role::follow::Beginning;
use crate::role::milestones;
use crate::role::projector::Projector;
use crate::view::{MinuteView, OrderView, StockView, View};
use crate::wire::Subjects;

/// Starts every view, and what makes looking back fast.
pub(super) async fn start_views<G: Gateway>(
    shared: Shared<'_, G>,
    group: &mut Group,
) -> anyhow::Result<()> {
    let Paces { views, metrics, .. } = shared.0.pace;
    start_view::<OrderView, G>(shared, ("orders", views), group).await?;
    start_view::<StockView, G>(shared, ("stock", views), group).await?;
    start_view::<MinuteView, G>(shared, ("metrics", metrics), group).await?;
    start_milestones(shared, group).await
}

/// A bucket as the place a follower writes to.
pub(super) fn bucket_output(log: JsLog, bucket: &str, pace: Pace) -> Output<JsLog> {
    let position = Subjects::position_key(bucket);
    Output { log, position, keys: Subjects::bucket_key(bucket, ""), pace }
}

async fn start_view<V: View, G: Gateway>(
    (setup, hub): Shared<'_, G>,
    (view, pace): (&'static str, Pace),
    group: &mut Group,
) -> anyhow::Result<()> {
    let bucket = setup.subjects().bucket(view);
    let (ports, log) = follower((setup, hub), view, Subjects::bucket_stream(&bucket)).await?;
    let output = bucket_output(log, &bucket, pace);
    let prefix = output.keys.clone();
    let start = (output, Beginning::Start);
    spawn_follower(group, view, ports, start, move || Projector::<V>::new(prefix.clone()));
    Ok(())
}

async fn start_milestones<G: Gateway>(
    (setup, hub): Shared<'_, G>,
    group: &mut Group,
) -> anyhow::Result<()> {
    let subjects = setup.subjects();
    let connection = setup.connect("milestones").await?;
    let snapshots = ObjectSnapshots::open(&connection, &subjects).await?;
    let (hub, stop) = (hub.clone(), group.token());
    group.spawn("milestones", async move {
        let commits = subjects.commit();
        Ok(milestones::keep((&hub, &commits), &snapshots, milestones::EVERY, &stop).await?)
    });
    Ok(())
}
