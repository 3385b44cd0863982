//! Subjects, streams and buckets of one market: the only place where they are spelled.

mod filter;
mod segment;
mod template;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::domain::{CommandKind, OrderId, Sku, Source, Token};
use crate::view::owed::Debt;

/// The name of a market.
///
/// Invariant: 1 to [`MarketName::CHARS_MAX`] of `a-z 0-9`, so that its upper case, which streams
/// carry, is as unique as itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr")]
pub struct MarketName(SmolStr);

impl MarketName {
    /// Leaves room for the longest stream name around it.
    pub const CHARS_MAX: usize = 32;

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A market name with something in it that may not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a market is named by 1 to {} of a-z 0-9, not {found:?}", MarketName::CHARS_MAX)]
pub struct InvalidMarketName {
    found: String,
}

impl TryFrom<SmolStr> for MarketName {
    type Error = InvalidMarketName;

    fn try_from(name: SmolStr) -> Result<Self, InvalidMarketName> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if (1..=Self::CHARS_MAX).contains(&name.len()) && name.bytes().all(legal) {
            Ok(Self(name))
        } else {
            Err(InvalidMarketName { found: name.to_string() })
        }
    }
}

impl FromStr for MarketName {
    type Err = InvalidMarketName;

    fn from_str(name: &str) -> Result<Self, InvalidMarketName> {
        SmolStr::new(name).try_into()
    }
}

impl fmt::Display for MarketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Spells every name of one market.
#[derive(Clone, Debug)]
pub struct Subjects {
    market: MarketName,
    stock_prefix: String,
}

impl Subjects {
    /// The names of `market`.
    #[must_use]
    pub fn of(market: MarketName) -> Self {
        let stock_prefix = format!("kassa.{market}.evt.stock.");
        Self { market, stock_prefix }
    }

