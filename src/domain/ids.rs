//! Names of things: what they may consist of, and nothing more.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;
use uuid::Uuid;

use super::Timestamp;

/// A name that may become one token of a subject.
///
/// Invariant: 1 to [`Token::CHARS_MAX`] characters of `A-Z a-z 0-9 _ -`, so that no name can
/// widen a subject or end it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr")]
pub struct Token(SmolStr);

impl Token {
    /// Long enough for a provider's identifiers (Stripe's grow to 60), short enough for a subject.
    pub const CHARS_MAX: usize = 64;

    /// The simulated provider.
    pub const SIMULATED: Self = Self(SmolStr::new_static("simulated"));

    /// The reason of an attempt that no provider took.
    pub const GATEWAY_UNAVAILABLE: Self = Self(SmolStr::new_static("gateway_unavailable"));

    /// The reason of an attempt that its provider never heard of, for an order that is off.
    pub const NEVER_CHARGED: Self = Self(SmolStr::new_static("never_charged"));

    /// The connector of Stripe.
    pub const STRIPE: Self = Self(SmolStr::new_static("stripe"));

    /// The reason of an attempt with means that its provider does not know.
    pub const RESOURCE_MISSING: Self = Self(SmolStr::new_static("resource_missing"));

    /// Stands for a provider's reason that is no token.
    pub const UNKNOWN_CODE: Self = Self(SmolStr::new_static("unknown_code"));

    /// The reason of an attempt over an amount that the provider cannot say.
    pub const AMOUNT_NOT_REPRESENTABLE: Self =
        Self(SmolStr::new_static("amount_not_representable"));

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name with something in it that may not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {} characters of A-Z a-z 0-9 _ -, is {found}", Token::CHARS_MAX)]
pub struct InvalidToken {
    found: String,
}

impl TryFrom<SmolStr> for Token {
    type Error = InvalidToken;

    fn try_from(name: SmolStr) -> Result<Self, InvalidToken> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (1..=Self::CHARS_MAX).contains(&name.len()) && name.bytes().all(legal) {
            return Ok(Self(name));
        }
        // What was sent may be long or full of control characters; show enough to recognise it.
        let mut found = format!("{:?}", name.chars().take(Self::CHARS_MAX).collect::<String>());
        if Self::CHARS_MAX < name.chars().count() {
            found = format!("{found}… with {} characters", name.chars().count());
        }
        Err(InvalidToken { found })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(name: &str) -> Result<Self, InvalidToken> {
        SmolStr::new(name).try_into()
    }
}

/// A token with a meaning of its own, so that one cannot be passed for another.
macro_rules! named_token {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub Token);

        impl $name {
            /// The name itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidToken;

            fn from_str(name: &str) -> Result<Self, InvalidToken> {
                name.parse().map(Self)
            }
        }
    };
}

named_token!(
    /// A stock keeping unit: one thing that is counted and sold.
    Sku
);
named_token!(
    /// The authenticated name of whoever sends commands; permissions pin it to a subject.
    Source
);

impl Source {
    /// The committer itself, for what nobody asked for: a hold that ends.
    pub const COMMITTER: Self = Self(Token(SmolStr::new_static("committer")));
    /// Whoever sent on a subject that names no sender.
    pub const UNNAMED: Self = Self(Token(SmolStr::new_static("_")));
}

/// A UUID whose first 48 bits are the millisecond it was made in.
macro_rules! time_ordered_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The underlying UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// When its maker says it was made.
            #[must_use]
            pub fn made_at(self) -> Timestamp {
                made_at(self.0)
            }
        }

        impl TryFrom<Uuid> for $name {
            type Error = InvalidId;

            fn try_from(uuid: Uuid) -> Result<Self, InvalidId> {
                match uuid.get_version_num() {
                    7 => Ok(Self(uuid)),
                    version => Err(InvalidId::Version(version)),
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map_err(|_| InvalidId::NotUuid)?.try_into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let uuid = deserializer.deserialize_any(UuidVisitor)?;
                Self::try_from(uuid).map_err(D::Error::custom)
            }
        }
    };
}

