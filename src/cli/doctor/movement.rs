//! Whether what should move moves: a server may be in the best of health while nothing does.

use std::time::Duration;

use super::super::failure::Failure;
use super::super::session::Connected;
use super::{Findings, State, provider};
use crate::port::{Clock, Log, SystemClock};
use crate::run::VIEWS;
use crate::wire::Subjects;

/// How long a command may wait before somebody should know: a take-over after a fault is over by
/// then.
const WAITS: Duration = Duration::from_secs(15);

/// How long a view gets to move on: as long as a lease lasts that nobody gave back.
const LOOK: Duration = Duration::from_secs(3);

/// The holders of leases: one for each thing that only one process may do at a time.
const ROLES: [&str; 9] = [
    "committer",
    "orders",
    "stock",
    "metrics",
    "payer",
    "retry-scheduler",
    "feed",
    "attention",
    "verifier",
];

pub(super) async fn look_at_roles(
    connected: &Connected,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let leases = connected.bucket_log(Subjects::lease_bucket()).await?;
    for role in ROLES {
        let key = connected.subjects.lease_key(role);
        let subject = Subjects::bucket_key(Subjects::lease_bucket(), &key);
        let entry = leases.last(&subject).await.map_err(anyhow::Error::from)?;
        let holder = entry.as_ref().map(|entry| String::from_utf8_lossy(&entry.payload));
        match holder.filter(|holder| !holder.is_empty()) {
            Some(holder) => findings.add("role", State::Ok, format!("{role}: {holder}")),
            None => findings.add("role", State::Warn, format!("{role}: nobody")),
        }
    }
    provider::look_at_circuits(connected, findings).await
}

/// The oldest published command that nobody has decided.
pub(super) async fn look_at_commands(
    connected: &Connected,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let commands = connected.stream("COMMANDS").await?;
    let (_, position) = connected.last_commit().await?;
    let end = commands.end().await.map_err(anyhow::Error::from)?;
    if end < position {
        let text = format!(
            "they end at {end}, {position} is decided: what is published now would be passed over \
             (KASSA-COMMANDS-BEHIND)"
        );
        findings.add("commands", State::Fail, text);
        return Ok(());
    }
    let oldest = commands.entry(position.next()).await.map_err(anyhow::Error::from)?;
    let Some(oldest) = oldest else {
        let text = format!("decided up to {position}, the last is {end}");
        findings.add("commands", State::Ok, text);
        return Ok(());
    };
    let (waits, left) = (SystemClock.now().since(oldest.time), end.0.saturating_sub(position.0));
    let text = format!("{left} published and not decided, the oldest for {} s", waits.as_secs());
    let state = if waits < WAITS { State::Ok } else { State::Fail };
    findings.add("commands", state, text);
    Ok(())
}

/// Views that are behind have to move.
pub(super) async fn look_at_views(
    connected: &Connected,
    findings: &mut Findings,
) -> Result<(), Failure> {
    for view in VIEWS {
        let (end, _) = connected.last_commit().await?;
        let reader = connected.view(view).await?;
        let first = reader.position().await.map_err(anyhow::Error::from)?;
        // A view that keeps up gets there; one that is behind has moved.
        let waited = reader.wait_for(end, LOOK).await;
        let position = waited.map_err(anyhow::Error::from)?;
        let text = format!("{view} reflects {position}, the last commit is {end}");
        if position < end && position <= first {
            let text = format!("{text}: it stands still");
            findings.add("view", State::Fail, text);
        } else {
            findings.add("view", State::Ok, text);
        }
    }
    Ok(())
}
