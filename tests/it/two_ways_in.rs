//! Requested and published commands, in both encodings, one by one and together.

use std::collections::HashSet;

use async_nats::Message;
use futures::StreamExt;
use futures::future::join_all;
use kassa::domain::CommandKind;
use kassa::nats::{Intake, JsLog};
use kassa::port::{Commands, Log, Unanswered};
use kassa::run::Role;
use kassa::view::OrderView;
use kassa::wire::{Encoding, Outcome, OutcomeKind, Outgoing, Subjects, write_command};

use crate::support::buyers::Buyer;
use crate::support::edge::Edge;
use crate::support::shop::Shop;
use crate::support::truth::{Truth, prove, reflected};
use crate::support::{PROGRESS, eventually};

const ENCODINGS: [Encoding; 2] = [Encoding::MessagePack, Encoding::Json];

const OTHERS: [Role; 3] = [Role::Payer, Role::Projector, Role::Attention];

async fn next(outcomes: &mut async_nats::Subscriber) -> Message {
    tokio::time::timeout(PROGRESS, outcomes.next()).await.unwrap().unwrap()
}

/// The order's view, once it reflects the outcome.
async fn view(shop: &Shop, buyer: &Buyer, outcome: &Outcome) -> OrderView {
    let (bucket, name) = (shop.bucket("orders").await, shop.subjects.bucket("orders"));
    reflected(&bucket, &name, outcome.event_seq.unwrap()).await;
    let key = Subjects::bucket_key(&name, &buyer.order_id.to_string());
    // Who waited for the sequence of its command need not wait any more.
    let entry = bucket.last(&key).await.unwrap().unwrap();
    Encoding::Json.read(&entry.payload).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_may_come_in_either_way_in_either_encoding() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let others = shop.start(&OTHERS).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    let mut answers = Vec::new();
    for encoding in ENCODINGS {
        for (way, other) in [(Intake::Ask, Intake::Publish), (Intake::Publish, Intake::Ask)] {
            let client = client.clone().with_encoding(encoding);
            let buyer = Buyer::of(&[0]);
            let answer = buyer.clone().insist(&client.clone().with_intake(way)).await;
            assert_eq!(answer.outcome.result, OutcomeKind::Accepted);
            let order = view(&shop, &buyer, &answer.outcome).await;
            assert_eq!(order.order_id, buyer.order_id);
            assert!(answer.outcome.event_seq.unwrap().0 <= order.event_seq);
            // The other way leads to the same order.
            let again = buyer.insist(&client.with_intake(other)).await.outcome;
            assert_eq!(again.result, OutcomeKind::AlreadyApplied);
            assert_eq!(again.address(), answer.outcome.address());
            answers.push(answer);
        }
    }
    prove(&shop, &answers).await;
    others.stop(PROGRESS).await;
    roles.stop(PROGRESS).await;
}

/// A PubAck is a promise: the command is decided as soon as there is somebody to decide.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_published_order_waits_for_a_committer() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let others = shop.start(&OTHERS).await;
    shop.fill(&shop.client().await, 1, 100).await;
    roles.stop(PROGRESS).await;
    for encoding in ENCODINGS {
        let (edge, buyer) = (Edge::of(&shop, encoding).await, Buyer::of(&[0]));
        let outgoing = Outgoing { id: buyer.id, command: &buyer.command, trace: None };
        let payload = write_command(&outgoing, encoding).unwrap();
        let headers = edge.headers(CommandKind::PlaceOrder);
        let (place, mut outcomes) = edge.publish(payload, headers).await;
        assert!(0 < place);
        let roles = shop.start(&[Role::Committer]).await;
        let outcome: Outcome = encoding.read(&next(&mut outcomes).await.payload).unwrap();
        assert_eq!(outcome.command_id, Some(buyer.id));
        assert_eq!(outcome.result, OutcomeKind::Accepted);
        let order = view(&shop, &buyer, &outcome).await;
        assert!(["placed", "confirmed"].contains(&order.state.as_str()), "{order:?}");
        roles.stop(PROGRESS).await;
    }
    others.stop(PROGRESS).await;
}

