//! What a provider tells by itself: hints.

use crate::domain::Token;

/// Larger ones are attacks: a provider's have some kilobytes. Units: bytes.
pub const WEBHOOK_BYTES_MAX: usize = 256 * 1024;

/// How far the moment a webhook was signed at may be from now, either way. Units: seconds.
/// Source: the providers' own libraries.
pub const WEBHOOK_TOLERANCE_S: u64 = 300;

/// Something that happened at a provider, or so somebody says who knows its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The provider's name for the event: told twice, it is the same.
    pub id: Token,
    /// What kind of event it is, in the provider's word.
    pub kind: String,
    /// The payment or the refund it is about; none when it is about neither.
    pub about: Option<Token>,
}

/// Why a webhook is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWebhook {
    /// This provider tells nothing by itself.
    #[error("nobody is expected to send webhooks here")]
    Unexpected,
    /// No header with signatures.
    #[error("it is not signed")]
    Unsigned,
    /// The header is not as it should be.
    #[error("its signature header cannot be read")]
    Malformed,
    /// Signed too long ago, or in the future.
    #[error("it was signed {0} s from now, at most {WEBHOOK_TOLERANCE_S} s are allowed")]
    Stale(u64),
    /// No signature is right.
    #[error("no signature of it is right")]
    Forged,
    /// Signed, and no event.
    #[error("it holds no event")]
    NoEvent,
    /// More bytes than any event has, or they did not come in time.
    #[error("it is larger than {WEBHOOK_BYTES_MAX} bytes, or was cut")]
    TooLarge,
}

impl BadWebhook {
    /// One word for metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unexpected => "unexpected",
            Self::Unsigned => "unsigned",
            Self::Malformed => "malformed",
            Self::Stale(_) => "stale",
            Self::Forged => "forged",
            Self::NoEvent => "no_event",
            Self::TooLarge => "too_large",
        }
    }
}
