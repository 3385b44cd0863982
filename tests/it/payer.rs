//! A payer that dies at the worst moment.

use kassa::run::Role;
use nix::sys::signal::{Signal, kill};

use crate::support::PROGRESS;
use crate::support::buyers::Crowd;
use crate::support::child::Child;
use crate::support::proxy::{Act, Passing, Proxy};
use crate::support::shop::Shop;
use crate::support::truth::prove;

/// Money has been taken, and its taker dies before it can tell. Whoever pays next asks with the
/// same keys: every buyer is charged once, and every charge confirms an order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_charging_and_recording_it_charges_nobody_twice() {
    let shop = Shop::on_one_node().await;
    let wire = Proxy::before(&shop.nats.url()).await;
    let roles = shop.start(&[Role::Committer, Role::Projector]).await;
    let client = shop.client().await;
    shop.fill(&client, 2, 100_000).await;
    let crowd = Crowd::start(&client, 20, 2);
    for good in [0, 3, 10] {
        let mut payer = Child::payer(&wire.url(), shop.books_file());
        let (pid, mut seen) = (payer.pid(), 0);
        let is_record = move |passing: &Passing<'_>| {
            let is = passing.is_under("kassa.main.ask.payer")
                || passing.is_under("kassa.main.cmd.payer");
            seen += usize::from(is);
            is && good < seen
        };
        let die = move || kill(pid, Signal::SIGKILL).unwrap();
        wire.once(is_record, Act::Lose, die).await.unwrap();
        payer.ended().await;
        crowd.more(50, PROGRESS).await;
    }
    let _payer = Child::payer(&shop.nats.url(), shop.books_file());
    let answers = crowd.stop().await;
    prove(&shop, &answers).await;
    roles.stop(PROGRESS).await;
}
