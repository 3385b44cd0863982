//! The views of a market.

use std::time::Duration;

use super::group::Group;
use super::roles::{Paces, Shared};
use crate::engine::{Aliases, Output, Pace};
use crate::nats::{JsLog, ObjectSnapshots};
use crate::port::{Clock, Gateway, SystemClock};
use crate::role::follow::Ports;
use crate::role::milestones;
use crate::role::projector::{self, Keeps};
use crate::view::{MinuteView, OrderView, StockView, View};
use crate::wire::{Alias, Subjects};

/// Messages owed after which the view of stock is written at once. Many orders change one SKU, and
/// each of them twice: with twice as many as elsewhere, and 700 SKUs a commit, three lines over
/// 10,000 SKUs went from 7,100 to 8,300 orders/s, and were in the views after 0.29 s, not 0.25.
const STOCK_MUCH: usize = 2 * Pace::MUCH;

/// The views that people read, by name.
pub const VIEWS: [&str; 3] = ["orders", "stock", "metrics"];

/// Whether a batch of that stream, stored in part, is mended by whoever writes there next: a commit
/// is completed, and the values of a view know what they reflect. A message of the feed that was
/// written does not, and would be written again.
#[must_use]
pub fn mends_itself(subjects: &Subjects, stream: &str) -> bool {
    let of_view = |bucket: String| Subjects::bucket_stream(&bucket) == stream;
    subjects.segment_number(stream).is_some()
        || VIEWS.iter().any(|view| (1..=2).any(|n| of_view(subjects.generation(view, n))))
}

/// Starts every view, and what makes looking back fast.
pub(super) async fn start_views<G: Gateway>(
    shared: Shared<'_, G>,
    group: &mut Group,
) -> anyhow::Result<()> {
    let Paces { views, metrics, .. } = shared.0.pace;
    start_view::<OrderView, G>(shared, ("orders", views), group).await?;
    let stock = Pace { much: STOCK_MUCH, ..views };
    start_view::<StockView, G>(shared, ("stock", stock), group).await?;
    start_view::<MinuteView, G>(shared, ("metrics", metrics), group).await?;
    start_milestones(shared, group).await
}

/// A bucket as the place a follower writes to.
#[must_use]
pub fn bucket_output(log: JsLog, bucket: &str, pace: Pace) -> Output<JsLog> {
    let position = Subjects::position_key(bucket);
    Output { log, position, keys: Subjects::bucket_key(bucket, ""), pace }
}

/// How long orders that are over stay in their view.
#[must_use]
pub fn keeps(orders_kept: Duration) -> Keeps {
    Keeps::over_for(orders_kept, || SystemClock.now())
}

async fn start_view<V: View, G: Gateway>(
    (setup, hub): Shared<'_, G>,
    (view, pace): (&'static str, Pace),
    group: &mut Group,
) -> anyhow::Result<()> {
    let connection = setup.connect(view).await?;
    let ports = Ports {
        events: hub.clone(),
        candidate: setup.candidate(&connection, view).await?,
        clock: SystemClock,
    };
    let subjects = setup.subjects();
    let aliases = Subjects::bucket_stream(&subjects.aliases());
    let aliases = Aliases::new(JsLog::open(&connection, aliases).await?, subjects);
    let keeps = keeps(setup.orders_kept);
    let stop = group.token();
    group.spawn(view, async move {
        let output = |alias: Alias| {
            let connection = connection.clone();
            async move {
                let stream = Subjects::bucket_stream(&alias.bucket);
                let log = JsLog::open(&connection, stream).await?;
                Ok(bucket_output(log, &alias.bucket, pace))
            }
        };
        let view = (view, &aliases, keeps);
        let kept = projector::keep::<V, _, _, _, _>(&ports, view, output, &stop);
        Ok(Box::pin(kept).await?)
    });
    Ok(())
}

async fn start_milestones<G: Gateway>(
    (setup, hub): Shared<'_, G>,
    group: &mut Group,
) -> anyhow::Result<()> {
    let subjects = setup.subjects();
    let connection = setup.connect("milestones").await?;
    let snapshots = ObjectSnapshots::open(&connection, &subjects).await?;
    let (hub, stop, every) = (hub.clone(), group.token(), setup.milestone_every);
    group.spawn("milestones", async move {
        let commits = subjects.commit();
        Ok(milestones::keep((&hub, &commits), &snapshots, every, &stop).await?)
    });
    Ok(())
}
