//! `kassa at`: the shop as of a moment.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::codes::Code;
use super::failure::Failure;
use super::output::{Show, pairs};
use super::session::Session;
use super::{money, when};
use crate::archive::Archive;
use crate::domain::{Currency, OrderId, Policy, Sequence, Sku, Timestamp};
use crate::port::{Clock, Log, SystemClock, Tail};
use crate::role::as_of::{totals, value};
use crate::role::replay::{Range, Replay};
use crate::view::{OrderView, StockView, Totals};
use crate::wire::Subjects;

#[derive(Args, Debug)]
pub(super) struct AtArguments {
    /// A sequence, or a moment as in 2026-11-22T00:00:00Z
    moment: Moment,
    /// Read an archive instead of a server; it has to begin where the log begins
    #[arg(long, value_name = "FILE", global = true)]
    from_file: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// An order, as its view was
    Order {
        /// The order
        order_id: OrderId,
    },
    /// A SKU, as its view was
    Stock {
        /// The SKU
        sku: Sku,
    },
    /// How much of everything had happened
    Summary,
}

#[derive(Clone, Copy, Debug)]
enum Moment {
    Sequence(Sequence),
    Time(Timestamp),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(sequence) = text.parse() {
            return Ok(Self::Sequence(Sequence(sequence)));
        }
        let wrong = |_| {
            format!("{text:?} is no moment: write a sequence, or a time as 2026-11-22T00:00:00Z")
        };
        when::read(text).map(Self::Time).map_err(wrong)
    }
}

pub(super) async fn at(session: &Session, arguments: AtArguments) -> Result<(), Failure> {
    if let Moment::Time(time) = arguments.moment
        && SystemClock.now() < time
    {
        return Err(Failure::new(Code::Usage, "that moment is in the future"));
    }
    let commits = Subjects::of(session.config.market.clone()).commit();
    if let Some(file) = &arguments.from_file {
        let archive = Archive::open(file, &session.config.market).map_err(anyhow::Error::from)?;
        if Sequence(1) < archive.foot.first {
            let first = archive.foot.first;
            let what = format!("the archive begins at {first}; what was before is not in it");
            return Err(Failure::not_found(what));
        }
        let range = range(arguments.moment, archive.foot.last, "the archive")?;
        let tail = archive.follow(&commits, Sequence::START).map_err(anyhow::Error::from)?;
        return show(session, Replay::new(tail, range, None), &arguments).await;
    }
    let connected = session.connect().await?;
    let log = connected.stream("EVENTS").await?;
    let end = log.end().await.map_err(anyhow::Error::from)?;
    let range = range(arguments.moment, end, "the log")?;
    // An order has no event before its id was made, but for what clocks differ by.
    let after = match &arguments.what {
        What::Order { order_id } => {
            let made = order_id.made_at().before(Policy::SKEW_MAX);
            log.before(made).await.map_err(anyhow::Error::from)?
        }
        What::Stock { .. } | What::Summary => Sequence::START,
    };
    let tail = log.follow(&commits, after).await.map_err(anyhow::Error::from)?;
    show(session, Replay::new(tail, range, None), &arguments).await
}

fn range(moment: Moment, last: Sequence, what: &str) -> Result<Range, Failure> {
    let from = Sequence(1);
    match moment {
        Moment::Sequence(Sequence(0)) => {
            Err(Failure::not_found(format!("{what} begins at 1, after 0")))
        }
        Moment::Sequence(to) if last < to => {
            Err(Failure::not_found(format!("{what} ends at {last}, before {to}")))
        }
        Moment::Sequence(to) => Ok(Range { from, to, until: None }),
        Moment::Time(_) => Ok(Range { from, to: last, until: None }),
    }
}

async fn show<T: Tail>(
    session: &Session,
    mut replay: Replay<T>,
    arguments: &AtArguments,
) -> Result<(), Failure> {
    let until = match arguments.moment {
        Moment::Sequence(_) => Timestamp(u64::MAX),
        Moment::Time(time) => time,
    };
    let part = (&mut replay, until);
    match &arguments.what {
        What::Order { order_id } => {
            let order = value::<OrderView, T>(part, order_id).await;
            let missing = || Failure::not_found(format!("there was no order {order_id} then"));
            session.show(&order.map_err(anyhow::Error::from)?.ok_or_else(missing)?)
        }
        What::Stock { sku } => {
            let item = value::<StockView, T>(part, sku).await;
            let missing = || Failure::not_found(format!("there was no {sku} then"));
            session.show(&item.map_err(anyhow::Error::from)?.ok_or_else(missing)?)
        }
        What::Summary => {
            let totals = totals(part).await.map_err(anyhow::Error::from)?;
            session.show(&totals)
        }
    }
}

impl Show for Totals {
    fn table(&self) -> String {
        let sum = |sums: &std::collections::BTreeMap<String, u64>| {
            let each = sums.iter().filter_map(|(code, minor)| {
                Some(money::written(*minor, Currency::from_code(code)?))
            });
            each.collect::<Vec<_>>().join(", ")
        };
        pairs([
            ("as of", format!("{} ({})", self.event_seq, when::written(self.at_ms))),
            ("commits", self.commits.to_string()),
            ("events", self.events.to_string()),
            ("orders placed", self.placed.to_string()),
            ("orders rejected", self.rejected.to_string()),
            ("orders confirmed", self.confirmed.to_string()),
            ("orders cancelled", self.cancelled.to_string()),
            ("shipments", self.shipments.to_string()),
            ("units reserved", self.units_reserved.to_string()),
            ("units sold", self.units_sold.to_string()),
            ("captured", sum(&self.captured_minor)),
            ("refunded", sum(&self.refunded_minor)),
        ])
    }
}
