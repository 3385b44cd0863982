//! `kassa at`: the shop as of a moment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::Failure;
use super::moment::Moment;
use super::output::{Show, pairs, table};
use super::past::Past;
use super::session::Session;
use super::{money, when};
use crate::domain::{Currency, OrderId, Refusal, Sequence, Sku};
use crate::view::{OrderView, Shop, StockView, Totals};

#[derive(Args, Debug)]
pub(super) struct AtArguments {
    /// A sequence, an event's address as in 57.2 (its whole commit), a moment as in
    /// 2026-11-22T00:00:00Z by the commits' own clock, or placed:ORDER or paid:ORDER
    moment: Moment,
    /// Read an archive instead of a server; it has to begin where the log begins
    #[arg(long, value_name = "FILE", global = true)]
    from_file: Option<PathBuf>,
    /// Believe no view: read the log from when the order's id was made
    #[arg(long, global = true)]
    whole_log: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// An order, as its view was
    Order {
        /// The order
        order_id: OrderId,
        /// Show its SKUs as well, as they were: what its buyer saw
        #[arg(long)]
        stock: bool,
    },
    /// A SKU, as its view was
    Stock {
        /// The SKU
        sku: Sku,
    },
    /// How much of everything had happened
    Summary,
}

/// An order and its SKUs, as they were.
#[derive(Serialize)]
struct Seen {
    order: OrderView,
    stock: Vec<StockView>,
}

impl Show for Seen {
    fn table(&self) -> String {
        let row = |item: &StockView| {
            vec![
                item.sku.to_string(),
                item.name.to_string(),
                money::written(item.unit_price_minor.minor(), item.currency),
                item.available.to_string(),
                if item.listed { "listed" } else { "delisted" }.to_owned(),
            ]
        };
        let headings = ["SKU", "NAME", "PRICE", "AVAILABLE", "OFFERED"];
        format!("{}\n\n{}", self.order.table(), table(&headings, self.stock.iter().map(row)))
    }
}

pub(super) async fn at(session: &Session, arguments: AtArguments) -> Result<(), Failure> {
    let (file, addresses) = (arguments.from_file.as_deref(), !arguments.whole_log);
    let past = Past::open(session, file, addresses).await?;
    let then = past.then(arguments.moment).await?;
    match arguments.what {
        What::Order { order_id, stock } => {
            let missing = || Failure::not_found(format!("there was no order {order_id} then"));
            let order = past.order(then, order_id).await?.ok_or_else(missing)?;
            if !stock {
                return session.show(&order);
            }
            let shop = past.shop(then).await?;
            let items = asked_for(&order).into_iter().filter_map(|sku| shop.item(sku).cloned());
            session.show(&Seen { stock: items.collect(), order })
        }
        What::Stock { sku } => {
            let missing = || Failure::not_found(format!("there was no {sku} then"));
            let shop: Shop = past.shop(then).await?;
            let item: &StockView = shop.item(&sku).ok_or_else(missing)?;
            session.show(item)
        }
        What::Summary => {
            let shop = past.shop(then).await?;
            if shop.totals().event_seq == Sequence::START {
                let what = format!("nothing had happened by {}", arguments.moment);
                return Err(Failure::beyond(what));
            }
            session.show(shop.totals())
        }
    }
}

/// The SKUs of an order. One that was rejected has no lines, but those that were short.
fn asked_for(order: &OrderView) -> Vec<&Sku> {
    let short = match &order.refusal {
        Some(Refusal::InsufficientStock { short }) => short.as_slice(),
        _ => &[],
    };
    order.lines.iter().map(|line| &line.sku).chain(short.iter().map(|item| &item.sku)).collect()
}

/// Every figure, by its name for people.
pub(super) fn figures(totals: &Totals) -> Vec<(&'static str, String)> {
    let sum = |sums: &BTreeMap<String, u64>| {
        let each = sums
            .iter()
            .filter_map(|(code, minor)| Some(money::written(*minor, Currency::from_code(code)?)));
        each.collect::<Vec<_>>().join(", ")
    };
    vec![
        ("as of", format!("{} ({})", totals.event_seq, when::written(totals.at_ms))),
        ("commits", totals.commits.to_string()),
        ("events", totals.events.to_string()),
        ("orders placed", totals.placed.to_string()),
        ("orders rejected", totals.rejected.to_string()),
        ("orders confirmed", totals.confirmed.to_string()),
        ("orders cancelled", totals.cancelled.to_string()),
        ("shipments", totals.shipments.to_string()),
        ("units reserved", totals.units_reserved.to_string()),
        ("units sold", totals.units_sold.to_string()),
        ("captured", sum(&totals.captured_minor)),
        ("refunded", sum(&totals.refunded_minor)),
    ]
}

impl Show for Totals {
    fn table(&self) -> String {
        pairs(figures(self))
    }
}
