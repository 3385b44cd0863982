//! `kassa diff`: what changed in the shop between two moments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::at::figures;
use super::codes::Code;
use super::failure::Failure;
use super::moment::{Moment, Then};
use super::output::{Show, table};
use super::past::Past;
use super::session::Session;
use crate::domain::{OrderId, Sequence};
use crate::role::as_of::{self, AsOfError};
use crate::view::{OrderView, Placed, Shop, StockView, Totals, View};
use crate::wire::Commit;

#[derive(Args, Debug)]
pub(super) struct DiffArguments {
    /// A sequence, an event's address as in 57.2 (its whole commit), a moment as in
    /// 2026-11-22T00:00:00Z by the commits' own clock, or placed:ORDER or paid:ORDER
    from: Moment,
    /// A later one
    to: Moment,
    /// Name every order to which something happened
    #[arg(long)]
    orders: bool,
    /// Read an archive instead of a server; it has to begin where the log begins
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Difference {
    from: Totals,
    to: Totals,
    stock: Vec<ItemDifference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orders: Option<Vec<OrderDifference>>,
}

/// A SKU that is not as it was; none for one that was not there.
#[derive(Serialize)]
struct ItemDifference {
    from: Option<StockView>,
    to: StockView,
}

/// An order to which something happened; no state for one that was not there.
#[derive(Serialize)]
struct OrderDifference {
    order_id: OrderId,
    from: Option<String>,
    to: String,
    /// The addresses of what happened to it between the two.
    events: Vec<Placed>,
}

pub(super) async fn diff(session: &Session, arguments: DiffArguments) -> Result<(), Failure> {
    let past = Past::open(session, arguments.from_file.as_deref(), true).await?;
    let (from, to) = (past.then(arguments.from).await?, past.then(arguments.to).await?);
    let before = past.shop(from).await?;
    // By its sequence or by its clock, the first has to be the earlier one.
    let backwards = match (from.until, to.until) {
        (None, None) => to.to < from.to,
        (Some(from), Some(to)) => to < from,
        _ => to.to < before.totals().event_seq || to.last_time() < before.totals().at_ms,
    };
    if backwards {
        let what = format!("{} is not before {}", arguments.from, arguments.to);
        return Err(Failure::new(Code::Usage, what));
    }
    let mut orders = Between::default();
    let mut failed = None;
    let after = past.shop_since(before.clone(), to, |sequence, commit| {
        if arguments.orders && failed.is_none() {
            failed = orders.see(sequence, commit).err();
        }
    });
    let after = after.await?;
    if after.totals().event_seq == Sequence::START {
        return Err(Failure::beyond(format!("nothing had happened by {}", arguments.to)));
    }
    if let Some(error) = failed {
        return Err(anyhow::Error::from(error).into());
    }
    session.show(&Difference {
        stock: stock(&before, &after),
        from: before.totals().clone(),
        to: after.totals().clone(),
        orders: if arguments.orders { Some(orders.told(&past, from, to).await?) } else { None },
    })
}

fn stock(before: &Shop, after: &Shop) -> Vec<ItemDifference> {
    let changed = after.items().filter_map(|item| {
        let was = before.item(&item.sku);
        let difference = || ItemDifference { from: was.cloned(), to: item.clone() };
        (was != Some(item)).then(difference)
    });
    changed.collect()
}

/// Orders to which something happened.
#[derive(Default)]
struct Between {
    begun: BTreeMap<OrderId, Option<OrderView>>,
    older: BTreeSet<OrderId>,
}

impl Between {
    fn see(&mut self, sequence: Sequence, commit: &Commit) -> Result<(), AsOfError> {
        let mut here = BTreeSet::new();
        for record in &commit.events {
            let Some(order_id) = record.event.order_id() else { continue };
            if self.begun.contains_key(&order_id) || OrderView::begins(&record.event) {
                here.insert(order_id);
            } else if !here.contains(&order_id) {
                self.older.insert(order_id);
            }
        }
        for order_id in here {
            let known = self.begun.remove(&order_id).flatten();
            let order = as_of::order_after(known, order_id, sequence, commit)?;
            self.begun.insert(order_id, order);
        }
        Ok(())
    }

    async fn told(
        self,
        past: &Past,
        from: Then,
        to: Then,
    ) -> Result<Vec<OrderDifference>, Failure> {
        let mut told = Vec::new();
        for order in self.begun.into_values().flatten() {
            told.push(OrderDifference::of(None, &order));
        }
        for [before, after] in past.orders(self.older, (from, to)).await? {
            if let Some(after) = after {
                told.push(OrderDifference::of(before.as_ref(), &after));
            }
        }
        told.sort_by_key(|order| order.order_id);
        Ok(told)
    }
}

impl OrderDifference {
    fn of(before: Option<&OrderView>, after: &OrderView) -> Self {
        let known = before.map_or(0, |order| order.events.len());
        let new = after.events.iter().skip(known);
        Self {
            order_id: after.order_id,
            from: before.map(|order| order.state.clone()),
            to: after.state.clone(),
            events: new.copied().collect(),
        }
    }
}

impl Show for Difference {
    fn table(&self) -> String {
        let both = figures(&self.from).into_iter().zip(figures(&self.to));
        let rows = both.map(|((name, was), (_, is))| vec![name.to_owned(), was, is]);
        let mut parts = vec![table(&["", "FROM", "TO"], rows)];
        let item = |item: &ItemDifference| {
            let figure = |name: &str, of: fn(&StockView) -> i128| {
                let (was, is) = (item.from.as_ref().map_or(0, of), of(&item.to));
                let change = format!("{:+}", is.saturating_sub(was));
                [item.to.sku.to_string(), name.to_owned(), was.to_string(), is.to_string(), change]
                    .to_vec()
            };
            [
                figure("price in minor units", |item| item.unit_price_minor.minor().into()),
                figure("available", |item| item.available.into()),
                figure("reserved", |item| item.reserved.into()),
                figure("sold", |item| item.sold.into()),
                figure("offered", |item| item.listed.into()),
            ]
        };
        let moved = |row: &Vec<String>| row.last().is_some_and(|change| change != "+0");
        let rows = self.stock.iter().flat_map(item).filter(moved);
        parts.push(table(&["SKU", "FIGURE", "FROM", "TO", "CHANGE"], rows));
        if let Some(orders) = &self.orders {
            let row = |order: &OrderDifference| {
                vec![
                    order.order_id.to_string(),
                    order.from.clone().unwrap_or_else(|| "-".to_owned()),
                    order.to.clone(),
                    order.events.len().to_string(),
                ]
            };
            parts.push(table(&["ORDER", "FROM", "TO", "EVENTS"], orders.iter().map(row)));
        }
        parts.join("\n\n")
    }
}
