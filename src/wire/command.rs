//! Commands as bytes, and everything that can be wrong with them.
//!
//! Shape: `{command_id, market?, traceparent?, body}`, MessagePack or JSON, announced by
//! `Content-Type` and `Kassa-Type`; or an array of them, all of one type. Reading never fails:
//! what cannot be understood becomes a request that is refused, so that it ends in an outcome like
//! any other.

mod payload;
mod private;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::encoding::{Encoding, EncodingError};
use super::fingerprint::{fingerprint, fingerprint_of_bytes};
use super::headers;
use super::subject::{MarketName, Subjects};
use crate::domain::market::{Intent, Request};
use crate::domain::{
    Command, CommandId, CommandKind, Fingerprint, Refusal, Sequence, Source, Text, Timestamp,
    TraceParent,
};
use payload::read_value;

/// The most bytes a command may have. An order of a hundred lines has 10 KiB.
pub const COMMAND_BYTES_MAX: usize = 64 * 1024;

/// The most commands one message may hold. Half a commit: others get their turn.
pub const COMMANDS_PER_MESSAGE_MAX: usize = 250;

/// The only version of every command so far.
const VERSION: u16 = 1;

/// A message that should hold a command, with what stands around its payload.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The subject it came on.
    pub subject: &'a str,
    /// `Content-Type`, when there is one.
    pub content_type: Option<&'a str>,
    /// `Kassa-Type`, when there is one.
    pub kassa_type: Option<&'a str>,
    /// `Kassa-Reply-To`, when there is one.
    pub reply_to: Option<&'a str>,
    /// `traceparent`, when there is one.
    pub traceparent: Option<&'a str>,
    /// The payload.
    pub payload: &'a [u8],
    /// When it arrived.
    pub asked_at: Timestamp,
    /// Its place in the command stream, when it was published there.
    pub command_seq: Option<Sequence>,
}

/// What a payload holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Envelope<B> {
    /// Names the command.
    pub command_id: CommandId,
    /// The market it is meant for; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<Text>,
    /// The trace it belongs to, when that is not the message's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub traceparent: Option<SmolStr>,
    /// What is wanted.
    pub body: B,
}

/// The id alone, of a payload whose body is wrong.
#[derive(Deserialize)]
struct IdOnly {
    command_id: CommandId,
}

/// What a message asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// One request, or as many as the array holds.
    pub requests: Vec<Request>,
    /// Whether it was an array, so that the answer is one too.
    pub several: bool,
}

/// Reads a message into its requests. Whatever is wrong is in a request's intent; an array with
/// something wrong in it is refused as a whole, by one answer.
#[must_use]
pub fn read_commands(arrival: &Arrival<'_>, subjects: &Subjects) -> Received {
    let source = Subjects::parts_of_command(arrival.subject)
        .and_then(|(source, ..)| source.parse().ok())
        .unwrap_or(Source::UNNAMED);
    let trace = arrival.traceparent.and_then(TraceParent::parse).filter(TraceParent::is_sampled);
    let request = |id, body, trace, intent| Request {
        id,
        source: source.clone(),
        asked_at: arrival.asked_at,
        body: Some(body),
        trace,
        // Of several, the last one moves the position: all are decided then.
        command_seq: None,
        intent,
    };
    let read = check_around(arrival, &source, subjects)
        .and_then(|(kind, encoding)| read_body(kind, encoding, arrival.payload, subjects.market()));
    let encoding = arrival.content_type.and_then(Encoding::from_content_type);
    let several =
        read.is_ok() && encoding.is_some_and(|encoding| holds_several(encoding, arrival.payload));
    let mut requests: Vec<Request> = match read {
        Ok(read) => {
            let understood = |read: Read| {
                let trace = read.trace.or_else(|| trace.clone());
                request(Some(read.id), read.body, trace, Intent::Command(read.command))
            };
            read.into_iter().map(understood).collect()
        }
        Err(refusal) => {
            let id = encoding.and_then(|encoding| read_id(encoding, arrival.payload));
            let kind = Text::lossy(arrival.kassa_type.unwrap_or("-"));
            let body = fingerprint_of_bytes(arrival.payload);
            vec![request(id, body, trace, Intent::Unusable { kind, refusal })]
        }
    };
    if let Some(last) = requests.last_mut() {
        last.command_seq = arrival.command_seq;
    }
    Received { requests, several }
}

fn read_id(encoding: Encoding, payload: &[u8]) -> Option<CommandId> {
    encoding.read::<IdOnly>(payload).ok().map(|read| read.command_id)
}

