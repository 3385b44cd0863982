//! `kassa order`: orders, one at a time.

mod goods;
mod place;
mod show;

use clap::Subcommand;

use super::codes::Code;
use super::failure::Failure;
use super::moment::Then;
use super::money;
use super::output::{self, Format};
use super::past::Past;
use super::session::{Connected, Session};
use super::sku::usage;
use super::watch::ViewWatch;
use super::when;
use crate::domain::{
    Amount, CancelOrder, ChangePaymentMethod, Command, Currency, FulfilOrder, OrderId, RefundOrder,
    ReturnLines, Source, Text, Token,
};
use crate::port::{Clock, SystemClock, new_uuid};
use crate::view::OrderView;
use crate::wire::Subjects;
use place::{PlaceArguments, place};

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
    /// Say that goods have left
    Fulfil {
        /// The order
        order_id: OrderId,
        /// What left, SKU or SKU=UNITS; all that is still to leave when nothing is named
        #[arg(value_name = "SKU[=UNITS]")]
        lines: Vec<String>,
        /// The shipment they left with
        #[arg(long)]
        shipment: Token,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
    /// Give money back
    Refund {
        /// The order
        order_id: OrderId,
        /// How much, with its currency: 12.50 EUR; all that is left when absent
        #[arg(long, value_names = ["AMOUNT", "CURRENCY"], num_args = 2)]
        amount: Option<Vec<String>>,
        /// Why
        #[arg(long, default_value = "given back by an operator")]
        reason: String,
        /// The paper it is on; under one reference money goes back once [default: a new one]
        #[arg(long)]
        reference: Option<Token>,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
    /// Say that goods came back
    Return {
        /// The order
        order_id: OrderId,
        /// What came back, and how many units of it may be sold again; all when not said
        #[arg(required = true, value_name = "SKU=UNITS[/GOOD]")]
        lines: Vec<String>,
        /// The return; under one reference goods come back once
        #[arg(long = "return", value_name = "REFERENCE")]
        return_ref: Token,
        /// Who asks
        #[arg(long, default_value = "cli")]
        source: Source,
    },
}

pub(super) async fn order(session: &Session, command: OrderCommand) -> Result<(), Failure> {
    let connected = session.connect().await?;
    let (source, command) = match command {
        OrderCommand::Place(arguments) => return place(session, &connected, arguments).await,
        OrderCommand::Show { order_id, at_least } => {
            let view = connected.view_at("orders", at_least).await?;
            let order = view.get::<OrderView>(&Subjects::order_key(order_id)).await;
            let order = match order.map_err(anyhow::Error::from)? {
                Some(order) => order,
                None => by_log(session, order_id).await?,
            };
            return session.show(&order);
        }
        OrderCommand::Watch { order_id } => return watch(session, &connected, order_id).await,
        OrderCommand::RetryPayment { order_id, payment_method, source } => {
            let payment_method_token = payment_method;
            let change = ChangePaymentMethod { order_id, payment_method_token };
            (source, Command::ChangePaymentMethod(change))
        }
        OrderCommand::Cancel { order_id, reason, source } => {
            let reason = said(&reason)?;
            (source, Command::CancelOrder(CancelOrder { order_id, reason }))
        }
        OrderCommand::Fulfil { order_id, lines, shipment, source } => {
            let lines = goods::leaving(&lines)?;
            let fulfil = FulfilOrder { order_id, shipment_ref: shipment, lines };
            (source, Command::FulfilOrder(fulfil))
        }
        OrderCommand::Refund { order_id, amount, reason, reference, source } => {
            let amount = amount.as_deref().map(sum).transpose()?;
            let made = || format!("cli-{}", new_uuid(SystemClock.now()).simple()).parse();
            let refund = RefundOrder {
                order_id,
                amount_minor: amount.map(|(amount, _)| amount),
                currency: amount.map(|(_, currency)| currency),
                reason: said(&reason)?,
                reference: reference.map_or_else(made, Ok).map_err(anyhow::Error::from)?,
            };
            (source, Command::RefundOrder(refund))
        }
        OrderCommand::Return { order_id, lines, return_ref, source } => {
            let lines = goods::back(&lines)?;
            (source, Command::ReturnLines(ReturnLines { order_id, return_ref, lines }))
        }
    };
    session.show(&connected.send(&source, &command).await?)
}

/// The order as the log has it: one that is over leaves its view after a time.
async fn by_log(session: &Session, order_id: OrderId) -> Result<OrderView, Failure> {
    let missing =
        |why: &str| Failure::not_found(format!("order {order_id} is not in the view{why}"));
    let looked = async {
        let past = Past::open(session, None, false).await?;
        past.order(Then { to: past.end(), until: None }, order_id).await
    };
    match Box::pin(looked).await {
        Ok(order) => order.ok_or_else(|| missing(", and not in the log")),
        // Whoever may read views only is told what is in them.
        Err(failure) if failure.code == Code::Permission => Err(missing("")),
        Err(failure) => Err(failure),
    }
}

fn said(reason: &str) -> Result<Text, Failure> {
    Text::try_from(reason).map_err(|error| usage("--reason", &error))
}

/// The sum that a person means by `12.50 EUR`.
fn sum(words: &[String]) -> Result<(Amount, Currency), Failure> {
    let [amount, code] = words else { return Err(usage("--amount", &"write it as 12.50 EUR")) };
    let currency = Currency::from_code(code)
        .ok_or_else(|| usage("--amount", &format!("{code:?} is no ISO 4217 code such as EUR")))?;
    let price = money::price(amount, currency).map_err(|error| usage("--amount", &error))?;
    let amount = Amount::new(price.minor()).ok_or_else(|| usage("--amount", &"is too much"))?;
    Ok((amount, currency))
}

/// Whether more is expected to happen to an order by itself.
fn is_open(order: &OrderView) -> bool {
    matches!(order.state.as_str(), "placed" | "refunding")
}

async fn watch(session: &Session, connected: &Connected, order_id: OrderId) -> Result<(), Failure> {
    let key = Subjects::order_key(order_id);
    let mut watch = ViewWatch::open(connected, ("orders", &key)).await?;
    loop {
        for order in watch.next::<OrderView>().await? {
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
