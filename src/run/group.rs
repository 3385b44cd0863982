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
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
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
        self.tasks.spawn(async move { (task, future.await.context(task)) });
    }

    /// Waits for a task to fail; for ever while all are well. A task that ends before it was told
    /// to has failed, whatever it says: the process would look well, and not do its work.
    pub async fn failure(&mut self) -> anyhow::Error {
        loop {
            match self.tasks.join_next().await {
                Some(Ok((_, Ok(())))) if self.stop.is_cancelled() => {}
                Some(Ok((task, Ok(())))) => return anyhow!("{task} has ended by itself"),
                Some(Ok((_, Err(error)))) => return error,
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
                    Ok((_, Ok(()))) => {}
                    Ok((_, Err(error))) => warn!(group = self.name, "{error:#}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Far above what it takes; nothing here waits for long.
    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_role_that_ends_by_itself_has_failed_however_content_it_is() {
        let mut group = Group::new("followers");
        group.spawn("orders", std::future::pending());
        group.spawn("feed", async { Ok(()) });
        let failure = tokio::time::timeout(SOON, group.failure()).await.unwrap();
        assert!(failure.to_string().contains("feed"), "{failure}");
    }

    #[tokio::test]
    async fn a_role_that_panics_has_failed() {
        let mut group = Group::new("followers");
        group.spawn("feed", async { panic!("a planted defect") });
        tokio::time::timeout(SOON, group.failure()).await.unwrap();
    }

    #[tokio::test]
    async fn a_role_that_was_told_to_stop_may_end() {
        let mut group = Group::new("followers");
        let stop = group.token();
        group.spawn("feed", async move {
            stop.cancelled().await;
            Ok(())
        });
        group.token().cancel();
        let ended = tokio::time::timeout(Duration::from_millis(50), group.failure()).await;
        assert!(ended.is_err(), "nothing has failed");
        group.stop(SOON).await;
    }
}
