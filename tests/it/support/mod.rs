//! What the tests are made of.

pub(crate) mod buyers;
pub(crate) mod child;
pub(crate) mod edge;
pub(crate) mod nats;
pub(crate) mod paying;
pub(crate) mod proxy;
pub(crate) mod psp;
pub(crate) mod shop;
pub(crate) mod truth;
pub(crate) mod typed;

use std::time::Duration;

use tokio::time::Instant;

/// How long after a fault is healed new orders have to be decided again (I13).
pub(crate) const PROGRESS: Duration = Duration::from_secs(15);

/// Pause between two looks at a condition that is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// Looks until there is something to see; fails when that takes longer than `within`.
pub(crate) async fn eventually<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Has the roles of this process say what they do, when `RUST_LOG` asks for it.
pub(crate) fn log() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    // The first test of the process has set it for all.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
}
