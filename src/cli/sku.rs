//! `kassa sku`: the catalogue.

use clap::Subcommand;
use serde::Serialize;

use super::codes::Code;
use super::failure::Failure;
use super::money;
use super::output::{Show, table};
use super::session::{Connected, Session};
use crate::domain::{
    Command, Currency, DelistSku, ListSku, Price, Quantity, RepriceSku, Sku, Source, Text,
};
use crate::view::StockView;

#[derive(Debug, Subcommand)]
pub(super) enum SkuCommand {
    /// Show every SKU with its price
    List,
    /// Offer a SKU for sale
    Add {
        /// Its name in commands and subjects
        sku: Sku,
        /// What a person calls it
        #[arg(long)]
        name: String,
        /// What one unit costs, as in 12.50
        #[arg(long)]
        price: String,
        /// The only currency it is sold in
        #[arg(long, default_value = "EUR", value_parser = currency)]
        currency: Currency,
        /// Units one order may hold
        #[arg(long, value_name = "UNITS")]
        per_order_max: Option<u32>,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
    /// Change what a SKU costs from now on
    Reprice {
        /// The SKU
        sku: Sku,
        /// What one unit costs, as in 12.50
        price: String,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
    /// Stop offering a SKU
    Delist {
        /// The SKU
        sku: Sku,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
}

#[derive(Serialize)]
#[serde(transparent)]
struct Catalogue(Vec<StockView>);

impl Show for Catalogue {
    fn table(&self) -> String {
        let row = |item: &StockView| {
            vec![
                item.sku.to_string(),
                item.name.to_string(),
                money::written(item.unit_price_minor.minor(), item.currency),
                if item.listed { "yes" } else { "no" }.to_owned(),
                item.per_order_max.map_or_else(|| "-".to_owned(), |max| max.to_string()),
            ]
        };
        table(&["SKU", "NAME", "PRICE", "LISTED", "PER ORDER"], self.0.iter().map(row))
    }
}

pub(super) async fn sku(session: &Session, command: SkuCommand) -> Result<(), Failure> {
    let connected = session.connect().await?;
    let (source, command) = match command {
        SkuCommand::List => {
            let items = connected.view("stock").await?.all::<StockView>().await;
            let items = items.map_err(anyhow::Error::from)?;
            return session.show(&Catalogue(items.into_values().collect()));
        }
        SkuCommand::Add { sku, name, price, currency, per_order_max, source } => {
            let listed = ListSku {
                sku,
                name: Text::try_from(name.as_str()).map_err(|error| usage("--name", &error))?,
                unit_price_minor: price_of(&price, currency)?,
                currency,
                per_order_max: per_order_max.map(units).transpose()?,
            };
            (source, Command::ListSku(listed))
        }
        SkuCommand::Reprice { sku, price, source } => {
            let unit_price_minor = price_of(&price, item(&connected, &sku).await?.currency)?;
            (source, Command::RepriceSku(RepriceSku { sku, unit_price_minor }))
        }
        SkuCommand::Delist { sku, source } => (source, Command::DelistSku(DelistSku { sku })),
    };
    session.show(&connected.send(&source, &command).await?)
}

/// What the view says about a SKU.
pub(super) async fn item(connected: &Connected, sku: &Sku) -> Result<StockView, Failure> {
    let view = connected.view("stock").await?;
    let item = view.get(sku.as_str()).await.map_err(anyhow::Error::from)?;
    item.ok_or_else(|| Failure::not_found(format!("{sku} is not in the catalogue")))
}

/// An argument that is not what it should be.
pub(super) fn usage(argument: &str, problem: &impl std::fmt::Display) -> Failure {
    Failure::new(Code::Usage, format!("{argument}: {problem}"))
}

pub(super) fn units(units: u32) -> Result<Quantity, Failure> {
    Quantity::try_new(units).map_err(|error| usage("quantity", &error))
}

fn price_of(text: &str, currency: Currency) -> Result<Price, Failure> {
    money::price(text, currency).map_err(|problem| usage("price", &problem))
}

fn currency(code: &str) -> Result<Currency, String> {
    Currency::from_code(code).ok_or_else(|| format!("{code:?} is no ISO 4217 code such as EUR"))
}
