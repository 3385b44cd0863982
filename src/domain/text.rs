//! Short free text.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// One line written by a human: a product's name, a reason.
///
/// Invariant: 1 to [`Text::CHARS_MAX`] characters, none of them a control character, so that it
/// can be printed in a table and cannot forge a log line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr")]
pub struct Text(SmolStr);

impl Text {
    /// Two lines of a terminal: enough for a reason, too little for a document with personal data.
    pub const CHARS_MAX: usize = 160;

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As much of `text` as fits, with control characters replaced.
    ///
    /// For text that comes from an error and is only to be read.
    #[must_use]
    pub fn lossy(text: &str) -> Self {
        let clean: SmolStr = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(Self::CHARS_MAX)
            .collect();
        if clean.is_empty() { Self(SmolStr::new_static("-")) } else { Self(clean) }
    }
}

/// Text that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {} characters without control characters, has {chars}", Text::CHARS_MAX)]
pub struct InvalidText {
    chars: usize,
}

impl TryFrom<SmolStr> for Text {
    type Error = InvalidText;

    fn try_from(text: SmolStr) -> Result<Self, InvalidText> {
        let chars = text.chars().count();
        let fits = (1..=Self::CHARS_MAX).contains(&chars) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text)) } else { Err(InvalidText { chars }) }
    }
}

impl TryFrom<&str> for Text {
    type Error = InvalidText;

    fn try_from(text: &str) -> Result<Self, InvalidText> {
        SmolStr::new(text).try_into()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
