//! More than can be taken in: whoever comes too much is told so, and nobody is left without a word.

use std::time::Duration;

use async_nats::{HeaderMap, Request};
use futures::future::join_all;
use kassa::domain::CommandKind;
use kassa::nats::Intake;
use kassa::port::{Commands, Unanswered};
use kassa::run::Role;
use kassa::wire::{Encoding, Outcome, OutcomeKind, Outgoing, headers, kassa_type, write_command};
use serde_json::Value;

use crate::support::buyers::{Answer, Buyer};
use crate::support::shop::Shop;
use crate::support::truth::Truth;
use crate::support::{PROGRESS, eventually};

/// Who comes at once. One command waits and one is decided: far more than that.
const BUYERS: usize = 500;

/// How long a plain request waits here: silence is what this is about.
const PATIENCE: Duration = Duration::from_secs(60);

fn plain(buyer: &Buyer) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(headers::CONTENT_TYPE, Encoding::Json.content_type());
    headers.insert(headers::KASSA_TYPE, kassa_type(CommandKind::PlaceOrder));
    let outgoing = Outgoing { id: buyer.id, command: &buyer.command, trace: None };
    let payload = write_command(&outgoing, Encoding::Json).unwrap();
    Request::new().payload(payload).headers(headers).timeout(Some(PATIENCE))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_finds_the_queue_full_is_told_when_to_come_again() {
    let mut shop = Shop::on_one_node().await;
    (shop.setup.queue, shop.setup.bounds.commands) = (1, 1);
    let roles = shop.start(&[Role::Committer]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 10_000).await;
    let nats = async_nats::connect(shop.nats.url()).await.unwrap();
    let subject = shop.subjects.ask(&"web".parse().unwrap(), CommandKind::PlaceOrder);
    let buyers: Vec<_> = (0..BUYERS).map(|_| Buyer::of(&[0])).collect();
    let replies = join_all(buyers.iter().map(|buyer| {
        let (nats, subject) = (nats.clone(), subject.clone());
        async move { nats.send_request(subject, plain(buyer)).await }
    }))
    .await;
    let (mut answers, mut busy) = (Vec::new(), Vec::new());
    for (buyer, reply) in buyers.into_iter().zip(replies) {
        let reply = reply.expect("nobody is left without a word");
        let outcome: Outcome = Encoding::Json.read(&reply.payload).unwrap();
        assert_eq!(outcome.command_id, Some(buyer.id));
        if outcome.result == OutcomeKind::Busy {
            assert!(outcome.retry_after_ms.is_some_and(|pause| 0 < pause), "{outcome:?}");
            assert_eq!(outcome.address(), None, "nothing is recorded");
            busy.push(buyer);
        } else {
            assert_eq!(outcome.result, OutcomeKind::Accepted, "{outcome:?}");
            answers.push(Answer { buyer, outcome });
        }
    }
    assert!(!busy.is_empty(), "nobody was turned away");
    Truth::of(&shop).await.bears_out(&answers);
    // Whoever comes again after the pause is served, under the same ids.
    for some in busy.chunks(20) {
        let again = some.iter().map(|buyer| buyer.clone().insist(&client));
        answers.extend(join_all(again).await);
    }
    assert!(answers.iter().all(|answer| answer.outcome.result == OutcomeKind::Accepted));
    Truth::of(&shop).await.bears_out(&answers);
    roles.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_command_stream_refuses_and_takes_the_same_command_later() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let client = shop.client().await.with_intake(Intake::Publish);
    shop.fill(&client, 1, 100).await;
    let operator = shop.nats.operator().await;
    let stream = operator.get_stream(shop.subjects.stream("COMMANDS")).await.unwrap();
    let mut config = stream.cached_info().config.clone();
    config.max_messages = i64::try_from(stream.cached_info().state.messages).unwrap();
    operator.update_stream(&config).await.unwrap();
    let buyer = Buyer::of(&[0]);
    let refused = client.send(buyer.id, &buyer.command, None).await;
    assert!(matches!(refused, Err(Unanswered::Busy { .. })), "{refused:?}");
    // A client that is not ours reads what the protocol says.
    let nats = async_nats::connect(shop.nats.url()).await.unwrap();
    let subject = shop.subjects.command(&"web".parse().unwrap(), CommandKind::PlaceOrder);
    let reply = nats.send_request(subject, plain(&buyer)).await.unwrap();
    let ack: Value = serde_json::from_slice(&reply.payload).unwrap();
    assert_eq!(ack["error"]["err_code"], 10077, "{ack}");
    config.max_messages = -1;
    operator.update_stream(&config).await.unwrap();
    let answer = buyer.insist(&client).await;
    assert_eq!(answer.outcome.result, OutcomeKind::Accepted);
    let one = async || Some(Truth::of(&shop).await).filter(|truth| truth.placed() == 1);
    eventually("the order is placed", PROGRESS, one).await.bears_out(&[answer]);
    roles.stop(PROGRESS).await;
}
