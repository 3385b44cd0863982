//! JSON Schemas of the types that read themselves. Each says the bounds that its reader keeps.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::stock::{Stock, StockDelta};
use super::{Amount, CommandId, Currency, OrderId, Price, Quantity, Text, Token, TraceParent};

/// A UUID as text. The version is the first digit of the third group, the variant that of the
/// fourth, which our reader does not look at.
const UUID_V7: &str =
    "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

macro_rules! schemas {
    ($($name:ident => $schema:expr;)*) => {
        $(impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        })*
    };
}

schemas! {
    Token => json_schema!({
        "description": "A name that may become one token of a subject.",
        "type": "string",
        "pattern": format!("^[A-Za-z0-9_-]{{1,{}}}$", Self::CHARS_MAX),
    });
    Text => json_schema!({
        "description": "One line written by a human, without control characters.",
        "type": "string",
        "minLength": 1,
        "maxLength": Self::CHARS_MAX,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
    });
    OrderId => uuid("An order, named by the edge: also its idempotency key.");
    CommandId => uuid("A command, named by whoever sends it: also its idempotency key.");
    Currency => json_schema!({
        "description": "An ISO 4217 code.",
        "type": "string",
        "pattern": format!("^({})$", codes().join("|")),
    });
    Price => json_schema!({
        "description": "What one unit costs, in minor units of the currency it is quoted in.",
        "type": "integer",
        "minimum": 0,
        "maximum": Self::MAX,
    });
    Amount => json_schema!({
        "description": "A sum of money, in minor units of the currency that stands beside it.",
        "type": "integer",
        "minimum": 0,
        "maximum": Self::MAX.minor(),
    });
    Quantity => json_schema!({
        "description": "How many units of one SKU a line moves.",
        "type": "integer",
        "minimum": 1,
        "maximum": Self::MAX,
    });
    StockDelta => json_schema!({
        "description": "By how many units a count or a correction changes what is there.",
        "type": "integer",
        "minimum": Self::MIN.get(),
        "maximum": Stock::UNITS_MAX,
    });
    TraceParent => json_schema!({
        "description": "A W3C traceparent, version 00.",
        "type": "string",
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
    });
}

fn uuid(description: &str) -> Schema {
    json_schema!({
        "description": format!("{description} A UUIDv7; in MessagePack, 16 bytes do as well."),
        "type": "string",
        "format": "uuid",
        "pattern": UUID_V7,
    })
}

/// The code of every currency that is one: all words of three capitals are tried.
fn codes() -> Vec<&'static str> {
    let letters = || (b'A'..=b'Z').map(char::from);
    let pairs = letters().flat_map(|first| letters().map(move |second| (first, second)));
    let words = pairs.flat_map(|(first, second)| {
        letters().map(move |third| String::from_iter([first, second, third]))
    });
    words.filter_map(|word| Currency::from_code(&word)).map(Currency::code).collect()
}
