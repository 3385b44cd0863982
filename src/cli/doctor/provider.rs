//! The payment provider, as it is configured here and as the payer meets it.

use super::{Findings, State};
use crate::cli::failure::Failure;
use crate::cli::session::{Connected, Session};
use crate::cli::{run, when};
use crate::config::ConnectorName;
use crate::domain::Sequence;
use crate::port::{Gateway, GatewayError, Log, Tail};
use crate::role::payer::ConnectorView;
use crate::wire::Subjects;

/// Circuits are few: one a provider.
const READ_AT_ONCE: usize = 64;

/// Whether the provider is there and takes our key. It is asked from here, with the settings of
/// this command line; a payer elsewhere may have others.
pub(super) async fn look_at_provider(session: &Session, findings: &mut Findings) {
    let config = &session.config;
    let name = match config.gateway.connector {
        ConnectorName::Simulated => {
            findings.add("provider", State::Ok, "simulated: no money moves");
            return;
        }
        ConnectorName::Stripe => "stripe",
    };
    let connector = match run::connector(config) {
        Ok(connector) => connector,
        Err(error) => {
            findings.add("provider", State::Fail, format!("{name}: {error:#}"));
            return;
        }
    };
    let url = &config.stripe.base_url;
    match connector.check().await {
        Ok(()) => {
            findings.add("provider", State::Ok, format!("{name} at {url} takes our key"));
        }
        Err(error) => {
            // One that is away comes back by itself; one that is configured wrongly does not.
            let state = match error {
                GatewayError::Misconfigured(_) | GatewayError::Unreachable(_) => State::Fail,
                GatewayError::Unavailable(_)
                | GatewayError::Unknown(_)
                | GatewayError::Pending { .. } => State::Warn,
            };
            let error = anyhow::Error::from(error);
            findings.add("provider", state, format!("{name} at {url}: {error:#}"));
        }
    }
    if config.webhooks.listen.is_some()
        && config.stripe.webhook_keys().is_ok_and(|keys| keys.is_empty())
    {
        let text = format!("none is believed: {name} has no webhook_secrets");
        findings.add("webhooks", State::Warn, text);
    }
}

/// How the payer gets on with its provider, as it shows it itself.
pub(super) async fn look_at_circuits(
    connected: &Connected,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let bucket = connected.subjects.bucket("payer");
    let log = connected.bucket_log(&bucket).await?;
    let every = Subjects::bucket_key(&bucket, Subjects::every_connector());
    let mut tail = log.follow(&every, Sequence::START).await.map_err(anyhow::Error::from)?;
    while 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await.map_err(anyhow::Error::from)? {
            let Ok(view) = serde_json::from_slice::<ConnectorView>(&entry.payload) else {
                continue;
            };
            let ConnectorView { connector, circuit, since_ms, problem } = view;
            let since = when::written(since_ms);
            let state = if circuit == "closed" { State::Ok } else { State::Warn };
            let why = problem.map_or_else(String::new, |problem| format!("; {problem}"));
            let text = format!("{connector}: circuit {circuit} since {since}{why}");
            findings.add("circuit", state, text);
        }
    }
    Ok(())
}
