//! Following the log: the loop around every follower.

mod hub;
mod recent;
#[cfg(test)]
mod tests;
mod watched;

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::domain::Sequence;
use crate::engine::{Candidate, Ended, Error, Follower, Output, Projection, drive, open};
use crate::port::{Clock, Lease, Log, ReadError, new_uuid};
use crate::telemetry;

pub use hub::{Follow, Hub};
use watched::Watched;

/// Pause before a follower that lost its server, or its lease, looks again.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// The world a follower lives in.
#[derive(Clone)]
pub struct Ports<L, K, C> {
    /// The log.
    pub events: Hub<L>,
    /// Who may be active.
    pub candidate: Candidate<K>,
    /// The time.
    pub clock: C,
}

/// Where a follower begins that has never written anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// At the first commit.
    Start,
    /// At the commits of the last so many days: what it writes does not live longer.
    Recent(Duration),
}

/// Follows the log with what `projection` makes, until `stop`.
///
/// # Errors
///
/// See [`Error`]: only what waiting does not mend.
pub async fn follow<P, L, K, C>(
    ports: &Ports<L, K, C>,
    output: &Output<L>,
    beginning: Beginning,
    mut projection: impl FnMut() -> P + Send,
    stop: &CancellationToken,
) -> Result<(), Error>
where
    P: Projection,
    L: Log,
    K: Lease,
    C: Clock,
{
    loop {
        let revision = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            revision = ports.candidate.acquire() => revision?,
        };
        let (done, abort) = (CancellationToken::new(), CancellationToken::new());
        let active = async {
            let ends = (stop, &abort);
            let key = &ports.candidate.key;
            let projection = Watched::new(projection(), key, ports.clock.clone());
            let ended = act(ports, output, (projection, beginning), ends).await;
            done.cancel();
            ended
        };
        let keep = ports.candidate.keep(revision, &done, &abort);
        let (ended, ()) = tokio::join!(active, keep);
        match ended {
            Ok(Ended::Drained) => return Ok(()),
            Ok(Ended::Aborted) => warn!(role = ports.candidate.key, "the lease was lost"),
            Ok(Ended::Superseded) => {
                warn!(role = ports.candidate.key, "somebody else writes");
                if let Some(metrics) = telemetry::metrics() {
                    metrics.fenced(watched::view(&ports.candidate.key));
                }
            }
            Ok(Ended::Lost) => warn!(role = ports.candidate.key, "a batch was lost; reading anew"),
            Err(Error::Read(ReadError::Unavailable(cause))) => {
                warn!(role = ports.candidate.key, %cause, "the server is away");
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn act<P, L, K, C>(
    ports: &Ports<L, K, C>,
    output: &Output<L>,
    (projection, beginning): (P, Beginning),
    (stop, abort): (&CancellationToken, &CancellationToken),
) -> Result<Ended, Error>
where
    P: Projection,
    L: Log,
    K: Lease,
    C: Clock,
{
    let start = match beginning {
        Beginning::Start => Sequence::START,
        Beginning::Recent(span) => {
            recent::before(&ports.events, ports.clock.now().before(span)).await?
        }
    };
    let nonce = new_uuid(ports.clock.now()).simple().to_string();
    let role = (ports.candidate.key.as_str(), nonce);
    act_alone(role, &ports.events, output, (projection, start), (stop, abort)).await
}

/// Takes an output over and follows the log with `projection` until `stop`, or until somebody
/// else takes it over.
///
/// # Errors
///
/// See [`Error`].
pub async fn act_alone<P: Projection, L: Log>(
    (role, nonce): (&str, String),
    events: &Hub<L>,
    output: &Output<L>,
    (projection, start): (P, Sequence),
    (stop, abort): (&CancellationToken, &CancellationToken),
) -> Result<Ended, Error> {
    let mut follower = open(projection, output.clone(), nonce, start).await?;
    let position = follower.position().clone();
    check_of_this_log(events, &follower).await?;
    info!(role, event_seq = position.event_seq.0, "following");
    if events.last().await? <= position.event_seq {
        follower.projection.caught_up();
    }
    let mut commits = events.follow(position.event_seq, stop.clone());
    drive(&mut follower, &mut commits, &output.log, abort).await
}

/// A view that reflects what the log does not hold is of another log, or of one that lost its
/// end: whether it has grown past that place again or not.
async fn check_of_this_log<P: Projection, L: Log>(
    events: &Hub<L>,
    follower: &Follower<P, L>,
) -> Result<(), Error> {
    let position = follower.position();
    let (end, reflected) = (events.log().end().await?, position.event_seq);
    if end < reflected {
        let why = format!("the view reflects {reflected}, the log ends at {end}; drop the view");
        return Err(Error::defect(reflected, why));
    }
    if let Some(commit) = &position.commit
        && !events.holds(commit).await?
    {
        let why = "the view reflects another commit than stands there now; drop the view";
        return Err(Error::defect(commit.sequence, why));
    }
    Ok(())
}
