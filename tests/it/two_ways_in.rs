//! Requested and published commands, in both encodings, one by one and together.

use std::collections::HashSet;
use std::time::Duration;

use async_nats::{HeaderMap, Message};
use futures::StreamExt;
use futures::future::join_all;
use kassa::domain::{CommandKind, Sequence};
use kassa::nats::{Client, Intake, JsLog};
use kassa::port::{Commands, Log, Tail, Unanswered};
use kassa::run::Role;
use kassa::view::OrderView;
use kassa::view::attention::AttentionItem;
use kassa::wire::{
    Encoding, Outcome, OutcomeKind, Outgoing, Subjects, headers, kassa_type, write_command,
    write_commands,
};

use crate::support::buyers::Buyer;
use crate::support::shop::Shop;
use crate::support::truth::{Truth, prove, reflected};
use crate::support::{PROGRESS, eventually};

const ENCODINGS: [Encoding; 2] = [Encoding::MessagePack, Encoding::Json];

const OTHERS: [Role; 3] = [Role::Payer, Role::Projector, Role::Attention];

/// An edge that speaks NATS and nothing of ours.
struct Edge {
    nats: async_nats::Client,
    subjects: Subjects,
    encoding: Encoding,
}

impl Edge {
    async fn of(shop: &Shop, encoding: Encoding) -> Self {
        let nats = async_nats::connect(shop.nats.url()).await.unwrap();
        Self { nats, subjects: shop.subjects.clone(), encoding }
    }

    fn headers(&self, kind: CommandKind) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(headers::CONTENT_TYPE, self.encoding.content_type());
        headers.insert(headers::KASSA_TYPE, kassa_type(kind));
        headers
    }

    fn place(&self, buyers: &[Buyer]) -> bytes::Bytes {
        let outgoing: Vec<_> = buyers
            .iter()
            .map(|buyer| Outgoing { id: buyer.id, command: &buyer.command, trace: None })
            .collect();
        write_commands(&outgoing, self.encoding).unwrap()
    }

    async fn request(&self, payload: bytes::Bytes) -> Message {
        let kind = CommandKind::PlaceOrder;
        let subject = self.subjects.ask(&"web".parse().unwrap(), kind);
        self.nats.request_with_headers(subject, self.headers(kind), payload).await.unwrap()
    }

    /// Publishes; returns the command's place and where its outcome will come.
    async fn publish(
        &self,
        payload: bytes::Bytes,
        headers: HeaderMap,
    ) -> (u64, async_nats::Subscriber) {
        let mut headers = headers;
        let inbox = self.nats.new_inbox();
        let outcomes = self.nats.subscribe(inbox.clone()).await.unwrap();
        headers.insert(headers::KASSA_REPLY_TO, inbox.as_str());
        let subject = self.subjects.command(&"web".parse().unwrap(), CommandKind::PlaceOrder);
        let stream = async_nats::jetstream::new(self.nats.clone());
        let stored = stream.publish_with_headers(subject, headers, payload).await.unwrap();
        (stored.await.unwrap().sequence, outcomes)
    }
}

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
    let decided = Truth::of(&shop).await.decided();
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

/// What cannot be understood is refused, listed for a human, and in nobody's way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_command_is_refused_and_nothing_else_is_lost() {
    let shop = Shop::on_one_node().await;
    let roles = shop.start(&[Role::Committer]).await;
    let others = shop.start(&OTHERS).await;
    let client: Client = shop.client().await;
    shop.fill(&client, 1, 100).await;
    let edge = Edge::of(&shop, Encoding::Json).await;
    let good = edge.headers(CommandKind::PlaceOrder);
    let with = |name: &'static str, value: &str| {
        let mut headers = edge.headers(CommandKind::PlaceOrder);
        headers.insert(name, value);
        headers
    };
    let order = edge.place(&[Buyer::of(&[0])]);
    let poison = [
        (bytes::Bytes::from_static(b"\xc1\xff{{{"), good.clone()),
        (bytes::Bytes::new(), good.clone()),
        (bytes::Bytes::from_static(b"{\"command_id\":\"x\",\"body\":{}}"), good.clone()),
        (order.clone(), with(headers::CONTENT_TYPE, "text/plain")),
        (order.clone(), with(headers::KASSA_TYPE, "place_order/99")),
        (order, with(headers::KASSA_TYPE, "make_coffee/1")),
        (bytes::Bytes::from(vec![b'x'; 66_000]), good.clone()),
    ];
    let (mut answers, mut listed) = (Vec::new(), 0);
    let publishing = client.clone().with_intake(Intake::Publish);
    for (payload, headers) in poison {
        answers.push(Buyer::of(&[0]).insist(&publishing).await);
        let (_, mut outcomes) = edge.publish(payload, headers).await;
        let outcome: Outcome = Encoding::Json.read(&next(&mut outcomes).await.payload).unwrap();
        assert_eq!(outcome.result, OutcomeKind::Refused, "{outcome:?}");
        assert!(outcome.event_seq.is_some() && outcome.advice.is_some(), "{outcome:?}");
        // A wrong field is its sender's business; the rest is a defect of the sender's software.
        listed += usize::from(outcome.refusal.unwrap().is_poison());
        answers.push(Buyer::of(&[0]).insist(&publishing).await);
    }
    assert!(5 <= listed, "{listed}");
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
