//! The span around a command, on the side of its sender.

use tracing::Span;

use crate::domain::{Command, CommandId, TraceParent};
use crate::telemetry::names::{self, attribute, operation};
use crate::telemetry::{self, Kind, set};
use crate::wire::{Outcome, Subjects};

/// A command on its way, and the trace it carries.
///
/// A command is part of the trace its sender gave it; else of the one that is current where it is
/// sent; else of none. No trace begins here.
pub(super) struct Sending {
    span: Span,
    trace: Option<TraceParent>,
}

impl Sending {
    /// A command that is sent now; `operation` is `request` or `publish`.
    pub(super) fn start(
        operation: &'static str,
        (id, command): (CommandId, &Command),
        given: Option<&TraceParent>,
    ) -> Self {
        let current = || telemetry::current().and_then(|trace| TraceParent::parse(&trace));
        let given = given.cloned().or_else(current);
        let template = || Subjects::command_template(command.kind());
        let around = given.as_ref().map(TraceParent::as_str);
        let span =
            telemetry::child(around, Kind::Producer, || format!("{operation} {}", template()));
        if span.is_disabled() {
            return Self { span, trace: given };
        }
        set(&span, attribute::SYSTEM, names::NATS);
        set(&span, attribute::OPERATION_NAME, operation);
        set(&span, attribute::OPERATION_TYPE, operation::SEND);
        set(&span, attribute::DESTINATION_TEMPLATE, template());
        set(&span, attribute::MESSAGE_ID, id.to_string());
        let ours = telemetry::traceparent(&span).and_then(|trace| TraceParent::parse(&trace));
        Self { span, trace: ours.or(given) }
    }

    /// The trace that goes along.
    pub(super) const fn trace(&self) -> Option<&TraceParent> {
        self.trace.as_ref()
    }

    /// Says how it ended.
    pub(super) fn end<E>(self, answer: Result<Outcome, E>) -> Result<Outcome, E> {
        match &answer {
            Ok(outcome) => set(&self.span, attribute::OUTCOME, outcome.result.name()),
            Err(_) => telemetry::failed(&self.span, "unanswered"),
        }
        answer
    }
}
