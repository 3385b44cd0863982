//! Orders that are over leave their view, and are answered from the log.

use std::time::Duration;

use kassa::port::Log;
use kassa::run::Role;
use kassa::wire::Subjects;

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
