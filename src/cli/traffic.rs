//! A catalogue to look at, and gentle buyers.

use std::collections::HashMap;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use rand::RngExt;
use rand::seq::IndexedRandom;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug};

use super::failure::Failure;
use super::session::Connected;
use crate::domain::{
    CancelOrder, Command, CommandId, Currency, ListSku, OrderId, OrderLine, PlaceOrder, Price,
    Quantity, ReceiveStock, Refusal, Sku, Text, Token,
};
use crate::nats::Client;
use crate::port::{Clock, Commands, SystemClock, new_uuid};
use crate::telemetry;
use crate::view::StockView;
use crate::wire::Outcome;

/// SKUs in the catalogue.
pub(super) const SKUS: usize = COLOURS.len() * THINGS.len();
/// What the buyers do, for people.
pub(super) const DESCRIPTION: &str = "2 orders/s, some of them declined, some called off";

const COLOURS: [&str; 5] = ["Black", "White", "Red", "Green", "Blue"];
/// Things with their names in SKUs and their prices in cents.
const THINGS: [(&str, &str, u64); 10] = [
    ("MUG", "mug", 1_250),
    ("TEE", "T-shirt", 2_490),
    ("CAP", "cap", 1_890),
    ("PEN", "pen", 320),
    ("BAG", "bag", 3_900),
    ("SOCK", "socks", 990),
    ("LAMP", "lamp", 5_450),
    ("BOOK", "notebook", 780),
    ("VASE", "vase", 2_750),
    ("PLATE", "plate", 1_640),
];

/// Units on each shelf at first, and whenever it runs empty.
const UNITS: u32 = 200;
/// Time between two buyers. Gentle: a laptop does not notice it.
const BETWEEN: Duration = Duration::from_millis(500);
/// Buyers whose payment fails at first. Units: of 100.
const FAILING: u32 = 4;
/// Buyers who call their order off once it is paid. Units: of 100.
const REGRETTING: u32 = 3;
/// How theirs fail, in turn: for good, once, at a provider that is away, without an answer.
const FAILURES: [&str; 4] =
    ["decline_lost_card", "decline_1x_do_not_honor", "away_1x", "silent_1x"];
/// Commands under way at once while the shelves are filled.
const AT_ONCE: usize = 64;

/// The SKU the examples use.
pub(super) fn first_sku() -> String {
    name(&THINGS[0], 0)
}

fn name((code, ..): &(&str, &str, u64), colour: usize) -> String {
    format!("{code}-{:02}", colour.saturating_add(1))
}

/// Lists the SKUs that are not there yet, with stock.
pub(super) async fn fill(connected: &Connected) -> Result<(), Failure> {
    let known = connected.view("stock").await?.all::<StockView>().await;
    let known = known.map_err(anyhow::Error::from)?;
    let client = client(connected, "catalogue").await?.bundled();
    let mut commands = Vec::new();
    let mut deliveries = Vec::new();
    for thing in &THINGS {
        for (colour, shade) in COLOURS.iter().enumerate() {
            let sku = name(thing, colour);
            if !known.contains_key(&sku) {
                let (_, what, cents) = thing;
                commands.push(list(&sku, &format!("{shade} {what}"), *cents)?);
                deliveries.push(receive(&sku.parse().map_err(anyhow::Error::from)?, UNITS)?);
            }
        }
    }
    for commands in [commands, deliveries] {
        let sent = stream::iter(commands.iter().map(|command| send(&client, command)));
        sent.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?;
    }
    Ok(())
}

/// Buyers, until told to stop.
pub(super) async fn run(connected: Connected, stop: CancellationToken) {
    let client = match client(&connected, "traffic").await {
        Ok(client) => client,
        Err(failure) => return debug!("no traffic: {failure}"),
    };
    let (mut prices, mut before) = (HashMap::new(), None);
    let mut tick = tokio::time::interval(BETWEEN);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let bought = buy(&connected, &client, &mut prices, before.take()).await;
        before = bought.as_ref().ok().copied().flatten();
        if let Err(failure) = bought {
            // The shop may be restarting its server; the next buyer tries again.
            debug!("a buyer left: {failure}");
            prices.clear();
        }
    }
}

