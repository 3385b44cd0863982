//! A view that is being built: begun, waited for until it is whole, ended.

use std::time::Duration;

use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::codes::Code;
use super::failure::Failure;
use super::output::Format;
use super::progress::Progress;
use super::session::Connected;
use crate::domain::Sequence;
use crate::engine::{Ended, Error, Pace, ViewReader};
use crate::nats::JsLog;
use crate::port::{Clock, SystemClock};
use crate::role::follow::Hub;
use crate::role::rebuild::build;
use crate::run::{bucket_output, keeps};
use crate::view::View;

/// Time between two looks at a bucket that somebody writes.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// The time between two batches: as a busy view has it, so that keys that change again are
/// written once.
const PACE: Duration = Duration::from_millis(100);

/// Somebody who follows the log into a bucket. Whoever drops it ends it at once; what is in the
/// bucket stays, and whoever builds there again goes on behind it.
pub(super) struct Builder {
    bucket: String,
    task: AbortOnDropHandle<Result<Ended, Error>>,
    stop: CancellationToken,
}

impl Builder {
    /// Begins to build a view in a bucket, from wherever the bucket is.
    ///
    /// # Errors
    ///
    /// When the connection is closed.
    pub(super) async fn begin<V: View>(
        connected: &Connected,
        events: &Hub<JsLog>,
        (view, bucket): (&'static str, &str),
    ) -> Result<Self, Failure> {
        let log = connected.bucket_log(bucket).await?;
        let output = bucket_output(log, bucket, Pace::steady(PACE));
        let (events, keeps) = (events.clone(), keeps(connected.orders_kept));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            build::<V, _>(view, &events, (&output, keeps), || SystemClock.now(), &stopped).await
        });
        Ok(Self { bucket: bucket.to_owned(), task: AbortOnDropHandle::new(task), stop })
    }

    /// Does `work` while it is built. Whoever looks at the bucket alone would look for ever, once
    /// somebody else has taken it over and gone.
    ///
    /// # Errors
    ///
    /// That of the work, or why the building ended before it: [`Code::ViewElsewhere`] when
    /// somebody else writes the bucket.
    pub(super) async fn during<T>(
        &mut self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            done = work => done,
            ended = &mut self.task => Err(match how(ended) {
                Ok(_) => self.elsewhere(),
                Err(failure) => failure,
            }),
        }
    }

    /// Ends it, and tells how it ended: whoever was to take the bucket over has superseded it.
    ///
    /// # Errors
    ///
    /// What kept it from being built.
    pub(super) async fn end(self) -> Result<Ended, Failure> {
        self.stop.cancel();
        how(self.task.await)
    }

    /// Ends it, when nobody was to take the bucket over.
    ///
    /// # Errors
    ///
    /// The same, and [`Code::ViewElsewhere`].
    pub(super) async fn end_undisturbed(self) -> Result<(), Failure> {
        let elsewhere = self.elsewhere();
        match self.end().await? {
            Ended::Drained => Ok(()),
            Ended::Aborted | Ended::Superseded | Ended::Lost => Err(elsewhere),
        }
    }

    fn elsewhere(&self) -> Failure {
        Failure::new(Code::ViewElsewhere, format!("somebody else writes {}", self.bucket))
    }
}

fn how(ended: Result<Result<Ended, Error>, JoinError>) -> Result<Ended, Failure> {
    let ended = ended.map_err(anyhow::Error::from)?;
    ended.map_err(|error| anyhow::Error::from(error).into())
}

/// Waits until a bucket reflects the log as it is now, and says how far it is then.
///
/// # Errors
///
/// When the log or the bucket cannot be read.
pub(super) async fn until_whole(
    built: &ViewReader<JsLog>,
    events: &Hub<JsLog>,
    format: Format,
) -> Result<Sequence, Failure> {
    let end = events.last().await.map_err(anyhow::Error::from)?;
    let mut progress = Progress::new(format, ("building", "sequences"), end.0)?;
    loop {
        let reached = built.position().await.map_err(anyhow::Error::from)?;
        progress.reach(reached.0.min(end.0));
        if end <= reached {
            progress.end();
            return Ok(reached);
        }
        tokio::time::sleep(LOOK).await;
    }
}
