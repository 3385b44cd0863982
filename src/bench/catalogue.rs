//! SKUs and stock to sell from.

use anyhow::{Context, ensure};
use futures::StreamExt;
use futures::stream;

use crate::domain::stock::StockDelta;
use crate::domain::{AdjustStock, Command, CommandId, Currency, ListSku, Price, Sku, Text, Token};
use crate::nats::Client;
use crate::port::{Clock, Commands, SystemClock, new_uuid};
use crate::wire::OutcomeKind;

/// Commands under way at once while the shelves are filled.
const AT_ONCE: usize = 256;

/// Name of the SKU with a number.
pub(super) fn sku(number: usize) -> anyhow::Result<Sku> {
    Ok(format!("SKU-{number:05}").parse()?)
}

/// What every unit costs: 12.50 EUR.
pub(super) fn price() -> anyhow::Result<(Price, Currency)> {
    let currency = Currency::from_code("EUR").context("EUR is a currency")?;
    Ok((Price::try_new(1_250)?, currency))
}

/// A new id.
pub(super) fn command_id() -> anyhow::Result<CommandId> {
    Ok(CommandId::try_from(new_uuid(SystemClock.now()))?)
}

/// The commands that list a SKU with `stock` units.
pub(super) fn list_and_fill(number: usize, stock: i64) -> anyhow::Result<[Command; 2]> {
    let sku = sku(number)?;
    let (unit_price_minor, currency) = price()?;
    let name = Text::try_from(format!("Thing {number}").as_str())?;
    let list = ListSku { sku: sku.clone(), name, unit_price_minor, currency, per_order_max: None };
    let reference: Token = "bench".parse()?;
    let delta = StockDelta::try_new(stock)?;
    let reason = Text::try_from("filling the shelves")?;
    let adjust = AdjustStock { sku, delta, reason, reference };
    Ok([Command::ListSku(list), Command::AdjustStock(adjust)])
}

/// Lists `skus` SKUs with `stock` units each.
pub(super) async fn fill(client: &Client, skus: usize, stock: i64) -> anyhow::Result<()> {
    let one = |number: usize| async move {
        for command in list_and_fill(number, stock)? {
            let outcome = client.send(command_id()?, &command, None).await?;
            ensure!(outcome.result == OutcomeKind::Accepted, "{outcome:?}");
        }
        anyhow::Ok(())
    };
    let mut filled = stream::iter((0..skus).map(one)).buffer_unordered(AT_ONCE);
    while let Some(filled) = filled.next().await {
        filled?;
    }
    Ok(())
}
