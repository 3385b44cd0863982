//! A clock that nobody sets while a committer goes by it.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::domain::{Policy, Timestamp};
use crate::port::Clock;

/// The machine's clock, held against the time that has passed since the market was opened.
///
/// A clock that is set too far ahead would end every hold at once and refuse every honest id, for
/// good: the log goes on from its last moment, and no commit can be taken back. So whoever goes
/// by such a clock steps down, and the lease is given to one who proves to know the time.
#[derive(Clone)]
pub(super) struct SteadyClock<C> {
    clock: C,
    begun: (Instant, Timestamp),
    set: CancellationToken,
}

impl<C: Clock> SteadyClock<C> {
    /// From now on; `set` is cancelled when somebody sets the clock.
    pub(super) fn start(clock: C, set: CancellationToken) -> Self {
        let begun = (Instant::now(), clock.now());
        Self { clock, begun, set }
    }
}

impl<C: Clock> Clock for SteadyClock<C> {
    /// The clock's time while it can be believed; what it would show by now once it was set.
    fn now(&self) -> Timestamp {
        let (since, then) = self.begun;
        let (expected, found) = (then.after(since.elapsed()), self.clock.now());
        if found.apart(expected) <= Policy::SKEW_MAX {
            return found;
        }
        if !self.set.is_cancelled() {
            let apart_s = found.apart(expected).as_secs();
            warn!(apart_s, ahead = expected < found, "the clock was set; stepping down");
            self.set.cancel();
        }
        expected
    }
}
