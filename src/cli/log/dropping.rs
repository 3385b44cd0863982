//! `kassa log drop`: a closed stream leaves the server, once it is proved to be kept.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::all;
use super::archive::{folder, prove};
use super::followers::{behind, followers};
use crate::cli::codes::Code;
use crate::cli::failure::Failure;
use crate::cli::output::{Show, pairs, say};
use crate::cli::session::{Connected, Session};
use crate::domain::Sequence;
use crate::nats::{Segment, delete};

#[derive(Args, Debug)]
pub(in crate::cli) struct DropArguments {
    /// The stream, as `kassa log list` names it
    stream: String,
    /// The folder in which it is kept [default: `archive.dir` of the settings]
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Dropped {
    stream: String,
    first: Sequence,
    last: Sequence,
    messages: u64,
    bytes: u64,
    /// Where it is from now on.
    archive: String,
    digest: String,
}

pub(super) async fn drop_stream(
    session: &Session,
    arguments: &DropArguments,
) -> Result<(), Failure> {
    let dir = folder(session, arguments.archive.as_deref())?;
    let connected = session.connect().await?;
    let segment = droppable(&connected, &arguments.stream).await?;
    behind_it(&connected, &segment).await?;
    // Before a copy is proved for minutes.
    if !arguments.yes && !arguments.dry_run && !std::io::stdin().is_terminal() {
        return Err(Failure::new(Code::Usage, "nobody is there to be asked: say --yes"));
    }
    let copied = prove(session, &connected, (&dir, &segment)).await?;
    let Segment { stream, first, last, messages, bytes, .. } = segment.clone();
    let server = connected.connection.server().name;
    say(&format!(
        "{stream} on {server}: {messages} messages, {first} to {last}, {bytes} bytes; all is in {}",
        dir.display()
    ));
    if arguments.dry_run {
        say("nothing was changed");
        return Ok(());
    }
    if !arguments.yes {
        agreed(&stream)?;
    }
    delete(&connected.connection, &segment).await.map_err(anyhow::Error::from)?;
    let (archive, digest) = (dir.display().to_string(), copied.digest.to_string());
    session.show(&Dropped { stream, first, last, messages, bytes, archive, digest })?;
    if session.config.archive.dir.as_deref() != Some(dir.as_path()) {
        say("set `archive.dir` to that folder wherever the log is read from its beginning");
    }
    Ok(())
}

/// The stream, when it is closed and nothing before it is left: what is kept beside the server is
/// the beginning of the log.
async fn droppable(connected: &Connected, stream: &str) -> Result<Segment, Failure> {
    let known = all(connected).await?;
    let place = known.iter().position(|segment| segment.stream == stream);
    let none = || Failure::not_found(format!("{stream} is no stream of the log"));
    let place = place.ok_or_else(none)?;
    let segment = known.get(place).ok_or_else(none)?;
    if !segment.closed {
        return Err(Failure::new(Code::LogPart, format!("{stream} is written")));
    }
    match known.first().filter(|oldest| oldest.stream != stream) {
        Some(oldest) => {
            let what = format!("{} comes before {stream}", oldest.stream);
            Err(Failure::new(Code::LogPart, what))
        }
        None => Ok(segment.clone()),
    }
}

/// Nobody who follows the log still has to read in it.
async fn behind_it(connected: &Connected, segment: &Segment) -> Result<(), Failure> {
    let Segment { stream, last, .. } = segment;
    match behind(&followers(connected).await?, *last) {
        Some(behind) => {
            let what = format!("{stream} ends at {last}, and {behind}");
            Err(Failure::new(Code::FollowerBehind, what))
        }
        None => Ok(()),
    }
}

/// Asks whoever typed the command.
fn agreed(stream: &str) -> Result<(), Failure> {
    say(&format!("delete {stream} from the server? Type its name:"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(anyhow::Error::from)?;
    if answer.trim() == stream {
        return Ok(());
    }
    Err(Failure::new(Code::Interrupted, "that is another name; nothing was changed"))
}

impl Show for Dropped {
    fn table(&self) -> String {
        pairs([
            ("dropped", format!("{}, {} to {}", self.stream, self.first, self.last)),
            ("messages", self.messages.to_string()),
            ("bytes freed", self.bytes.to_string()),
            ("kept in", self.archive.clone()),
            ("digest", self.digest.clone()),
        ])
    }
}
