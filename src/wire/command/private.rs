//! Commands that hold what may not be written down: refused before anything of them is repeated.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::domain::{CommandKind, Private, Refusal, Text, find_private};
use crate::wire::encoding::{Encoding, message_pack};

/// Refuses a payload that holds a card number or the like, and names the field.
///
/// What is said about money that has moved is taken as it is: the names in it are the provider's,
/// and refusing them would leave a payment unrecorded.
///
/// # Errors
///
/// The refusal. It repeats nothing of the payload.
pub(super) fn check(kind: CommandKind, encoding: Encoding, payload: &[u8]) -> Result<(), Refusal> {
    let is_about_money = matches!(kind, CommandKind::RecordPayment | CommandKind::RecordRefund);
    // Only a payload in which something stands, or is hidden behind escapes, is read again, slowly,
    // to say where.
    let found = find_private(payload);
    let is_escaped = encoding == Encoding::Json && payload.contains(&b'\\');
    if is_about_money || (found.is_none() && !is_escaped) {
        return Ok(());
    }
    let looked = match encoding {
        Encoding::MessagePack => Looked::deserialize(&mut message_pack(payload)).ok(),
        Encoding::Json => serde_json::from_slice(payload).ok(),
    };
    match looked {
        // In no text, so it is figures or bytes that only look like it.
        Some(Looked(None)) => Ok(()),
        Some(Looked(Some((path, what)))) => {
            let problem = format!("holds {what}; only names that mean nothing elsewhere are taken");
            Err(Refusal::invalid(&path, &problem))
        }
        None => found.map_or(Ok(()), |found| {
            let problem = format!("it cannot be read, and holds {found}");
            Err(Refusal::Undecodable { problem: Text::lossy(&problem) })
        }),
    }
}

/// The first text in a value in which something private stands, by its path.
struct Looked(Option<(String, Private)>);

impl<'de> Deserialize<'de> for Looked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Look)
    }
}

struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = Looked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Looked, E> {
        Ok(Looked(find_private(text.as_bytes()).map(|what| (String::new(), what))))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Looked, E> {
        Ok(Looked(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Looked, E> {
        Ok(Looked(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Looked, E> {
        Ok(Looked(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Looked, E> {
        Ok(Looked(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Looked, E> {
        Ok(Looked(None))
    }

    fn visit_unit<E>(self) -> Result<Looked, E> {
        Ok(Looked(None))
    }

    fn visit_none<E>(self) -> Result<Looked, E> {
        Ok(Looked(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Looked, A::Error> {
        let (mut first, mut index) = (None, 0_usize);
        while let Some(Looked(found)) = values.next_element()? {
            first = first.or(found.map(|found| under(&format!("[{index}]"), found)));
            index = index.saturating_add(1);
        }
        Ok(Looked(first))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Looked, A::Error> {
        let mut first = None;
        while let Some(key) = map.next_key::<String>()? {
            // A key is refused by itself when it is none of ours; it may say anything.
            if find_private(key.as_bytes()).is_some() {
                map.next_value::<IgnoredAny>()?;
                first = first.or(find_private(key.as_bytes()).map(|what| ("payload".into(), what)));
                continue;
            }
            let Looked(found) = map.next_value()?;
            first = first.or(found.map(|found| under(&key, found)));
        }
        Ok(Looked(first))
    }
}

/// The path of what was found under a key, or in a place of an array.
fn under(key: &str, (path, what): (String, Private)) -> (String, Private) {
    let joint = if path.is_empty() || path.starts_with('[') { "" } else { "." };
    (format!("{key}{joint}{path}"), what)
}
