//! `kassa verify`: the proof.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::Interrupt;
use super::codes::Code;
use super::failure::Failure;
use super::output::{Show, pairs};
use super::session::Session;
use crate::archive::Archive;
use crate::domain::Sequence;
use crate::engine::{Progress, verify_kept, verify_log_and_commands};
use crate::wire::{Subjects, Verified};

#[derive(Args, Debug)]
pub(super) struct VerifyArguments {
    /// Say nothing while it runs
    #[arg(long)]
    quiet: bool,
    /// Prove it of an archive of the whole log instead of a server
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
}

pub(super) async fn verify(session: &Session, arguments: VerifyArguments) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let begun = Instant::now();
    // Hides itself when nobody watches.
    let bar = if arguments.quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
    bar.set_style(style()?);
    let verified = tokio::select! {
        verified = Box::pin(verified(session, &arguments, &bar)) => verified?,
        () = interrupt.wait() => {
            bar.finish_and_clear();
            return Err(Failure::new(Code::Interrupted, "stopped before the end of the log"));
        }
    };
    bar.finish_and_clear();
    session.show(&verified)?;
    if let Some(first) = verified.violations.first() {
        let what = format!("{first}\n  {} violations in all", verified.violations_total);
        return Err(Failure::new(Code::LogViolation, what));
    }
    if let Some(newer) = &verified.newer {
        let what = format!("at sequence {} of the log: {}", newer.sequence, newer.what);
        return Err(Failure::new(Code::NewerLog, what));
    }
    let seconds = begun.elapsed().as_secs_f64();
    super::output::say(&format!("every promise holds ({seconds:.1} s)"));
    Ok(())
}

async fn verified(
    session: &Session,
    arguments: &VerifyArguments,
    bar: &ProgressBar,
) -> Result<Verified, Failure> {
    let progress = |progress: Progress| {
        bar.set_length(progress.end.0);
        bar.set_position(progress.sequence.0);
        bar.set_message(format!("{} events", progress.events));
    };
    if let Some(file) = &arguments.from_file {
        let market = &session.config.market;
        let archive = Archive::open(file, market).map_err(anyhow::Error::from)?;
        let tail =
            archive.follow(Subjects::everything(), Sequence::START).map_err(anyhow::Error::from)?;
        let subjects = Subjects::of(market.clone());
        let verified = verify_kept(tail, archive.foot.last, &subjects, progress).await;
        return Ok(verified.map_err(anyhow::Error::from)?);
    }
    let connected = session.connect().await?;
    let (log, commands) = (connected.events().await?, connected.stream("COMMANDS").await?);
    let streams = (&log, &commands);
    let verified = verify_log_and_commands(streams, &connected.subjects, progress).await;
    Ok(verified.map_err(anyhow::Error::from)?)
}

fn style() -> Result<ProgressStyle, Failure> {
    let template = "verifying {bar:30} {pos}/{len} messages, {msg}, {per_sec}, {eta} left";
    ProgressStyle::with_template(template).map_err(|error| anyhow::Error::from(error).into())
}

impl Show for Verified {
    fn table(&self) -> String {
        let mut rows = vec![
            ("sequences", format!("1 to {}", self.end)),
            ("commits", self.commits.to_string()),
            ("events", self.events.to_string()),
            ("ledger entries", self.entries.to_string()),
            ("orders", self.orders.to_string()),
            ("SKUs", self.skus.to_string()),
            ("published commands decided", self.commands.to_string()),
            ("published messages waiting", self.commands_waiting.to_string()),
            ("units oversold", self.oversold.to_string()),
            ("violations", self.violations_total.to_string()),
        ];
        if let Some(newer) = &self.newer {
            rows.push(("proved up to", format!("before sequence {}", newer.sequence)));
        }
        rows.extend(self.violations.iter().map(|violation| ("", violation.to_string())));
        pairs(rows)
    }
}
