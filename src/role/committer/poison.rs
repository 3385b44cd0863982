//! Commands that make the decider fail.

use crate::domain::market::{Intent, Request, Verdict};
use crate::domain::{CommandRejected, Event, Recorded, Refusal, Text};

/// What is recorded of a command that makes the decider fail.
pub(super) fn failed(request: &Request) -> Verdict {
    let refusal = Refusal::Defect { problem: Text::lossy("deciding it failed; it was reported") };
    let kind = match &request.intent {
        Intent::Command(command) => Text::lossy(command.kind().name()),
        Intent::Unusable { kind, .. } => kind.clone(),
    };
    let command_seq = request.command_seq.map(|sequence| sequence.0);
    let event =
        Event::CommandRejected(CommandRejected { kind, refusal: refusal.clone(), command_seq });
    let record = Recorded {
        event,
        cause: request.id,
        source: request.source.clone(),
        body: request.id.and(request.body),
        trace: request.trace.clone(),
    };
    Verdict::Append { records: vec![record], refusal: Some(refusal) }
}
