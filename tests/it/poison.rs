//! Commands that cannot be understood, either way in, in both encodings.

use std::time::Duration;

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures::StreamExt;
use kassa::domain::{CommandKind, Sequence};
use kassa::nats::{Intake, JsLog};
use kassa::port::{Log, Tail};
use kassa::run::Role;
use kassa::view::attention::AttentionItem;
use kassa::wire::{Encoding, Outcome, OutcomeKind, headers};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::PROGRESS;
use crate::support::buyers::Buyer;
use crate::support::edge::Edge;
use crate::support::shop::Shop;
use crate::support::truth::prove;

const OTHERS: [Role; 3] = [Role::Payer, Role::Projector, Role::Attention];

/// Messages that are no commands, with the encoding in which their sender can read an answer.
fn poison(edge: &Edge) -> Vec<(Bytes, HeaderMap, Encoding)> {
    let good = edge.headers(CommandKind::PlaceOrder);
    let with = |name: &'static str, value: &str| {
        let mut headers = edge.headers(CommandKind::PlaceOrder);
        headers.insert(name, value);
        headers
    };
    let without = |name: &'static str| {
        let mut headers = HeaderMap::new();
        for (found, values) in good.iter().filter(|(found, _)| found.as_ref() as &str != name) {
            headers.insert(found.clone(), values[0].clone());
        }
        headers
    };
    let order = edge.place(&[Buyer::of(&[0])]);
    let own = edge.encoding;
    vec![
        (Bytes::from_static(b"\xc1\xff{{{"), good.clone(), own),
        (Bytes::new(), good.clone(), own),
        (Bytes::from_static(b"{\"command_id\":\"x\",\"body\":{}}"), good.clone(), own),
        // Whoever announces no encoding that is known can at least read text.
        (order.clone(), with(headers::CONTENT_TYPE, "text/plain"), Encoding::Json),
        (order.clone(), without(headers::CONTENT_TYPE), Encoding::Json),
        (order.clone(), with(headers::KASSA_TYPE, "place_order/99"), own),
        (order.clone(), without(headers::KASSA_TYPE), own),
        (order, with(headers::KASSA_TYPE, "make_coffee/1"), own),
        (Bytes::from(vec![b'x'; 66_000]), good, own),
    ]
}

async fn next(outcomes: &mut async_nats::Subscriber) -> Message {
    tokio::time::timeout(PROGRESS, outcomes.next()).await.unwrap().unwrap()
}

/// What cannot be understood is refused, listed for a human, and in nobody's way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_command_is_refused_and_nothing_else_is_lost() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let others = shop.start(&OTHERS).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    let (mut answers, mut listed) = (Vec::new(), 0);
    for encoding in [Encoding::Json, Encoding::MessagePack] {
        let edge = Edge::of(&shop, encoding).await;
        for intake in [Intake::Publish, Intake::Ask] {
            let beside = client.clone().with_intake(intake);
            for (payload, headers, readable) in poison(&edge) {
                let reply = match intake {
                    Intake::Publish => next(&mut edge.publish(payload, headers).await.1).await,
                    Intake::Ask => edge.request_with(payload, headers).await,
                };
                let outcome: Outcome = readable.read(&reply.payload).unwrap();
                assert_eq!(outcome.result, OutcomeKind::Refused, "{intake:?} {outcome:?}");
                let told = outcome.event_seq.is_some() && outcome.advice.is_some();
                assert!(told, "{intake:?} {outcome:?}");
                // A wrong field is its sender's business; the rest is a defect of its software.
                listed += usize::from(outcome.refusal.unwrap().is_poison());
                answers.push(Buyer::of(&[0]).insist(&beside).await);
            }
        }
    }
    assert!(4 * 5 <= listed, "{listed}");
    assert!(answers.iter().all(|answer| answer.outcome.result == OutcomeKind::Accepted));
    let list = shop.log("ATTENTION").await;
    let items = tokio::time::timeout(Duration::from_secs(30), poisoned(&list, listed));
    let items = items.await.expect("every poison command is listed");
    assert!(items.iter().all(|item| item.source == "web"), "{items:?}");
    prove(&shop, &answers).await;
    others.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
}

/// Reads the list until so many poison commands are on it.
async fn poisoned(list: &JsLog, count: usize) -> Vec<AttentionItem> {
    let mut tail = list.follow("kassa.main.attention.poison.>", Sequence::START).await.unwrap();
    let mut items = Vec::new();
    while items.len() < count {
        for entry in tail.next(9).await.unwrap() {
            items.push(Encoding::Json.read(&entry.payload).unwrap());
        }
    }
    items
}

/// Above what the command stream takes, and above what the server takes from anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_far_too_large_hurts_only_its_sender() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    let edge = Edge::of(&shop, Encoding::Json).await;
    let large = |bytes: usize| Bytes::from(vec![b'x'; bytes]);
    let headers = edge.headers(CommandKind::PlaceOrder);
    let subject = shop.subjects.command(&"web".parse().unwrap(), CommandKind::PlaceOrder);
    // Requested, it reaches the committer, which refuses it; published, the stream does.
    let reply = edge.request_with(large(80_000), headers.clone()).await;
    let outcome: Outcome = Encoding::Json.read(&reply.payload).unwrap();
    assert_eq!(outcome.refusal.unwrap().code(), "too_large");
    let published = edge.nats.request_with_headers(subject.clone(), headers.clone(), large(80_000));
    let ack: Value = serde_json::from_slice(&published.await.unwrap().payload).unwrap();
    assert_eq!(ack["error"]["err_code"], 10054, "{ack}");
    // A client that looks refuses by itself; one that does not is cut off by the server.
    let sent = edge.nats.publish_with_headers(subject.clone(), headers, large(300_000)).await;
    assert!(sent.is_err(), "{sent:?}");
    let said = says_when_cut_off(&shop.nats.first_url(), &subject).await;
    assert!(said.contains("Maximum Payload Violation"), "{said}");
    let answer = Buyer::of(&[0]).insist(&client).await;
    assert_eq!(answer.outcome.result, OutcomeKind::Accepted);
    let reply = edge.request(edge.place(&[Buyer::of(&[0])])).await;
    let outcomes: Vec<Outcome> = Encoding::Json.read(&reply.payload).unwrap();
    assert_eq!(outcomes[0].result, OutcomeKind::Accepted, "the same connection goes on");
    roles.stop(PROGRESS).await;
}

/// Publishes 300,000 bytes without a look at what the server takes; its last words.
async fn says_when_cut_off(url: &str, subject: &str) -> String {
    let mut server = TcpStream::connect(url.strip_prefix("nats://").unwrap()).await.unwrap();
    let hello = format!("CONNECT {{\"verbose\":false}}\r\nPUB {subject} 300000\r\n");
    server.write_all(hello.as_bytes()).await.unwrap();
    // The server may be gone before it has read everything.
    let _ = server.write_all(&vec![b'x'; 300_000]).await;
    let mut said = Vec::new();
    let _ = tokio::time::timeout(PROGRESS, server.read_to_end(&mut said)).await.unwrap();
    String::from_utf8_lossy(&said).into_owned()
}