/// Nobody answers a request, so the client publishes it, and says what it knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_falls_back_to_publishing_when_nobody_decides() {
    let shop = Shop::on_one_node().await;
    let client = shop.client().await;
    let roles = shop.start(&[Role::Committer]).await;
    shop.fill(&client, 1, 100).await;
    roles.stop(PROGRESS).await;
    let asked = Buyer::of(&[0]);
    let answer = client.ask(asked.id, &asked.command, None).await;
    assert!(matches!(answer, Err(Unanswered::Unknown(_))), "{answer:?}");
    let commands = shop.log("COMMANDS").await;
    let before = commands.end().await.unwrap();
    // The first is told that it will be decided, the second waits long enough to see it happen.
    let (first, second) = (Buyer::of(&[0]), Buyer::of(&[0]));
    let answer = client.send(first.id, &first.command, None).await;
    assert!(matches!(answer, Err(Unanswered::Accepted { .. })), "{answer:?}");
    let sent = tokio::spawn({
        let (client, second) = (client.clone(), second.clone());
        async move { client.send(second.id, &second.command, None).await }
    });
    let stored = async || (before.0 + 2 <= commands.end().await.unwrap().0).then_some(());
    eventually("the second is stored", PROGRESS, stored).await;
    let roles = shop.start(&[Role::Committer]).await;
    let outcome = sent.await.unwrap().unwrap();
    assert_eq!(outcome.result, OutcomeKind::Accepted);
    // The first one was decided before it: commands are decided in their order.
    let truth = Truth::of(&shop).await;
    let decided = truth.decided();
    assert_eq!((decided[&first.order_id].len(), decided[&second.order_id].len()), (1, 1));
    assert!(decided[&first.order_id][0].0 < decided[&second.order_id][0].0);
    assert!(!decided.contains_key(&asked.order_id), "what nobody heard is not decided");
    roles.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_may_come_together_and_are_answered_together() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    // Five units for eight buyers of one message, each way and encoding.
    shop.fill(&shop.client().await, 1, 5 * 4).await;
    let mut sold = 0;
    for encoding in ENCODINGS {
        let edge = Edge::of(&shop, encoding).await;
        for published in [false, true] {
            let buyers: Vec<_> = (0..6).map(|_| Buyer::of(&[0])).collect();
            let payload = edge.place(&buyers);
            let message = if published {
                let headers = edge.headers(CommandKind::PlaceOrder);
                let (_, mut outcomes) = edge.publish(payload, headers).await;
                next(&mut outcomes).await
            } else {
                edge.request(payload).await
            };
            let outcomes: Vec<Outcome> = encoding.read(&message.payload).unwrap();
            let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.command_id).collect();
            assert_eq!(ids, buyers.iter().map(|buyer| Some(buyer.id)).collect::<Vec<_>>());
            let accepted = outcomes.iter().filter(|o| o.result == OutcomeKind::Accepted).count();
            assert_eq!(accepted, 6.min(20 - sold), "first come, first served");
            sold += accepted;
        }
    }
    assert_eq!(sold, 20);
    roles.stop(PROGRESS).await;
}

/// Many buyers of one edge leave in few messages, and each is told of its own order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_edge_sends_its_buyers_together_either_way() {
    const BUYERS: usize = 200;
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let edge = client.bundled();
    let connection = shop.nats.connect("commands").await;
    let commands = JsLog::open(&connection, shop.subjects.stream("COMMANDS")).await.unwrap();
    let mut orders = HashSet::new();
    for (intake, stored) in [(Intake::Ask, 0..=0), (Intake::Publish, 1..=BUYERS / 4)] {
        let edge = edge.clone().with_intake(intake);
        let before = commands.end().await.unwrap();
        let answers = join_all((0..BUYERS).map(|_| Buyer::of(&[0]).insist(&edge))).await;
        let messages = usize::try_from(commands.end().await.unwrap().0 - before.0).unwrap();
        assert!(stored.contains(&messages), "{messages} messages");
        for answer in &answers {
            assert_eq!(answer.outcome.result, OutcomeKind::Accepted, "{answer:?}");
            assert_eq!(answer.outcome.command_id, Some(answer.buyer.id));
            orders.insert(answer.outcome.address());
        }
    }
    assert_eq!(orders.len(), 2 * BUYERS, "an order of its own for each");
    roles.stop(PROGRESS).await;
}

/// A basket that cannot be read spoils the message it travels in, and nobody else's order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_command_among_many_is_refused_alone() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    let edge = client.bundled();
    for intake in [Intake::Ask, Intake::Publish] {
        let edge = edge.clone().with_intake(intake);
        let buyers = (0..20).map(|number| Buyer::of(if number == 7 { &[] } else { &[0] }));
        let answers = join_all(buyers.map(|buyer| buyer.insist(&edge))).await;
        for (number, answer) in answers.iter().enumerate() {
            let refused = answer.outcome.result == OutcomeKind::Refused;
            assert_eq!(refused, number == 7, "{answer:?}");
        }
    }
    roles.stop(PROGRESS).await;
}
