//! `kassa order place`.

use clap::Args;
use serde::Serialize;

use super::watch;
use crate::cli::failure::Failure;
use crate::cli::money;
use crate::cli::output::Show;
use crate::cli::session::{Connected, Session};
use crate::cli::sku::{item, units, usage};
use crate::domain::{Command, OrderId, OrderLine, PlaceOrder, Sku, Source, Token};
use crate::nats::{Client, Intake};
use crate::port::{Clock, SystemClock, new_uuid};
use crate::wire::Outcome;

#[derive(Debug, Args)]
pub(in crate::cli) struct PlaceArguments {
    /// What is bought: SKU, SKU=UNITS, or SKU=UNITS@PRICE with the price the buyer saw
    #[arg(required = true, value_name = "SKU[=UNITS[@PRICE]]")]
    lines: Vec<String>,
    /// The order's id, a UUIDv7; the same id again is the same order [default: a new one]
    #[arg(long)]
    order_id: Option<OrderId>,
    /// An opaque name for the buyer
    #[arg(long, default_value = "cli")]
    customer: Token,
    /// The provider's token; decline_<code> is declined by the simulated gateway
    #[arg(long, default_value = "tok_visa")]
    payment_method: Token,
    /// Publish it instead of requesting it
    #[arg(long)]
    publish: bool,
    /// Show the order as it changes, until it has ended
    #[arg(long)]
    watch: bool,
    /// Who asks
    #[arg(long, default_value = "cli")]
    source: Source,
}

#[derive(Serialize)]
struct Placed {
    order_id: OrderId,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Show for Placed {
    fn table(&self) -> String {
        format!("{}  {}", self.order_id, self.outcome.table())
    }
}

pub(super) async fn place(
    session: &Session,
    connected: &Connected,
    arguments: PlaceArguments,
) -> Result<(), Failure> {
    let made = || OrderId::try_from(new_uuid(SystemClock.now()));
    let order_id = arguments.order_id.map_or_else(made, Ok).map_err(anyhow::Error::from)?;
    let mut lines = Vec::with_capacity(arguments.lines.len());
    let mut currency = None;
    for text in &arguments.lines {
        let (sku, quantity, price) = parts(text)?;
        let listed = item(connected, &sku).await?;
        let unit_price_minor = match price {
            None => listed.unit_price_minor,
            Some(price) => {
                money::price(price, listed.currency).map_err(|error| usage(text, &error))?
            }
        };
        currency.get_or_insert(listed.currency);
        lines.push(OrderLine { sku, quantity: units(quantity)?, unit_price_minor });
    }
    let currency = currency.ok_or_else(|| usage("lines", &"there are none"))?;
    let order = Command::PlaceOrder(PlaceOrder {
        order_id,
        customer_ref: arguments.customer,
        lines,
        currency,
        payment_method_token: arguments.payment_method,
    });
    let client =
        Client::new(&connected.connection, connected.subjects.clone(), arguments.source).await;
    let intake = if arguments.publish { Intake::Publish } else { Intake::Ask };
    let client = client.map_err(anyhow::Error::from)?.with_intake(intake);
    let outcome = connected.send_by(&client, &order).await?;
    session.show(&Placed { order_id, outcome })?;
    if arguments.watch { watch(session, connected, order_id).await } else { Ok(()) }
}

/// `MUG-01`, `MUG-01=2` or `MUG-01=2@12.50`.
fn parts(text: &str) -> Result<(Sku, u32, Option<&str>), Failure> {
    let (sku, rest) = text.split_once('=').unwrap_or((text, "1"));
    let (quantity, price) = match rest.split_once('@') {
        Some((quantity, price)) => (quantity, Some(price)),
        None => (rest, None),
    };
    let sku = sku.parse().map_err(|error| usage(text, &error))?;
    let quantity = quantity
        .parse()
        .map_err(|_| usage(text, &format!("{quantity:?} is no quantity of 1 to 1000000 units")))?;
    Ok((sku, quantity, price))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_sku_with_units_and_the_price_that_was_seen() {
        let read = |text| parts(text).map(|(sku, units, price)| (sku.to_string(), units, price));
        assert_eq!(read("MUG-01").ok(), Some(("MUG-01".into(), 1, None)));
        assert_eq!(read("MUG-01=2").ok(), Some(("MUG-01".into(), 2, None)));
        assert_eq!(read("MUG-01=2@12.50").ok(), Some(("MUG-01".into(), 2, Some("12.50"))));
        for bad in ["", "a.b", "MUG-01=", "MUG-01=-1", "MUG-01=two", "=2"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
