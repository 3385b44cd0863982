//! A view built anew beside the live one, held against it, and put in its place.
//!
//! Woken by whoever asks, wakes nobody. Run twice at the same time, one of the two is fenced off.

mod cause;
mod compare;
#[cfg(test)]
mod tests;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::domain::{Sequence, Timestamp};
use crate::engine::{Ended, Error, Output};
use crate::port::{Log, ReadError, new_uuid};
use crate::role::follow::{Hub, PAUSE, act_alone};
use crate::role::projector::{Keeps, Projector};
use crate::view::View;

pub use cause::{CauseError, causes};
pub use compare::{BehindError, Compared, Comparison, Difference, FieldDifference};

/// Follows the log into a bucket that nobody reads yet, from where it is, until `stop`, or until
/// somebody else takes the bucket over. Whoever builds again goes on where this ended.
///
/// # Errors
///
/// See [`Error`]: only what waiting does not mend.
pub async fn build<V: View, L: Log>(
    view: &str,
    events: &Hub<L>,
    (output, keeps): (&Output<L>, Keeps),
    now: impl Fn() -> Timestamp,
    stop: &CancellationToken,
) -> Result<Ended, Error> {
    let never = CancellationToken::new();
    while !stop.is_cancelled() {
        let role = (view, new_uuid(now()).simple().to_string());
        let start = (Projector::<V>::new(output.keys.clone()).keeping(keeps), Sequence::START);
        match act_alone(role, events, output, start, (stop, &never)).await {
            Ok(Ended::Lost) => warn!(view, "a batch was lost; reading anew"),
            Err(Error::Read(ReadError::Unavailable(cause))) => {
                warn!(view, %cause, "the server is away");
            }
            ended => return ended,
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
    Ok(Ended::Drained)
}
