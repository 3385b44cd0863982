//! `kassa bench payments`.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::{ServerArguments, ephemeral, when, world};
use crate::bench::{PaymentsOptions, PaymentsReport, Shares, bench_payments};
use crate::cli::codes::Code;
use crate::cli::failure::Failure;
use crate::cli::output::{Show, pairs};
use crate::cli::session::Session;
use crate::cli::sku::usage;
use crate::domain::Policy;
use crate::domain::payment::RetrySchedule;
use crate::gateway::SimulatedGateway;
use crate::role::payer::Payments;
use crate::run::Role;

/// Of 100 recoverable failures so many have to be recovered within 10 minutes.
const RECOVERED_PERCENT: f64 = 95.0;

/// Pauses before the second, third and fourth attempt. Units: seconds.
const PAUSES: [u64; 3] = [20, 90, 240];

#[derive(Args, Debug)]
pub(super) struct PaymentsArguments {
    /// Orders in all
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    payments: u64,
    /// Orders a second
    #[arg(long, value_name = "R", default_value_t = 1_500.0)]
    rate: f64,
    /// How much faster than in a shop everything waits: retries, holds, pauses of the payer
    #[arg(long, value_name = "F", default_value_t = 20)]
    compress: u32,
    /// How long the provider is out, in the shop's own time, once a third of the orders is placed
    #[arg(long, value_name = "TIME", value_parser = when::span, default_value = "3m")]
    outage: Duration,
    /// Of 100 charges: declined as if the provider were not well
    #[arg(long, value_name = "P", default_value_t = 3)]
    infra: u64,
    /// Of 100 charges: declined without a reason
    #[arg(long, value_name = "P", default_value_t = 5)]
    soft: u64,
    /// Of 100 charges: declined until the buyer does something, which they do at once
    #[arg(long, value_name = "P", default_value_t = 3)]
    customer: u64,
    /// Of 100 charges: declined for good
    #[arg(long, value_name = "P", default_value_t = 1)]
    hard: u64,
    /// Of 100 calls: not taken
    #[arg(long, value_name = "P", default_value_t = 2)]
    away: u64,
    /// Of 100 calls: carried out, and the answer lost
    #[arg(long, value_name = "P", default_value_t = 2)]
    silent: u64,
    /// Two storms with one seed are alike
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    servers: ServerArguments,
}

pub(super) async fn storm(session: &Session, arguments: &PaymentsArguments) -> Result<(), Failure> {
    let PaymentsArguments { payments, rate, compress, .. } = *arguments;
    if !(1..=60).contains(&compress) {
        return Err(usage("--compress", &"must be 1 to 60: a retry waits for a second at least"));
    }
    if !(rate.is_finite() && 0.0 < rate) {
        return Err(usage("--rate", &"must be above 0"));
    }
    let PaymentsArguments { infra, soft, customer, hard, away, silent, .. } = *arguments;
    let shares = Shares { infra, soft, customer, hard, away, silent };
    let worst = [infra, soft, customer, hard].into_iter().fold(0, u64::saturating_add);
    if 100 < worst || 100 < away || 100 < silent {
        return Err(usage("--infra, --soft, --customer, --hard", &"come to more than 100"));
    }
    let ephemeral = ephemeral()?;
    let books = ephemeral.path().join("gateway.jsonl");
    let lasts = arguments.outage / compress;
    let begins = Duration::from_secs_f64(payments_as_seconds(payments, rate) / 3.0);
    let outage = (!lasts.is_zero()).then_some((begins, lasts));
    let simulation = shares.simulation(arguments.seed, outage)?;
    let gateway = SimulatedGateway::with_ledger(simulation, &books).map_err(anyhow::Error::from)?;
    let roles = vec![Role::Committer, Role::Payer, Role::RetryScheduler];
    let mut world = world(session, &arguments.servers, ephemeral.path(), roles).await?;
    let policy = compressed(compress)?;
    let drain = policy.hold;
    world.policy = policy;
    world.payments = Payments { hurry: compress, ..Payments::default() };
    world.gateway = Arc::new(gateway);
    let options = PaymentsOptions { world, books, payments, rate, compress, drain };
    let report = Box::pin(bench_payments(&options)).await?;
    session.show(&report)?;
    match failing(&report) {
        None => Ok(()),
        Some(why) => Err(Failure::new(Code::CheckFailed, why)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^52")]
fn payments_as_seconds(payments: u64, rate: f64) -> f64 {
    payments as f64 / rate
}

/// The rules of a shop in which everything waits so many times shorter.
fn compressed(compress: u32) -> Result<Policy, anyhow::Error> {
    let shorter = |seconds| Duration::from_secs(seconds) / compress;
    let shop = Policy::default();
    Ok(Policy {
        hold: shop.hold / compress,
        attempt: shop.attempt / compress,
        unknown_hold: shop.unknown_hold / compress,
        retries: RetrySchedule::try_new(PAUSES.map(shorter).to_vec())?,
        ..shop
    })
}

/// What of a promise was not kept.
fn failing(report: &PaymentsReport) -> Option<String> {
    let most = 1 + RetrySchedule::RETRIES_MAX;
    let over = report.attempts.keys().any(|attempts| most < *attempts);
    if let Some(violation) = &report.violation {
        return Some(violation.clone());
    }
    let counts = [report.double_captures, report.kept_for_nothing, report.owed, report.differences];
    if counts.iter().any(|count| 0 < *count) || over {
        return Some("money is not where it belongs; see the report".into());
    }
    let percent = report.recovered_percent.min(report.recovered_or_waited_percent);
    let wanted = RECOVERED_PERCENT;
    (percent < wanted).then(|| format!("{percent:.2} % recovered, at least {wanted} % wanted"))
}

impl Show for PaymentsReport {
    fn table(&self) -> String {
        let mut rows = vec![
            ("payments", self.payments.to_string()),
            ("confirmed", self.confirmed.to_string()),
        ];
        for (class, of) in &self.classes {
            let words = format!(
                "{class}: {} failed, {} recovered in 10 min; half in {:.1} s, 95 % in {:.1} s",
                of.failed, of.recovered, of.p50_s, of.p95_s
            );
            rows.push(("failed first", words));
        }
        let attempts = self.attempts.iter().map(|(count, orders)| format!("{count}: {orders}"));
        let proof = self.violation.as_ref().map_or("passed", |violation| violation.as_str());
        let held = &self.held_back;
        let waited = format!(
            "{}, {} paid in 10 min; half in {:.1} s, 95 % in {:.1} s",
            held.failed, held.recovered, held.p50_s, held.p95_s
        );
        let recovered =
            format!("{:.2} % of {} recoverable", self.recovered_percent, self.recoverable);
        let with_waited = format!("{:.2} % with those held back", self.recovered_or_waited_percent);
        rows.extend([
            ("held back by outages", waited),
            ("recovered", format!("{recovered}; {with_waited}")),
            ("orders by attempts", attempts.collect::<Vec<_>>().join(", ")),
            ("paid twice", format!("{}, given back", self.double_captures)),
            ("kept for nothing", self.kept_for_nothing.to_string()),
            ("still owed", self.owed.to_string()),
            ("provider differs", self.differences.to_string()),
            ("took", format!("{:.1} s, compressed {} times", self.took_s, self.compressed)),
            ("verify", proof.to_owned()),
        ]);
        pairs(rows)
    }
}
