//! A view goes where its alias points.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Keeps, Projector};
use crate::engine::{Aliases, Error, Live, Output};
use crate::port::{Clock, Lease, Log, ReadError};
use crate::role::follow::{Beginning, PAUSE, Ports, follow};
use crate::view::View;
use crate::wire::Alias;

/// Keeps the bucket current that a view is read from, and goes with the alias when it moves.
/// `output` is where the view writes, in the bucket of an alias; what is over it `keeps` so long.
///
/// # Errors
///
/// See [`Error`]: only what waiting does not mend.
pub async fn keep<V, L, K, C, O>(
    ports: &Ports<L, K, C>,
    (view, aliases, keeps): (&str, &Aliases<L>, Keeps),
    output: impl Fn(Alias) -> O + Send + Sync,
    stop: &CancellationToken,
) -> Result<(), Error>
where
    V: View,
    L: Log,
    K: Lease,
    C: Clock,
    O: Future<Output = Result<Output<L>, ReadError>> + Send,
{
    while !stop.is_cancelled() {
        let opened = async {
            let live = aliases.live(view).await?;
            let output = output(live.alias.clone()).await?;
            Ok((live, output))
        };
        let (live, output) = match opened.await {
            Ok(opened) => opened,
            Err(ReadError::Unavailable(cause)) => {
                warn!(view, %cause, "the alias of the view cannot be read");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(PAUSE) => {}
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let (until, ended) = (stop.child_token(), CancellationToken::new());
        let following = async {
            let make = || Projector::<V>::new(output.keys.clone()).keeping(keeps);
            let followed = follow(ports, &output, Beginning::Start, make, &until).await;
            ended.cancel();
            followed
        };
        let moving = async {
            tokio::select! {
                () = moved((view, aliases), &live) => {
                    info!(view, from = live.alias.bucket, "the view is read from elsewhere");
                    until.cancel();
                }
                () = ended.cancelled() => {}
            }
        };
        tokio::join!(following, moving).0?;
    }
    Ok(())
}

/// Waits for the alias to move, however often it cannot be read meanwhile.
async fn moved<L: Log>((view, aliases): (&str, &Aliases<L>), live: &Live) {
    loop {
        let away = async { aliases.moves(view, live).await?.away().await };
        match away.await {
            Ok(()) => return,
            Err(error) => warn!(view, %error, "the alias of the view cannot be read"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
