//! What is said when something did not work: what failed, why, and what to do.

use std::fmt;

use super::codes::Code;
use crate::archive::{ArchiveError, BackupError, CopyError, HeadsError};
use crate::config::{ConfigError, SecretFileError};
use crate::domain::{PriceChange, Refusal, Shortfall};
use crate::engine::{Error as EngineError, PointError};
use crate::gateway::{LedgerError, StripeSettingsError};
use crate::nats::provision::{AssetError, ProvisionError};
use crate::nats::{ApiError, ConnectError};
use crate::port::{CommitError, GatewayError, LeaseError, MissingLog, ReadError, Unanswered};
use crate::role::committer::CannotAct;
use crate::role::rebuild::BehindError;
use crate::role::restore::RestoreError;
use crate::server::{FindError, PortError, StartError};
use crate::wire::{DecodeError, HeadError};

/// Why a command line did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    /// Its stable code.
    pub code: Code,
    /// What failed, in a sentence.
    pub what: String,
    /// What to do, when it is not what the code always says.
    pub advice: Option<String>,
}

impl Failure {
    /// A failure.
    pub(super) fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), advice: None }
    }

    /// Something that is not there.
    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::new(Code::NotFound, what)
    }

    /// A moment, or a part of the log, that is not there.
    pub(super) fn beyond(what: impl Into<String>) -> Self {
        let advice = "name one that is there: `kassa at TIME summary` says how far the log is";
        Self { advice: Some(advice.to_owned()), ..Self::new(Code::NotFound, what) }
    }

    /// Something these credentials may not do. `what` is the server's word for it.
    #[must_use]
    pub(super) fn forbidden(what: &str) -> Self {
        Self::new(Code::Permission, format!("these credentials may not: {what}"))
    }

    /// A command that was refused.
    #[must_use]
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let code = match refusal {
            Refusal::UnknownSku { .. }
            | Refusal::UnknownOrder
            | Refusal::UnknownAttempt { .. }
            | Refusal::UnknownRefund { .. } => Code::RefusedNotFound,
            Refusal::Forbidden { .. } => Code::RefusedForbidden,
            Refusal::IdConflict { .. }
            | Refusal::StockChanged { .. }
            | Refusal::PriceChanged { .. }
            | Refusal::AlreadyListed { .. }
            | Refusal::WrongState { .. } => Code::RefusedConflict,
            Refusal::Undecodable { .. }
            | Refusal::InvalidField { .. }
            | Refusal::TooLarge { .. }
            | Refusal::UnknownType { .. }
            | Refusal::StaleId { .. }
            | Refusal::Delisted { .. }
            | Refusal::MixedCurrencies { .. }
            | Refusal::OverOrderLimit { .. }
            | Refusal::InsufficientStock { .. }
            | Refusal::Overflow { .. }
            | Refusal::BelowZero { .. }
            | Refusal::RefundTooLarge { .. }
            | Refusal::Defect { .. } => Code::Refused,
        };
        let what = format!("{}: {refusal}{}", refusal.code(), figures(refusal));
        Self { code, what, advice: Some(refusal.advice().to_owned()) }
    }

    /// What to do about it.
    #[must_use]
    pub(super) fn advice(&self) -> &str {
        self.advice.as_deref().unwrap_or_else(|| self.code.advice())
    }
}

/// The figures of a refusal that has many, one a line.
fn figures(refusal: &Refusal) -> String {
    let lines: Vec<String> = if let Refusal::InsufficientStock { short } = refusal {
        let line = |item: &Shortfall| {
            let Shortfall { sku, wanted, available, held } = item;
            format!("\n  {sku}: {wanted} wanted, {available} available, {held} held for others")
        };
        short.iter().map(line).collect()
    } else if let Refusal::PriceChanged { changes } = refusal {
        let line = |change: &PriceChange| {
            let (quoted, now) = (change.quoted_minor.minor(), change.current_minor.minor());
            format!("\n  {}: {quoted} quoted, {now} now (minor units)", change.sku)
        };
        changes.iter().map(line).collect()
    } else {
        Vec::new()
    };
    lines.concat()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}: {}\n  to do: {}", self.code.name(), self.what, self.advice())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        // Whoever met it, and however: what a newer build wrote is nobody's failure.
        let newer = error
            .chain()
            .any(|cause| cause.downcast_ref::<DecodeError>().is_some_and(DecodeError::is_newer));
        let denied = |cause: &(dyn std::error::Error + 'static)| {
            matches!(cause.downcast_ref(), Some(ApiError::Denied { .. }))
        };
        let code = if newer {
            Some(Code::NewerLog)
        } else if error.chain().any(denied) {
            Some(Code::Permission)
        } else if let Some(kept) = error.chain().find_map(of_what_is_kept) {
            Some(kept)
        } else {
            error.chain().find_map(code_of)
        };
        let code = code.unwrap_or(Code::Failure);
        Self::new(code, chain(&error))
    }
}

