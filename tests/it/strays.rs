//! Somebody writes into the log who is no committer. The verifier says so; buyers notice nothing.

use kassa::engine::verify_log;
use kassa::run::Role;

use crate::support::PROGRESS;
use crate::support::buyers::Crowd;
use crate::support::proxy::{Act, Passing, Proxy};
use crate::support::shop::{Shop, sku};
use crate::support::truth::Truth;

fn is_head(passing: &Passing<'_>) -> bool {
    passing.subject == "kassa.main.evt.commit"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_committer_wrote_stops_nobody() {
    let shop = Shop::on_one_node().await;
    let wire = Proxy::before(&shop.nats.url()).await;
    let committer = shop.start_via(&wire.url(), &[Role::Committer]).await;
    let client = shop.client().await;
    shop.fill(&client, 2, 300).await;
    let crowd = Crowd::start(&client, 20, 2);
    let stray = shop.nats.operator().await;
    // Under load; at the end of the log while a commit is lost; and again.
    for act in [Act::Pass, Act::Lose, Act::Mute] {
        crowd.more(50, PROGRESS).await;
        let lost = wire.once(is_head, act, || {});
        let subject = shop.subjects.stock(&sku(0));
        let stored = stray.publish(subject, "a stray".into()).await.unwrap();
        stored.await.unwrap();
        lost.await.unwrap();
    }
    crowd.more(50, PROGRESS).await;
    let answers = crowd.stop().await;
    Truth::of(&shop).await.bears_out(&answers);
    let verified = verify_log(&shop.events().await, &shop.subjects, |_| {}).await.unwrap();
    assert!(!verified.violations.is_empty(), "three messages are nobody's");
    committer.stop(PROGRESS).await;
}
