//! Chance that two providers with one seed have in common.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::settings::Moods;

/// Of how many a share is.
const SHARES: u64 = 100_000;

/// How much longer a slow call takes than the longest of the others: far behind the 99th
/// percentile, as the tail of a real provider.
const SLOW: u32 = 10;

/// Draws by seed and name.
#[derive(Debug)]
pub(super) struct Chance {
    seed: u64,
    calls: AtomicU64,
}

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, calls: AtomicU64::new(0) }
    }

    /// Names the next call.
    pub(super) fn call(&self) -> [u8; 8] {
        self.calls.fetch_add(1, Ordering::Relaxed).to_le_bytes()
    }

    /// A number that looks random and depends on the seed, the mood and `what` alone.
    pub(super) fn draw(&self, mood: &str, what: &[u8]) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes()).update(mood.as_bytes()).update(what);
        let mut bytes = [0; 8];
        hasher.finalize_xof().fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    pub(super) fn happens(&self, share: u64, mood: &str, what: &[u8]) -> bool {
        0 < share && self.draw(mood, what).checked_rem(SHARES).is_some_and(|drawn| drawn < share)
    }

    /// A time of at most `longest`.
    pub(super) fn time(&self, longest: Duration, mood: &str, what: &[u8]) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX).saturating_add(1);
        Duration::from_micros(self.draw(mood, what).checked_rem(micros).unwrap_or_default())
    }

    /// How long a call takes.
    pub(super) fn latency(&self, moods: &Moods, call: &[u8]) -> Duration {
        if self.happens(moods.slow, "slow", call) {
            return moods.latency_max.saturating_mul(SLOW);
        }
        let span = moods.latency_max.saturating_sub(moods.latency_min);
        moods.latency_min.saturating_add(self.time(span, "latency", call))
    }

    /// One of several.
    pub(super) fn pick<'a, T>(&self, of: &'a [T], mood: &str, what: &[u8]) -> Option<&'a T> {
        let count = u64::try_from(of.len()).unwrap_or(u64::MAX);
        let drawn = self.draw(mood, what).checked_rem(count)?;
        usize::try_from(drawn).ok().and_then(|drawn| of.get(drawn))
    }
}
