//! `kassa checkpoint`: the end of the log, signed, for keeping elsewhere.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::codes::Code;
use super::failure::Failure;
use super::output::{Show, pairs, say};
use super::session::Session;
use super::when;
use crate::archive::{append_head, signing_key, write_keys};
use crate::port::{Clock, SystemClock};
use crate::role::checkpoints::sign;
use crate::wire::{SignedHead, SigningKey};

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct CheckpointArguments {
    /// Append the signed head to this file instead of showing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// File with the key to sign with [default: `checkpoint.key_file`]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<CheckpointCommand>,
}

#[derive(Debug, Subcommand)]
enum CheckpointCommand {
    /// Make a key: the secret in FILE, for its owner alone, and what others check with in FILE.pub
    Keygen {
        /// Where; never over a file that is there
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// A key that was made.
#[derive(Serialize)]
struct Made {
    secret: String,
    public: String,
    key: String,
}

pub(super) async fn checkpoint(
    session: &Session,
    arguments: CheckpointArguments,
) -> Result<(), Failure> {
    if let Some(CheckpointCommand::Keygen { out }) = &arguments.command {
        return keygen(session, out);
    }
    let file = arguments.key.as_ref().or(session.config.checkpoint.key_file.as_ref());
    let file = file.ok_or_else(|| {
        let what = "there is nothing to sign with: name a key with --key or checkpoint.key_file";
        Failure::new(Code::Usage, what)
    })?;
    let key = signing_key(file).map_err(anyhow::Error::from)?;
    let connected = session.connect().await?;
    let log = connected.events().await?;
    let signed = sign((&log, &connected.subjects), &key, SystemClock.now()).await;
    let signed = signed.map_err(anyhow::Error::from)?;
    let signed = signed.ok_or_else(|| Failure::not_found("nothing was ever committed"))?;
    let Some(out) = &arguments.out else { return session.show(&signed) };
    append_head(out, &signed).map_err(anyhow::Error::from)?;
    let number = signed.head.number;
    say(&format!("commit {number} is signed, and appended to {}", out.display()));
    Ok(())
}

fn keygen(session: &Session, out: &Path) -> Result<(), Failure> {
    let secret: [u8; 32] = rand::random();
    let key = SigningKey::of_secret(secret).map_err(anyhow::Error::from)?;
    let public = key.public().map_err(anyhow::Error::from)?;
    let beside = write_keys(out, &secret, public).map_err(anyhow::Error::from)?;
    let (secret, beside) = (out.display().to_string(), beside.display().to_string());
    session.show(&Made { secret, public: beside, key: public.to_string() })
}

impl Show for Made {
    fn table(&self) -> String {
        pairs([
            ("secret", format!("{} (keep it where the log is not)", self.secret)),
            ("public", self.public.clone()),
            ("key", self.key.clone()),
        ])
    }
}

impl Show for SignedHead {
    fn table(&self) -> String {
        let head = &self.head;
        pairs([
            ("market", head.market.to_string()),
            ("commit", format!("{} at sequence {}", head.number, head.sequence)),
            ("made at", when::written(head.at_ms)),
            ("hash", head.hash.clone()),
            ("signed at", when::written(head.signed_at_ms)),
            ("key", self.key.clone()),
            ("signature", self.signature.clone()),
        ])
    }
}