/// Checks size, headers and subject, in the order in which a sender would correct them.
fn check_around(
    arrival: &Arrival<'_>,
    source: &Source,
    subjects: &Subjects,
) -> Result<(CommandKind, Encoding), Refusal> {
    if COMMAND_BYTES_MAX < arrival.payload.len() {
        let wide = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        let (bytes, limit) = (wide(arrival.payload.len()), wide(COMMAND_BYTES_MAX));
        return Err(Refusal::TooLarge { bytes, limit });
    }
    let Some(content_type) = arrival.content_type else {
        return Err(missing(headers::CONTENT_TYPE, "application/msgpack or application/json"));
    };
    let Some(encoding) = Encoding::from_content_type(content_type) else {
        let problem = format!("is {content_type:?}, use application/msgpack or application/json");
        return Err(Refusal::invalid(headers::CONTENT_TYPE, &problem));
    };
    let Some(announced) = arrival.kassa_type else {
        return Err(missing(headers::KASSA_TYPE, "the command and its version: place_order/1"));
    };
    let kind = read_kind(announced)?;
    let Some((_, entity, verb)) = Subjects::parts_of_command(arrival.subject) else {
        let problem = "is not kassa.<market>.cmd.<source>.<entity>.<verb>";
        return Err(Refusal::invalid("subject", problem));
    };
    if *source == Source::UNNAMED {
        let problem = "names no sender: its fourth token must be 1 to 64 of A-Z a-z 0-9 _ -";
        return Err(Refusal::invalid("subject", problem));
    }
    if (entity, verb) != kind.entity_and_verb() {
        let (entity, verb) = kind.entity_and_verb();
        let problem = format!("{announced} belongs on .{entity}.{verb}");
        return Err(Refusal::invalid("subject", &problem));
    }
    match arrival.reply_to {
        Some(subject) if !subjects.may_receive_outcome(source, subject) => {
            let own = subjects.outcome_prefix(source);
            let problem = format!("must begin with _INBOX or {own}");
            Err(Refusal::invalid(headers::KASSA_REPLY_TO, &problem))
        }
        Some(_) | None => Ok((kind, encoding)),
    }
}

fn missing(header: &str, wanted: &str) -> Refusal {
    Refusal::invalid(header, &format!("is missing, must be {wanted}"))
}

fn read_kind(announced: &str) -> Result<CommandKind, Refusal> {
    let unknown = || Refusal::UnknownType { found: Text::lossy(announced) };
    let (name, version) = announced.split_once('/').ok_or_else(unknown)?;
    let kind = CommandKind::from_name(name).ok_or_else(unknown)?;
    match version.parse() {
        Ok(VERSION) => Ok(kind),
        Ok(_) | Err(_) => Err(unknown()),
    }
}

/// One command that was understood.
struct Read {
    id: CommandId,
    body: Fingerprint,
    trace: Option<TraceParent>,
    command: Command,
}

fn read_body(
    kind: CommandKind,
    encoding: Encoding,
    payload: &[u8],
    market: &MarketName,
) -> Result<Vec<Read>, Refusal> {
    private::check(kind, encoding, payload)?;
    match kind {
        CommandKind::ListSku => read_as(Command::ListSku, encoding, payload, market),
        CommandKind::RepriceSku => read_as(Command::RepriceSku, encoding, payload, market),
        CommandKind::DelistSku => read_as(Command::DelistSku, encoding, payload, market),
        CommandKind::ReceiveStock => read_as(Command::ReceiveStock, encoding, payload, market),
        CommandKind::AdjustStock => read_as(Command::AdjustStock, encoding, payload, market),
        CommandKind::CountStock => read_as(Command::CountStock, encoding, payload, market),
        CommandKind::PlaceOrder => read_as(Command::PlaceOrder, encoding, payload, market),
        CommandKind::RecordPayment => read_as(Command::RecordPayment, encoding, payload, market),
        CommandKind::ChangePaymentMethod => {
            read_as(Command::ChangePaymentMethod, encoding, payload, market)
        }
        CommandKind::CancelOrder => read_as(Command::CancelOrder, encoding, payload, market),
        CommandKind::FulfilOrder => read_as(Command::FulfilOrder, encoding, payload, market),
        CommandKind::RefundOrder => read_as(Command::RefundOrder, encoding, payload, market),
        CommandKind::RecordRefund => read_as(Command::RecordRefund, encoding, payload, market),
        CommandKind::ReturnLines => read_as(Command::ReturnLines, encoding, payload, market),
        CommandKind::ReportFinding => read_as(Command::ReportFinding, encoding, payload, market),
        CommandKind::ResolveAttention => {
            read_as(Command::ResolveAttention, encoding, payload, market)
        }
    }
}

