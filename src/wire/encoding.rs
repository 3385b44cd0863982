//! The two encodings of payloads.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How a payload is written. MessagePack always as maps with named fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// `application/msgpack`
    #[default]
    MessagePack,
    /// `application/json`
    Json,
}

/// A value that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum EncodingError {
    /// MessagePack, writing.
    #[error(transparent)]
    WriteMessagePack(#[from] rmp_serde::encode::Error),
    /// MessagePack, reading.
    #[error(transparent)]
    ReadMessagePack(#[from] rmp_serde::decode::Error),
    /// JSON, either way.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl Encoding {
    /// The encoding a `Content-Type` names; parameters such as `charset` are ignored.
    #[must_use]
    pub fn from_content_type(value: &str) -> Option<Self> {
        let essence = value.split(';').next().unwrap_or_default().trim();
        [Self::MessagePack, Self::Json]
            .into_iter()
            .find(|encoding| essence.eq_ignore_ascii_case(encoding.content_type()))
    }

    /// The value of the `Content-Type` header.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::MessagePack => "application/msgpack",
            Self::Json => "application/json",
        }
    }

    /// Writes for readers in any language: ids are text in both encodings.
    ///
    /// # Errors
    ///
    /// [`EncodingError`] when the value has no such form.
    pub fn write<T: Serialize>(self, value: &T) -> Result<Bytes, EncodingError> {
        match self {
            Self::MessagePack => {
                let mut bytes = Vec::with_capacity(256);
                let mut serializer =
                    rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
                value.serialize(&mut serializer)?;
                Ok(bytes.into())
            }
            Self::Json => Ok(serde_json::to_vec(value)?.into()),
        }
    }

    /// Reads what [`Encoding::write`] wrote.
    ///
    /// # Errors
    ///
    /// [`EncodingError`] when the bytes are not such a value.
    pub fn read<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, EncodingError> {
        match self {
            Self::MessagePack => {
                let mut deserializer = message_pack(bytes).with_human_readable();
                Ok(T::deserialize(&mut deserializer)?)
            }
            Self::Json => Ok(serde_json::from_slice(bytes)?),
        }
    }
}

/// How deep a value may be nested. Nothing of ours comes near; without a bound, a payload of
/// brackets alone would take the stack.
const DEPTH_MAX: usize = 64;

/// A reader of MessagePack.
pub(super) type MessagePack<'a> =
    rmp_serde::Deserializer<rmp_serde::decode::ReadRefReader<'a, [u8]>>;

/// Reads MessagePack that is nested no deeper than anything of ours.
pub(super) fn message_pack(bytes: &[u8]) -> MessagePack<'_> {
    let mut deserializer = MessagePack::from_read_ref(bytes);
    deserializer.set_max_depth(DEPTH_MAX);
    deserializer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_read_with_its_parameters() {
        let read = Encoding::from_content_type;
        assert_eq!(read("application/json; charset=utf-8"), Some(Encoding::Json));
        assert_eq!(read("Application/MsgPack"), Some(Encoding::MessagePack));
        assert_eq!(read("text/json"), None);
        assert_eq!(read(""), None);
    }
}
