//! A view is built anew and swapped while people buy.

use kassa::run::Role;

use crate::support::PROGRESS;
use crate::support::buyers::Crowd;
use crate::support::shop::Shop;
use crate::support::typed::typed;

async fn a_view_is_swapped_while_people_buy(shop: Shop) {
    let roles = [Role::Committer, Role::Payer, Role::Projector];
    let running = shop.start(&roles).await;
    let client = shop.client().await;
    shop.fill(&client, 3, 100_000).await;
    let crowd = Crowd::start(&client, 20, 3);
    for view in ["orders", "stock", "metrics", "orders"] {
        crowd.more(100, PROGRESS).await;
        let swapped = typed(&shop.nats.url(), &["rebuild", view, "--diff", "--swap"]).await;
        assert_eq!(
            (&swapped["compared"]["differing"], &swapped["swapped"]),
            (&0.into(), &true.into())
        );
    }
    crowd.more(100, PROGRESS).await;
    let answers = crowd.stop().await;
    // A few are enough: each is a process.
    for answer in answers.iter().rev().take(5) {
        let (id, seq) =
            (answer.buyer.order_id.to_string(), answer.outcome.event_seq.unwrap().to_string());
        let order = typed(&shop.nats.url(), &["order", "show", &id, "--at-least", &seq]).await;
        assert_eq!(order["order_id"], id);
    }
    for view in ["orders", "stock", "metrics"] {
        let same = typed(&shop.nats.url(), &["rebuild", view, "--diff"]).await;
        assert_eq!(same["compared"]["differing"], 0, "{same}");
    }
    running.stop(PROGRESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_is_swapped_while_people_buy_on_one_node() {
    a_view_is_swapped_while_people_buy(Shop::on_one_node().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_is_swapped_while_people_buy_on_three_nodes() {
    a_view_is_swapped_while_people_buy(Shop::on_three_nodes().await).await;
}
