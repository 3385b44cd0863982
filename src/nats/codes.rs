//! What the server said, turned into what we do. The only place that looks at error codes.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;

use crate::port::{BoxError, CommitError};

/// How long to wait for a server that has no room just now: a few batches' time.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// No such stream.
pub(super) const STREAM_NOT_FOUND: u64 = 10059;
/// No such message.
pub(super) const NO_MESSAGE: u64 = 10037;
/// JetStream is not enabled at all, or not for this account.
pub(super) const NOT_ENABLED: [u64; 2] = [10076, 10039];

/// What a refused publish means for its writer.
///
/// Source: nats-server 2.15, `jetstream_errors_generated.go`, and measurements on one node and on
/// three.
pub(super) fn classify(code: Option<u64>, source: BoxError) -> CommitError {
    match code {
        // 10164 is the same clash found before the batch reached the log: async-nats types only
        // the first of the two.
        Some(10071 | 10164) => CommitError::Fenced,
        // The inbound queue is full; too many batches are open on the stream or on the server.
        Some(10167 | 10210 | 10211) => CommitError::Busy { retry_after: BUSY_PAUSE },
        // Storage, account or stream limits: an operator makes room and we go on.
        Some(10002 | 10023 | 10028 | 10047 | 10077) => {
            CommitError::Busy { retry_after: Duration::from_secs(1) }
        }
        // A leader change drops staged batches (10176), a cluster without leader cannot tell
        // (10008, 10009, 10118), and silence proves nothing either. A stream that is sealed (10109)
        // takes nothing more, and the log goes on in another one: the next look will tell.
        Some(10176 | 10008 | 10009 | 10118 | 10109) | None => CommitError::Unknown(source),
        Some(_) => CommitError::Broken(source),
    }
}

/// Whether an expectation was not met.
pub(super) fn is_conflict(error: &async_nats::jetstream::Error) -> bool {
    matches!(classify(Some(number(error.error_code())), "".into()), CommitError::Fenced)
}

/// The code of an API error.
pub(super) const fn number(code: ErrorCode) -> u64 {
    code.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_asks_for_one_reaction() {
        let class = |code| classify(code, "x".into());
        for code in [10071, 10164] {
            assert!(matches!(class(Some(code)), CommitError::Fenced), "{code}");
        }
        for code in [10167, 10210, 10077, 10047, 10023] {
            assert!(matches!(class(Some(code)), CommitError::Busy { .. }), "{code}");
        }
        for code in [Some(10176), Some(10008), Some(10109), None] {
            assert!(matches!(class(code), CommitError::Unknown(_)), "{code:?}");
        }
        for code in [10054, 10201, 10199, 10205] {
            assert!(matches!(class(Some(code)), CommitError::Broken(_)), "{code}");
        }
    }
}