/// An error and its causes. Some libraries say the cause in the error as well; once is enough.
fn chain(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.ends_with(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

/// The code of an error that has one.
fn code_of(error: &(dyn std::error::Error + 'static)) -> Option<Code> {
    if let Some(error) = error.downcast_ref::<ConnectError>() {
        return Some(match error {
            ConnectError::Unreachable { .. } => Code::NatsUnreachable,
            ConnectError::Refused { .. } => Code::NatsCredentials,
            ConnectError::Credentials { .. } => Code::NatsCredentialsFile,
        });
    }
    if let Some(error) = error.downcast_ref::<ApiError>() {
        return Some(match error {
            ApiError::NoJetStream => Code::JetstreamOff,
            ApiError::OldServer { .. } => Code::ServerOld,
            ApiError::Denied { .. } => Code::Permission,
            ApiError::Refused { .. } => Code::ServerRefuses,
            ApiError::Unavailable(_) => Code::NatsSilent,
        });
    }
    if let Some(ProvisionError::Unchangeable { .. }) = error.downcast_ref() {
        return Some(Code::StreamUnchangeable);
    }
    if let Some(error) = error.downcast_ref::<ReadError>() {
        return Some(of_reading(error));
    }
    if let Some(error) = error.downcast_ref::<Unanswered>() {
        return Some(match error {
            Unanswered::Accepted { .. } => Code::OutcomePending,
            Unanswered::Busy { .. } => Code::Busy,
            Unanswered::Unknown(_) => Code::OutcomeUnknown,
            Unanswered::Denied { .. } => Code::Permission,
            Unanswered::Unsendable(_) => Code::Unsendable,
        });
    }
    if let Some(error) = error.downcast_ref::<EngineError>() {
        match error {
            EngineError::Defect { .. } => return Some(Code::LogDefect),
            EngineError::Refused(_) => return Some(Code::CommitRefused),
            EngineError::Denied(_) => return Some(Code::Permission),
            EngineError::Read(error) => return Some(of_reading(error)),
        }
    }
    if let Some(error) = error.downcast_ref::<CannotAct>() {
        return match error {
            CannotAct::Engine(error) => code_of(error),
            CannotAct::Clock { .. } => Some(Code::Clock),
            CannotAct::CommandsBehind { .. } => Some(Code::CommandsBehind),
            CannotAct::Reader(_) => Some(Code::Failure),
        };
    }
    if error.is::<DecodeError>() {
        return Some(Code::LogDefect);
    }
    if let Some(error) = error.downcast_ref::<ArchiveError>() {
        return Some(of_archive(error));
    }
    if let Some(error) = error.downcast_ref::<BackupError>() {
        return Some(match error {
            BackupError::Archive(error) => of_archive(error),
            BackupError::Market { .. } => Code::ArchiveMarket,
            BackupError::Manifest { .. } | BackupError::Part { .. } => Code::ArchiveDamaged,
            BackupError::Io { .. } => Code::Backup,
        });
    }
    if let Some(error) = error.downcast_ref::<HeadsError>() {
        return Some(of_heads(error));
    }
    if let Some(error) = error.downcast_ref::<RestoreError>() {
        return match error {
            RestoreError::Differs { .. } | RestoreError::Beyond { .. } => {
                Some(Code::RestoreOccupied)
            }
            RestoreError::Refused { .. } => Some(Code::ServerRefuses),
            RestoreError::Read(_) => None,
        };
    }
    if let Some(error) = error.downcast_ref::<GatewayError>() {
        return Some(match error {
            GatewayError::Unavailable(_)
            | GatewayError::Unreachable(_)
            | GatewayError::Unknown(_)
            | GatewayError::Pending { .. } => Code::ProviderSilent,
            GatewayError::Misconfigured(_) => Code::ProviderRefuses,
        });
    }
    if let Some(error) = error.downcast_ref::<BehindError>() {
        return match error {
            BehindError::Behind { .. } => Some(Code::ViewBehind),
            BehindError::Read(_) => None,
        };
    }
    rarer(error)
}

const fn of_reading(error: &ReadError) -> Code {
    match error {
        ReadError::Unavailable(_) => Code::NatsSilent,
        ReadError::Broken(_) => Code::StreamUnreadable,
    }
}

fn rarer(error: &(dyn std::error::Error + 'static)) -> Option<Code> {
    let is = |found: bool, code| found.then_some(code);
    is(error.is::<ConfigError>(), Code::Config)
        .or_else(|| is(error.is::<SecretFileError>(), Code::Config))
        .or_else(|| is(error.is::<StripeSettingsError>(), Code::Config))
        .or_else(|| is(error.is::<AssetError>(), Code::StreamFile))
        .or_else(|| is(error.is::<FindError>(), Code::ServerNotFound))
        .or_else(|| is(error.is::<StartError>(), Code::ServerStart))
        .or_else(|| is(error.is::<PortError>(), Code::NoPort))
        .or_else(|| is(error.is::<LedgerError>(), Code::GatewayLedger))
        .or_else(|| is(error.is::<CommitError>(), Code::CommitRefused))
        .or_else(|| is(error.is::<LeaseError>(), Code::NatsSilent))
        .or_else(|| {
            is(matches!(error.downcast_ref(), Some(PointError::Moved)), Code::ViewElsewhere)
        })
}

/// Whoever reads it, and however: what is kept beside the server says what is wrong with it.
fn of_what_is_kept(error: &(dyn std::error::Error + 'static)) -> Option<Code> {
    if error.is::<MissingLog>() {
        return Some(Code::LogMissing);
    }
    if let Some(CopyError::Differs { .. } | CopyError::Chain { .. }) = error.downcast_ref() {
        return Some(Code::CopyUnproved);
    }
    error.downcast_ref().map(of_archive)
}

const fn of_archive(error: &ArchiveError) -> Code {
    match error {
        ArchiveError::Io { .. } | ArchiveError::NoArchive { .. } => Code::Archive,
        ArchiveError::Busy { .. } => Code::ArchiveBusy,
        ArchiveError::Cut { .. } | ArchiveError::Changed { .. } => Code::ArchiveDamaged,
        ArchiveError::Market { .. } | ArchiveError::Version { .. } => Code::ArchiveMarket,
    }
}

const fn of_heads(error: &HeadsError) -> Code {
    match error {
        HeadsError::Io { .. }
        | HeadsError::Line { .. }
        | HeadsError::Empty { .. }
        | HeadsError::Key { .. } => Code::Heads,
        HeadsError::Head { source, .. } => match source {
            HeadError::Market { .. } | HeadError::Version { .. } => Code::HeadsMarket,
            HeadError::Stranger { .. } | HeadError::Forged => Code::HeadsForged,
        },
    }
}

impl Failure {
    /// Whoever reads our output has seen enough.
    pub(super) fn enough() -> Self {
        Self::new(Code::ReaderGone, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Sequence, Timestamp};
    use crate::engine::MayNotLead;

    #[test]
    fn why_a_committer_gives_up_has_a_code_of_its_own() {
        let denied = || ApiError::Denied { subject: "kassa.main.evt.commit".to_owned() };
        let may_not_lead = MayNotLead { key: "main.committer".to_owned(), source: denied().into() };
        let unreadable = ReadError::Broken("there is no stream".into());
        let rows: [(CannotAct, Code); 6] = [
            (CannotAct::Clock { ours: Timestamp(900_000), servers: Timestamp(0) }, Code::Clock),
            (
                CannotAct::CommandsBehind { end: Sequence(1), position: Sequence(9) },
                Code::CommandsBehind,
            ),
            (EngineError::Refused(denied().into()).into(), Code::Permission),
            (EngineError::from(may_not_lead).into(), Code::Permission),
            (EngineError::Refused("too large".into()).into(), Code::CommitRefused),
            (unreadable.into(), Code::StreamUnreadable),
        ];
        for (cause, code) in rows {
            let failure = Failure::from(anyhow::Error::from(cause).context("committer"));
            assert_eq!(failure.code, code, "{failure}");
        }
    }

    #[test]
    fn a_wrong_clock_is_said_in_seconds_and_in_its_direction() {
        let said = |ours, servers| {
            let (ours, servers) = (Timestamp(ours), Timestamp(servers));
            CannotAct::Clock { ours, servers }.to_string()
        };
        assert!(said(900_000, 0).contains("900 s ahead of the server's"));
        assert!(said(0, 900_000).contains("900 s behind the server's"));
    }
}
