//! The trace of a command, wherever it goes.

use async_nats::{HeaderMap, Message};
use kassa::domain::{Command, CommandKind, OrderId, Recorded, TraceParent};
use kassa::nats::JsLog;
use kassa::port::Log;
use kassa::wire::{Encoding, Outgoing, kassa_type, write_command, write_commands};

use crate::shop::journey::EDGE;
use crate::shop::{Shop, command_id, one_cup, order_id, until};

const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203332-01";

/// Requests something as a client in any language would.
async fn request(shop: &Shop, payload: bytes::Bytes, traceparent: Option<(&str, &str)>) -> Message {
    let client = async_nats::connect(shop.world.url()).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Content-Type", Encoding::Json.content_type());
    headers.insert("Kassa-Type", kassa_type(CommandKind::PlaceOrder));
    if let Some((name, value)) = traceparent {
        headers.insert(name, value);
    }
    let subject = shop.subjects.ask(&"edge".parse().unwrap(), CommandKind::PlaceOrder);
    client.request_with_headers(subject, headers, payload).await.unwrap()
}

fn json(order_id: OrderId) -> bytes::Bytes {
    let command = one_cup(order_id);
    let outgoing = Outgoing { id: command_id(), command: &command, trace: None };
    write_command(&outgoing, Encoding::Json).unwrap()
}

fn header(message: &Message) -> Option<&str> {
    message.headers.as_ref()?.get("traceparent").map(async_nats::HeaderValue::as_str)
}

/// The `traceparent` of an event's message in the feed.
async fn trace_in_feed(shop: &Shop, kind: &str, order_id: OrderId) -> Option<String> {
    let connection = shop.world.connect("an integrator").await.unwrap();
    let feed = JsLog::open(&connection, shop.subjects.stream("FEED")).await.unwrap();
    let subject = shop.subjects.feed(kind, &order_id.to_string());
    let entry = until("the event is in the feed", async || feed.last(&subject).await.unwrap());
    entry.await.header("traceparent").map(ToOwned::to_owned)
}

fn traces(history: &[Recorded]) -> Vec<(&'static str, Option<&str>)> {
    let trace = |record: &Recorded| record.trace.clone();
    history
        .iter()
        .map(|record| {
            let kept = trace(record).map(|found| {
                [EDGE, OTHER].into_iter().find(|sent| found.as_str() == *sent).unwrap_or("another")
            });
            (record.event.kind(), kept)
        })
        .collect()
}

#[tokio::test]
async fn a_trace_goes_from_the_command_to_its_events_the_feed_the_payment_and_the_answer() {
    let shop = Shop::open().await;
    let order = order_id();

    // As Go spells it.
    let answer = request(&shop, json(order), Some(("Traceparent", EDGE))).await;

    assert_eq!(header(&answer), Some(EDGE));
    let history = shop.history(order).await;
    // The last three came of `record_payment`, which the payer sent.
    let kinds: Vec<&str> = history.iter().map(|record| record.event.kind()).collect();
    assert_eq!(kinds[..2], ["order_placed", "stock_reserved"]);
    assert_eq!(kinds[2..], ["payment_captured", "stock_deducted", "order_confirmed"]);
    assert!(traces(&history).iter().all(|(_, trace)| *trace == Some(EDGE)), "{history:?}");
    for kind in ["order_placed", "order_confirmed"] {
        assert_eq!(trace_in_feed(&shop, kind, order).await.as_deref(), Some(EDGE), "{kind}");
    }
    shop.world.stop().await;
}

#[tokio::test]
async fn commands_that_travel_together_keep_their_own_traces() {
    let shop = Shop::open().await;
    let (one, other, neither) = (order_id(), order_id(), order_id());
    let commands: Vec<Command> = [one, other, neither].map(one_cup).to_vec();
    let (edge, elsewhere) = (TraceParent::parse(EDGE), TraceParent::parse(OTHER));
    let given = [edge.as_ref(), elsewhere.as_ref(), None];
    let outgoing: Vec<Outgoing<'_>> = commands
        .iter()
        .zip(given)
        .map(|(command, trace)| Outgoing { id: command_id(), command, trace })
        .collect();
    let payload = write_commands(&outgoing, Encoding::Json).unwrap();

    let answer = request(&shop, payload, None).await;

    assert_eq!(header(&answer), None);
    for (order, trace) in [(one, Some(EDGE)), (other, Some(OTHER)), (neither, None)] {
        let history = shop.history(order).await;
        assert!(traces(&history).iter().all(|(_, kept)| *kept == trace), "{history:?}");
    }
    shop.world.stop().await;
}

#[tokio::test]
async fn what_nobody_keeps_or_can_read_is_dropped_and_the_order_is_placed() {
    let shop = Shop::open().await;
    let unsampled = EDGE.replace("-01", "-00");
    for traceparent in ["", "not a trace", unsampled.as_str()] {
        let order = order_id();
        let answer = request(&shop, json(order), Some(("traceparent", traceparent))).await;
        assert_eq!(header(&answer), None, "{traceparent:?}");
        let history = shop.history(order).await;
        assert!(traces(&history).iter().all(|(_, kept)| kept.is_none()), "{traceparent:?}");
    }
    shop.world.stop().await;
}
