//! Tasks that stop together.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// Tasks that run until told to stop.
pub struct Group {
    /// For people.
    pub name: &'static str,
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Group {
    /// An empty group.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, stop: CancellationToken::new(), tasks: JoinSet::new() }
    }

    /// What tells its tasks to stop.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Adds a task.
    pub fn spawn(
        &mut self,
        task: &'static str,
        future: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { future.await.context(task) });
    }

    /// Waits for a task to fail; for ever while all are well.
    pub async fn failure(&mut self) -> anyhow::Error {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => return error,
                Some(Err(error)) => return anyhow!(error),
                None => std::future::pending().await,
            }
        }
    }

    /// Tells its tasks to stop and waits for them, at most `grace`. Overrunning it is said aloud.
    pub async fn stop(mut self, grace: Duration) {
        self.stop.cancel();
        let ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => warn!(group = self.name, "{error:#}"),
                    Err(error) => error!(group = self.name, %error, "a task failed"),
                }
            }
        };
        if tokio::time::timeout(grace, ended).await.is_err() {
            // Nothing is lost: whoever starts next goes on from the positions in the log.
            warn!(group = self.name, tasks = self.tasks.len(), "not finished in time");
        }
    }
}
