//! Subjects with names in braces where a market, a sender or an id stands: for descriptions.

use super::Subjects;
use crate::domain::CommandKind;

impl Subjects {
    /// Where commands of a kind are requested.
    #[must_use]
    pub fn ask_template(kind: CommandKind) -> String {
        let (entity, verb) = kind.entity_and_verb();
        format!("kassa.{{market}}.ask.{{source}}.{entity}.{verb}")
    }

    /// Where a sender may have its outcomes sent.
    #[must_use]
    pub const fn outcome_template() -> &'static str {
        "kassa.{market}.outcome.{source}.{any}"
    }

    /// Where events of a type go in the feed.
    #[must_use]
    pub fn feed_template(kind: &str) -> String {
        format!("kassa.{{market}}.feed.{kind}.{{id}}")
    }

    /// Where the ledger entries of a SKU go.
    #[must_use]
    pub const fn stock_template() -> &'static str {
        "kassa.{market}.evt.stock.{sku}"
    }

    /// Where items for a human go.
    #[must_use]
    pub const fn attention_template() -> &'static str {
        "kassa.{market}.attention.{kind}.{id}"
    }

    /// Where a retry that has come due is told.
    #[must_use]
    pub const fn retry_due_template() -> &'static str {
        "kassa.{market}.due.retry.{debt}"
    }

    /// The subject of a key of a view's bucket.
    #[must_use]
    pub fn view_template(view: &str, key: &str) -> String {
        format!("$KV.kassa_{{market}}_{view}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{OrderId, Source};
    use crate::view::owed::Debt;
    use crate::wire::subject::POSITION_KEY;

    /// A template with its names filled in.
    fn filled(template: &str) -> String {
        let names = [
            ("market", "main"),
            ("source", "web"),
            ("sku", "MUG-01"),
            ("kind", "poison"),
            ("id", "54-0"),
            ("debt", ORDER),
            ("key", ORDER),
        ];
        names.iter().fold(template.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    }

    const ORDER: &str = "01a205f2-c221-7484-8ce8-e17cd3af93e8";

    #[test]
    fn a_template_is_the_subject_with_its_names_left_open() {
        let subjects = Subjects::of("main".parse().unwrap());
        let (web, order): (Source, OrderId) = ("web".parse().unwrap(), ORDER.parse().unwrap());
        for kind in CommandKind::ALL {
            assert_eq!(filled(&Subjects::ask_template(kind)), subjects.ask(&web, kind));
            assert_eq!(filled(&Subjects::command_template(kind)), subjects.command(&web, kind));
        }
        let outcome = filled(Subjects::outcome_template());
        assert!(outcome.starts_with(&subjects.outcome_prefix(&web)), "{outcome}");
        assert_eq!(filled(&Subjects::feed_template("opened")), subjects.feed("opened", "54-0"));
        let stock = subjects.stock(&"MUG-01".parse().unwrap());
        assert_eq!(filled(Subjects::stock_template()), stock);
        assert_eq!(filled(Subjects::attention_template()), subjects.attention("poison", "54-0"));
        let due = subjects.retry_due(Debt::charge(order));
        assert_eq!(filled(Subjects::retry_due_template()), due);
        let (orders, key) = (subjects.bucket("orders"), Subjects::order_key(order));
        let template = Subjects::view_template("orders", "{key}");
        assert_eq!(filled(&template), Subjects::bucket_key(&orders, &key));
        let template = Subjects::view_template("orders", POSITION_KEY);
        assert_eq!(filled(&template), Subjects::position_key(&orders));
        assert_eq!(filled(Subjects::commit_template()), subjects.commit());
    }
}
