//! What is asked for about things that a human must look at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::event::{AttentionAction, FindingKind, ItemKind};
use crate::domain::{Text, Token};

/// See [`super::Command::ReportFinding`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportFinding {
    /// What was found.
    pub kind: FindingKind,
    /// What it is about: a view, a stream.
    pub id: Token,
    /// What a person needs to know.
    pub reason: Text,
}

/// See [`super::Command::ResolveAttention`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveAttention {
    /// The kind of the item.
    pub kind: ItemKind,
    /// What the item is about, as it is listed.
    pub id: Token,
    /// What is done about it.
    pub action: AttentionAction,
    /// Why.
    pub reason: Text,
    /// Who decided it. A name of a person, as the shop has names for them; never a mail address.
    pub by: Token,
}
