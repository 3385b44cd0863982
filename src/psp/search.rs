//! Search: `metadata['order']:'7' AND status:'succeeded'`.
//!
//! The part of Stripe's language that asks for equality and for time, joined by AND.

use serde_json::{Value, json};

use super::books::Books;
use super::fault::Fault;
use super::form::Form;
use super::listing::{Bound, limit};
use super::records::Intent;
use super::render::{Render, seconds};

const URL: &str = "/v1/payment_intents/search";

/// What a clause asks for.
#[derive(Debug, PartialEq, Eq)]
enum Field {
    Metadata(String),
    Status,
    Currency,
    Amount,
    Created,
}

#[derive(Debug)]
struct Clause {
    field: Field,
    bound: Bound,
    value: String,
}

impl Clause {
    fn holds(&self, intent: &Intent) -> bool {
        let number = |own: u64| self.value.parse().is_ok_and(|value| self.bound.holds(own, value));
        match &self.field {
            Field::Metadata(name) => intent.metadata.get(name) == Some(&self.value),
            Field::Status => intent.status.name() == self.value,
            Field::Currency => intent.currency == self.value.to_ascii_lowercase(),
            Field::Amount => number(intent.amount),
            Field::Created => number(seconds(intent.created_ms)),
        }
    }
}

/// Payments that were made before `visible_ms` and are as the query says, newest first.
pub(super) fn search(books: &Books, form: &Form, visible_ms: u64) -> Result<Value, Fault> {
    form.only(&["limit", "page", "query"])?;
    let limit = limit(form)?;
    let clauses = read(form.required("query")?)?;
    let found = books.intents.newest().filter(|intent| {
        intent.created_ms <= visible_ms && clauses.iter().all(|clause| clause.holds(intent))
    });
    let mut found: Box<dyn Iterator<Item = &Intent>> = Box::new(found);
    if let Some(page) = form.text("page") {
        // A page is named by the last payment of the one before it.
        let mut seen = false;
        found = Box::new(found.skip_while(move |intent| {
            let skip = !seen;
            seen = seen || intent.id() == page;
            skip
        }));
    }
    let found: Vec<_> = found.take(limit.saturating_add(1)).collect();
    let has_more = limit < found.len();
    let data: Vec<&Intent> = found.into_iter().take(limit).collect();
    let next = data.last().filter(|_| has_more).map(|last| last.id().to_owned());
    let data: Vec<Value> = data.into_iter().map(Render::render).collect();
    Ok(json!({
        "object": "search_result",
        "url": URL,
        "has_more": has_more,
        "data": data,
        "next_page": next,
    }))
}

fn read(query: &str) -> Result<Vec<Clause>, Fault> {
    let invalid = || {
        let message = format!("We were unable to parse your search query: {query}");
        Fault::invalid("query", message)
    };
    split(query).iter().map(|text| clause(text.trim()).ok_or_else(invalid)).collect()
}

/// The clauses of a query. AND inside quotes is no AND.
fn split(query: &str) -> Vec<String> {
    let mut clauses = vec![String::new()];
    let mut quote = None;
    for word in query.split_inclusive(' ') {
        if quote.is_none() && word.trim().eq_ignore_ascii_case("and") {
            clauses.push(String::new());
            continue;
        }
        for letter in word.chars().filter(|letter| matches!(letter, '\'' | '"')) {
            quote = match quote {
                None => Some(letter),
                Some(open) if open == letter => None,
                Some(open) => Some(open),
            };
        }
        if let Some(last) = clauses.last_mut() {
            last.push_str(word);
        }
    }
    clauses
}

fn clause(text: &str) -> Option<Clause> {
    let (field, rest) = if let Some(rest) = text.strip_prefix("metadata[") {
        let (name, rest) = rest.split_once(']')?;
        (Field::Metadata(quoted(name)?), rest)
    } else {
        let end = text.find([':', '<', '>'])?;
        let (name, rest) = text.split_at_checked(end)?;
        let field = match name.trim() {
            "status" => Field::Status,
            "currency" => Field::Currency,
            "amount" => Field::Amount,
            "created" => Field::Created,
            _ => return None,
        };
        (field, rest)
    };
    let signs = [
        (">=", Bound::From),
        ("<=", Bound::Until),
        (">", Bound::After),
        ("<", Bound::Before),
        (":", Bound::At),
    ];
    let mut signs = signs.into_iter();
    let (value, bound) =
        signs.find_map(|(sign, bound)| Some((rest.trim().strip_prefix(sign)?, bound)))?;
    let (is_number, is_equal) =
        (matches!(field, Field::Amount | Field::Created), matches!(bound, Bound::At));
    let value = quoted(value).or_else(|| is_number.then(|| value.trim().to_owned()))?;
    (is_number || is_equal).then_some(Clause { field, bound, value })
}

/// What stands between quotes of one kind.
fn quoted(text: &str) -> Option<String> {
    let text = text.trim();
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('\'').or_else(|| inner('"')).map(|inner| inner.replace("\\'", "'").replace("\\\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_into_its_clauses() {
        let clauses = read("metadata['a and b']:'x AND y' AND created>=7 AND status:\"canceled\"");
        let clauses = clauses.unwrap();
        assert_eq!(clauses.len(), 3);
        assert_eq!(clauses[0].field, Field::Metadata("a and b".to_owned()));
        assert_eq!((clauses[0].value.as_str(), clauses[1].value.as_str()), ("x AND y", "7"));
    }

    #[test]
    fn a_query_that_is_none_is_refused() {
        for query in ["", "order:'7'", "metadata[a]:'x'", "status:succeeded", "status>'a'"] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
