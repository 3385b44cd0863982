//! Subjects, streams and buckets of one market: the only place where they are spelled.

mod bucket;
mod filter;
mod market;
mod segment;
mod template;

use crate::domain::{CommandKind, Sku, Source};
use crate::view::owed::Debt;

pub(crate) use bucket::POSITION_KEY;
pub use market::{InvalidMarketName, MarketName};

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
}
