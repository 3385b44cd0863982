//! Events as bytes: one name and one version for every shape that was ever written.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use smol_str::SmolStr;

use super::schema::data_of;
use crate::domain::{CommandId, Event, Fingerprint, Recorded, Source, TraceParent};

/// Every shape that was ever written, and what it is read as. Rows are only added.
///
/// `written` has the shapes of this build, `"type"/version => Variant`. A shape that is no longer
/// written moves to `retired` and keeps its row, with a type of its own that turns into the one of
/// today: `"type"/1 => OldType into Variant`. `docs/evolution.md` has the recipe.
macro_rules! shapes {
    (
        of $vis:vis $event:ident;
        written { $($kind:literal / $version:literal => $variant:ident),* $(,)? }
        retired { $($old_kind:literal / $old_version:literal => $old:ty, into $now:ident),* $(,)? }
    ) => {
        /// The version in which this build writes an event.
        pub(super) const fn version(event: &$event) -> u16 {
            match event {
                $($event::$variant(_) => $version,)*
            }
        }

        fn serialize_data<S: Serializer>(event: &$event, serializer: S) -> Result<S::Ok, S::Error> {
            match event {
                $($event::$variant(data) => data.serialize(serializer),)*
            }
        }

        /// Reads the data of a shape; none for a shape that is not in the table.
        fn read_data<'de, D: Deserializer<'de>>(
            kind: &str,
            version: u16,
            data: D,
        ) -> Result<Option<$event>, D::Error> {
            match (kind, version) {
                $(($kind, $version) => {
                    Deserialize::deserialize(data).map($event::$variant).map(Some)
                })*
                $(($old_kind, $old_version) => {
                    let old = <$old>::deserialize(data)?;
                    Ok(Some($event::$now(old.into())))
                })*
                _ => IgnoredAny::deserialize(data).map(|_| None),
            }
        }

        /// The name of a type of the table, without a copy of it.
        fn known(kind: &str) -> Option<&'static str> {
            // A type may have many retired versions, and one that is written.
            const RETIRED: &[&str] = &[$($old_kind),*];
            match kind {
                $($kind => Some($kind),)*
                _ => RETIRED.iter().copied().find(|name| *name == kind),
            }
        }

        /// Every shape of an event that this build reads: the name of its type, and the version.
        /// It writes the newest version of each.
        $vis const SHAPES: &[(&str, u16)] =
            &[$(($kind, $version),)* $(($old_kind, $old_version),)*];

        /// What the data of every shape looks like.
        pub(super) fn event_schemas() -> Vec<EventSchema> {
            vec![
                $(EventSchema {
                    kind: $kind,
                    version: $version,
                    variant: stringify!($variant),
                    written: true,
                    data: data_of($event::$variant),
                },)*
                $(EventSchema {
                    kind: $old_kind,
                    version: $old_version,
                    variant: stringify!($now),
                    written: false,
                    data: of::<$old>(),
                },)*
            ]
        }
    };
}

/// What the data of a shape looks like.
pub(super) struct EventSchema {
    /// The name of its type.
    pub(super) kind: &'static str,
    /// Its version.
    pub(super) version: u16,
    /// The variant of [`Event`] that it is read as.
    pub(super) variant: &'static str,
    /// Whether this build writes it; else it is retired.
    pub(super) written: bool,
    /// The schema.
    pub(super) data: Value,
}

/// A shape that is in no row: a newer build wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnknownShape {
    kind: SmolStr,
    version: u16,
}

impl fmt::Display for UnknownShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.version)
    }
}

/// The name of a type, without a copy of it when it is one of ours.
enum Name {
    Known(&'static str),
    Unknown(SmolStr),
}

impl Name {
    fn of(kind: &str) -> Self {
        known(kind).map_or_else(|| Self::Unknown(kind.into()), Self::Known)
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Known(name) => name,
            Self::Unknown(name) => name,
        }
    }
}

/// A field of a record.
enum Field {
    Type,
    Version,
    Cause,
    Source,
    Body,
    Trace,
    Data,
    Other,
}

/// Turns text into something without keeping it.
struct TextVisitor<T>(fn(&str) -> T);

impl<T> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor(Self::of))
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(TextVisitor(|name| match name {
            "type" => Self::Type,
            "v" => Self::Version,
            "cause" => Self::Cause,
            "source" => Self::Source,
            "body" => Self::Body,
            "trace" => Self::Trace,
            "data" => Self::Data,
            _ => Self::Other,
        }))
    }
}

/// Name and version of the data that comes next.
struct Shape<'a> {
    kind: &'a str,
    version: u16,
}

impl<'de> DeserializeSeed<'de> for Shape<'_> {
    /// Skipping what is not known would make the state wrong and quiet about it.
    type Value = Result<Event, UnknownShape>;

    fn deserialize<D: Deserializer<'de>>(self, data: D) -> Result<Self::Value, D::Error> {
        let Self { kind, version } = self;
        let read = read_data(kind, version, data)?;
        Ok(read.ok_or_else(|| UnknownShape { kind: kind.into(), version }))
    }
}

