//! Orders that are over leave their view, and are answered from the log.

use std::time::Duration;

use kassa::engine::{Ended, Pace, ViewReader};
use kassa::nats::{Client, JsLog};
use kassa::port::{Clock, Log, SystemClock};
use kassa::role::rebuild::{Compared, Comparison, build};
use kassa::run::{Role, Running, bucket_output, keeps};
use kassa::view::OrderView;
use kassa::wire::Subjects;
use tokio_util::sync::CancellationToken;

use crate::support::buyers::Buyer;
use crate::support::shop::Shop;
use crate::support::typed::{fails, typed};
use crate::support::{PROGRESS, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_over_is_answered_from_the_log_once_its_view_is_gone() {
    let mut shop = Shop::on_one_node().await;
    shop.setup.orders_kept = Duration::from_secs(2);
    let roles = shop.start(&[Role::Committer, Role::Payer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 10).await;
    let (open, over) = (Buyer::of(&[0]), Buyer::paying(&[0], "decline_lost_card"));
    open.clone().insist(&client).await;
    over.clone().insist(&client).await;
    let orders = shop.bucket("orders").await;
    let subject = |buyer: &Buyer| {
        let key = Subjects::order_key(buyer.order_id);
        Subjects::bucket_key(&shop.subjects.bucket("orders"), &key)
    };
    let there = async |buyer: &Buyer| orders.last(&subject(buyer)).await.unwrap().is_some();
    eventually("both in the view", PROGRESS, async || {
        (there(&open).await && there(&over).await).then_some(())
    })
    .await;
    eventually("one no longer kept", PROGRESS, async || (!there(&over).await).then_some(())).await;
    assert!(there(&open).await, "more is expected of it");
    let (url, id) = (shop.nats.url(), over.order_id.to_string());
    let shown = typed(&url, &["order", "show", &id]).await;
    assert_eq!((&shown["order_id"], &shown["state"]), (&id.into(), &"cancelled".into()));
    let never = Buyer::of(&[0]).order_id.to_string();
    let said = fails(&url, &["order", "show", &never]).await;
    assert!(said.contains("not in the log"), "{said}");
    roles.stop(PROGRESS).await;
}

/// How long an order that is over is kept here: seconds instead of the days that a setting allows.
const KEPT: Duration = Duration::from_secs(2);

/// Builds the orders anew beside the live ones, as `kassa rebuild orders --diff` does, and holds
/// the two against each other.
async fn compared(shop: &Shop, running: &Running) -> Compared {
    let bucket = |generation| shop.subjects.generation("orders", generation);
    let connection = shop.connect("rebuild").await;
    let log = async |bucket: &str| {
        JsLog::open(&connection, Subjects::bucket_stream(bucket)).await.unwrap()
    };
    let live = ViewReader::new(log(&bucket(1)).await, bucket(1));
    let rebuilt = ViewReader::new(log(&bucket(2)).await, bucket(2));
    let pace = Pace::steady(Duration::from_millis(20));
    let output = bucket_output(log(&bucket(2)).await, &bucket(2), pace);
    let (stop, events) = (CancellationToken::new(), running.commits());
    let now = || SystemClock.now();
    let building = build::<OrderView, _>("orders", events, (&output, keeps(KEPT)), now, &stop);
    let comparing = async {
        let comparison = Comparison { live: &live, rebuilt: &rebuilt };
        comparison.wait_for(events.last().await.unwrap()).await.unwrap();
        let compared = comparison.run().await.unwrap();
        stop.cancel();
        compared
    };
    let (ended, compared) = tokio::join!(Box::pin(building), comparing);
    assert_eq!(ended.unwrap(), Ended::Drained);
    compared
}

/// Waits until an order has come, was over, and has left the live view.
async fn one_leaves(shop: &Shop, client: &Client) {
    let buyer = Buyer::paying(&[0], "decline_lost_card");
    buyer.clone().insist(client).await;
    let key = Subjects::order_key(buyer.order_id);
    let subject = Subjects::bucket_key(&shop.subjects.bucket("orders"), &key);
    let orders = shop.bucket("orders").await;
    let there = async || orders.last(&subject).await.unwrap().is_some();
    eventually("it in the view", PROGRESS, async || there().await.then_some(())).await;
    eventually("it gone", PROGRESS, async || (!there().await).then_some(())).await;
}

/// Orders come and are over all the time: some are long gone from the live view, some go while the
/// view is built and compared, some stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_built_anew_differs_in_no_order_that_is_no_longer_kept() {
    let mut shop = Shop::on_one_node().await;
    shop.setup.orders_kept = KEPT;
    let running = shop.start(&[Role::Committer, Role::Payer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 1, 1_000).await;
    Buyer::of(&[0]).insist(&client).await;
    let seen = CancellationToken::new();
    let buying = async {
        let mut over = 0;
        while !seen.is_cancelled() {
            Buyer::paying(&[0], "decline_lost_card").insist(&client).await;
            over += 1;
        }
        over
    };
    let looking = async {
        let mut looks = Vec::new();
        // The first begins in an empty bucket, the others go on with what is left in it.
        for _ in 0..3 {
            one_leaves(&shop, &client).await;
            looks.push(compared(&shop, &running).await);
        }
        seen.cancel();
        looks
    };
    let (over, looks) = tokio::join!(Box::pin(buying), Box::pin(looking));
    for found in &looks {
        assert_eq!((found.differing, &found.differences), (0, &vec![]), "{looks:#?}");
    }
    assert!(looks.last().unwrap().keys < over, "some are gone: {looks:#?}");
    running.stop(PROGRESS).await;
}
