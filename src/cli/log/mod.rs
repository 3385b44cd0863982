//! `kassa log`: the streams that the log is in.

mod archive;
mod dropping;
mod followers;
mod roll;

use std::path::Path;

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::output::{Show, table};
use super::session::{Connected, Session};
use crate::archive::{LogFolder, LogPart};
use crate::domain::Sequence;
use crate::nats::{Segment, segments};

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Show the streams that the log is in
    List,
    /// Close the stream that is written, and have the log go on in a next one
    Roll(roll::RollArguments),
    /// Keep closed streams in a folder, and prove that they are
    Archive(archive::ArchiveArguments),
    /// Delete the oldest closed stream from the server, once it is proved to be kept
    Drop(dropping::DropArguments),
}

/// Where the parts of the log are.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Parts(Vec<PartRow>);

#[derive(Debug, Serialize)]
struct PartRow {
    /// A stream, or a file.
    part: String,
    /// `archived`, `closed` or `written`.
    state: &'static str,
    first: Sequence,
    last: Sequence,
    bytes: u64,
}

pub(super) async fn log(session: &Session, command: LogCommand) -> Result<(), Failure> {
    match command {
        LogCommand::List => list(session).await,
        LogCommand::Roll(arguments) => Box::pin(roll::roll(session, &arguments)).await,
        LogCommand::Archive(arguments) => archive::archive(session, &arguments).await,
        LogCommand::Drop(arguments) => dropping::drop_stream(session, &arguments).await,
    }
}

async fn list(session: &Session) -> Result<(), Failure> {
    let connected = session.connect().await?;
    let mut parts = match &session.config.archive.dir {
        None => Vec::new(),
        Some(dir) => kept(dir, session)?,
    };
    for segment in all(&connected).await? {
        let state = if segment.closed { "closed" } else { "written" };
        let Segment { stream: part, first, last, bytes, .. } = segment;
        parts.push(PartRow { part, state, first, last, bytes });
    }
    session.show(&Parts(parts))
}

/// What is kept beside the server.
fn kept(dir: &Path, session: &Session) -> Result<Vec<PartRow>, Failure> {
    let parts = LogFolder::of(dir, session.config.market.clone()).parts();
    let row = |LogPart { first, last, file }: LogPart| {
        let bytes = file.metadata().map_or(0, |about| about.len());
        PartRow { part: file.display().to_string(), state: "archived", first, last, bytes }
    };
    Ok(parts.map_err(anyhow::Error::from)?.into_iter().map(row).collect())
}

/// The streams of the log, oldest first; at least one.
///
/// # Errors
///
/// When they cannot be told, or there is none.
pub(super) async fn all(connected: &Connected) -> Result<Vec<Segment>, Failure> {
    let Connected { connection, subjects, .. } = connected;
    let found = segments(connection, subjects).await.map_err(anyhow::Error::from)?;
    if found.is_empty() {
        let what = format!("there is no stream {}: run `kassa streams apply`", subjects.segment(1));
        return Err(Failure::not_found(what));
    }
    Ok(found)
}

/// The stream that is written, or was until a roll was interrupted.
///
/// # Errors
///
/// When it cannot be told, or there is none.
pub(super) async fn newest(connected: &Connected) -> Result<Segment, Failure> {
    let none = || Failure::not_found("the log is in no stream");
    all(connected).await?.into_iter().last().ok_or_else(none)
}

impl Show for Parts {
    fn table(&self) -> String {
        let row = |part: &PartRow| {
            let numbers = [part.first.0, part.last.0, part.bytes];
            let numbers = numbers.iter().map(ToString::to_string);
            [part.part.clone(), part.state.to_owned()].into_iter().chain(numbers).collect()
        };
        table(&["PART", "STATE", "FIRST", "LAST", "BYTES"], self.0.iter().map(row))
    }
}