    /// Every subject of a stream.
    #[must_use]
    pub const fn everything() -> &'static str {
        ">"
    }

    /// The market itself.
    #[must_use]
    pub const fn market(&self) -> &MarketName {
        &self.market
    }

    /// A stream of this market, by its last word: `COMMANDS`, `EVENTS`, `FEED`, `ATTENTION`.
    #[must_use]
    pub fn stream(&self, word: &str) -> String {
        format!("KASSA_{}_{word}", self.market.as_str().to_ascii_uppercase())
    }

    /// A bucket of this market: `orders`, `stock`, `payer`, `metrics`, `snapshots`.
    #[must_use]
    pub fn bucket(&self, view: &str) -> String {
        format!("kassa_{}_{view}", self.market)
    }

    /// The bucket of a view that was built for the n-th time: its own, and the one beside it, by
    /// turns. So whoever may read a view can be told which two buckets that takes.
    #[must_use]
    pub fn generation(&self, view: &str, generation: u32) -> String {
        let bucket = self.bucket(view);
        if generation.is_multiple_of(2) && 0 < generation { format!("{bucket}_2") } else { bucket }
    }

    /// The bucket that says which bucket each view is read from.
    #[must_use]
    pub fn aliases(&self) -> String {
        self.bucket("views")
    }

    /// The bucket in which every market keeps its leases.
    #[must_use]
    pub const fn lease_bucket() -> &'static str {
        "kassa_leases"
    }

    /// The key of one single-active role in the lease bucket.
    #[must_use]
    pub fn lease_key(&self, role: &str) -> String {
        format!("{}.{role}", self.market)
    }

    /// The stream behind a bucket.
    #[must_use]
    pub fn bucket_stream(bucket: &str) -> String {
        format!("KV_{bucket}")
    }

    /// The subject of a key of a bucket.
    #[must_use]
    pub fn bucket_key(bucket: &str, key: &str) -> String {
        format!("$KV.{bucket}.{key}")
    }

    /// Where commits go.
    #[must_use]
    pub fn commit(&self) -> String {
        format!("kassa.{}.evt.commit", self.market)
    }

    /// Every message of the log.
    #[must_use]
    pub fn every_event(&self) -> String {
        format!("kassa.{}.evt.>", self.market)
    }

    /// Where the ledger entries of a SKU go.
    #[must_use]
    pub fn stock(&self, sku: &Sku) -> String {
        let mut subject = String::with_capacity(self.stock_prefix.len().saturating_add(24));
        subject.push_str(&self.stock_prefix);
        subject.push_str(sku.as_str());
        subject
    }

    /// What every ledger entry's subject begins with.
    #[must_use]
    pub fn stock_prefix(&self) -> &str {
        &self.stock_prefix
    }

    /// The SKU of a ledger entry's subject.
    #[must_use]
    pub fn sku_of<'a>(&self, subject: &'a str) -> Option<&'a str> {
        subject.strip_prefix(&self.stock_prefix)
    }

    /// Where `source` publishes commands of a kind.
    #[must_use]
    pub fn command(&self, source: &Source, kind: CommandKind) -> String {
        let (entity, verb) = kind.entity_and_verb();
        format!("kassa.{}.cmd.{source}.{entity}.{verb}", self.market)
    }

    /// Where `source` requests commands of a kind.
    #[must_use]
    pub fn ask(&self, source: &Source, kind: CommandKind) -> String {
        let (entity, verb) = kind.entity_and_verb();
        format!("kassa.{}.ask.{source}.{entity}.{verb}", self.market)
    }

    /// Where a command that was published there can be requested.
    #[must_use]
    pub fn ask_instead_of(&self, command: &str) -> Option<String> {
        let rest = command.strip_prefix(&format!("kassa.{}.cmd.", self.market))?;
        Some(format!("kassa.{}.ask.{rest}", self.market))
    }

    /// Every published command.
    #[must_use]
    pub fn every_command(&self) -> String {
        format!("kassa.{}.cmd.>", self.market)
    }

    /// Every requested command.
    #[must_use]
    pub fn every_ask(&self) -> String {
        format!("kassa.{}.ask.>", self.market)
    }

    /// Source, entity and verb of a command's subject.
    #[must_use]
    pub fn parts_of_command(subject: &str) -> Option<(&str, &str, &str)> {
        let mut parts = subject.split('.').skip(3);
        let found = (parts.next()?, parts.next()?, parts.next()?);
        parts.next().is_none().then_some(found)
    }

    /// Subject template of a published or requested command, for names of spans: no source, no
    /// concrete market.
    #[must_use]
    pub fn command_template(kind: CommandKind) -> String {
        let (entity, verb) = kind.entity_and_verb();
        format!("kassa.{{market}}.cmd.{{source}}.{entity}.{verb}")
    }

    /// Subject template of what came where commands come and is none, for names of spans.
    #[must_use]
    pub const fn unusable_template() -> &'static str {
        "kassa.{market}.cmd.{source}.{entity}.{verb}"
    }

    /// Subject template of commits, for names of spans.
    #[must_use]
    pub const fn commit_template() -> &'static str {
        "kassa.{market}.evt.commit"
    }

    /// Where the outcomes of a source's published commands may go, beside inboxes.
    #[must_use]
    pub fn outcome_prefix(&self, source: &Source) -> String {
        format!("kassa.{}.outcome.{source}.", self.market)
    }

    /// Whether an outcome may be sent to `subject`: to an inbox, or below the source's own
    /// prefix. Anything else would let an edge make the committer publish on its behalf.
    #[must_use]
    pub fn may_receive_outcome(&self, source: &Source, subject: &str) -> bool {
        let plain = !subject.is_empty()
            && subject.split('.').all(|token| !token.is_empty() && !matches!(token, "*" | ">"))
            && !subject.bytes().any(|b| b.is_ascii_whitespace() || b.is_ascii_control());
        plain
            && (subject.starts_with("_INBOX") || subject.starts_with(&self.outcome_prefix(source)))
    }

    /// Where one event goes in the feed: its type, and the order or SKU it is about.
    #[must_use]
    pub fn feed(&self, kind: &str, id: &str) -> String {
        format!("kassa.{}.feed.{kind}.{id}", self.market)
    }

    /// Where the feed keeps its position.
    #[must_use]
    pub fn feed_position(&self) -> String {
        self.feed("_position", "feed")
    }

    /// Where the schedule of the next retry of a payment or a refund is.
    #[must_use]
    pub fn retry_timer(&self, debt: Debt) -> String {
        format!("kassa.{}.timer.retry.{debt}", self.market)
    }

    /// Where a retry that has come due is told.
    #[must_use]
    pub fn retry_due(&self, debt: Debt) -> String {
        format!("kassa.{}.due.retry.{debt}", self.market)
    }

    /// Every retry that has come due.
    #[must_use]
    pub fn every_retry_due(&self) -> String {
        format!("kassa.{}.due.retry.*", self.market)
    }

    /// Where the retry scheduler keeps its position.
    #[must_use]
    pub fn timers_position(&self) -> String {
        format!("kassa.{}.timer._position.retry", self.market)
    }

    /// Where one item for a human goes.
    #[must_use]
    pub fn attention(&self, kind: &str, id: &str) -> String {
        format!("kassa.{}.attention.{kind}.{id}", self.market)
    }

    /// Every item for a human.
    #[must_use]
    pub fn every_attention(&self) -> String {
        format!("kassa.{}.attention.>", self.market)
    }

    /// Where the attention list keeps its position.
    #[must_use]
    pub fn attention_position(&self) -> String {
        self.attention("_position", "attention")
    }

    /// The key of something that a provider told, in the bucket of what was told.
    #[must_use]
    pub fn webhook_key(connector: &Token, event: &Token) -> String {
        format!("{connector}.{event}")
    }

    /// The key under which a payer shows, in its bucket, how it gets on with a provider.
    #[must_use]
    pub fn connector_key(connector: &Token) -> String {
        format!("_connector.{connector}")
    }

    /// Every such key.
    #[must_use]
    pub const fn every_connector() -> &'static str {
        // A wildcard stands for a whole token of a subject, so the keys share none.
        "_connector.*"
    }

    /// The key of an order in its bucket.
    #[must_use]
    pub fn order_key(order_id: OrderId) -> String {
        order_id.to_string()
    }
}

