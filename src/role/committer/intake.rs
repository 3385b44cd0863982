//! Commands on their way to the committer.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::{Sequence, TraceParent};
use crate::engine::Source;
use crate::port::{Arrived, Came, Entry, Log, ReadError, Tail};
use crate::telemetry;
use crate::wire::{Encoding, Subjects, read_commands};

/// Commands taken from the reader at once.
const READ_AT_ONCE: usize = 256;

/// Reads published commands after `position` into `arrived`, until `stop`.
///
/// No acknowledgement goes back: the position is in the commit. Whoever reads slower than others
/// publish is waited for here; the commands stay in their stream.
pub(super) async fn follow_commands<L: Log>(
    commands: &L,
    subjects: &Subjects,
    position: Sequence,
    (arrived, stop): (mpsc::Sender<Arrived>, CancellationToken),
) -> Result<(), ReadError> {
    let mut tail = commands.follow(&subjects.every_command(), position).await?;
    loop {
        let entries = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            entries = tail.next(READ_AT_ONCE) => entries?,
        };
        for entry in entries {
            for command in read_published(&entry, subjects) {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(()),
                    sent = arrived.send(command) => if sent.is_err() {
                        return Ok(());
                    },
                }
            }
        }
    }
}

fn read_published(entry: &Entry, subjects: &Subjects) -> Vec<Arrived> {
    let arrival = entry.as_command();
    let (content_type, reply_to) = (arrival.content_type, arrival.reply_to);
    if arrival.traceparent.is_some_and(|found| TraceParent::parse(found).is_none()) {
        telemetry::note_malformed(&entry.subject);
    }
    let received = read_commands(&arrival, subjects);
    let source = received.requests.first().map(|request| request.source.clone());
    let may = |subject: &&str| {
        source.as_ref().is_some_and(|source| subjects.may_receive_outcome(source, subject))
    };
    let encoding = content_type.and_then(Encoding::from_content_type).unwrap_or(Encoding::Json);
    let came = Came::Published(entry.sequence);
    Arrived::all(received, came, reply_to.filter(may).map(|to| (to, encoding)))
}

/// What the engine reads: commands of both kinds, in the order in which they came.
pub(super) struct Intake(pub(super) mpsc::Receiver<Arrived>);

impl Source for Intake {
    type Input = Arrived;

    async fn next(&mut self, limit: usize) -> Result<Option<Vec<Arrived>>, ReadError> {
        let mut arrived = Vec::with_capacity(limit.min(READ_AT_ONCE));
        let count = self.0.recv_many(&mut arrived, limit).await;
        Ok((0 < count).then_some(arrived))
    }
}
