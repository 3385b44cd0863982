//! One value out of a payload, and what is wrong with a payload that holds none.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::domain::{Refusal, Text};
use crate::wire::encoding::{Encoding, MessagePack, message_pack};

/// Reads a payload that holds one value and nothing behind it.
///
/// # Errors
///
/// The refusal that names the field, the limit and what was found.
pub(super) fn read_value<T: DeserializeOwned>(
    encoding: Encoding,
    payload: &[u8],
) -> Result<T, Refusal> {
    let value = match encoding {
        Encoding::MessagePack => {
            let mut deserializer = message_pack(payload);
            T::deserialize(&mut deserializer).ok().filter(|_| is_at_end(&mut deserializer))
        }
        Encoding::Json => serde_json::from_slice(payload).ok(),
    };
    // Only a payload that failed is read again, slowly, to say where.
    value.map_or_else(|| read_slowly(encoding, payload), Ok)
}

fn read_slowly<T: DeserializeOwned>(encoding: Encoding, payload: &[u8]) -> Result<T, Refusal> {
    let undecodable = |problem: &str| Refusal::Undecodable { problem: Text::lossy(problem) };
    let refuse = |path: &serde_path_to_error::Path, problem: String| {
        let path = path.to_string();
        // A path of "." is the payload as a whole: not even the outermost map could be read; "?"
        // is a place in it before its first key.
        match path.as_str() {
            "?" => undecodable(&problem),
            "." if problem.contains("field") => Refusal::invalid("payload", &problem),
            "." => undecodable(&problem),
            path => Refusal::invalid(path, &problem),
        }
    };
    match encoding {
        Encoding::MessagePack => {
            let mut deserializer = message_pack(payload);
            let value = serde_path_to_error::deserialize(&mut deserializer)
                .map_err(|error| refuse(error.path(), error.inner().to_string()))?;
            if is_at_end(&mut deserializer) {
                Ok(value)
            } else {
                Err(undecodable("more bytes behind the value; several commands go in an array"))
            }
        }
        Encoding::Json => {
            let mut deserializer = serde_json::Deserializer::from_slice(payload);
            let value = serde_path_to_error::deserialize(&mut deserializer)
                .map_err(|error| refuse(error.path(), error.inner().to_string()))?;
            deserializer.end().map_err(|error| undecodable(&error.to_string()))?;
            Ok(value)
        }
    }
}

/// Whether nothing is left to read. A second command behind the first would be dropped unseen.
fn is_at_end(deserializer: &mut MessagePack<'_>) -> bool {
    use rmp_serde::decode::Error::InvalidMarkerRead;
    matches!(IgnoredAny::deserialize(deserializer), Err(InvalidMarkerRead(_)))
}
