//! Lists, searches, and names replaced by what they name.

use serde_json::{Value, json};

use super::books::Books;
use super::fault::Fault;
use super::form::Form;
use super::render::{Render, seconds};

/// Finds what a name names.
pub(super) type Resolve<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// How many objects a page has when the caller does not say, and at most.
/// Source: Stripe's documentation of pagination.
const LIMIT: (usize, usize) = (10, 100);

pub(super) fn limit(form: &Form) -> Result<usize, Fault> {
    let (usual, most) = LIMIT;
    let Some(wanted) = form.positive("limit")? else { return Ok(usual) };
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    if most < wanted {
        let message = format!("This value must be less than or equal to {most}.");
        return Err(Fault::integer("limit", &message));
    }
    Ok(wanted)
}

/// A bound on a moment, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    After,
    From,
    Before,
    Until,
    At,
}

impl Bound {
    pub(super) const fn holds(self, at: u64, bound: u64) -> bool {
        match self {
            Self::After => bound < at,
            Self::From => bound <= at,
            Self::Before => at < bound,
            Self::Until => at <= bound,
            Self::At => at == bound,
        }
    }
}

/// `created=…`, `created[gte]=…`
fn bounds(form: &Form) -> Result<Vec<(Bound, u64)>, Fault> {
    let mut bounds = Vec::new();
    let at = form.text("created").map(|value| ("at", value));
    for (name, value) in at.into_iter().chain(form.nested("created")) {
        let bound = match name {
            "at" => Bound::At,
            "gt" => Bound::After,
            "gte" => Bound::From,
            "lt" => Bound::Before,
            "lte" => Bound::Until,
            other => return Err(Fault::unknown(&format!("created[{other}]"))),
        };
        let invalid = || Fault::integer("created", &format!("Invalid timestamp: {value}"));
        bounds.push((bound, value.parse().map_err(|_| invalid())?));
    }
    Ok(bounds)
}

/// A page of what was made, newest first, behind the object that the caller saw last.
pub(super) fn page<'a, T: Render + 'a>(
    records: impl Iterator<Item = &'a T>,
    form: &Form,
    (what, url): (&str, &str),
    wanted: impl Fn(&T) -> bool,
) -> Result<Value, Fault> {
    let (limit, bounds) = (limit(form)?, bounds(form)?);
    let mut records = records;
    if let Some(after) = form.text("starting_after")
        && !records.any(|record| record.id() == after)
    {
        return Err(Fault::no_such(400, what, after, "starting_after"));
    }
    let created = |record: &T| seconds(record.created_ms());
    let within = |record: &T| bounds.iter().all(|(on, at)| on.holds(created(record), *at));
    let mut found = records.filter(|record| within(record) && wanted(record));
    let data: Vec<_> = found.by_ref().take(limit).map(Render::render).collect();
    let has_more = found.next().is_some();
    Ok(json!({ "object": "list", "url": url, "has_more": has_more, "data": data }))
}

/// A page of events, newest first.
pub(super) fn events(books: &Books, form: &Form) -> Result<Value, Fault> {
    form.only(&["created", "limit", "starting_after", "type", "types"])?;
    let (limit, bounds) = (limit(form)?, bounds(form)?);
    let mut kinds = form.list("types");
    kinds.extend(form.text("type").map(ToOwned::to_owned));
    let mut events = books.events().iter().rev();
    let text =
        |event: &Value, name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(after) = form.text("starting_after")
        && !events.any(|event| text(event, "id").as_deref() == Some(after))
    {
        return Err(Fault::no_such(400, "event", after, "starting_after"));
    }
    let within = |event: &Value| {
        let created = event.get("created").and_then(Value::as_u64).unwrap_or_default();
        bounds.iter().all(|(on, at)| on.holds(created, *at))
    };
    let of_kind = |event: &Value| {
        kinds.is_empty() || text(event, "type").is_some_and(|kind| kinds.contains(&kind))
    };
    let mut found = events.filter(|event| within(event) && of_kind(event));
    let data: Vec<_> = found.by_ref().take(limit).cloned().collect();
    let has_more = found.next().is_some();
    Ok(json!({ "object": "list", "url": "/v1/events", "has_more": has_more, "data": data }))
}

/// Replaces names by what they name: `latest_charge`, `data.payment_intent`.
///
/// # Errors
///
/// A [`Fault`] when there is nothing of that name to expand.
pub(super) fn expand(
    resolve: Resolve<'_>,
    object: &mut Value,
    paths: &[String],
) -> Result<(), Fault> {
    for path in paths {
        let parts: Vec<&str> = path.split('.').collect();
        if !expanded(resolve, object, &parts) {
            let message = format!("This property cannot be expanded ({path}).");
            return Err(Fault::invalid("expand", message));
        }
    }
    Ok(())
}

fn expanded(resolve: Resolve<'_>, object: &mut Value, path: &[&str]) -> bool {
    let Some((part, rest)) = path.split_first() else { return true };
    let Some(field) = object.get_mut(*part) else { return false };
    let named = field.as_str().and_then(resolve);
    if let Some(named) = named {
        *field = named;
    }
    match field {
        Value::Array(items) => items.iter_mut().all(|item| expanded(resolve, item, rest)),
        // Nothing is there to expand, as in a payment without a charge.
        Value::Null => true,
        Value::Object(_) => expanded(resolve, field, rest),
        Value::String(_) | Value::Number(_) | Value::Bool(_) => false,
    }
}
