//! `kassa log roll`: the log goes on in a next stream.

use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::newest;
use crate::cli::codes::Code;
use crate::cli::failure::Failure;
use crate::cli::output::{Show, pairs, say};
use crate::cli::session::Session;
use crate::cli::streams::check;
use crate::domain::Sequence;
use crate::run::{Roll, Rolled, Step};

#[derive(Args, Debug)]
pub(in crate::cli) struct RollArguments {
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Row {
    /// The stream that was closed; none when there was nothing to close.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<String>,
    /// The stream in which the log goes on.
    written: String,
    /// Its first sequence.
    first: Sequence,
    seconds: f64,
}

pub(super) async fn roll(session: &Session, arguments: &RollArguments) -> Result<(), Failure> {
    let connected = session.connect().await?;
    // A roll of streams that are not as they should be makes more of them.
    check(&connected.connection, &session.config.market).await?;
    let before = newest(&connected).await?;
    if arguments.dry_run {
        let number = before.number.saturating_add(1);
        let next = connected.subjects.segment(number);
        let (server, last) = (connected.connection.server().name, before.last);
        say(&if Roll::is_due(&before) {
            format!(
                "{} on {server} would be closed at {last} or later, and {next} begun",
                before.stream
            )
        } else {
            format!("nobody has sold anything since {} was begun", before.stream)
        });
        say("nothing was changed");
        return Ok(());
    }
    let events = connected.events().await?;
    let roll = Roll {
        connection: &connected.connection,
        subjects: &connected.subjects,
        events: &events,
        holder: format!("kassa log roll {}", std::process::id()),
    };
    let begun = Instant::now();
    let rolled = Box::pin(roll.run(Step::Opened)).await?;
    let seconds = begun.elapsed().as_secs_f64();
    match rolled {
        Rolled::Into(into) => {
            let closed = Some(connected.subjects.segment(into.number.saturating_sub(1)));
            session.show(&Row { closed, written: into.stream, first: into.first, seconds })
        }
        Rolled::Nothing(newest) => {
            session.show(&Row {
                closed: None,
                written: newest.stream,
                first: newest.first,
                seconds,
            })?;
            say("nobody has sold anything since: there is nothing to close");
            Ok(())
        }
        Rolled::Interrupted => {
            let what = "somebody else took the committer's lease; roll again";
            Err(Failure::new(Code::Interrupted, what))
        }
    }
}

impl Show for Row {
    fn table(&self) -> String {
        pairs([
            ("closed", self.closed.clone().unwrap_or_else(|| "-".to_owned())),
            ("written", format!("{}, from {}", self.written, self.first)),
            ("took", format!("{:.1} s", self.seconds)),
        ])
    }
}