/// One buyer: a basket of one to three things. Perhaps the one `before` has thought better of it.
/// Returns the order that was placed.
async fn buy(
    connected: &Connected,
    client: &Client,
    prices: &mut HashMap<String, (Price, Currency)>,
    before: Option<OrderId>,
) -> Result<Option<OrderId>, Failure> {
    if let Some(order_id) = before.filter(|_| rand::rng().random_ratio(REGRETTING, 100)) {
        // Its money goes back; when it was declined, there is nothing to call off.
        let reason = Text::lossy("walked away");
        send(client, &Command::CancelOrder(CancelOrder { order_id, reason })).await?;
    }
    if prices.is_empty() {
        let items = connected.view("stock").await?.all::<StockView>().await;
        for (sku, item) in items.map_err(anyhow::Error::from)? {
            prices.insert(sku, (item.unit_price_minor, item.currency));
        }
    }
    let Some(order) = basket(prices)? else { return Ok(None) };
    let order_id = order.order_id;
    let outcome = send(client, &Command::PlaceOrder(order)).await?;
    match outcome.refusal {
        Some(Refusal::InsufficientStock { short }) => {
            for item in short {
                send(client, &receive(&item.sku, UNITS)?).await?;
            }
        }
        // Somebody changed the catalogue: look again.
        Some(_) => prices.clear(),
        None => return Ok(Some(order_id)),
    }
    Ok(None)
}

fn basket(prices: &HashMap<String, (Price, Currency)>) -> Result<Option<PlaceOrder>, Failure> {
    let mut rng = rand::rng();
    let skus: Vec<&String> = prices.keys().collect();
    let Some((_, currency)) = prices.values().next().copied() else { return Ok(None) };
    let mut lines = Vec::new();
    let count = rng.random_range(1..=3);
    let chosen: Vec<_> = skus.sample(&mut rng, count).copied().collect();
    for sku in chosen {
        let Some((unit_price_minor, _)) = prices.get(sku).filter(|(_, own)| *own == currency)
        else {
            continue;
        };
        lines.push(OrderLine {
            sku: sku.parse().map_err(anyhow::Error::from)?,
            quantity: Quantity::try_new(rng.random_range(1..=3)).map_err(anyhow::Error::from)?,
            unit_price_minor: *unit_price_minor,
        });
    }
    let fails = rng.random_ratio(FAILING, 100);
    let payment = fails.then(|| FAILURES.choose(&mut rng).copied()).flatten().unwrap_or("tok_visa");
    let buyer = format!("buyer-{}", rng.random_range(1..=500));
    Ok(Some(PlaceOrder {
        order_id: OrderId::try_from(new_uuid(SystemClock.now())).map_err(anyhow::Error::from)?,
        customer_ref: token(&buyer)?,
        lines,
        currency,
        payment_method_token: token(payment)?,
    }))
}

fn list(sku: &str, name: &str, cents: u64) -> Result<Command, anyhow::Error> {
    let currency = Currency::from_code("EUR");
    Ok(Command::ListSku(ListSku {
        sku: sku.parse()?,
        name: Text::try_from(name)?,
        unit_price_minor: Price::try_new(cents)?,
        currency: currency.ok_or_else(|| anyhow::anyhow!("EUR is a currency"))?,
        per_order_max: None,
    }))
}

fn receive(sku: &Sku, units: u32) -> Result<Command, anyhow::Error> {
    Ok(Command::ReceiveStock(ReceiveStock {
        sku: sku.clone(),
        quantity: Quantity::try_new(units)?,
        reference: token(&format!("delivery-{}", new_uuid(SystemClock.now()).simple()))?,
    }))
}

fn token(text: &str) -> Result<Token, anyhow::Error> {
    Ok(text.parse()?)
}

async fn client(connected: &Connected, source: &str) -> Result<Client, Failure> {
    let source = source.parse().map_err(anyhow::Error::from)?;
    let client = Client::new(&connected.connection, connected.subjects.clone(), source).await;
    client.map_err(|error| anyhow::Error::from(error).into())
}

/// Sends a command; a refusal is an answer like any other here.
async fn send(client: &Client, command: &Command) -> Result<Outcome, Failure> {
    let id = CommandId::try_from(new_uuid(SystemClock.now())).map_err(anyhow::Error::from)?;
    let edge = telemetry::begin(command.kind().name());
    let outcome = client.send(id, command, None).instrument(edge).await;
    outcome.map_err(|error| anyhow::Error::from(error).into())
}
