//! What followers wrote, held against the log; and what somebody else wrote there.

use bytes::Bytes;
use kassa::domain::{
    Amount, Command, Event, FindingKind, OrderId, Recorded, ReportFinding, Sequence, Source,
    StockReceived, Text, Timestamp,
};
use kassa::nats::{JsLog, ObjectSnapshots};
use kassa::port::{Batch, Clock, Commands, Log, Message, Snapshots, SystemClock, new_uuid};
use kassa::run::Role;
use kassa::view::owed::{Owed, Way};
use kassa::wire::{Milestone, Subjects, headers};

use crate::support::buyers::Crowd;
use crate::support::shop::{Shop, command_id, price, sku};
use crate::support::truth::all_confirmed;
use crate::support::typed::{finds, said};
use crate::support::{PROGRESS, eventually};

const ROLES: [Role; 5] =
    [Role::Committer, Role::Payer, Role::Projector, Role::Feed, Role::Attention];

async fn put(log: &JsLog, subject: String, payload: Bytes) {
    put_with(log, subject, Vec::new(), payload).await;
}

async fn put_with(
    log: &JsLog,
    subject: String,
    headers: Vec<(&'static str, String)>,
    payload: Bytes,
) {
    let message = Message { subject, headers, payload, ..Message::default() };
    log.commit(&Batch::of(vec![message])).await.unwrap();
}

/// A debt that nobody has.
fn debt() -> Owed {
    Owed {
        order_id: OrderId::try_from(new_uuid(SystemClock.now())).unwrap(),
        attempt: 1,
        idempotency_key: "key".parse().unwrap(),
        amount_minor: Amount::new(1).unwrap(),
        currency: price().1,
        way: Way::Charge { payment_method_token: "pm".parse().unwrap() },
        asked_at_ms: Timestamp(1),
        key_made_at_ms: None,
        not_before_ms: None,
        off: false,
        trace: None,
        event_seq: Sequence(1),
    }
}

/// More units than there were come to a milestone; its name.
async fn units_more(snapshots: &ObjectSnapshots) -> String {
    let mut names = snapshots.names().await.unwrap();
    names.retain(|name| Milestone::place(name).is_some());
    names.sort();
    let name = names.remove(0);
    let bytes = snapshots.load(&name).await.unwrap().unwrap();
    let mut milestone = Milestone::decode(&bytes).unwrap();
    let quantity = kassa::domain::Quantity::try_new(1).unwrap();
    let event = Event::StockReceived(StockReceived {
        sku: sku(0),
        quantity,
        reference: "of-nobody".parse().unwrap(),
    });
    let source = Source::COMMITTER;
    let more = Recorded { event, cause: None, source, body: None, trace: None };
    let place = milestone.shop.totals().event_seq;
    // As many, so that some stand behind the events that the commit has.
    let more = vec![more; 1_000];
    milestone.shop.follow(place, milestone.shop.totals().at_ms, &more).unwrap();
    snapshots.save(&name, milestone.encode().unwrap()).await.unwrap();
    name
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_derived_is_right_until_somebody_else_writes_there() {
    let mut shop = Shop::on_one_node().await;
    shop.setup.milestone_every = 100;
    let running = shop.start(&ROLES).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 100_000).await;
    let (kind, id, reason) =
        (FindingKind::ViewDiffers, "orders".parse().unwrap(), Text::lossy("looked"));
    let finding = Command::ReportFinding(ReportFinding { kind, id, reason });
    client.send(command_id(), &finding, None).await.unwrap();
    let crowd = Crowd::start(&client, 10, 3);
    crowd.more(100, PROGRESS).await;
    // While everybody works.
    let url = shop.nats.url();
    let told = said(&url, &["verify", "--views"]).await;
    for of in ["view of orders", "attention list", "what the payer is owed", "feed", "snapshots"] {
        assert!(told.lines().any(|line| line.contains(of)), "{of}: {told}");
    }
    let answers = crowd.stop().await;
    all_confirmed(&shop).await;
    let (list, feed) = (shop.log("ATTENTION").await, shop.log("FEED").await);
    let item = async || list.last(&shop.subjects.attention("view_differs", "orders")).await.ok();
    let item = eventually("the item is listed", PROGRESS, async || item().await.flatten()).await;
    running.stop(PROGRESS).await;
    said(&url, &["verify", "--views"]).await;

    let (payer, orders) = (shop.bucket("payer").await, shop.bucket("orders").await);
    let (debt, order_id) = (debt(), answers[0].buyer.order_id.to_string());
    let key = |view: &str, key: &str| Subjects::bucket_key(&shop.subjects.bucket(view), key);
    let owed = serde_json::to_vec(&debt).unwrap();
    put(&payer, key("payer", &debt.debt().to_string()), owed.into()).await;
    put(&orders, key("orders", &order_id), Bytes::new()).await;
    put(&list, shop.subjects.attention("shortage", "HAT"), item.payload).await;
    let again = vec![(headers::KASSA_EVENT, "1.0".to_owned())];
    put_with(&feed, shop.subjects.feed("opened", "1-0"), again, Bytes::new()).await;
    let connection = shop.connect("snapshots").await;
    let snapshots = ObjectSnapshots::open(&connection, &shop.subjects).await.unwrap();
    let milestone = units_more(&snapshots).await;

    let found = finds(&url, &["verify", "--views"]).await;
    let told: Vec<_> = found["violations"].as_array().unwrap().iter().collect();
    for says in [
        format!("what the payer is owed: it shows {}, which is not owed", debt.debt()),
        format!("the view of orders: it shows nothing of {order_id}"),
        "the attention list: it shows shortage.HAT, and no commit says so".to_owned(),
        "the feed: it shows it twice".to_owned(),
        format!("the snapshot {milestone} is not what the log adds up to"),
    ] {
        let is_told = |found: &&serde_json::Value| {
            found["invariant"] == "I9" && found["detail"].as_str().unwrap().starts_with(&says)
        };
        assert_eq!(told.iter().filter(|found| is_told(found)).count(), 1, "{says}: {told:#?}");
    }
    assert_eq!(told.len(), 5, "{told:#?}");
}
