//! `kassa verify`: the proof.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::Interrupt;
use super::backup::KeptLog;
use super::codes::Code;
use super::failure::Failure;
use super::output::{Show, pairs, say};
use super::progress::Progress;
use super::proofs::Proofs;
use super::session::Session;
use crate::archive::{Archive, Backup, public_keys, read_heads};
use crate::domain::Sequence;
use crate::domain::verify::Invariant;
use crate::engine::{Progress as Read, prove, prove_kept};
use crate::port::{Clock, SystemClock};
use crate::wire::{Certificate, Head, MarketName, Subjects, Verified, Verifier};

#[derive(Args, Debug)]
pub(super) struct VerifyArguments {
    /// Say nothing while it runs
    #[arg(long)]
    quiet: bool,
    /// Prove it of an archive of the whole log instead of a server
    #[arg(long, value_name = "FILE", conflicts_with = "from_backup")]
    from_file: Option<PathBuf>,
    /// Prove it of a backup instead of a server
    #[arg(long, value_name = "DIR")]
    from_backup: Option<PathBuf>,
    /// Prove that the log is still the one whose heads were signed: see `kassa checkpoint`
    #[arg(long, value_name = "HEADS")]
    against: Option<PathBuf>,
    /// File with the public keys to believe; without it only what the heads say themselves
    #[arg(long, value_name = "PUB", requires = "against")]
    key: Option<PathBuf>,
    /// Write down what was looked at and what was found
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    #[command(flatten)]
    proofs: Proofs,
}

pub(super) async fn verify(session: &Session, arguments: VerifyArguments) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let begun = Instant::now();
    let mut bar = if arguments.quiet {
        Progress::hidden()
    } else {
        Progress::new(session.format, ("verifying", "messages"), 0)?
    };
    let verified = tokio::select! {
        verified = Box::pin(verified(session, &arguments, &mut bar)) => verified?,
        () = interrupt.wait() => {
            bar.end();
            return Err(Failure::new(Code::Interrupted, "stopped before the end of the log"));
        }
    };
    bar.end();
    session.show(&verified)?;
    if let Some(file) = &arguments.certificate {
        certify(session, &arguments, (file, &verified))?;
    }
    if let Some(first) = verified.violations.first() {
        let what = format!("{first}\n  {} violations in all", verified.violations_total);
        return Err(Failure::new(Code::LogViolation, what));
    }
    if let Some(newer) = &verified.newer {
        let what = format!("at sequence {} of the log: {}", newer.sequence, newer.what);
        return Err(Failure::new(Code::NewerLog, what));
    }
    let seconds = begun.elapsed().as_secs_f64();
    say(&format!("every promise holds ({seconds:.1} s)"));
    Ok(())
}

async fn verified(
    session: &Session,
    arguments: &VerifyArguments,
    bar: &mut Progress,
) -> Result<Verified, Failure> {
    let progress = |read: Read| {
        bar.grow(read.end.0);
        bar.reach(read.sequence.0);
    };
    let market = &session.config.market;
    let (subjects, heads) = (Subjects::of(market.clone()), heads(market, arguments)?);
    let answers = arguments.proofs.answers()?;
    let asked = |verifier: Verifier| {
        let verifier = verifier.against(heads);
        match answers {
            Some(answers) => verifier.holding(answers),
            None => verifier,
        }
    };
    if let Some(dir) = &arguments.from_backup {
        let backup = Backup::open(dir, market).map_err(anyhow::Error::from)?;
        let backup = backup.ok_or_else(|| super::backup::nothing(dir))?;
        let (tail, end) = (KeptLog::open(&backup)?, backup.last());
        let verifier = asked(Verifier::new(subjects));
        let verified = prove_kept(verifier, (tail, end), progress).await;
        return Ok(verified.map_err(anyhow::Error::from)?);
    }
    if let Some(file) = &arguments.from_file {
        let archive = Archive::open(file, market).map_err(anyhow::Error::from)?;
        let tail =
            archive.follow(Subjects::everything(), Sequence::START).map_err(anyhow::Error::from)?;
        let verifier = asked(Verifier::new(subjects));
        let verified = prove_kept(verifier, (tail, archive.foot.last), progress).await;
        return Ok(verified.map_err(anyhow::Error::from)?);
    }
    let connected = session.connect().await?;
    let (log, commands) = (connected.events().await?, connected.stream("COMMANDS").await?);
    let verifier = asked(Verifier::with_commands(subjects));
    let verified = prove(verifier, (&log, &commands), progress).await;
    let mut verified = verified.map_err(anyhow::Error::from)?;
    arguments.proofs.run(&connected, &mut verified).await?;
    Ok(verified)
}

/// The heads that the log has to pass.
fn heads(market: &MarketName, arguments: &VerifyArguments) -> Result<Vec<Head>, Failure> {
    let Some(file) = &arguments.against else { return Ok(Vec::new()) };
    let trusted = arguments.key.as_deref().map(public_keys).transpose();
    let trusted = trusted.map_err(anyhow::Error::from)?.unwrap_or_default();
    if trusted.is_empty() {
        say("the heads are taken at their word: name the key that signed them with --key");
    }
    Ok(read_heads(file, market, &trusted).map_err(anyhow::Error::from)?)
}

/// Writes a certificate: whole, or none.
fn certify(
    session: &Session,
    arguments: &VerifyArguments,
    (file, verified): (&Path, &Verified),
) -> Result<(), Failure> {
    let of = match (&arguments.from_backup, &arguments.from_file) {
        (Some(dir), _) => format!("the backup {}", dir.display()),
        (None, Some(file)) => format!("the archive {}", file.display()),
        (None, None) => "the streams of a server".to_owned(),
    };
    let market = session.config.market.clone();
    let certificate = Certificate::new(market, &of, verified.clone(), SystemClock.now());
    let text = serde_json::to_string_pretty(&certificate).map_err(anyhow::Error::from)?;
    let written = tempfile::NamedTempFile::new_in(folder_of(file)).and_then(|mut partial| {
        writeln!(partial, "{text}")?;
        partial.as_file().sync_all()?;
        Ok(partial.persist(file)?)
    });
    written.map(drop).map_err(|error| {
        let what = format!("the certificate cannot be written to {}: {error}", file.display());
        Failure::new(Code::Failure, what)
    })
}

fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}

impl Show for Verified {
    fn table(&self) -> String {
        let last = self.head.as_ref().map_or_else(
            || "-".to_owned(),
            |head| format!("{} at sequence {}, {}", head.number, head.sequence, head.hash),
        );
        let looked_at: Vec<_> = self.checked.iter().map(Invariant::to_string).collect();
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
            ("signed heads passed", self.heads.to_string()),
            ("answers borne out", self.outcomes.to_string()),
            ("last commit", last),
            ("looked at", looked_at.join(" ")),
            ("violations", self.violations_total.to_string()),
        ];
        if let Some(newer) = &self.newer {
            rows.push(("proved up to", format!("before sequence {}", newer.sequence)));
        }
        rows.extend(self.violations.iter().map(|violation| ("", violation.to_string())));
        pairs(rows)
    }
}
