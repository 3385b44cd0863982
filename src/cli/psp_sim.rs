//! `kassa psp-sim`: a payment provider that is not there.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::Interrupt;
use super::codes::Code;
use super::failure::Failure;
use super::output::say;
use crate::port::{Clock, SystemClock};
use crate::psp::{Moods, Provider, Running, Settings, StartError, Webhooks};

/// Seconds in an hour.
const HOUR_S: u64 = 3_600;

#[derive(Debug, Args)]
pub(super) struct PspSimArguments {
    /// Port on 127.0.0.1; 0 is any free one
    #[arg(long, value_name = "PORT", default_value_t = 12111)]
    port: u16,
    /// Key that callers must show
    #[arg(long, value_name = "KEY", default_value = "sk_test_kassa")]
    secret_key: String,
    /// Append-only file of everything that happens; read again at the next start
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// How long a result is kept under its idempotency key
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    idempotency_hours: u32,
    /// How long payments and refunds stay pending that do
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    settles_after_ms: u64,
    /// How long new payments are not found by search
    #[arg(long, value_name = "MS", default_value_t = 0)]
    search_lag_ms: u64,
    #[command(flatten)]
    moods: MoodArguments,
    #[command(flatten)]
    webhooks: WebhookArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Moods")]
struct MoodArguments {
    /// Two providers with one seed behave alike
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How long a call takes at least
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_min_ms: u64,
    /// How long a call takes at most
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_max_ms: u64,
    /// Calls that take ten times the longest
    #[arg(long, value_name = "SHARE", default_value_t = 0)]
    slow_per_100k: u64,
    /// Calls that are answered with 429
    #[arg(long, value_name = "SHARE", default_value_t = 0)]
    rate_limited_per_100k: u64,
    /// Calls that are answered with 500, half of them carried out
    #[arg(long, value_name = "SHARE", default_value_t = 0)]
    errors_per_100k: u64,
    /// Calls that are carried out and never answered
    #[arg(long, value_name = "SHARE", default_value_t = 0)]
    answers_lost_per_100k: u64,
    /// Payments that are declined
    #[arg(long, value_name = "SHARE", default_value_t = 0)]
    declined_per_100k: u64,
    /// Codes for them [default: generic_decline]
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    decline_codes: Vec<String>,
    /// An outage begins so long after the start
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    outage_after_s: u64,
    /// It lasts so long; none when 0
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    outage_for_s: u64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Webhooks")]
struct WebhookArguments {
    /// Where events are posted to
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    webhook_url: Option<String>,
    /// What they are signed with
    #[arg(long, value_name = "SECRET", requires = "webhook_url")]
    webhook_secret: Option<String>,
    /// Events that are sent twice
    #[arg(long, value_name = "SHARE", default_value_t = 0)]
    webhooks_duplicated_per_100k: u64,
    /// Each event waits up to so long
    #[arg(long, value_name = "MS", default_value_t = 0)]
    webhooks_late_ms: u64,
    /// Events that are held back until after the next one
    #[arg(long, value_name = "SHARE", default_value_t = 0)]
    webhooks_reordered_per_100k: u64,
    /// Events that are followed by a forgery
    #[arg(long, value_name = "SHARE", default_value_t = 0)]
    webhooks_forged_per_100k: u64,
}

impl PspSimArguments {
    fn settings(self) -> Settings {
        let (millis, seconds) = (Duration::from_millis, Duration::from_secs);
        let moods = self.moods;
        let outage = (seconds(moods.outage_after_s), seconds(moods.outage_for_s));
        let webhooks = self.webhooks;
        let told = webhooks.webhook_url.zip(webhooks.webhook_secret);
        Settings {
            listen: (Ipv4Addr::LOCALHOST, self.port).into(),
            secret_key: self.secret_key,
            ledger: self.ledger,
            idempotency: seconds(HOUR_S.saturating_mul(self.idempotency_hours.into())),
            settles_after: millis(self.settles_after_ms),
            search_lag: millis(self.search_lag_ms),
            moods: Moods {
                seed: moods.seed,
                latency_min: millis(moods.latency_min_ms),
                latency_max: millis(moods.latency_max_ms),
                slow: moods.slow_per_100k,
                rate_limited: moods.rate_limited_per_100k,
                errors: moods.errors_per_100k,
                answers_lost: moods.answers_lost_per_100k,
                declined: moods.declined_per_100k,
                decline_codes: moods.decline_codes,
                outage: Some(outage).filter(|(_, lasts)| !lasts.is_zero()),
            },
            webhooks: told.map(|(url, secret)| Webhooks {
                duplicated: webhooks.webhooks_duplicated_per_100k,
                late: millis(webhooks.webhooks_late_ms),
                reordered: webhooks.webhooks_reordered_per_100k,
                forged: webhooks.webhooks_forged_per_100k,
                ..Webhooks::new(url, secret)
            }),
            ..Settings::new(Arc::new(|| SystemClock.now().0))
        }
    }
}

pub(super) async fn psp_sim(arguments: PspSimArguments) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let settings = arguments.settings();
    let banner = settings.clone();
    let running = Provider::start(settings).await.map_err(|error| {
        let code = match &error {
            StartError::Ledger(_) => Code::GatewayLedger,
            StartError::Listen { .. } => Code::NoPort,
            StartError::Webhooks(_) => Code::Failure,
        };
        Failure { code, ..Failure::from(anyhow::Error::from(error)) }
    })?;
    say(&opened(&running, &banner));
    interrupt.wait().await;
    say("closing");
    running.stop().await;
    Ok(())
}

fn opened(running: &Running, settings: &Settings) -> String {
    let (url, key) = (running.url(), &settings.secret_key);
    let ledger = settings.ledger.as_ref().map_or_else(
        || "none: a stop forgets everything".to_owned(),
        |file| file.display().to_string(),
    );
    let told = settings.webhooks.as_ref().map_or("nobody", |webhooks| &webhooks.url);
    format!(
        "\nA payment provider is open. It is simulated: no money moves.\n\n  \
         address   {url}\n  \
         key       {key}\n  \
         ledger    {ledger}\n  \
         webhooks  {told}\n\n\
         Try, in another terminal:\n  \
         curl -u {key}: {url}/v1/payment_intents -d amount=1250 -d currency=eur \\\n       \
         -d payment_method=pm_card_visa -d confirm=true\n\n\
         Ctrl-C closes it."
    )
}
