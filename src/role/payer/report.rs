//! Telling the market that nothing can be paid until a person has looked.
//!
//! Orders wait as long as their holds, and then they are off: whoever runs the shop hears of it
//! before that. The item is settled by the first money that comes.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::gate::Shown;
use crate::domain::{Command, CommandId, FindingKind, ReportFinding, Text, Token};
use crate::port::{Clock, Commands, Unanswered, new_uuid};

/// Pause before it is told again when nobody took it in.
const PAUSE: Duration = Duration::from_secs(1);

/// What a payer reports.
pub struct Reports<M, C> {
    connector: Token,
    shown: watch::Receiver<Shown>,
    commands: M,
    clock: C,
}

impl<M: Commands, C: Clock> Reports<M, C> {
    pub(super) fn new(
        connector: Token,
        shown: watch::Receiver<Shown>,
        (commands, clock): (M, C),
    ) -> Self {
        Self { connector, shown, commands, clock }
    }

    /// Reports each time the provider turns out to be out of reach for good, until `stop`.
    pub async fn run(mut self, stop: &CancellationToken) {
        let mut was_astray = false;
        loop {
            let Shown { is_astray, problem, .. } = self.shown.borrow_and_update().clone();
            if is_astray && !was_astray {
                self.report(problem.unwrap_or_default(), stop).await;
            }
            was_astray = is_astray;
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.shown.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    async fn report(&self, problem: String, stop: &CancellationToken) {
        let Ok(id) = CommandId::try_from(new_uuid(self.clock.now())) else { return };
        let reason = format!(
            "nothing is paid by {}: {problem}; orders wait until their holds end",
            self.connector
        );
        warn!(reason, "a person has to look");
        let command = Command::ReportFinding(ReportFinding {
            kind: FindingKind::ConnectorMisconfigured,
            id: self.connector.clone(),
            reason: Text::lossy(&reason),
        });
        loop {
            let pause = match self.commands.send(id, &command, None).await {
                Ok(_) | Err(Unanswered::Accepted { .. } | Unanswered::Unsendable(_)) => return,
                Err(Unanswered::Busy { retry_after }) => retry_after,
                Err(cause @ (Unanswered::Unknown(_) | Unanswered::Denied { .. })) => {
                    debug!(%cause, "the market has not heard it yet");
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}