shapes! {
    of pub Event;
    written {
        "opened"/1 => Opened,
        "sku_listed"/1 => SkuListed,
        "sku_repriced"/1 => SkuRepriced,
        "sku_delisted"/1 => SkuDelisted,
        "stock_received"/1 => StockReceived,
        "stock_adjusted"/1 => StockAdjusted,
        "shortage_found"/1 => ShortageFound,
        "order_placed"/1 => OrderPlaced,
        "order_rejected"/1 => OrderRejected,
        "stock_reserved"/1 => StockReserved,
        "stock_deducted"/1 => StockDeducted,
        "stock_released"/1 => StockReleased,
        "stock_returned"/1 => StockReturned,
        "payment_captured"/1 => PaymentCaptured,
        "payment_failed"/1 => PaymentFailed,
        "payment_unknown"/1 => PaymentUnknown,
        "payment_requested"/1 => PaymentRequested,
        "payment_abandoned"/1 => PaymentAbandoned,
        "payment_noted"/1 => PaymentNoted,
        "order_confirmed"/1 => OrderConfirmed,
        "cancel_requested"/1 => CancelRequested,
        "hold_expired"/1 => HoldExpired,
        "order_cancelled"/1 => OrderCancelled,
        "order_fulfilled"/1 => OrderFulfilled,
        "order_reinstated"/1 => OrderReinstated,
        "return_received"/1 => ReturnReceived,
        "refund_requested"/1 => RefundRequested,
        "payment_refunded"/1 => PaymentRefunded,
        "refund_failed"/1 => RefundFailed,
        "refund_unknown"/1 => RefundUnknown,
        "refund_noted"/1 => RefundNoted,
        "command_rejected"/1 => CommandRejected,
        "attention_raised"/1 => AttentionRaised,
        "finding_reported"/1 => FindingReported,
        "attention_resolved"/1 => AttentionResolved,
    }
    retired {}
}

/// The data of an event, written by whatever serializer it meets.
struct Data<'a>(&'a Event);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_data(self.0, serializer)
    }
}

/// `{type, v, cause?, source, body?, trace?, data}`: the name stands before the data, so that a
/// reader knows what it reads.
pub(super) struct Record<'a>(pub(super) &'a Recorded);

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Recorded { event, cause, source, body, trace } = self.0;
        let optional = [cause.is_some(), body.is_some(), trace.is_some()];
        let present = optional.into_iter().filter(|present| *present).count();
        let mut map = serializer.serialize_map(Some(present.saturating_add(4)))?;
        map.serialize_entry("type", event.kind())?;
        map.serialize_entry("v", &version(event))?;
        if let Some(cause) = cause {
            map.serialize_entry("cause", cause)?;
        }
        map.serialize_entry("source", source)?;
        if let Some(body) = body {
            map.serialize_entry("body", body)?;
        }
        if let Some(trace) = trace {
            map.serialize_entry("trace", trace)?;
        }
        map.serialize_entry("data", &Data(event))?;
        map.end()
    }
}

/// What [`Record`] wrote, or the shape that stands there and is not known.
pub(super) struct ReadRecord(pub(super) Result<Recorded, UnknownShape>);

impl<'de> Deserialize<'de> for ReadRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor).map(Self)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Result<Recorded, UnknownShape>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut kind, mut version) = (None::<Name>, None::<u16>);
        let mut source = None::<Source>;
        let (mut cause, mut body, mut trace) =
            (None::<CommandId>, None::<Fingerprint>, None::<TraceParent>);
        let mut event = None;
        while let Some(field) = map.next_key()? {
            match field {
                Field::Type => kind = Some(map.next_value()?),
                Field::Version => version = Some(map.next_value()?),
                Field::Cause => cause = Some(map.next_value()?),
                Field::Source => source = Some(map.next_value()?),
                Field::Body => body = Some(map.next_value()?),
                Field::Trace => trace = Some(map.next_value()?),
                Field::Data => {
                    let (Some(kind), Some(version)) = (&kind, version) else {
                        return Err(A::Error::custom("data stands before its type"));
                    };
                    let shape = Shape { kind: kind.as_str(), version };
                    event = Some(map.next_value_seed(shape)?);
                }
                // Records may gain fields; this build has no use for them.
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let event = event.ok_or_else(|| A::Error::missing_field("data"))?;
        let source = source.ok_or_else(|| A::Error::missing_field("source"))?;
        Ok(event.map(|event| Recorded { event, cause, source, body, trace }))
    }
}

/// One event for people and for JSON readers: ids are text, and nothing is left out.
///
/// # Errors
///
/// What the JSON writer says; no event has a form that JSON has not.
pub fn event_as_json(event: &Event) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::to_value(Data(event))
}

/// The data of one event, in an encoding for readers in any language.
pub(super) fn event_data(event: &Event) -> impl Serialize {
    Data(event)
}

#[cfg(test)]
mod tests;