/// The key under which every bucket keeps the position of its writer.
pub(crate) const POSITION_KEY: &str = "_position";

impl Subjects {
    /// Whether a key holds something about its bucket's writer: the position, and what else it
    /// shows of itself.
    #[must_use]
    pub fn is_about_writer(key: &str) -> bool {
        key.starts_with('_')
    }

    /// The subject of the position in a bucket.
    #[must_use]
    pub fn position_key(bucket: &str) -> String {
        Self::bucket_key(bucket, POSITION_KEY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects() -> Subjects {
        Subjects::of("main".parse().unwrap())
    }

    #[test]
    fn subjects_are_those_of_the_protocol() {
        let web: Source = "web".parse().unwrap();
        let s = subjects();
        assert_eq!(s.command(&web, CommandKind::PlaceOrder), "kassa.main.cmd.web.order.place");
        assert_eq!(s.ask(&web, CommandKind::RecordPayment), "kassa.main.ask.web.payment.record");
        assert_eq!(s.stock(&"MUG-01".parse().unwrap()), "kassa.main.evt.stock.MUG-01");
        assert_eq!(s.sku_of("kassa.main.evt.stock.MUG-01"), Some("MUG-01"));
        assert_eq!(s.stream("EVENTS"), "KASSA_MAIN_EVENTS");
        assert_eq!(s.bucket("orders"), "kassa_main_orders");
        assert_eq!(
            Subjects::parts_of_command("kassa.main.cmd.web.order.place"),
            Some(("web", "order", "place"))
        );
        assert_eq!(Subjects::parts_of_command("kassa.main.cmd.web.order"), None);
    }

    #[test]
    fn an_outcome_goes_to_its_own_sender_only() {
        let web: Source = "web".parse().unwrap();
        let may = |subject| subjects().may_receive_outcome(&web, subject);
        assert!(may("_INBOX.abc.1"));
        assert!(may("_INBOX_web.abc.1"));
        assert!(may("kassa.main.outcome.web.42"));
        assert!(!may("kassa.main.outcome.shop.42"));
        assert!(!may("kassa.main.cmd.web.order.place"));
        assert!(!may("kassa.main.evt.commit"));
        assert!(!may("$JS.API.STREAM.DELETE.KASSA_MAIN_EVENTS"));
        assert!(!may("_INBOX.>"));
        assert!(!may("_INBOX.a b") && !may(""));
    }

    #[test]
    fn a_market_cannot_be_two_streams() {
        for bad in ["", "Main", "eu-west", "a.b", &"x".repeat(33)] {
            assert!(bad.parse::<MarketName>().is_err(), "{bad:?}");
        }
    }
}
