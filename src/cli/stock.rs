//! `kassa stock`: what is there, and what came in.

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::output::{self, Format, Show, pairs, table};
use super::session::{Connected, Session};
use super::sku::{units, usage};
use super::watch::ViewWatch;
use super::when;
use crate::domain::stock::StockDelta;
use crate::domain::{
    AdjustStock, Command, CountStock, ReceiveStock, Sequence, Sku, Source, Text, Token,
};
use crate::port::{Clock, SystemClock, new_uuid};
use crate::view::StockView;

#[derive(Debug, Subcommand)]
pub(super) enum StockCommand {
    /// Take in goods
    Receive {
        /// The SKU
        sku: Sku,
        /// Units that came in
        quantity: u32,
        /// The delivery: one SKU is received once under one reference [default: a new one]
        #[arg(long)]
        reference: Option<Token>,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
    /// Say how many units were counted on the shelf
    Count {
        /// The SKU
        sku: Sku,
        /// Units on the shelf
        counted: u64,
        /// Refuse the count when the stock has changed since this `event_seq`
        #[arg(long, value_name = "SEQ")]
        expected_seq: Option<u64>,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
    /// Correct the stock by a difference
    Adjust {
        /// The SKU
        sku: Sku,
        /// Units found, or lost when negative
        #[arg(allow_negative_numbers = true)]
        delta: i64,
        /// Why
        #[arg(long)]
        reason: String,
        /// The paper it is on: one SKU is adjusted once under one reference [default: a new one]
        #[arg(long)]
        reference: Option<Token>,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
    /// Show the stock of one SKU, or of all
    Show {
        /// The SKU
        sku: Option<Sku>,
        /// Wait until the view reflects this commit
        #[arg(long, value_name = "SEQ")]
        at_least: Option<u64>,
    },
    /// Show the stock as it changes
    Watch {
        /// The SKU; all when absent
        sku: Option<Sku>,
    },
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shelf(Vec<StockView>);

const HEADINGS: [&str; 7] = ["SKU", "AVAILABLE", "RESERVED", "SOLD", "ON HAND", "EVENT", "UPDATED"];

fn row(item: &StockView) -> Vec<String> {
    vec![
        item.sku.to_string(),
        item.available.to_string(),
        item.reserved.to_string(),
        item.sold.to_string(),
        item.on_hand.to_string(),
        item.event_seq.to_string(),
        when::written(item.updated_at_ms),
    ]
}

impl Show for Shelf {
    fn table(&self) -> String {
        table(&HEADINGS, self.0.iter().map(row))
    }
}

impl Show for StockView {
    fn table(&self) -> String {
        let names = HEADINGS.map(str::to_lowercase);
        pairs(names.iter().map(String::as_str).zip(row(self)))
    }
}

pub(super) async fn stock(session: &Session, command: StockCommand) -> Result<(), Failure> {
    let connected = session.connect().await?;
    let (source, command) = match command {
        StockCommand::Show { sku, at_least } => {
            let view = connected.view_at("stock", at_least).await?;
            let Some(sku) = sku else {
                let items = view.all::<StockView>().await.map_err(anyhow::Error::from)?;
                return session.show(&Shelf(items.into_values().collect()));
            };
            let item = view.get::<StockView>(sku.as_str()).await.map_err(anyhow::Error::from)?;
            let missing = || Failure::not_found(format!("{sku} is not in the catalogue"));
            return session.show(&item.ok_or_else(missing)?);
        }
        StockCommand::Watch { sku } => return watch(session, &connected, sku.as_ref()).await,
        StockCommand::Receive { sku, quantity, reference, source } => {
            let (quantity, reference) = (units(quantity)?, reference_or_new(reference)?);
            (source, Command::ReceiveStock(ReceiveStock { sku, quantity, reference }))
        }
        StockCommand::Count { sku, counted, expected_seq, source } => {
            let expected_seq = expected_seq.map(Sequence);
            (source, Command::CountStock(CountStock { sku, counted, expected_seq }))
        }
        StockCommand::Adjust { sku, delta, reason, reference, source } => {
            let adjust = AdjustStock {
                sku,
                delta: StockDelta::try_new(delta).map_err(|error| usage("delta", &error))?,
                reason: Text::try_from(reason.as_str())
                    .map_err(|error| usage("--reason", &error))?,
                reference: reference_or_new(reference)?,
            };
            (source, Command::AdjustStock(adjust))
        }
    };
    session.show(&connected.send(&source, &command).await?)
}

/// A reference that was not used before.
fn reference_or_new(reference: Option<Token>) -> Result<Token, Failure> {
    let made = || format!("cli-{}", new_uuid(SystemClock.now()).simple()).parse();
    reference.map_or_else(made, Ok).map_err(|error| usage("--reference", &error))
}

/// Shows what is there, and every change of it.
async fn watch(session: &Session, connected: &Connected, sku: Option<&Sku>) -> Result<(), Failure> {
    let keys = sku.map_or(">", |sku| sku.as_str());
    let mut watch = ViewWatch::open(connected, ("stock", keys)).await?;
    if session.format == Format::Table {
        output::say("watching stock; Ctrl-C ends it");
    }
    loop {
        for item in watch.next::<StockView>().await? {
            match session.format {
                Format::Table => output::line(&format!(
                    "{}  {:<24} {:>9} available {:>9} reserved {:>9} sold",
                    when::written(item.updated_at_ms),
                    item.sku.to_string(),
                    item.available,
                    item.reserved,
                    item.sold
                ))?,
                Format::Json | Format::Jsonl => output::show(Format::Jsonl, &item)?,
            }
        }
    }
}