fn read_as<B: DeserializeOwned + Serialize>(
    command: impl Fn(B) -> Command,
    encoding: Encoding,
    payload: &[u8],
    market: &MarketName,
) -> Result<Vec<Read>, Refusal> {
    let unwritable =
        |error: EncodingError| Refusal::Undecodable { problem: Text::lossy(&error.to_string()) };
    let finish = |envelope: Envelope<B>| {
        if let Some(found) = envelope.market.filter(|found| found.as_str() != market.as_str()) {
            let problem = format!("is {found}, this market is {market}");
            return Err(Refusal::invalid("market", &problem));
        }
        let trace = envelope.traceparent.as_deref().and_then(TraceParent::parse);
        Ok(Read {
            id: envelope.command_id,
            body: fingerprint(&envelope.body).map_err(unwritable)?,
            trace: trace.filter(TraceParent::is_sampled),
            command: command(envelope.body),
        })
    };
    if !holds_several(encoding, payload) {
        return Ok(vec![finish(read_value::<Envelope<B>>(encoding, payload)?)?]);
    }
    let envelopes: Vec<Envelope<B>> = read_value(encoding, payload)?;
    if !(1..=COMMANDS_PER_MESSAGE_MAX).contains(&envelopes.len()) {
        let count = envelopes.len();
        let problem = format!("must hold 1 to {COMMANDS_PER_MESSAGE_MAX} commands, holds {count}");
        return Err(Refusal::invalid("payload", &problem));
    }
    envelopes.into_iter().map(finish).collect()
}

/// Whether a payload begins like an array.
fn holds_several(encoding: Encoding, payload: &[u8]) -> bool {
    match encoding {
        // fixarray, array 16, array 32.
        Encoding::MessagePack => matches!(payload.first(), Some(0x90..=0x9f | 0xdc | 0xdd)),
        Encoding::Json => payload
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            .is_some_and(|byte| *byte == b'['),
    }
}

/// One command of a message to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Its id.
    pub id: CommandId,
    /// What is wanted.
    pub command: &'a Command,
    /// The trace it belongs to.
    pub trace: Option<&'a TraceParent>,
}

/// The value of `Kassa-Type` for a kind of command.
#[must_use]
pub fn kassa_type(kind: CommandKind) -> String {
    format!("{}/{VERSION}", kind.name())
}

/// The payload of one command.
///
/// # Errors
///
/// What the encoder says; every command has a form in both encodings.
pub fn write_command(command: &Outgoing<'_>, encoding: Encoding) -> Result<Bytes, EncodingError> {
    write_value(&Written::of(command), encoding)
}

/// The payload of several commands of one kind.
///
/// # Errors
///
/// What the encoder says; every command has a form in both encodings.
pub fn write_commands(
    commands: &[Outgoing<'_>],
    encoding: Encoding,
) -> Result<Bytes, EncodingError> {
    let written: Vec<Written<'_>> = commands.iter().map(Written::of).collect();
    write_value(&written, encoding)
}

fn write_value<T: Serialize>(value: &T, encoding: Encoding) -> Result<Bytes, EncodingError> {
    match encoding {
        // Ids as bytes: half the size, and every reader takes both.
        Encoding::MessagePack => Ok(rmp_serde::to_vec_named(value)?.into()),
        Encoding::Json => Ok(serde_json::to_vec(value)?.into()),
    }
}

/// An [`Envelope`] that borrows its body.
#[derive(Serialize)]
struct Written<'a> {
    command_id: CommandId,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    body: Body<'a>,
}

impl<'a> Written<'a> {
    fn of(outgoing: &Outgoing<'a>) -> Self {
        Self {
            command_id: outgoing.id,
            traceparent: outgoing.trace.map(TraceParent::as_str),
            body: Body(outgoing.command),
        }
    }
}

/// A command's body without the name of its type.
pub(super) struct Body<'a>(pub(super) &'a Command);

impl Serialize for Body<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Command::ListSku(body) => body.serialize(serializer),
            Command::RepriceSku(body) => body.serialize(serializer),
            Command::DelistSku(body) => body.serialize(serializer),
            Command::ReceiveStock(body) => body.serialize(serializer),
            Command::AdjustStock(body) => body.serialize(serializer),
            Command::CountStock(body) => body.serialize(serializer),
            Command::PlaceOrder(body) => body.serialize(serializer),
            Command::RecordPayment(body) => body.serialize(serializer),
            Command::ChangePaymentMethod(body) => body.serialize(serializer),
            Command::CancelOrder(body) => body.serialize(serializer),
            Command::FulfilOrder(body) => body.serialize(serializer),
            Command::RefundOrder(body) => body.serialize(serializer),
            Command::RecordRefund(body) => body.serialize(serializer),
            Command::ReturnLines(body) => body.serialize(serializer),
            Command::ReportFinding(body) => body.serialize(serializer),
            Command::ResolveAttention(body) => body.serialize(serializer),
        }
    }
}
