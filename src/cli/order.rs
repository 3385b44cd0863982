//! `kassa order`: orders, one at a time.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::Failure;
use super::money;
use super::output::{self, Format, Show, pairs};
use super::session::{Connected, Session};
use super::sku::{item, units, usage};
use super::when;
use crate::domain::{
    CancelOrder, ChangePaymentMethod, Command, FulfilOrder, OrderId, OrderLine, PlaceOrder,
    Sequence, Sku, Source, Text, Token,
};
use crate::nats::{Client, Intake};
use crate::port::{Clock, SystemClock, new_uuid};
use crate::view::OrderView;
use crate::wire::{Outcome, Subjects};

#[derive(Debug, Subcommand)]
pub(super) enum OrderCommand {
    /// Place an order
    Place(PlaceArguments),
    /// Show an order
    Show {
        /// The order
        order_id: OrderId,
        /// Wait until the view reflects this commit
        #[arg(long, value_name = "SEQ")]
        at_least: Option<u64>,
    },
    /// Show an order as it changes, until it has ended
    Watch {
        /// The order
        order_id: OrderId,
    },
    /// Pay with something else, when the buyer was asked to
    RetryPayment {
        /// The order
        order_id: OrderId,
        /// The provider's token for the means of payment
        #[arg(long)]
        payment_method: Token,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
    /// Call an order off
    Cancel {
        /// The order
        order_id: OrderId,
        /// Why
        #[arg(long, default_value = "called off by an operator")]
        reason: String,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
    /// Say that the goods have left
    Fulfil {
        /// The order
        order_id: OrderId,
        /// The shipment they left with
        #[arg(long)]
        shipment: Token,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
}

#[derive(Debug, Args)]
pub(super) struct PlaceArguments {
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

impl Show for OrderView {
    fn table(&self) -> String {
        let mut rows = vec![("order", self.order_id.to_string()), ("state", self.state.clone())];
        let mut row = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
        row("refused", self.refusal.as_ref().map(|refusal| refusal.code().to_owned()));
        row("reason", self.reason.clone());
        row("customer", self.customer_ref.as_ref().map(ToString::to_string));
        for line in &self.lines {
            let price = self.currency.map_or_else(String::new, |currency| {
                format!(" at {}", money::written(line.unit_price_minor.minor(), currency))
            });
            row("line", Some(format!("{} × {}{price}", line.quantity, line.sku)));
        }
        let total = self.total_minor.zip(self.currency);
        row("total", total.map(|(total, currency)| money::written(total.minor(), currency)));
        if let Some(payment) = &self.payment {
            let code = payment.code.as_ref().map_or_else(String::new, |code| format!(" ({code})"));
            row("payment", Some(format!("attempt {} {}{code}", payment.attempt, payment.state)));
            row("retry at", payment.retry_at_ms.map(when::written));
        }
        row("shipment", self.shipment_ref.as_ref().map(ToString::to_string));
        row("asked", Some(when::written(self.asked_at_ms)));
        row("updated", Some(when::written(self.updated_at_ms)));
        let events: Vec<_> = self.events.iter().map(|place| place.0.to_string()).collect();
        row("events", Some(events.join(" ")));
        pairs(rows)
    }
}

pub(super) async fn order(session: &Session, command: OrderCommand) -> Result<(), Failure> {
    let connected = session.connect().await?;
    let (source, command) = match command {
        OrderCommand::Place(arguments) => return place(session, &connected, arguments).await,
        OrderCommand::Show { order_id, at_least } => {
            let view = connected.view_at("orders", at_least).await?;
            let order = view.get::<OrderView>(&Subjects::order_key(order_id)).await;
            let order = order.map_err(anyhow::Error::from)?;
            let missing = || Failure::not_found(format!("order {order_id} is not in the view"));
            return session.show(&order.ok_or_else(missing)?);
        }
        OrderCommand::Watch { order_id } => return watch(session, &connected, order_id).await,
        OrderCommand::RetryPayment { order_id, payment_method, source } => {
            let payment_method_token = payment_method;
            let change = ChangePaymentMethod { order_id, payment_method_token };
            (source, Command::ChangePaymentMethod(change))
        }
        OrderCommand::Cancel { order_id, reason, source } => {
            let reason = Text::try_from(reason.as_str());
            let reason = reason.map_err(|error| usage("--reason", &error))?;
            (source, Command::CancelOrder(CancelOrder { order_id, reason }))
        }
        OrderCommand::Fulfil { order_id, shipment, source } => {
            let fulfil = FulfilOrder { order_id, shipment_ref: shipment };
            (source, Command::FulfilOrder(fulfil))
        }
    };
    session.show(&connected.send(&source, &command).await?)
}

async fn place(
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

/// Whether more is expected to happen to an order by itself.
fn is_open(order: &OrderView) -> bool {
    order.state == "placed"
}

async fn watch(session: &Session, connected: &Connected, order_id: OrderId) -> Result<(), Failure> {
    let view = connected.view("orders").await?;
    let key = Subjects::order_key(order_id);
    let mut watch = view.watch(&key, Sequence::START).await.map_err(anyhow::Error::from)?;
    loop {
        for (_, order) in watch.next::<OrderView>().await.map_err(anyhow::Error::from)? {
            let Some(order) = order else { continue };
            match session.format {
                Format::Table => output::line(&format!(
                    "{}  {}  {}",
                    when::written(order.updated_at_ms),
                    order.order_id,
                    order.state
                ))?,
                Format::Json | Format::Jsonl => output::show(Format::Jsonl, &order)?,
            }
            if !is_open(&order) {
                return Ok(());
            }
        }
    }
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
