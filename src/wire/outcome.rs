//! What became of a command, as its sender is told.
//!
//! Shape: `{command_id?, result, event_seq?, event_index?, refusal?, message?, field?, advice?,
//! retry_after_ms?}` in the encoding of the command. Ids are text in both encodings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Address, CommandId, Refusal, Sequence};

/// An answer.
///
/// Whatever carries an `event_seq` is durable: it is in the log at that address, and reading the
/// log anew gives the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The command, when its id could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<CommandId>,
    /// How it ended.
    pub result: OutcomeKind,
    /// The commit that holds the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_seq: Option<Sequence>,
    /// The event in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_index: Option<u32>,
    /// Why it was refused, with the figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// The refusal as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The field to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// When to try again, of a busy answer. Units: milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// It led to events.
    Accepted,
    /// It was carried out before, or what it asks for is so already.
    AlreadyApplied,
    /// It was refused, now or before.
    Refused,
    /// It was not even looked at: too much is waiting. Nothing is recorded; send it again.
    Busy,
}

impl OutcomeKind {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AlreadyApplied => "already_applied",
            Self::Refused => "refused",
            Self::Busy => "busy",
        }
    }
}

impl Outcome {
    /// The outcome that stands at `at`.
    #[must_use]
    pub fn decided(
        command_id: Option<CommandId>,
        result: OutcomeKind,
        at: Address,
        refusal: Option<Refusal>,
    ) -> Self {
        Self {
            command_id,
            result: if refusal.is_some() { OutcomeKind::Refused } else { result },
            event_seq: Some(at.sequence),
            event_index: Some(at.index),
            message: refusal.as_ref().map(ToString::to_string),
            field: refusal.as_ref().and_then(Refusal::field).map(ToOwned::to_owned),
            advice: refusal.as_ref().map(|refusal| refusal.advice().to_owned()),
            refusal,
            retry_after_ms: None,
        }
    }

    /// The answer of a full system.
    #[must_use]
    pub fn busy(command_id: Option<CommandId>, retry_after_ms: u64) -> Self {
        Self {
            command_id,
            result: OutcomeKind::Busy,
            event_seq: None,
            event_index: None,
            refusal: None,
            message: Some("too many commands are waiting".to_owned()),
            field: None,
            advice: Some("send it again, with the same ids, after the pause".to_owned()),
            retry_after_ms: Some(retry_after_ms),
        }
    }

    /// Where it stands in the log.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        Some(Address::new(self.event_seq?, self.event_index?))
    }
}