time_ordered_id!(
    /// An order, named by the edge: also its idempotency key.
    OrderId
);
time_ordered_id!(
    /// A command, named by whoever sends it; the cause of every event that comes of it.
    CommandId
);

/// An identifier that is no UUIDv7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Not 16 bytes, or not 32 hexadecimal digits.
    #[error("must be a UUIDv7 (16 bytes or 36 characters), is no UUID")]
    NotUuid,
    /// Another version: its age cannot be told.
    #[error("must be a UUIDv7, is version {0}")]
    Version(usize),
}

fn made_at(uuid: Uuid) -> Timestamp {
    // RFC 9562, 5.7: the 48 most significant bits are Unix milliseconds.
    let (high, _) = uuid.as_u64_pair();
    Timestamp(high >> 16)
}

/// Takes text and bytes alike: a foreign MessagePack client sends whichever it has.
struct UuidVisitor;

impl Visitor<'_> for UuidVisitor {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UUIDv7")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Uuid, E> {
        Uuid::try_parse(text).map_err(|_| E::custom(InvalidId::NotUuid))
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Uuid, E> {
        Uuid::from_slice(bytes).map_err(|_| E::custom(InvalidId::NotUuid))
    }
}

/// What a command's body was, in 16 bytes: two commands with one id and different bodies are a
/// conflict, whatever encoding each of them came in.
///
/// Shape: the first 16 bytes of BLAKE3 over the body as MessagePack with named fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(UuidVisitor).map(|uuid| Self(uuid.into_bytes()))
    }
}

/// The trace a command came in: W3C `traceparent`, version 00.
///
/// Shape: `00-<32 hex>-<16 hex>-<2 hex>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceParent(SmolStr);

impl TraceParent {
    /// Reads a header's value; `None` when it is not one, as the W3C asks: start anew, never fail.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |part: &str, chars: usize| {
            part.len() == chars && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let shaped = version == "00"
            && parts.next().is_none()
            && hex(trace, 32)
            && hex(span, 16)
            && hex(flags, 2);
        let named = trace.bytes().any(|b| b != b'0') && span.bytes().any(|b| b != b'0');
        (shaped && named).then(|| Self(SmolStr::new(text.trim())))
    }

    /// Whether somebody upstream decided to keep this trace.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        // The lowest bit of the flags is the only one that is defined.
        self.0.bytes().last().is_some_and(|digit| {
            matches!(digit, b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f')
        })
    }

    /// The trace's own 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.0.split('-').nth(1).unwrap_or_default()
    }

    /// The header's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_widen_a_subject() {
        for bad in ["", "a.b", "a b", "*", ">", "ä", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<Token>().is_err(), "{bad:?}");
        }
        for good in ["a", "MUG-01", "pm_card_visa", &"x".repeat(64)] {
            assert!(good.parse::<Token>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn an_order_id_tells_its_age() {
        let id: OrderId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        assert_eq!(id.made_at(), Timestamp(0x0189_0a5d_ac96));
        assert_eq!(
            "c56a4180-65aa-42ec-a945-5fd21dec0538".parse::<OrderId>(),
            Err(InvalidId::Version(4))
        );
        assert_eq!("42".parse::<OrderId>(), Err(InvalidId::NotUuid));
    }

    #[test]
    fn an_id_is_taken_as_text_and_as_bytes() {
        let id: OrderId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let text = rmp_serde::to_vec("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let bytes = rmp_serde::to_vec(&id).unwrap();
        assert_eq!(bytes.len(), 18, "two bytes of head and the id itself");
        assert_eq!(rmp_serde::from_slice::<OrderId>(&text).unwrap(), id);
        assert_eq!(rmp_serde::from_slice::<OrderId>(&bytes).unwrap(), id);
    }

    #[test]
    fn a_broken_traceparent_is_no_trace() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(TraceParent::parse(good).unwrap().is_sampled());
        assert!(!TraceParent::parse(&good.replace("-01", "-00")).unwrap().is_sampled());
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }
}
